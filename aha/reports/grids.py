"""Our results in the paper's tables, and those tables as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aha.paper import Column, PublishedTable, tables
from aha.plain import one_line
from aha.reports.results import ResultFile, ResultValue, Run

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
    """A row of a grid; `ours`: which of its cells are ours, by number."""

    label: str
    cells: tuple[str, ...]
    ours: frozenset[int] = frozenset()
    group: str = ""


@dataclass(frozen=True)
class Grid:
    """A table as it is shown. `source`: where its numbers are printed, or what was measured."""

    title: str
    source: str
    head: tuple[str, ...]
    lines: tuple[Line, ...]
    key: str = ""


def paper_grids(runs: Sequence[Run]) -> list[Grid]:
    """Tables 2, 4, 5 and 6 with a row (in Table 4 a column) for each of our models that has a number for them."""
    return [_grid(tables()[key], models_of(runs)) for key in PAPER_TABLES]


def models_of(runs: Sequence[Run]) -> dict[str, list[ResultFile]]:
    """What was measured of each model, over all runs."""
    by_model: dict[str, list[ResultFile]] = {}
    for run in runs:
        for result in run.results:
            by_model.setdefault(result.model, []).append(result)
    return by_model


def value_of(results: Sequence[ResultFile], column: Column) -> ResultValue | None:
    """A model's value for a column; the last one measured where there are several."""
    return next((value for result in reversed(results) if (value := result.value(column)) is not None), None)


def format_cell(value: float | None, column: Column) -> str:
    """As the paper prints it: one decimal, ratings without, a dash for nothing."""
    return "–" if value is None else f"{value:.0f}" if column.is_rating else f"{value:.1f}"


def measured_grid(runs: Sequence[Run]) -> Grid:
    """Every result of ours with its interval and the rates that qualify it, whether the paper has the benchmark or not."""
    lines = [_line(result) for run in runs for result in run.results]
    head = ("model", "benchmark", "score", "95 % interval", "cons@k", "k", "problems", *(name for _, name in RATES))
    return Grid("What was measured here", "per cent, but for ratings; the interval is over problems", head, tuple(lines))


def unverified_note(runs: Sequence[Run]) -> str:
    """What the mark says, and of which benchmarks; empty where none is marked."""
    names = dict.fromkeys(result.benchmark for run in runs for result in run.results if result.unverified)
    return f"{MARK.strip()} protocol: unverified: asked with a prompt not checked against its source ({', '.join(names)})." if names else ""


def curve_grid(run: Run) -> Grid:
    """pass@1 over a run's checkpoints, as in Figure 2."""
    lines = [Line(str(point.rollouts), (f"{point.value.value:.1f}", _interval(point.value))) for point in run.curve]
    return Grid(run.name, "held-out pass@1 over the checkpoints", ("rollouts", "pass@1", "95 % interval"), tuple(lines))


def markdown(grids: Sequence[Grid]) -> str:
    """The grids one below the other."""
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
    """Return a text of anybody's as Markdown shows it, in one line: it makes no element, no link and no cell of its own."""
    return re.sub(r"[\\|<\[`&]", r"\\\g<0>", one_line(text))
