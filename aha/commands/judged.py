"""What the command line says of a judge, read without torch."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path

from aha.commands.arguments import check_model
from aha.errors import BadInput
from aha.protocols import is_endpoint

FLAGS = {"judge": "--judge", "baseline_answers": "--baseline-answers", "estimate": "--estimate"}


@dataclass(frozen=True)
class Judges:
    """`judge`: who judges, None: nobody. `baseline`: whose answers the model's are compared with; empty: those in the data. `estimate`:
    only say what judging would cost."""

    judge: str | None = None
    baseline: tuple[Path, ...] = ()
    estimate: bool = False


def flags(parser: ArgumentParser) -> None:
    """Who judges, against whom, and whether to begin at all."""
    parser.add_argument("--judge", metavar="JUDGE", help="who judges what only a model can: http://host/v1#name, a folder or hub name")
    parser.add_argument(
        "--baseline-answers", type=Path, nargs="+", metavar="FILE", help="with --judge: the baseline's answers (those in the data)"
    )
    parser.add_argument("--estimate", action="store_true", help="with --judge: say what judging would cost, and ask nobody")


def given(arguments: Namespace, ours: bool) -> Judges:
    """BadInput for flags that nothing would heed. `ours`: whether it is a benchmark of our own, which a rule grades."""
    said = [flag for name, flag in FLAGS.items() if getattr(arguments, name)]
    if said and (ours or arguments.judge is None):
        raise BadInput(f"{said[0]}: {'a rule grades this benchmark' if ours else 'it needs --judge, and says nothing without one'}")
    if said and arguments.baseline is not None:
        raise BadInput(f"--baseline {arguments.baseline}: with --judge, the baseline is who wrote the file of --baseline-answers")
    if arguments.judge is not None and not is_endpoint(arguments.judge):
        check_model(arguments.judge)
    return Judges(arguments.judge, tuple(arguments.baseline_answers or ()), arguments.estimate)
