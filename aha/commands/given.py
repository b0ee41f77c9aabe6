"""What a person gave on the command line, checked as far as that needs no torch."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aha.errors import BadInput
from aha.rundir import read_manifest
from aha.settings import nearest
from aha.tasks.reading import FILES as ENDINGS
from aha.tasks.rows import RowProblems

FIELDS = {  # flag -> field of RowProblems
    "question_field": "question_field",
    "answer_field": "answer_field",
    "id_field": "id_field",
    "kind": "kind",
    "split": "split",
    "subset": "subset",
    "bad_rows": "bad_rows",
}


Demand = Literal["needed", "optional", "refused"]


@dataclass(frozen=True)
class Wants:
    """What a recipe of ours asks a person for. `data`: examples to be imitated, which are a setting."""

    model: Demand = "needed"
    problems: Demand = "needed"
    data: bool = False


STUDENT = Wants("optional", "refused", data=True)
OURS: dict[str, Wants] = {  # known before torch is loaded
    "zero": Wants("refused", "refused"),
    "r1": Wants("optional", "optional"),
    "r1-real": Wants(),
    "distill-vs-rl": Wants("refused", "refused"),
    "r1-zero": Wants(),
    "r1-stage1": Wants(),
    "r1-stage2": Wants(),
    "qwen32b-zero": Wants("optional", "needed"),
    "drgrpo": Wants(),
    "dapo": Wants(),
    "sft": Wants("needed", "refused", data=True),
    "rm-helpful": Wants("needed", "refused", data=True),
    "rm-safety": Wants("needed", "refused", data=True),
    "distill-qwen-1.5b": STUDENT,
    "distill-qwen-7b": STUDENT,
    "distill-qwen-14b": STUDENT,
    "distill-qwen-32b": STUDENT,
    "distill-llama-8b": STUDENT,
    "distill-llama-70b": STUDENT,
    "sample": Wants(),
    "cold-start": Wants(),
}
REAL = {"r1": "r1-real"}  # what a recipe is where the person brings a model
ASK_SERVERS = ("sample", "cold-start")  # their model may be an address


@dataclass(frozen=True)
class Given:
    """`settings`: (path, text) as typed, in order. `file`: the recipe file of a run that is repeated, which may have `changed_file`."""

    model: str | None = None
    problems: RowProblems | None = None
    settings: tuple[tuple[str, str], ...] = ()
    file: str | None = None
    changed_file: bool = False


def given(arguments: Namespace, rest: Sequence[str]) -> Given:
    """Looks at the recipe's name, reads the problems and looks for the model, so that a wrong path costs a second and no more."""
    check_recipe(arguments.recipe, arguments.model, arguments.problems, arguments.command != "show")
    chosen = settings(rest)
    check_group(arguments.recipe, chosen)
    if arguments.recipe in OURS and OURS[arguments.recipe].data:
        check_data(arguments.recipe, chosen, arguments.command != "show")
        if arguments.bad_rows is not None:
            chosen.append(("bad_rows", arguments.bad_rows))
            arguments.bad_rows = None
    if arguments.command == "run":
        check_out(REAL.get(arguments.recipe, arguments.recipe) if arguments.model else arguments.recipe, arguments.out)
    fields = {field: value for flag, field in FIELDS.items() if (value := getattr(arguments, flag)) is not None}
    if fields and arguments.problems is None:
        flag = next(flag for flag, field in FIELDS.items() if field in fields)
        raise BadInput(f"--{flag.replace('_', '-')}: it says how to read problems, and there are none; give them with --problems")
    problems = None
    if arguments.problems is not None:
        problems = RowProblems(arguments.problems, **fields)
        _ = problems.loaded
    if arguments.model is not None and not _asks_a_server(arguments.recipe, arguments.model):
        check_model(arguments.model)
    return Given(arguments.model, problems, tuple(chosen), arguments.file, arguments.changed_recipe)


def _asks_a_server(target: str, model: str) -> bool:
    return model.startswith(("http://", "https://")) and (target not in OURS or target in ASK_SERVERS)


