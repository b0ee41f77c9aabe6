"""Settings are values: a tree of frozen dataclasses, read and changed by path (`zero.loss.kl`).

A tuple's elements are addressed by their `name` if they have one, else by number. If a field can hold several kinds of value, the
path of the field itself names the kind (`zero.template` is `Short`).
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin

from aha.errors import LARGEST, UNIONS, BadInput, Between, bound_words, bounds_of, is_within, without_bounds
from aha.lazy import LazyModule

if TYPE_CHECKING:
    import pydantic
else:  # only settings that a person changes are checked
    pydantic = LazyModule("pydantic")

Tree = TypeVar("Tree")
NONE_WORDS = ("none", "null")
PACKAGE = "aha"
REWARD = ".reward."
MISSING = "\0"  # the value of a flag after which none stands; whether there is such a setting is known later
UNCHANGEABLE = "is code, not a value: change it in a recipe file of your own"


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A value at the end of a path, and the type of its field."""

    value: object
    annotation: Any


# --- reading ----------------------------------------------------------------------------------------------------------


def flatten(tree: object) -> dict[str, object]:
    """Return every leaf as a plain JSON value, by path, in the order of the fields."""
    return {path: plain(leaf.value) for path, leaf in leaves(tree).items()}


def leaves(tree: object) -> dict[str, Leaf]:
    """Return every leaf by path, with its annotation."""
    return dict(_walk(tree, type(tree), ""))


