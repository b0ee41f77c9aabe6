"""Arguments of the command line as values, checked before anything heavy is loaded.
`--hardware` names the machine that a recipe runs on; it changes nothing that is learned, beyond rounding."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from aha.backends.hardware import Hardware, check_hardware, vllm_python
from aha.backends.openai.endpoint import Endpoint
from aha.durable import absence_of
from aha.errors import BadInput
from aha.grading.pool import processors
from aha.plan.machines import GIB, available
from aha.protocols import Backend, Compute, is_endpoint
from aha.recipes import Recipe
from aha.rundir import read_manifest
from aha.settings import MISSING, flatten
from aha.stages.sample import Sample
from aha.tasks.golds import KINDS
from aha.tasks.mixture import MixedProblems
from aha.tasks.reading import is_hub_name, sources_of
from aha.tasks.rows import RowProblems

ROW_FLAGS = ("question_field", "answer_field", "id_field", "kind", "split", "subset", "bad_rows", "ignore")  # fields of RowProblems
EXAMPLE_FLAGS = {  # flags that say how to read examples, and the settings they stand for
    "question_field": "layout.question",
    "answer_field": "layout.answer",
    "split": "layout.split",
    "subset": "layout.subset",
    "ignore": "layout.ignore",
    "bad_rows": "bad_rows",
}
FITS = ("cpu", "24gb", "80gb", "8x80gb", "auto")
NEEDS = {
    "model": "a base model: give it with --model FOLDER_OR_HUB_NAME",
    "problems": "problems: give them with --problems FILE.jsonl, or the name of a Hugging Face data set",
    "data": "examples: give them with --data FILE.jsonl, a folder of such files, or the run that made them",
}


@dataclass(frozen=True)
class CliArgs:
    """The parts of the command line about a recipe. `settings`: (path, text) as typed, in order. `reading`: flags that say how examples are
    read, with their values; those of problems are in `problems`. `file`: the recipe file of a run that is repeated; with `changed_file` it
    may have changed since."""

    model: str | None = None
    problems: RowProblems | MixedProblems | None = None
    settings: tuple[tuple[str, str], ...] = ()
    reading: tuple[tuple[str, str], ...] = ()
    file: str | None = None
    changed_file: bool = False


def recipe_flags(parser: ArgumentParser, needed: bool = True) -> None:
    """Add the flags for the recipe, and for the model, problems and data that a person gives."""
    about = "zero, r1-zero, dapo, sft, distill-qwen-7b ..., a recipe file (.py), or a run's manifest.json"
    parser.add_argument("recipe", metavar="RECIPE", nargs=None if needed else "?", help=about)
    parser.add_argument(
        "--fit",
        choices=FITS,
        metavar="MACHINE",
        help=f"choose settings that fit the memory of MACHINE: {', '.join(FITS)}; settings that you give are kept",
    )
    parser.add_argument("--model", metavar="MODEL", help="the base model: a folder with a Hugging Face model, or a hub name")
    parser.add_argument(
        "--problems", metavar="SOURCE", help="the problems to train on: a .jsonl file, or the name of a Hugging Face data set"
    )
    for flag in ("--question-field", "--answer-field", "--id-field", "--split", "--subset"):
        is_hidden = flag in ("--split", "--subset")
        parser.add_argument(flag, metavar="NAME", help=SUPPRESS if is_hidden else f"the field of a row with the {flag[2:-6]}")
    parser.add_argument("--ignore", metavar="NAMES", help="columns to ignore, separated by commas")
    parser.add_argument("--kind", choices=KINDS, help="the kind of the answers, if their form does not tell")
    parser.add_argument("--bad-rows", choices=("stop", "skip"), help="what to do with a row that cannot be used (default: stop)")
    recipe_file_flags(parser)


def recipe_file_flags(parser: ArgumentParser) -> None:
    """Add the flags for the recipe file that a manifest asks for."""
    parser.add_argument("--recipe", dest="file", metavar="FILE.py", help="the recipe file of a manifest in which a setting is code")
    parser.add_argument("--changed-recipe", action="store_true", help="accept that file although it has changed since the run")


def read_args(arguments: Namespace, rest: Sequence[str]) -> CliArgs:
    """Return the arguments. BadInput for flags that would have no effect; no file is read."""
    fields = {flag: value for flag in ROW_FLAGS if (value := getattr(arguments, flag)) is not None}
    if arguments.problems is not None:
        if "ignore" in fields:
            fields["ignore"] = tuple(fields["ignore"].split(","))
        problems = problems_from(arguments.problems, fields)
        return CliArgs(arguments.model, problems, tuple(read_settings(rest)), (), arguments.file, arguments.changed_recipe)
    if extra := [flag for flag in fields if flag not in EXAMPLE_FLAGS]:
        raise BadInput(no_problems(extra[0]))
    return CliArgs(arguments.model, None, tuple(read_settings(rest)), tuple(fields.items()), arguments.file, arguments.changed_recipe)


def problems_from(text: str, fields: dict[str, Any]) -> RowProblems | MixedProblems:
    """Return the problems of one source, or of several in shares by their weights. If two files have the same name, the ids of their rows
    begin with the names of their folders."""
    sources = sources_of(text)
    if len(sources) == 1:
        return RowProblems(sources[0].place, **fields)
    names = [Path(source.place).name for source in sources]
    labels = [Path(source.place).parent.name if names.count(name) > 1 else "" for source, name in zip(sources, names, strict=True)]
    parts = [RowProblems(source.place, label=label, **fields) for source, label in zip(sources, labels, strict=True)]
    return MixedProblems(tuple((part, source.weight) for part, source in zip(parts, sources, strict=True)))


def no_problems(flag: str) -> str:
    """Return the error for a flag that says how to read problems when there are none."""
    return f"--{flag.replace('_', '-')}: it says how to read problems, and there are none; give them with --problems"


def read_settings(rest: Sequence[str]) -> list[tuple[str, str]]:
    """Return (path, text) of words of the form `--path value` and `--path=value`."""
    settings, words = [], list(rest)
    while words:
        word = words.pop(0)
        path, equals_sign, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not path:
            raise BadInput(f"{word}: a setting is written --path value, as in --loss.kl 0.01")
        if not equals_sign:
            value = words.pop(0) if words and not words[0].startswith("--") else MISSING
        settings.append((path, value))
    return settings


# --- checks ------------------------------------------------------------------------------------------------------------


def check_files(recipe: Recipe, args: CliArgs) -> None:
    """Raise BadInput for a model, examples or problems that do not exist, so that a wrong path costs a second and no more."""
    for path, value in flatten(recipe.tree).items():
        if path.endswith(".data") and isinstance(value, str):
            check_data(value)
    if args.model is not None and not (is_endpoint(args.model) and may_be_server(recipe, args.model)):
        check_model(args.model)
    by_source = {part.source: part for _, stage in recipe.stages for part in _row_problems(getattr(stage, "problems", None))}
    for part in _row_problems(args.problems):  # as the recipe has them: a setting such as --problems.subset may say how their rows are read
        _ = by_source.get(part.source, part).contents


def _row_problems(problems: object) -> list[RowProblems]:
    parts = [part for part, _ in problems.parts] if isinstance(problems, MixedProblems) else [problems]
    return [part for part in parts if isinstance(part, RowProblems)]


def may_be_server(recipe: Recipe, model: str) -> bool:
    """Return True if every stage that uses the model only samples from it, so that it may be a server's address."""
    users = [stage for _, stage in recipe.stages if getattr(stage, "model", None) == model]
    return all(isinstance(stage, Sample) for stage in users)