def check_recipe(target: str, model: str | None, problems: str | None, running: bool) -> None:
    """BadInput for a name that is no recipe, for what a recipe of ours refuses, and, where it is to run, for what it needs."""
    if target not in OURS:
        if not Path(target).expanduser().exists() and Path(target).suffix not in (".py", ".json"):
            raise BadInput(f"{target}: no recipe has this name; there are {', '.join(OURS)}{nearest(target, list(OURS))}")
        return
    wants = OURS[target]
    if wants.data and problems is not None:
        raise BadInput(f"recipe {target} imitates examples and asks no problems: give them with --data FILE.jsonl")
    for name, value, demand in (("model", model, wants.model), ("problems", problems, wants.problems)):
        if demand == "refused" and value is not None:
            raise BadInput(f"recipe {target} brings its own {name}: leave --{name} out, or train with your own: aha run r1-zero")
        if demand == "needed" and value is None and running:
            raise BadInput(f"recipe {target} needs {NEEDS[name]}")


NEEDS = {
    "model": "a base model: give it with --model FOLDER_OR_HUB_NAME",
    "problems": "problems: give them with --problems FILE.jsonl, or the name of a Hugging Face data set",
    "data": "examples: give them with --data FILE.jsonl, a folder of such files, or the run that made them",
}


def check_data(target: str, chosen: Sequence[tuple[str, str]], running: bool) -> None:
    """BadInput for a recipe that imitates where no examples are named, or a file is named that is not there."""
    named = [text for path, text in chosen if path in ("data", "sft.data", "prefer.data")]
    if not named and running:
        raise BadInput(f"recipe {target} needs {NEEDS['data']}")
    for text in named:
        path = Path(text).expanduser()
        if not path.exists() and (path.suffix in ENDINGS or text.startswith((".", "/", "~")) or text.count("/") > 1):
            raise BadInput(f"data {text}: there is no such file or folder; {NEEDS['data']}")


def check_group(target: str, chosen: Sequence[tuple[str, str]]) -> None:
    """BadInput for a group of fewer than two in a recipe of ours, in the words of `Rl`, which would say it after torch is loaded."""
    stage = "zero" if target == "zero" else "rl"
    for path, text in chosen:
        if target in OURS and path in ("samples", f"{stage}.samples") and text.isdecimal() and int(text) < 2:
            raise BadInput(f"--{stage}.samples {text}: samples is {int(text)}: GRPO compares replies within a group, so it needs 2 or more")


def check_out(target: str, out: Path | None) -> None:
    """BadInput for the directory of another recipe's run. Other settings of the same recipe are told apart once they are known."""
    root = out or Path("runs") / target
    if target in OURS and (root / "manifest.json").is_file() and (begun := read_manifest(root / "manifest.json").recipe) != target:
        raise BadInput(f"{root}: it belongs to another recipe ({begun}, not {target}); choose another directory")


def check_asked(model: str) -> None:
    """The same for who is only asked, which may be a server: BadInput where its address is none."""
    if model.startswith(("http://", "https://")):
        from aha.backends.openai_endpoint import Endpoint

        Endpoint.read(model)
    else:
        check_model(model)


def check_model(model: str) -> None:
    """BadInput for what looks like a folder and is none. A hub's name is asked for later, by who can."""
    if model.startswith(("http://", "https://")):
        raise BadInput(f"model {model}: it is a server, which shows no weights; give a folder or a hub name (aha eval asks servers, too)")
    path = Path(model).expanduser()
    if (path / "manifest.json").is_file() and (path / "checkpoints").is_dir():
        found = sorted(folder for folder in (path / "checkpoints").iterdir() if folder.name.isdecimal())
        raise BadInput(f"model {model}: it is a run, not a model; its newest checkpoint is {found[-1] if found else 'not there yet'}")
    if path.is_file():
        raise BadInput(f"model {model}: it is a file; give the folder of a Hugging Face model, or a hub name")
    if not path.is_dir() and (model.startswith((".", "/", "~")) or model.count("/") > 1 or model.endswith("/")):
        raise BadInput(
            f"model {model}: there is no such folder; give the folder of a Hugging Face model, or a hub name such as Qwen/Qwen3-0.6B-Base"
        )


def settings(rest: Sequence[str]) -> list[tuple[str, str]]:
    """`--path value` and `--path=value`."""
    found, words = [], list(rest)
    while words:
        word = words.pop(0)
        path, joined, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not path:
            raise BadInput(f"{word}: a setting is written --path value, as in --loss.kl 0.01")
        if not joined:
            if not words:
                raise BadInput(f"--{path}: a value has to follow, as in --{path} 1")
            value = words.pop(0)
        found.append((path, value))
    return found
