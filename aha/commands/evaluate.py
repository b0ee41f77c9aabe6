"""`aha eval`: one or several benchmarks, sampled from a model or read from files. Heavy modules are loaded when the command runs."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aha.backends.hardware import read_hardware
from aha.commands import offline
from aha.commands.arguments import check_model, check_model_or_server, read_settings
from aha.commands.offline import rater
from aha.commands.terminal import Command, Terminal, new_file, new_folder
from aha.errors import BadInput
from aha.evals.benchmark import Benchmark
from aha.evals.benchmarks import benchmark
from aha.evals.comparison import saved_samples
from aha.evals.loading import check_source
from aha.protocols import is_endpoint

if TYPE_CHECKING:
    from aha.evals.judged.transcripts import JudgeOptions

JUDGE_FLAGS = {"judge": "--judge", "baseline_answers": "--baseline-answers", "estimate": "--estimate"}
OTHER_NAMES = {"samples": "k", "limit": "problems"}  # names in version 0.1 and lm-eval
OTHER_NAMES |= {name: f"sampling.{name}" for name in ("max_tokens", "temperature", "top_p")}  # the model's, not its judge's


def flags(parser: ArgumentParser) -> None:
    """Add the flags for the benchmarks, the model and the folder of results."""
    parser.add_argument("benchmark", metavar="BENCHMARK", nargs="+", help="the benchmarks to ask; an unknown name lists them all")
    parser.add_argument(
        "--model", metavar="MODEL", help="the model to evaluate: a folder, a hub name, or a server as http://host:port/v1#name"
    )
    parser.add_argument("--out", type=new_folder, metavar="DIR", help="save samples and results in this folder, and resume from it")
    parser.add_argument("--record", dest="out", type=new_folder, help=SUPPRESS)  # its name in version 0.1, for countdown
    parser.add_argument("--against", metavar="MODEL|RESULT", help="a model, or a saved result of one, for a paired comparison")
    parser.add_argument("--lm-eval", type=new_file, metavar="FILE", help="also write the results in the format of lm-evaluation-harness")
    parser.add_argument(
        "--judge",
        metavar="JUDGE",
        help="the model that judges replies which only a model can judge: http://host/v1#name, a folder or a hub name",
    )
    parser.add_argument(
        "--baseline-answers",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="with --judge: files with the baseline's answers (default: those in the data)",
    )
    parser.add_argument("--estimate", action="store_true", help="with --judge: estimate what judging would cost, and send no request")
    parser.add_argument(
        "--hardware",
        default="local",
        metavar="MACHINE",
        help="where to sample: local (default), or a cluster, as in cluster(engines=2)",
    )
    offline.flags(parser)


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print each benchmark's numbers."""
    names: list[str] = arguments.benchmark
    if len(names) == 1 and offline.is_meant(names[0], arguments):
        arguments.benchmark = names[0]
        return offline.run(arguments, rest, terminal)
    benchmarks = tuple(map(benchmark, names))
    if arguments.model is None:
        raise BadInput(f"{names[0]}: it asks a model; give one with --model FOLDER")
    models = [arguments.model]
    if arguments.against is not None and any(saved_samples(arguments.against, chosen.name) is None for chosen in benchmarks):
        models.append(arguments.against)
    for model in models:
        check_model_or_server(model)
    judge = _judge_options(arguments, benchmarks)
    data = None if arguments.data is None else str(arguments.data)
    for chosen in benchmarks:
        if chosen.generator is None:
            check_source(chosen, data)
    from aha.commands.benchmark_runs import EvalOptions, evaluate

    contests = rater(arguments, "as many --changes FILE… as --standings FILE…") if arguments.standings or arguments.changes else None
    settings = tuple((OTHER_NAMES.get(path.replace("-", "_"), path), value) for path, value in read_settings(rest))
    options = EvalOptions(
        benchmarks,
        arguments.model,
        data,
        arguments.out,
        arguments.lm_eval,
        settings,
        arguments.against,
        judge,
        contests,
        read_hardware(arguments.hardware),
    )
    return evaluate(options, terminal)


def _judge_options(arguments: Namespace, benchmarks: Sequence[Benchmark]) -> JudgeOptions:
    """Return the options of the judge. BadInput for flags that would have no effect."""
    by_rule = not any(benchmark.needs_judge for benchmark in benchmarks) and any(benchmark.generator for benchmark in benchmarks)
    flags = [flag for name, flag in JUDGE_FLAGS.items() if getattr(arguments, name)]
    if flags and (by_rule or arguments.judge is None):
        raise BadInput(f"{flags[0]}: {'a rule grades this benchmark' if by_rule else 'it needs --judge, and says nothing without one'}")
    if flags and arguments.baseline is not None:
        raise BadInput(f"--baseline {arguments.baseline}: with --judge, the baseline is who wrote the file of --baseline-answers")
    if arguments.judge is not None and not is_endpoint(arguments.judge):
        check_model(arguments.judge)
    from aha.evals.judged.transcripts import JudgeOptions

    return JudgeOptions(arguments.judge, tuple(arguments.baseline_answers or ()), arguments.estimate)


COMMAND = Command("evaluate a model on a benchmark", "evaluate", flags, run, settings=True)
