"""`aha scale`: the gain from more samples and longer thoughts at test time, as one page and as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aha.commands.arguments import check_model, read_settings
from aha.commands.terminal import Command, Terminal, new_folder
from aha.durable import Disk, disk_errors, replace_file
from aha.errors import BadInput
from aha.evals.benchmarks import benchmark
from aha.evals.reading import read_sample_set
from aha.evals.scaling import scaling
from aha.protocols import is_endpoint
from aha.reports.scaling_page import scaling_html
from aha.rundir.record import SAMPLES, samples_file

if TYPE_CHECKING:
    from aha.evals.samples import SampleSet
    from aha.evals.scaling import Scaling
    from aha.reports.scaling_page import CutExample

PAGE, NUMBERS = "scale.html", "scale.json"
UNITS = {"n": "samples", "budget": "tokens", "times": "times"}


def flags(parser: ArgumentParser) -> None:
    """Add the flags for the benchmark, the model and the output."""
    parser.add_argument("target", metavar="BENCHMARK|RESULT", help="a benchmark, or graded samples: a file or a folder of `aha eval`")
    parser.add_argument("--model", metavar="MODEL", help="the model: a folder, a hub name, or a server as http://host:port/v1#name")
    parser.add_argument("--data", metavar="PATH", help="the benchmark's rows: a file, a folder (default: AHA_DATA) or a hub name")
    parser.add_argument(
        "--scorer", metavar="MODEL", action="append", default=[], help="a reward model that chooses among samples; can be repeated"
    )
    parser.add_argument(
        "--out",
        type=new_folder,
        metavar="DIR",
        help="the folder for page, numbers and samples (default: runs/scale-…); an unfinished one is resumed",
    )


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Write the page and print its name, or the numbers for a program."""
    target, settings = arguments.target, tuple(read_settings(rest))
    if (sample_path := _saved_samples(target)) is not None:
        if arguments.model or arguments.scorer or arguments.data or settings:
            raise BadInput(f"{target}: these samples were judged before; --model, --scorer, --data and settings are for a benchmark")
        return _scale_samples(target, sample_path, arguments.out, terminal)
    chosen = benchmark(target)
    if chosen.rubric:
        raise BadInput(f"{target}: it is several domains, of which a rubric marks some; scale one, as countdown")
    if arguments.model is None:
        raise BadInput(f"{target}: it asks a model; give one with --model FOLDER")
    for model in (*([] if is_endpoint(arguments.model) else [arguments.model]), *arguments.scorer):
        check_model(model)
    from aha.commands.scaling_lab import ScaleOptions, scale

    return scale(
        ScaleOptions(chosen, arguments.model, arguments.data, tuple(arguments.scorer), arguments.out, settings), terminal, write_scaling
    )


def _saved_samples(target: str) -> Path | None:
    """Return the judged samples that the target names; None for a benchmark's name."""
    path = Path(target).expanduser()
    if path.is_file():
        return path
    folders = [folder for folder in (path, *sorted(path.glob("*/"))) if samples_file(folder) is not None] if path.is_dir() else []
    if len(folders) > 1:
        raise BadInput(f"{target}: results of {len(folders)} benchmarks; name one of them: {', '.join(map(str, folders))}")
    if not folders and (path.suffix or "/" in target):
        reason = f"no {SAMPLES} in it" if path.is_dir() else "there is no such file"
        raise BadInput(f"{target}: {reason}; name a folder that `aha eval --out` wrote, a file of judged samples, or a benchmark")
    return folders[0] if folders else None


def _scale_samples(target: str, path: Path, out: Path | None, terminal: Terminal) -> int:
    samples = read_sample_set(path)
    if all(sample.abstained for part in samples.problems for sample in part.samples):
        raise BadInput(f"{target}: nobody could judge these samples; aha eval --judge asks a language model to")
    for line in _shortcomings(samples):
        terminal.note(f"{target}: {line}")
    rewards = [[sample.reward for sample in part.samples] for part in samples.problems]
    rewards_of = [[reward for reward in of_problem if reward is not None] for of_problem in rewards]
    scorers = {"reward": rewards_of} if samples.rewards and list(map(len, rewards_of)) == list(map(len, rewards)) else {}
    folder = out or Path("runs") / f"scale-{Path(target).resolve().name.partition('.')[0]}"
    return write_scaling(scaling(samples, scorers), target, {"judged samples": target}, None, folder, terminal)


def _shortcomings(samples: SampleSet) -> Iterator[str]:
    """Yield what keeps a curve from being drawn, or from going on, because some samples lack it."""
    counts = [len(part.samples) for part in samples.problems]
    if min(counts) != max(counts):
        yield f"its problems have {min(counts)} to {max(counts)} samples each: the curves by samples end at {min(counts)}"
    every = [sample for part in samples.problems for sample in part.samples]
    for name, loss, values in (
        ("number of tokens", "nothing is drawn by tokens", [sample.tokens for sample in every]),
        ("reward", "none is chosen by it", [sample.reward for sample in every]),
    ):
        if 0 < (absent := sum(value is None for value in values)) < len(values):
            yield f"{absent:,} of {len(values):,} samples have no {name}: {loss}"


def write_scaling(result: Scaling, title: str, facts: dict[str, str], example: CutExample | None, out: Path, terminal: Terminal) -> int:
    """Write the page and the numbers; print the page's name and the ends of each curve, or all numbers as one line of JSON. `facts`: the
    model and its settings; `example`: one thought, cut at longer and longer budgets."""
    numbers = {"title": title, **facts, **result.to_json()}
    figures = {**facts, "problems": f"{result.problems:,}", "samples of each": f"{result.k:,}"}
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    replace_file(Disk(), out / NUMBERS, (json.dumps(numbers, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "backslashreplace"))
    replace_file(Disk(), out / PAGE, scaling_html(numbers, title, figures, example).encode("utf-8", "backslashreplace"))
    if terminal.json:
        print(json.dumps({**numbers, "page": str(out / PAGE)}, ensure_ascii=False))
        return 0
    curves = (*result.samples, *result.budget, *([result.longer] if result.longer else []))
    width = max(len(curve.name) for curve in curves) + 1
    for curve in curves:
        ends = " -> ".join(f"{100 * point.value.value:.1f} % at {point.x:g}" for point in (curve.points[0], curve.points[-1]))
        terminal.say(f"{curve.name:{width}}{ends} {UNITS[curve.x]}")
    terminal.say(str(out / PAGE))
    return 0


COMMAND = Command(
    "measure how accuracy grows with more samples and longer thoughts, also by difficulty",
    "evaluate",
    flags,
    run,
    settings=True,
)
