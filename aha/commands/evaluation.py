"""`aha eval`: one or several benchmarks, asked or read from files. What is heavy is loaded when the command runs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from aha.commands import judged, offline
from aha.commands.arguments import check_model, check_model_or_server, read_settings
from aha.commands.command import Command
from aha.commands.rating import rater
from aha.commands.terminal import Terminal
from aha.errors import BadInput
from aha.evals.benchmarks import BENCHMARKS, WORLD, check_names
from aha.evals.exams import exam
from aha.evals.exams.loading import check_source
from aha.evals.rivals import saved_result


def flags(parser: ArgumentParser) -> None:
    """What is measured, of which model, and where it is kept."""
    parser.add_argument("benchmark", metavar="BENCHMARK", nargs="+")
    parser.add_argument("--model", metavar="MODEL", help="a folder, a hub name, or a server as http://host:port/v1#name")
    parser.add_argument("--record", type=Path, metavar="FILE.jsonl.gz", help="countdown: keep every sample here")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep generations and grades here, and go on from there")
    parser.add_argument("--against", metavar="MODEL|RESULT", help="another model, or what was saved of one: a paired comparison")
    parser.add_argument("--lm-eval", type=Path, metavar="FILE", help="the results in lm-evaluation-harness's form too")
    offline.flags(parser)
    judged.flags(parser)


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print each benchmark's numbers."""
    names: list[str] = arguments.benchmark
    if len(names) == 1 and offline.is_meant(names[0], arguments):
        arguments.benchmark = names[0]
        return offline.run(arguments, rest, terminal)
    check_names(names)
    if arguments.model is None:
        raise BadInput(f"{names[0]}: it asks a model; give one with --model FOLDER")
    check_model_or_server(arguments.model)
    if arguments.against is not None and any(saved_result(arguments.against, name) is None for name in names):
        check_model_or_server(arguments.against)
    judges = judged.given(arguments, names[0] in (*BENCHMARKS, WORLD))
    if names[0] in (*BENCHMARKS, WORLD):
        return _run_ours(names[0], arguments, rest, terminal)
    data = None if arguments.data is None else str(arguments.data)
    exams = tuple(exam(name) for name in names)
    for benchmark in exams:
        check_source(benchmark, data)
    from aha.commands.examine import Wanted, examine

    contests = rater(arguments, "as many --changes FILE… as --standings FILE…") if arguments.standings or arguments.changes else None
    options = tuple(read_settings(rest)), arguments.against, judges, contests
    return examine(Wanted(exams, arguments.model, data, arguments.out, arguments.lm_eval, *options), terminal)


def _run_ours(name: str, arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    if arguments.out or arguments.lm_eval or arguments.data:
        raise BadInput(f"{name}: --out, --lm-eval and --data belong to published benchmarks; --record keeps its samples")
    if name == WORLD:
        from aha.commands import world

        return world.world(world.Asked(arguments.model, tuple(read_settings(rest)), arguments.record, arguments.against), terminal)
    check_model(arguments.model)
    from aha.commands.evaluate import Asked, evaluate

    return evaluate(Asked(name, arguments.model, tuple(read_settings(rest)), arguments.record, arguments.against), terminal)


COMMAND = Command("a benchmark's numbers for a model", "evaluate", flags, run, settings=True)
