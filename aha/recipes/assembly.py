"""The stages of a recipe built from the flat settings of a manifest: the inverse of `flatten`. Names are looked up in fixed tables only.
A missing setting is taken from `base`, the same recipe of this version, or else from the default of the stage's class.
The tables hold every kind of value that a manifest may name where a field can hold several; no other object is ever made from one.
`derived_lines` states in words what follows from the settings: the arithmetic to check before a long run."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Union, get_args, get_origin

from aha.errors import BadInput
from aha.protocols import Compute, Opens, Problems, Stage
from aha.recipes.recipe import ProblemsNeeded, Recipe
from aha.rewards import Accuracy, Format, Harmless, Helpful, Judge, LanguageConsistency, SoftOverlong
from aha.settings import check_value, describe, flatten, hints_of, leaves, nearest
from aha.stages.annotate import Annotate
from aha.stages.evaluate import Equal, Evaluate, Measure
from aha.stages.prefer import Prefer
from aha.stages.pretrain import Pretrain, ReinitUnusedEmbeddings, Shrink
from aha.stages.rl import Rl
from aha.stages.sample import Sample
from aha.stages.sft import Sft, warm_up_line
from aha.tasks.chain import ChainProblems
from aha.tasks.countdown import CountdownProblems
from aha.tasks.demonstrations import Demonstrations
from aha.tasks.general import GeneralProblems
from aha.tasks.mixture import MixedProblems
from aha.tasks.program import ProgramProblems
from aha.tasks.rows import FileExamples, RowProblems
from aha.tasks.word_problems import WordProblems

STAGES: Mapping[str, type] = {
    kind.__name__: kind for kind in (Annotate, Equal, Evaluate, Measure, Prefer, Pretrain, ReinitUnusedEmbeddings, Rl, Sample, Sft, Shrink)
}
PROBLEMS = (ChainProblems, CountdownProblems, GeneralProblems, MixedProblems, ProblemsNeeded, ProgramProblems, RowProblems, WordProblems)
REWARDS = (Accuracy, Format, Harmless, Helpful, Judge, LanguageConsistency, SoftOverlong)
EXAMPLES = (Demonstrations, FileExamples)
ROLES: Mapping[Any, tuple[type, ...]] = {Problems: PROBLEMS, Callable: REWARDS, Opens: REWARDS, Iterable: EXAMPLES}


ABSENT: Any = object()  # marks a missing value or base


def own_code(recipe: Recipe) -> tuple[str, ...]:
    """Return the paths of the settings that are the person's own code: a function, or a class that is not part of this package."""
    stages = [name for name, stage in recipe.stages if STAGES.get(type(stage).__name__) is not type(stage)]
    return (*stages, *(path for path, leaf in leaves(recipe.tree).items() if _is_code(leaf.value)))


def _is_code(value: object) -> bool:
    match value:
        case None | bool() | int() | float() | str():
            return False
        case list() | tuple():
            return any(map(_is_code, value))
        case type():
            return not value.__module__.startswith("aha.")
    return True


@dataclass(frozen=True)
class SettingNode:
    """A node in the tree of settings: its path, its value if it has one, and the nodes below it."""

    path: str
    value: Any = ABSENT
    below: dict[str, SettingNode] = field(default_factory=dict)

    def flat(self) -> Iterator[tuple[str, object]]:
        """Yield every value at or below this node, with its path."""
        if self.value is not ABSENT:
            yield self.path, self.value
        for node in self.below.values():
            yield from node.flat()


def assemble(values: Mapping[str, object], kinds: Mapping[str, str], base: Recipe | None = None) -> dict[str, object]:
    """Return the stages by name, and `compute`. BadInput names the setting that is unknown, missing, or not what its field takes."""
    tree = _tree(values)
    assembly = _Assembly({} if base is None else flatten(base.tree))
    before = {} if base is None else base.tree
    hints = {**{name: _stage(name, kind) for name, kind in kinds.items()}, "compute": Compute}
    if unknown := [name for name in tree.below if name not in hints]:
        raise BadInput(f"{unknown[0]}: there is no such stage; there are {', '.join(kinds)}")
    return {name: assembly.value(tree.below.get(name, SettingNode(name)), hint, before.get(name, ABSENT)) for name, hint in hints.items()}


def _stage(name: str, kind: str) -> type:
    if kind not in STAGES:
        raise BadInput(f"{name}: there is no stage of the kind {kind}; there are {', '.join(STAGES)}")
    return STAGES[kind]


def _tree(values: Mapping[str, object]) -> SettingNode:
    root = SettingNode("")
    for path, value in values.items():
        node, names = root, path.split(".")
        for end, name in enumerate(names, 1):
            node = node.below.setdefault(name, SettingNode(".".join(names[:end])))
        object.__setattr__(node, "value", value)  # made two lines above, and nobody else has it yet
    return root


