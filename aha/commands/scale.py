"""`aha scale`: what more samples and longer thoughts buy a model at test time, as one page and as JSON."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from aha.commands.arguments import check_model, read_settings
from aha.commands.command import Command
from aha.commands.terminal import Terminal
from aha.errors import BadInput
from aha.protocols import is_endpoint

GRADES = "grades.jsonl"


def flags(parser: ArgumentParser) -> None:
    """What is measured and where it goes."""
    parser.add_argument(
        "target", metavar="BENCHMARK|RESULT", help="a benchmark, or judged samples: a file, or a folder of `aha eval --out`"
    )
    parser.add_argument("--model", metavar="MODEL", help="a folder, a hub name, or a server as http://host:port/v1#name")
    parser.add_argument("--data", metavar="PATH", help="a benchmark's own rows: a file, a folder (AHA_DATA) or a hub's name")
    parser.add_argument(
        "--scorer", metavar="MODEL", action="append", default=[], help="a model with a score head that chooses among samples"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="page, numbers and every sample (runs/scale-…); goes on from there")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Writes the page and prints its name, or the numbers for a program."""
    target, chosen = arguments.target, tuple(read_settings(rest))
    if (result := _result(target)) is not None:
        if arguments.model or arguments.scorer or arguments.data or chosen:
            raise BadInput(f"{target}: these samples were judged before; --model, --scorer, --data and settings are for a benchmark")
        return _offline(target, result, arguments.out or Path("runs") / f"scale-{Path(target).resolve().name.partition('.')[0]}", terminal)
    from aha.evals.benchmarks import WORLD, check_names

    check_names([target])
    if target == WORLD:
        raise BadInput(f"{target}: it is several domains, each asked in its own way; scale one, as countdown")
    if arguments.model is None:
        raise BadInput(f"{target}: it asks a model; give one with --model FOLDER")
    served = is_endpoint(arguments.model)
    for model in (*([] if served else [arguments.model]), *arguments.scorer):
        check_model(model)
    from aha.commands.scaling import Wanted, asked

    return asked(Wanted(target, arguments.model, arguments.data, tuple(arguments.scorer), arguments.out, chosen), terminal)


def _result(target: str) -> Path | None:
    """The judged samples that the target names; None for a benchmark's name."""
    path = Path(target).expanduser()
    if path.is_file():
        return path
    found = sorted({*path.glob(GRADES), *path.glob(f"*/{GRADES}")}) if path.is_dir() else []
    if len(found) > 1:
        raise BadInput(f"{target}: results of {len(found)} benchmarks; name one of them: {', '.join(str(one.parent) for one in found)}")
    if not found and (path.suffix or "/" in target):
        what = f"no {GRADES} in it" if path.is_dir() else "there is no such file"
        raise BadInput(f"{target}: {what}; name a folder that `aha eval --out` wrote, a file of judged samples, or a benchmark")
    return found[0] if found else None


def _offline(target: str, path: Path, out: Path, terminal: Terminal) -> int:
    from aha.commands.scaled import Told, tell
    from aha.evals.attempts import read_attempts
    from aha.evals.scaling import scaling

    sheet = read_attempts(path)
    if all(attempt.abstained for tried in sheet.problems for attempt in tried.attempts):
        raise BadInput(f"{target}: nobody could judge these samples; aha eval --judge asks a language model to")
    rewards = [[attempt.reward for attempt in tried.attempts] for tried in sheet.problems]
    known = [[reward for reward in of_problem if reward is not None] for of_problem in rewards]
    scorers = {"reward": known} if sheet.rewards and list(map(len, known)) == list(map(len, rewards)) else {}
    found = scaling(sheet, scorers)
    return tell(found, Told(target, {"judged samples": target}), out, terminal)


COMMAND = Command(
    "what more samples and longer thoughts buy: accuracy by n, by tokens, by difficulty",
    "evaluate",
    flags,
    run,
    settings=True,
)