def check_data(data: str) -> None:
    """Raise BadInput if a source of examples looks like a file or folder and does not exist."""
    sources = [source.place for source in sources_of(data)]
    for source in sources:
        if len(sources) > 1 and source.startswith("@"):
            raise BadInput(
                f"data {data}: {source} comes from another stage, and has to be the only source; give `Sample` the rest with `also`"
            )
        _check_source(source)


def _check_source(data: str) -> None:
    path = Path(data).expanduser()
    if not data.startswith(("@", "(")) and not is_hub_name(data) and not path.is_file() and not path.is_dir():
        raise BadInput(f"data {data or repr(data)}: {absence_of(data)}; {NEEDS['data']}")


def check_out(recipe: str, out: Path | None) -> None:
    """Raise BadInput for the directory of another recipe's run."""
    manifest = (out or Path("runs") / recipe) / "manifest.json"
    if manifest.is_file() and (owner := read_manifest(manifest).recipe) != recipe:
        raise BadInput(f"{manifest.parent}: it belongs to another recipe ({owner}, not {recipe}); choose another directory")


def check_model_or_server(model: str) -> None:
    """Raise BadInput for a folder or a server's address that is not valid, given for a model that is only sampled from."""
    if is_endpoint(model):
        Endpoint.read(model)
    else:
        check_model(model)