def plain(value: object) -> object:
    """Return the JSON form of a leaf: a function or a class is its name, a tuple is a list."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [plain(item) for item in value]
        case type():
            return value.__name__
        case _ if callable(value) and hasattr(value, "__qualname__"):
            return f"{value.__module__}.{value.__qualname__}"
        case _:
            return str(value)


ELSEWHERE = {  # other trainers' name of a setting -> the names here, the first that a recipe has; with dashes: a flag; a colon: why not
    **dict.fromkeys(("learning_rate", "lr"), "optim.lr"),
    **dict.fromkeys(("num_train_epochs", "num_epochs", "total_epochs"), "epochs|steps"),
    **dict.fromkeys(("per_device_train_batch_size", "train_batch_size", "batch"), "batch|--questions, each with --samples replies"),
    **dict.fromkeys(("max_seq_length", "max_seq_len", "max_length", "cutoff_len"), "max_tokens|sampling.max_tokens"),
    **dict.fromkeys(("max_completion_length", "max_new_tokens", "max_tokens", "max_response_length"), "sampling.max_tokens"),
    "max_prompt_length": "too_long, for prompts that leave no room for a reply",
    **dict.fromkeys(("num_generations", "n_samples", "rollout_n", "n"), "samples"),
    **dict.fromkeys(("num_iterations", "ppo_epochs"), ": replies are learned once; --minibatches divides a rollout into steps"),
    **dict.fromkeys(("beta", "kl_coef", "kl_loss_coef", "init_kl_coef"), "loss.kl"),
    **dict.fromkeys(("epsilon", "epsilon_high", "clip_ratio", "cliprange", "clip_range"), "loss.clip_low and --loss.clip_high"),
    **dict.fromkeys(("loss_type", "loss_agg_mode"), "loss.aggregation"),
    **dict.fromkeys(("scale_rewards", "norm_adv_by_std_in_grpo"), "advantages.mode"),
    **dict.fromkeys(("mask_truncated_completions", "overlong_filter"), "truncation"),
    **dict.fromkeys(("reward_funcs", "reward_weights", "reward_fn"), ": --rewards.NAME.weight weighs a reward; a recipe file adds one"),
    **dict.fromkeys(("system_prompt", "system_message", "default_system"), "template.system|template instruct and --template.system"),
    **dict.fromkeys(("max_steps", "total_steps", "total_training_steps"), "steps|epochs, which may be a fraction"),
    **dict.fromkeys(("save_steps", "save_freq", "save_interval"), "save_every"),
    **dict.fromkeys(("lora_r", "lora_rank", "use_peft", "use_lora"), "lora.rank"),
    **dict.fromkeys(("lora_target", "lora_target_modules", "target_modules"), "lora.targets"),
    **dict.fromkeys(("output_dir", "save_dir"), "--out"),
    **dict.fromkeys(("model_name_or_path", "model_path"), "--model"),
    **dict.fromkeys(("data", "dataset", "dataset_name", "train_file", "train_files"), "data|--problems, what is asked with its answers"),
    **dict.fromkeys(("report_to", "logger"), "--log"),
    **dict.fromkeys(("logging_steps", "log_level"), ": each step has a line, and metrics.jsonl in the run's directory has all figures"),
    **dict.fromkeys(("eval_strategy", "eval_steps", "test_freq"), ": `aha eval` measures checkpoints; --probe watches RL"),
    **dict.fromkeys(("resume_from_checkpoint", "resume"), ": the same command goes on with its run"),
    "push_to_hub": ": `aha export --upload OWNER/NAME` sends a run that has ended",
    **dict.fromkeys(("deepspeed", "fsdp", "tensor_parallel_size", "num_gpus"), "--hardware, as in --hardware node under torchrun"),
    **dict.fromkeys(("bf16", "fp16", "torch_dtype"), "compute.dtype"),
    **dict.fromkeys(("use_vllm", "rollout_backend"), "--engine vllm"),
    **dict.fromkeys(("gradient_checkpointing", "use_gradient_checkpointing"), "compute.checkpointing"),
    "packing": ": rows are always packed",
    "max_grad_norm": "optim.clip",
    **dict.fromkeys(("gradient_accumulation_steps", "micro_batch_size"), ": a step divides its batch by --compute.micro_tokens"),
    **dict.fromkeys(("train_on_inputs", "assistant_only_loss", "completion_only_loss"), ": replies alone are learned, always"),
    **dict.fromkeys(("load_in_4bit", "load_in_8bit", "qlora"), ": weights of 4 or 8 bits are not trained; --lora.rank saves memory, too"),
    **dict.fromkeys(("dataset_text_field", "text_column"), "--question-field and --answer-field"),
}


def nearest(name: str, names: Iterator[str] | list[str]) -> str:
    """Return `; did you mean a or b?`, or an empty text if no name is near."""
    close = difflib.get_close_matches(name, list(names), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _walk(node: object, annotation: Any, path: str) -> Iterator[tuple[str, Leaf]]:
    children = list(_children(node, annotation))
    if path and _is_dataclass(node) and (annotation is not type(node) or not children):
        yield path, Leaf(type(node), annotation)
    elif not _is_branch(node):
        yield path, Leaf(node, annotation)
    for key, child, hint in children:
        yield from _walk(child, hint, f"{path}.{key}" if path else key)


def _children(node: object, annotation: Any) -> Iterator[tuple[str, object, Any]]:
    """Yield (key, child, annotation) of each child of a branch; nothing for a leaf."""
    if not _is_branch(node):
        return
    match node:
        case Mapping():
            yield from ((str(key), child, type(child)) for key, child in node.items())
        case tuple():
            yield from ((_key(index, child), child, _element(annotation, index) or type(child)) for index, child in enumerate(node))
        case _:
            hints = hints_of(typing.cast(Any, type(node)))
            if only := _wrap(node):
                yield from _children(getattr(node, only), hints[only])
                return
            fields = dataclasses.fields(typing.cast(Any, node))
            yield from ((field.name, getattr(node, field.name), hints[field.name]) for field in fields if field.init)


def _wrap(node: object) -> str:
    """Return the name of the only field of a value that just wraps a tuple of values, else "": its path needs no such name."""
    fields = dataclasses.fields(typing.cast(Any, node))
    value = getattr(node, fields[0].name) if len(fields) == 1 else None
    return fields[0].name if isinstance(value, tuple) and _is_branch(value) else ""


def _is_branch(node: object) -> bool:
    return _is_dataclass(node) or isinstance(node, Mapping) or (isinstance(node, tuple) and any(map(_is_branch, node)))


def _is_dataclass(node: object) -> bool:
    return dataclasses.is_dataclass(node) and not isinstance(node, type)


def _key(index: int, child: object) -> str:
    name = getattr(child, "name", None)
    return name if isinstance(name, str) else str(index)


def _element(annotation: Any, place: int = 0) -> Any:
    """Return the annotation of an element of a tuple."""
    args = get_args(annotation) if get_origin(annotation) is tuple else ()
    return args[0] if args[1:] == (Ellipsis,) else args[place] if place < len(args) else None


@lru_cache(1_024)
def hints_of(cls: type) -> Mapping[str, Any]:
    """Return the fields' types. A name that only type checkers know leaves its field as `Any`."""
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except NameError:
        return {field.name: Any for field in dataclasses.fields(cls)}
    return {name: _with_bounds(hint) for name, hint in hints.items()} if cls.__module__.partition(".")[0] == PACKAGE else hints


def _with_bounds(hint: Any) -> Any:
    """Return the type of a field of this package with the bounds of its number: those that it names, or 0 or more; 1 or more for a whole
    number that may also be none. A person's own fields are bound by nothing."""
    members = _members(hint)
    if bounds_of(hint) is not None:
        return hint
    if get_origin(hint) is tuple:
        return tuple[tuple(map(_with_bounds, get_args(hint)))]  # type: ignore[misc]
    if int in members:
        return Annotated[hint, range(int(type(None) in members), 1 << 53)]
    return Annotated[hint, Between(0, LARGEST)] if float in members else hint


# --- changing ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Change:
    path: str
    typed_text: str  # as a person would type it
    value: object


