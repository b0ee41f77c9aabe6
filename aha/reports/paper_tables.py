"""Measured results: result files and run directories, as `aha eval` and `aha run` wrote them, under the paper's names of benchmarks.

Our results are put into the paper's tables, and those tables are written as Markdown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.durable import DOCUMENT, read_file, read_records
from aha.errors import BadInput
from aha.json_text import NotJson, parse_json
from aha.paper import Column, PublishedTable, tables
from aha.plain import one_line
from aha.rundir.old_names import new_result

ALIASES = {  # a benchmark's other names -> the canonical name of the paper's column
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
NAMING_FIELDS = {
    "lc_win_rate": "alpaca_eval",
    "percentile": "codeforces",
    "score": "arena_hard",
}  # for results that name no benchmark
PER_CENT = {"LC-winrate": "lc_win_rate", "GPT-4-1106": "score", "Percentile": "percentile", "rating": "rating", "Rating": "rating"}


@dataclass(frozen=True)
class ResultValue:
    """A value in per cent, or a rating, with its 95 % interval if it has one. `unverified`: the prompt was not checked against its source,
    so that this is no measurement of the published number."""

    value: float
    low: float | None = None
    high: float | None = None
    unverified: bool = False


@dataclass(frozen=True)
class CurvePoint:
    """The result of the checkpoint after so many rollouts, 0 for the base."""

    rollouts: int
    value: ResultValue


@dataclass(frozen=True)
class ResultFile:
    """The result of one model on one benchmark; `fields` is the result as it was written."""

    model: str
    benchmark: str
    fields: Mapping[str, Any]

    def value(self, column: Column) -> ResultValue | None:
        """Return the value for a column of the paper; `None` if this is another benchmark or has no such number."""
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
        """True if the result marks its protocol as unverified."""
        return self.fields.get("protocol") == "unverified"

    @property
    def headline(self) -> ResultValue | None:
        """The value of pass@1, or the benchmark's own main number."""
        shares, rates = ("pass@1",), ("lc_win_rate", "score", "rating")
        return next((value for name in shares if (value := _value(self.fields, name, 100.0))), None) or next(
            (value for name in rates if (value := _value(self.fields, name, 1.0))), None
        )


@dataclass(frozen=True)
class Run:
    """The results of a RUN of the command line, and pass@1 over its checkpoints if it was measured."""

    name: str
    results: tuple[ResultFile, ...]
    curve: tuple[CurvePoint, ...] = ()


def read_run(word: str) -> Run:
    """Read `PATH` or `NAME=PATH`: a result file, a folder of them, or a run directory. BadInput if there is no result in it."""
    name, equals, place = word.partition("=")
    path = Path(place if equals else word).expanduser()
    name = name if equals else Path(os.path.realpath(path)).name.removesuffix(path.suffix)  # realpath does not fail on a link to itself
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
    """Return a name in its canonical spelling: case, blanks and punctuation do not count."""
    plain = "".join(character for character in name.lower() if character.isalnum())
    return ALIASES.get(plain, plain)