def check_model(model: str) -> None:
    """Raise BadInput if the model looks like a folder and is not one. A hub's name is only checked when it is loaded."""
    if is_endpoint(model):
        raise BadInput(f"model {model}: it is a server, which shows no weights; give a folder or a hub name (aha eval asks servers, too)")
    path = Path(model).expanduser()
    if (path / "manifest.json").is_file() and (path / "checkpoints").is_dir():
        newest = max(_checkpoints(path), default="not there yet")
        raise BadInput(f"model {model}: it is a run, not a model; its newest checkpoint is {newest}")
    if path.is_file() and path.suffix.lower() == ".gguf":
        return
    if path.is_file():
        raise BadInput(f"model {model}: it is a file; give the folder of a Hugging Face model, a GGUF file, or a hub name")
    if not path.is_dir() and (model.startswith((".", "/", "~")) or model.count("/") > 1 or model.endswith("/")):
        raise BadInput(
            f"model {model}: there is no such folder{_beside(path)}; give the folder of a Hugging Face model, or a hub name such as "
            "Qwen/Qwen3-0.6B-Base"
        )


def _beside(path: Path) -> str:
    """Return the newest folders beside one that is not there."""
    names = sorted(folder.name for folder in path.parent.iterdir() if folder.is_dir()) if path.parent.is_dir() else []
    return f" ({path.parent} holds {', '.join(names[-3:])})" if names and path.parent != Path() else ""


def _checkpoints(run: Path) -> Iterator[str]:
    return (str(folder) for folder in (run / "checkpoints").iterdir() if folder.name.isdecimal())


STALL_S = 1800.0  # of `aha eval`; `aha run` has a flag for it
PROCESS_BYTES = 400 << 20  # that a process of a cluster takes with Ray and torch, before it has a model


def check_machine(hardware: Hardware, compute: Compute) -> None:
    """Raise BadInput for hardware that is not there, before anything heavy is loaded."""
    check_hardware(hardware)
    if compute.engine == "vllm":
        vllm_python()
    if hardware.kind == "cluster" and not hardware.address:
        _check_room(hardware)


def _check_room(hardware: Hardware) -> None:
    """Raise BadInput if this machine has fewer cores than processes that work at once, or too little memory for all of them."""
    elsewhere = "a cluster of several machines is named by its address (docs/clusters.md)"
    cores = processors()
    most = max(2, cores)
    for name in ("engines", "ranks", "graders"):
        if (count := getattr(hardware, name)) > most:
            raise BadInput(
                f"--hardware cluster: {count} {name} on {cores} cores would wait for one another: ask for {most} or fewer; {elsewhere}"
            )
    processes, free = hardware.engines + hardware.ranks + hardware.graders, available()
    if processes * PROCESS_BYTES > free:
        gib = f"{processes * PROCESS_BYTES / GIB:.1f} GiB before they have a model, and {free / GIB:.1f} GiB are free"
        raise BadInput(f"--hardware cluster: {processes} processes take {gib}: ask for fewer; {elsewhere}")


@contextmanager
def machine(
    hardware: Hardware, compute: Compute, settings: Mapping[str, object], stall_s: float, folder: Path, say: Callable[[str], None]
) -> Iterator[Backend | None]:
    """Yield the backend to run on; None if this process is driven by another one, and its work is done. `say` tells a person what a cluster
    replaced, and a file in `folder` keeps it, if the folder exists by then."""
    if hardware.kind == "node":
        from aha.backends.node import join_ranks

        with join_ranks(compute, settings, stall_s) as node:
            yield cast("Backend | None", node)
        return
    if hardware.kind == "cluster":
        from aha.backends.ray_cluster import connect

        counts = (hardware.engines, hardware.ranks, hardware.graders)
        with connect(compute, counts, hardware.address, stall_s, folder, say) as cluster:
            yield cluster
        return
    yield local_backend(compute)


def local_backend(compute: Compute | None = None) -> Backend:
    """Return the backend of this process: the one of every command that is given no other machine. BadInput if it lacks the device."""
    from aha.backends.hf import pick_device
    from aha.backends.local_backend import LocalBackend

    if compute is not None:
        pick_device(compute.device)
    return LocalBackend(compute or Compute())


@contextmanager
def sampling_machine(hardware: Hardware, compute: Compute, say: Callable[[str], None]) -> Iterator[Backend]:
    """Yield the backend to sample on, which trains nothing: this process, or a cluster of engines alone."""
    check_machine(hardware, compute)
    if hardware.kind == "node":
        raise BadInput("--hardware node: it divides a model that learns; to sample on several engines say --hardware 'cluster(engines=2)'")
    with machine(replace(hardware, ranks=0, graders=0), compute, {}, STALL_S, Path.cwd(), say) as backend:
        assert backend is not None  # only a rank of torchrun is driven by another process
        yield backend