def override(tree: Tree, changes: Iterable[tuple[str, object]], main: str = "") -> Tree:
    """Return the tree with changed leaves, each read by its field's type from a text or from its JSON form, as `flatten` writes it.

    All changes apply at once, so that settings that only fit together can change together; kinds come first, since they bring their own
    settings. BadInput, in one line, for a path or a value that is not valid."""
    later = []
    for path, value in changes:
        if _is_kind(tree, path):
            tree = _change(tree, [(path, value)], main)
        else:
            later.append((path, value))
    return _change(tree, later, main)


def _is_kind(tree: object, path: str) -> bool:
    """Return True if the path names the kind of value of a field. An unknown path is False: a changed kind may bring it later."""
    matches = [leaf for full, leaf in leaves(tree).items() if _fits(full, path)]
    return any(map(_holds_kinds, matches))


def _holds_kinds(leaf: Leaf) -> bool:
    return isinstance(leaf.value, type) or any(dataclasses.is_dataclass(member) for member in _members(leaf.annotation))


def _change(tree: Tree, changes: Iterable[tuple[str, object]], main: str) -> Tree:
    leaves_by_path, values = leaves(tree), {}
    for path, value in changes:
        full = resolve(tree, path, main)
        leaf = leaves_by_path[full]
        if value != plain(leaf.value):
            new = _read(full, leaf, value)
            if type(new) is not leaf.value:  # a kind that is named again keeps its settings, however its name is written
                values[full] = _Change(full, _flag_text(full, value), new)
    return typing.cast(Tree, _rebuilt(tree, type(tree), values)) if values else tree


def _read(path: str, leaf: Leaf, value: object) -> object:
    if value == MISSING:
        raise BadInput(f"--{path}: a value has to follow, as in --{path} {plain(leaf.value)}")
    return parse(path, leaf, value) if isinstance(value, str) else check_value(path, leaf.annotation, value, repr(value))


def _rebuilt(node: object, annotation: Any, changes: Mapping[str, _Change]) -> object:
    """Return the node with each changed leaf below it replaced; every value on the way is made once, and so checked once."""
    if "" in changes:
        return changes[""].value
    new = {}
    for key, child, hint in _children(node, annotation):
        below = {path[len(key) + 1 :]: change for path, change in changes.items() if f"{path}.".startswith(f"{key}.")}
        if below:
            new[key] = _rebuilt(child, hint, below)
    match node:
        case Mapping():
            return {**node, **new}
        case tuple():
            return _elements(node, new)
    if only := _wrap(node):
        new = {only: _elements(getattr(node, only), new)}
    try:
        return dataclasses.replace(typing.cast(Any, node), **new)
    except (ValueError, BadInput) as error:
        words = set(re.findall(r"\w+", str(error)))
        wrong = [change for change in changes.values() if change.path.rpartition(".")[2] in words]
        raise BadInput(f"{' '.join(change.typed_text for change in wrong or changes.values())}: {error}") from error


def _flag_text(path: str, value: object) -> str:
    """Return a setting as a person would type it; an empty text in quotes."""
    return f"--{path} {value if value != '' else repr(value)}"