def _results(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        value = parse_json(read_file(path, DOCUMENT))
    except NotJson:
        value = [value for _, value in read_records(path)]
    for fields in value if isinstance(value, list) else [value]:
        if not isinstance(fields, dict):
            raise BadInput(f"{path}: {str(fields)[:40]!r} where a result should be")
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


PAPER_TABLES = ("table2", "table4", "table5", "table6")
CAPTIONS = {
    "table2": "R1-Zero and OpenAI's o1 models on reasoning",
    "table4": "R1 and other models, all benchmarks",
    "table5": "the distilled models on reasoning",
    "table6": "a distilled model and one trained by RL alone",
}
MARK = " †"
RATES = (("truncated", "cut"), ("unparsed", "no answer read"), ("refused", "declined"), ("abstained", "not gradable"))


@dataclass(frozen=True)
class Line:
    """A row of a grid; `ours`: the numbers of our own cells."""

    label: str
    cells: tuple[str, ...]
    ours: frozenset[int] = frozenset()
    group: str = ""


@dataclass(frozen=True)
class Grid:
    """A table for display. `source`: the place where its numbers are printed, or what was measured."""

    title: str
    source: str
    head: tuple[str, ...]
    lines: tuple[Line, ...]
    key: str = ""


def paper_grids(runs: Sequence[Run]) -> list[Grid]:
    """Return Tables 2, 4, 5 and 6 with a row (in Table 4 a column) for each of our models that has a number for them."""
    return [_grid(tables()[key], models_of(runs)) for key in PAPER_TABLES]


def models_of(runs: Sequence[Run]) -> dict[str, list[ResultFile]]:
    """Return the results of each model, over all runs."""
    by_model: dict[str, list[ResultFile]] = {}
    for run in runs:
        for result in run.results:
            by_model.setdefault(result.model, []).append(result)
    return by_model


def value_of(results: Sequence[ResultFile], column: Column) -> ResultValue | None:
    """Return a model's value for a column; of several, the last one measured."""
    return next((value for result in reversed(results) if (value := result.value(column)) is not None), None)


def format_cell(value: float | None, column: Column) -> str:
    """Return a value as the paper prints it: one decimal, ratings without, a dash for None."""
    return "–" if value is None else f"{value:.0f}" if column.is_rating else f"{value:.1f}"


def measured_grid(runs: Sequence[Run]) -> Grid:
    """Return every result of ours with its interval and the rates that qualify it, even for benchmarks that the paper lacks."""
    lines = [_line(result) for run in runs for result in run.results]
    head = ("model", "benchmark", "score", "95 % interval", "cons@k", "k", "problems", *(name for _, name in RATES))
    return Grid("What was measured here", "per cent, but for ratings; the interval is over problems", head, tuple(lines))


def unverified_note(runs: Sequence[Run]) -> str:
    """Return the meaning of the mark and the marked benchmarks; empty if there are none."""
    names = dict.fromkeys(result.benchmark for run in runs for result in run.results if result.unverified)
    return f"{MARK.strip()} protocol: unverified: asked with a prompt not checked against its source ({', '.join(names)})." if names else ""


def curve_grid(run: Run) -> Grid:
    """Return pass@1 over a run's checkpoints, as in Figure 2."""
    lines = [Line(str(point.rollouts), (f"{point.value.value:.1f}", _interval(point.value))) for point in run.curve]
    return Grid(run.name, "held-out pass@1 over the checkpoints", ("rollouts", "pass@1", "95 % interval"), tuple(lines))


def markdown(grids: Sequence[Grid]) -> str:
    """Return the grids as Markdown, one below the other."""
    return "\n\n".join(_markdown(grid) for grid in grids) + "\n"


def _grid(table: PublishedTable, by_model: dict[str, list[ResultFile]]) -> Grid:
    values = {model: [value_of(results, column) for column in table.columns] for model, results in by_model.items()}
    rows = {model: row for model, row in values.items() if any(value is not None for value in row)}
    source = f"{table.name}, page {table.page}"
    if table.key == "table4":
        head = ("benchmark", *(row.model for row in table.rows), *rows)
        ours_at = frozenset(range(len(table.rows), len(table.rows) + len(rows)))
        lines = [
            Line(
                f"{column.benchmark} ({column.metric})",
                (
                    *(format_cell(row.values[at], column) for row in table.rows),
                    *(_format_value(rows[at], column) for rows in rows.values()),
                ),
                ours_at,
                column.group,
            )
            for at, column in enumerate(table.columns)
        ]
        return Grid(CAPTIONS[table.key], source, head, tuple(lines), table.key)
    paper_lines = [Line(row.model, tuple(map(format_cell, row.values, table.columns))) for row in table.rows]
    every = frozenset(range(len(table.columns)))
    our_lines = [Line(model, tuple(map(_format_value, row, table.columns)), every) for model, row in rows.items()]
    head = ("model", *(f"{column.benchmark} ({column.metric})" for column in table.columns))
    return Grid(CAPTIONS[table.key], source, head, (*paper_lines, *our_lines), table.key)


def _format_value(value: ResultValue | None, column: Column) -> str:
    return "" if value is None else format_cell(value.value, column) + MARK * value.unverified


def _line(result: ResultFile) -> Line:
    value, fields = result.headline, result.fields
    assert value is not None
    rates = tuple(_share(fields.get(key)) for key, _ in RATES)
    count = fields.get("problems", fields.get("n", ""))
    unit = f"{value.value:.0f}" if "rating" in fields else f"{value.value:.1f}"
    cons = fields.get("cons@k", fields.get(f"cons@{fields.get('k')}"))
    return Line(
        result.model,
        (result.benchmark, unit + MARK * result.unverified, _interval(value), _share(cons), str(fields.get("k", "")), str(count), *rates),
    )


def _share(value: object) -> str:
    return f"{100 * value:.1f}" if isinstance(value, float | int) else ""


def _interval(value: ResultValue) -> str:
    return "" if value.low is None or value.high is None else f"{value.low:.1f} to {value.high:.1f}"


def _markdown(grid: Grid) -> str:
    lines = [f"### {marked_text(grid.title[:1].upper() + grid.title[1:])}", "", marked_text(grid.source), ""]
    lines += ["| " + " | ".join(map(marked_text, grid.head)) + " |", "|---" + "|---:" * (len(grid.head) - 1) + "|"]
    for line in grid.lines:
        cells = [f"**{cell}**" if at in line.ours and cell else cell for at, cell in enumerate(map(marked_text, line.cells))]
        label = marked_text(line.label)
        label = f"**{label}**" if line.ours and grid.key != "table4" else label
        lines.append("| " + " | ".join((label, *cells)) + " |")
    return "\n".join(lines)


def marked_text(text: str) -> str:
    """Return text from outside as one line for Markdown: it can make no element, link or cell."""
    return re.sub(r"[\\|<\[`&]", r"\\\g<0>", one_line(text))
