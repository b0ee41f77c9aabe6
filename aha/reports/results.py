"""What runs measured: result files and run directories, as `aha eval` and `aha run` wrote them, under the paper's names of benchmarks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.durable import DOCUMENT, read_file, read_records
from aha.errors import BadInput
from aha.json_text import NotJson, parse_json
from aha.paper import Column
from aha.rundir.old_names import new_result

ALIASES = {  # what a benchmark may be called -> what the paper's column comes to
    "aime24": "aime2024",
    "aime": "aime2024",
    "gpqa": "gpqadiamond",
    "lcb": "livecodebench",
    "alpacaeval": "alpacaeval20",
    "alpacaeval2": "alpacaeval20",
    "arenahardv01": "arenahard",
    "swebenchverified": "sweverified",
    "swebench": "sweverified",
    "aider": "aiderpolyglot",
    "cnmo": "cnmo2024",
    "chinesesimpleqa": "csimpleqa",
}
NAMING_FIELDS = {"lc_win_rate": "alpaca_eval", "percentile": "codeforces", "score": "arena_hard"}  # results that name no benchmark
PER_CENT = {"LC-winrate": "lc_win_rate", "GPT-4-1106": "score", "Percentile": "percentile", "rating": "rating", "Rating": "rating"}


@dataclass(frozen=True)
class ResultValue:
    """Per cent, or a rating; with its 95 % interval where it has one. `unverified`: asked with a prompt that was not checked against its
    source, so that it is no measurement of the published number."""

    value: float
    low: float | None = None
    high: float | None = None
    unverified: bool = False


@dataclass(frozen=True)
class CurvePoint:
    """A checkpoint after so many rollouts, 0 for the base."""

    rollouts: int
    value: ResultValue


@dataclass(frozen=True)
class ResultFile:
    """One model on one benchmark; `fields` is the result as it was written."""

    model: str
    benchmark: str
    fields: Mapping[str, Any]

    def value(self, column: Column) -> ResultValue | None:
        """What stands for a column of the paper; `None` where this is another benchmark or has no such number."""
        if same_benchmark(self.benchmark) != same_benchmark(column.benchmark):
            return None
        metric = column.metric
        if metric in PER_CENT:
            return _value(self.fields, PER_CENT[metric], 1.0)
        if metric.startswith("cons@"):
            name = metric if metric in self.fields else "cons@k" if self.fields.get("k") == int(metric[5:]) else ""
            return _value({name: self.fields.get(name), "protocol": self.fields.get("protocol")}, name, 100.0)
        return _value(self.fields, "f1" if metric.endswith("F1") and "f1" in self.fields else "pass@1", 100.0)

    @property
    def unverified(self) -> bool:
        """Whether its result says so of its protocol."""
        return self.fields.get("protocol") == "unverified"

    @property
    def headline(self) -> ResultValue | None:
        """pass@1, or what the benchmark has in its place."""
        shares, rates = ("pass@1",), ("lc_win_rate", "score", "rating")
        return next((value for name in shares if (value := _value(self.fields, name, 100.0))), None) or next(
            (value for name in rates if (value := _value(self.fields, name, 1.0))), None
        )


@dataclass(frozen=True)
class Run:
    """All that a RUN of the command line holds, and pass@1 over its checkpoints where it was measured."""

    name: str
    results: tuple[ResultFile, ...]
    curve: tuple[CurvePoint, ...] = ()


def read_run(word: str) -> Run:
    """`PATH` or `NAME=PATH`: a result file, a folder of them, or a run directory. BadInput where there is no result in it."""
    name, equals, place = word.partition("=")
    path = Path(place if equals else word).expanduser()
    name = name if equals else Path(os.path.realpath(path)).name.removesuffix(path.suffix)  # which no link to itself stops
    if path.is_dir() and (path / "manifest.json").exists() and not (path / "result.json").exists():
        raise BadInput(f"{path}: the run has no result yet; it is compared when it is finished")
    if not path.exists():
        raise BadInput(f"{path}: there is no such file or run directory")
    files = [path] if path.is_file() else [path / "result.json"] if (path / "result.json").exists() else sorted(path.glob("*.json*"))
    results = [(file, fields) for file in files for fields in _results(file)]
    results_ = tuple(result for file, fields in results for result in _result_files(name, file, fields))
    if not results_:
        raise BadInput(f"{path}: no result in it; `aha eval … --json` writes one, and so does a finished run")
    return Run(name, results_, tuple(point for _, fields in results for point in _curve(fields)))


def same_benchmark(name: str) -> str:
    """One spelling for all: case, blanks and signs do not count."""
    plain = "".join(character for character in name.lower() if character.isalnum())
    return ALIASES.get(plain, plain)


def _results(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        value = parse_json(read_file(path, DOCUMENT))
    except NotJson:
        value = [value for _, value in read_records(path)]
    for fields in value if isinstance(value, list) else [value]:
        if not isinstance(fields, dict):
            raise BadInput(f"{path}: {str(fields)[:40]!r} where a result should stand")
        yield new_result(fields)


def _result_files(name: str, path: Path, fields: Mapping[str, Any]) -> Iterator[ResultFile]:
    if isinstance(fields.get("base"), dict) and isinstance(fields.get("zero"), dict):
        benchmark = str(fields.get("benchmark", "countdown"))
        pair = (ResultFile(f"{name} (base)", benchmark, fields["base"]), ResultFile(f"{name} (trained)", benchmark, fields["zero"]))
        if not all(result.headline is not None for result in pair):
            raise BadInput(f"{path}: its base and zero have no score (pass@1)")
        yield from pair
        return
    benchmark_name = fields.get("benchmark") or next((benchmark_ for key, benchmark_ in NAMING_FIELDS.items() if key in fields), None)
    result = ResultFile(str(fields.get("name") or name), str(benchmark_name), fields)
    if benchmark_name is None or result.headline is None:
        raise BadInput(f"{path}: a result has a benchmark and its score (pass@1); this one has {', '.join(fields) or 'nothing'}")
    yield result


def _curve(fields: Mapping[str, Any]) -> Iterator[CurvePoint]:
    points = fields.get("curve")
    for point in points if isinstance(points, list) else ():
        match point:
            case {"rollout": None | int() as rollout} if (value := _value(point, "pass@1", 100.0)) is not None:
                yield CurvePoint(0 if rollout is None else rollout + 1, value)


def _value(fields: Mapping[str, Any], name: str, times: float) -> ResultValue | None:
    value = fields.get(name)
    if not isinstance(value, float | int) or isinstance(value, bool):
        return None
    unverified = fields.get("protocol") == "unverified"
    match fields.get("ci95"):
        case [int() | float() as low, int() | float() as high] if name in ("pass@1", "score"):
            return ResultValue(times * value, times * low, times * high, unverified)
    return ResultValue(times * value, unverified=unverified)