def _elements(values: tuple[object, ...], new: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(new.get(_key(index, value), value) for index, value in enumerate(values))


def resolve(tree: object, path: str, main: str = "") -> str:
    """Return the full path of a setting. The first name (a stage) may be omitted if only one stage, or `main`, has the rest, and so may
    the `reward` between a reward's name and its own setting."""
    paths = list(leaves(tree))
    matches = [full for full in paths if _plainly(full) == _plainly(path)] or [full for full in paths if _fits(full, path)]
    matches = matches or [full for full in paths if REWARD in full and _fits(full.replace(REWARD, "."), path)]
    matches = [full for full in matches if full.partition(".")[0] == main] or matches
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise BadInput(f"--{path}: {len(matches)} stages have it; say which: {' or '.join(f'--{full}' for full in matches)}")
    _refer(path, paths)
    short = [full.partition(".")[2] or full for full in paths]
    raise BadInput(f"--{path}: there is no such setting{nearest(f'--{path}', [f'--{name}' for name in dict.fromkeys([*short, *paths])])}")


def _refer(path: str, paths: Sequence[str]) -> None:
    """Raise BadInput with the name here of another trainer's setting, or the reason why there is none; sections before it may differ."""
    last = _plainly(path).rpartition(".")[2]
    same = [full.partition(".")[2] for full in paths if full.rpartition(".")[2] == last]
    for ours in filter(None, [*ELSEWHERE.get(last, "").split("|"), *(same if len(same) == 1 else ())]):
        if ours.startswith(":"):
            raise BadInput(f"--{path}: there is no such setting{ours}")
        if ours.startswith("--") or any(_fits(full, re.split("[ ,]", ours)[0]) for full in paths):
            raise BadInput(f"--{path}: there is no such setting; here it is --{ours.removeprefix('--')}")


def _fits(full: str, path: str) -> bool:
    return _plainly(path) in (_plainly(full), _plainly(full.partition(".")[2]))


def _plainly(path: str) -> str:
    return path.replace("-", "_")


def parse(path: str, leaf: Leaf, text: str) -> object:
    """Return a leaf's new value from the text that a person typed."""
    members = _members(leaf.annotation)
    if type(None) in members and text.lower() in NONE_WORDS:
        return None
    if _holds_kinds(leaf):
        return _choose_kind(path, leaf, text)
    value: object = text
    if any(get_origin(member) is tuple for member in members):
        pieces = [piece.strip() for piece in text.strip("()[] ").split(",") if piece.strip()]
        value = [piece.split(":") for piece in pieces] if get_origin(_element(leaf.annotation)) is tuple else pieces
    return check_value(path, leaf.annotation, value, text)


def check_value(path: str, annotation: Any, raw: object, text: str) -> object:
    """Return a leaf's value as its field holds it. BadInput, with the `text` that a person sees, for a value of another type."""
    if annotation is Any or get_origin(annotation) is Callable:
        raise BadInput(f"--{path}: it {UNCHANGEABLE}")
    try:
        value = pydantic.TypeAdapter(annotation).validate_python(raw)
    except pydantic.ValidationError:
        raise BadInput(f"{_flag_text(path, text)}: it takes {describe(annotation)}") from None
    except pydantic.PydanticUserError:
        raise BadInput(f"--{path}: it {UNCHANGEABLE}") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"{_flag_text(path, text)}: it takes a finite number")
    if not is_within(value, annotation):
        raise BadInput(f"{_flag_text(path, text)}: it takes {describe(annotation)}")
    return value


def check_types(tree: object, place: str) -> None:
    """Raise BadInput, naming `place`, for a number, a text or a truth value of another type than its field's, as code can put into it."""
    for path, leaf in leaves(tree).items():
        members = _members(leaf.annotation)
        if isinstance(leaf.value, type) or not all(member in PLAIN_WORDS or get_origin(member) is Literal for member in members):
            continue
        try:
            pydantic.TypeAdapter(leaf.annotation).validate_python(leaf.value, strict=True)
            is_right = is_within(leaf.value, leaf.annotation)
        except pydantic.ValidationError:
            is_right = False
        if not is_right:
            raise BadInput(f"{place}: {path} is {leaf.value!r}: it takes {describe(leaf.annotation)}")


def _choose_kind(path: str, leaf: Leaf, text: str) -> object:
    """Return the value of the named kind, with that kind's defaults."""
    kinds = {kind.__name__: kind for kind in _members(leaf.annotation) if isinstance(kind, type) and dataclasses.is_dataclass(kind)}
    if not kinds:
        raise BadInput(f"--{path}: it {UNCHANGEABLE}")
    name = text.replace("-", "").replace("_", "").lower()
    field = path.rpartition(".")[2].replace("_", "").lower()
    matches = [kind for kind_name, kind in kinds.items() if kind_name.lower() in (name, name + field)]  # `--template chat`: ChatTemplate
    if not matches:
        raise BadInput(f"--{path} {text}: it takes one of {', '.join(kinds)}")
    try:
        return matches[0]()
    except TypeError:
        raise BadInput(f"--{path} {text}: it has settings without a default; write it in a recipe file of your own") from None


def _members(annotation: Any) -> tuple[Any, ...]:
    """Return the kinds a field may hold: the members of a union, or the type itself, without bounds."""
    inner = without_bounds(annotation)
    return tuple(map(without_bounds, get_args(inner))) if get_origin(inner) in UNIONS else (inner,)


PLAIN_WORDS: dict[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "none"}


def describe(annotation: Any) -> str:
    """Describe in words the values that a field takes."""
    if (bounds := bounds_of(annotation)) is not None:
        names = [describe(member) for member in _members(annotation) if member is not type(None)]
        rest = " or none" if type(None) in _members(annotation) else ""
        return f"{' or '.join(names)}{bound_words(bounds)}{rest}"
    if len(_members(annotation)) > 1:
        return " or ".join(describe(member) for member in _members(annotation))
    if get_origin(annotation) is Literal:
        return f"one of {', '.join(map(str, get_args(annotation)))}"
    if get_origin(annotation) is tuple:
        element = _element(annotation)
        words = map(describe, get_args(element) if get_origin(element) is tuple else get_args(annotation)[:1])
        empty = " ('' for none)" if get_args(annotation)[-1:] == (Ellipsis,) else ""
        return f"{':'.join(words)}, several separated by commas{empty}"
    return PLAIN_WORDS.get(annotation, str(getattr(annotation, "__name__", annotation)))