@dataclass(frozen=True)
class _Assembly:
    """Builds settings from nodes. `base_values`: the flat settings of the base; a node that equals them keeps the base's own value."""

    base_values: Mapping[str, object]

    def value(self, node: SettingNode, hint: Any, base: Any) -> Any:
        if base is not ABSENT and all(path in self.base_values and self.base_values[path] == value for path, value in node.flat()):
            return base
        members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
        kinds = {kind.__name__: kind for member in members for kind in _kinds(member)}
        tuples = [get_args(member) for member in members if get_origin(member) is tuple]
        if node.value is ABSENT and tuples:
            return self._elements(node, tuples[0], base)
        if node.value is ABSENT and len(kinds) == 1:
            return self._instance(node, next(iter(kinds.values())), base)
        if isinstance(node.value, str) and node.value in kinds:
            return self._instance(node, kinds[node.value], base)
        rest = tuple(member for member in members if not _kinds(member))
        if node.value is not ABSENT and kinds and (not rest or (isinstance(node.value, str) and rest == (type(None),))):
            raise BadInput(f"{node.path} {str(node.value)[:80]}: it takes one of {', '.join(kinds)}")
        if node.value is ABSENT or node.below:
            raise BadInput(f"{node.path}: {describe(hint)} is needed, and there is {'more' if node.below else 'none'}")
        return check_value(node.path, Union[rest], node.value, repr(node.value)[:80])  # noqa: UP007

    def _instance(self, node: SettingNode, kind: Any, base: Any) -> Any:
        hints, field_of = hints_of(kind), {field.name: field for field in dataclasses.fields(kind) if field.init}
        below = dict(node.below)
        if (
            len(field_of) == 1 and not below.keys() <= field_of.keys()
        ):  # the class only wraps a tuple, whose elements are written as its own fields
            (only,) = field_of
            below = {only: SettingNode(node.path, below=below)}
        if unknown := [name for name in below if name not in field_of]:
            raise BadInput(f"{node.path}.{unknown[0]}: there is no such setting{nearest(unknown[0], list(field_of))}")
        old = base if type(base) is kind else ABSENT
        new = {name: self.value(child, hints[name], getattr(old, name, ABSENT)) for name, child in below.items()}
        if old is not ABSENT:
            return dataclasses.replace(old, **new)
        missing = [
            name for name, field in field_of.items() if name not in new and field.default is field.default_factory is dataclasses.MISSING
        ]
        if missing:
            raise BadInput(f"{node.path}.{missing[0]}: it is missing, and {kind.__name__} needs it")
        return kind(**new)

    def _elements(self, node: SettingNode, hints: tuple[Any, ...], base: Any) -> tuple[Any, ...]:
        """Return the elements of a tuple in their order; a tuple of fixed length has one hint for each position."""
        if hints[1:] != (Ellipsis,) and len(hints) != len(node.below):
            raise BadInput(f"{node.path}: it has {len(node.below)} elements where {len(hints)} are needed")
        old = base if isinstance(base, tuple) and len(base) == len(node.below) else (ABSENT,) * len(node.below)
        item_hints = hints[:1] * len(node.below) if hints[1:] == (Ellipsis,) else hints
        return tuple(map(self.value, node.below.values(), item_hints, old))


def _role(member: Any) -> Any:
    return get_origin(member) or member


def _kinds(member: Any) -> tuple[type, ...]:
    """Return the classes that a field of this type may hold: those of its role, or the one dataclass that it names."""
    return ROLES.get(_role(member), (member,) if isinstance(member, type) and dataclasses.is_dataclass(member) else ())


def derived_lines(recipe: Recipe) -> list[str]:
    """Return the lines that follow from the settings of each RL and SFT stage, with the stage's name in front."""
    return [f"{name}: {line}" for name, stage in recipe.stages for line in _lines(stage)]


def _lines(stage: Stage) -> list[str]:
    match stage:
        case Rl():
            negatives = [
                f"reward {part.name} has weight {part.weight:g}: replies lose what it pays"
                for part in stage.rewards.parts
                if part.weight < 0
            ]
            return [_batches(stage), *_changes(stage), *negatives, *warm_up_line(stage.optim, stage.steps)]
        case Sft():
            return [_sft_line(stage)]
    return []


def _sft_line(sft: Sft) -> str:
    rates = f"the rate falls along a cosine from {sft.optim.lr:g} to {sft.optim.lr * sft.final_rate:g}"
    return f"every example {sft.epochs:g} times, {sft.batch} a step, at most {sft.batch * sft.max_tokens:,} tokens; {rates}"


def _batches(rl: Rl) -> str:
    replies = rl.questions * rl.samples
    step = f"{replies / rl.minibatches:g} replies a step"
    rollout_text = f"{rl.questions} questions x {rl.samples} samples = {replies:,} replies a rollout"
    longest = f"at most {replies * rl.sampling.max_tokens:,} new tokens a rollout"
    rollouts = f"{rl.rollouts:,} rollout{'' if rl.rollouts == 1 else 's'}"
    return f"{rollout_text}, in {rl.minibatches} mini-batches of {step}; {rl.steps:,} steps = {rollouts}; {longest}"


def _changes(rl: Rl) -> list[str]:
    """Return one line for each change of the schedule, and one for the final phase."""
    lines = [f"{line}{_beyond(step, rl)}" for step, line in rl.schedule.lines()]
    if rl.late is not None:
        step = max(0, rl.steps - rl.late.steps)
        late_parts = [*rl.late.rewards, *(["problems of their own"] if rl.late.problems is not None else [])]
        lines.append(f"from step {step:,} on, the last {rl.late.steps:,}: {', '.join(late_parts) or 'nothing else'}")
    return lines


def _beyond(step: int, rl: Rl) -> str:
    """Return the rollout from which a change at `step` holds; a rollout is sampled under what holds at its first step."""
    rollout = -(-step // rl.minibatches)
    return f" (rollout {rollout:,})" if rollout < rl.rollouts else f" (never: the run has {rl.steps:,} steps)"
