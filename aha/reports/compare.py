"""The comparison of runs on one page: the paper's Figure 1 with our bars, its tables with our rows, our curves as in its Figure 2."""

from __future__ import annotations

from collections.abc import Sequence

from aha.paper import SOURCE, tables
from aha.reports.charts import Chart, Series
from aha.reports.drawing import Bar, Bars, bar_svg, svg
from aha.reports.page import render
from aha.reports.paper_tables import (
    MARK,
    Grid,
    Line,
    ResultFile,
    ResultValue,
    Run,
    curve_grid,
    markdown,
    marked_text,
    measured_grid,
    models_of,
    paper_grids,
    unverified_note,
    value_of,
)

TEMPLATE = "compare.html.jinja"
WIDE = (11, 4.2)


def compare_html(runs: Sequence[Run]) -> str:
    """Return the whole page, which loads nothing from elsewhere."""
    figure, curves = figure_1(runs), figure_2(runs)
    return render(
        TEMPLATE,
        names=list(models_of(runs)),
        source=SOURCE,
        figure=figure,
        figure_drawing=bar_svg(figure, *WIDE),
        curves=curves,
        curves_drawing=svg(curves, *WIDE) if curves.series else "",
        training=published_training(),
        measured=measured_grid(runs),
        tables=paper_grids(runs),
        missing=_missing(runs),
        unverified=unverified_note(runs),
    )


def compare_markdown(runs: Sequence[Run]) -> str:
    """Return the comparison as Markdown, without pictures."""
    curves = [curve_grid(run) for run in runs if run.curve]
    note = f" {unverified_note(runs)}".rstrip()
    return f"# {' · '.join(map(marked_text, models_of(runs)))}\n\nPublished numbers: {SOURCE}. Bold: measured here.{note}\n\n" + markdown(
        [measured_grid(runs), _figure_grid(runs), *paper_grids(runs), *curves]
    )


def figure_1(runs: Sequence[Run]) -> Bars:
    """Return the bars of six benchmarks for our models, which come first to stand out, and the paper's five."""
    table = tables()["figure1"]
    our_bars = [_bar(model, results) for model, results in models_of(runs).items()]
    paper_bars = [Bar(row.model, row.values, (None,) * len(row.values), ours=False) for row in table.rows]
    bars = [bar for bar in our_bars if any(value is not None for value in bar.values)]
    return Bars(tuple(f"{column.benchmark}\n({column.metric})" for column in table.columns), (*bars, *paper_bars))


def figure_2(runs: Sequence[Run]) -> Chart:
    """Return the chart of held-out pass@1 over each run's checkpoints."""
    series = [
        Series(
            run.name,
            tuple(float(point.rollouts) for point in run.curve),
            tuple(point.value.value / 100 for point in run.curve),
            tuple((_or(point.value.low, point.value.value) / 100, _or(point.value.high, point.value.value) / 100) for point in run.curve),
        )
        for run in runs
        if run.curve
    ]
    means = "The share of right replies to problems that no training has seen, at each checkpoint, with 95 % intervals over problems."
    look = "In the paper R1-Zero climbs steadily; a curve that rises and falls again has been trained too long or too hard."
    return Chart("pass_at_1", "Held-out pass@1 during training", "share", means, look, tuple(series), joined=True)


def published_training() -> str:
    """Return the figures that the paper states for its Figure 2; the curve itself is not published as numbers."""
    figure = tables()["figure2"]
    (row,) = figure.rows
    first, last, majority = row.values
    return f"{row.model} in the paper ({figure.name}, page {figure.page}): AIME 2024 from {first} to {last}, {majority} by majority vote."


def _bar(model: str, results: Sequence[ResultFile]) -> Bar:
    values = _values(results)
    intervals = tuple(
        (value.low, value.high) if value is not None and value.low is not None and value.high is not None else None for value in values
    )
    return Bar(model, tuple(value.value if value is not None else None for value in values), intervals, ours=True)


def _values(results: Sequence[ResultFile]) -> list[ResultValue | None]:
    return [value_of(results, column) for column in tables()["figure1"].columns]


def _figure_grid(runs: Sequence[Run]) -> Grid:
    bars = figure_1(runs)
    head = ("model", *(name.replace("\n", " ") for name in bars.groups))
    every = frozenset(range(len(bars.groups)))
    flags = {model: [value is not None and value.unverified for value in _values(results)] for model, results in models_of(runs).items()}
    lines = []
    for bar in bars.bars:
        marks = flags.get(bar.name, []) if bar.ours else []
        cells = ("" if value is None else f"{value:.1f}" + MARK * any(marks[at : at + 1]) for at, value in enumerate(bar.values))
        lines.append(Line(bar.name, tuple(cells), every if bar.ours else frozenset()))
    return Grid("benchmark performance", "Figure 1, page 1", head, tuple(lines))


def _missing(runs: Sequence[Run]) -> str:
    absent = [model for model, results in models_of(runs).items() if not any(value is not None for value in _bar(model, results).values)]
    return f"Not measured on any of these: {', '.join(absent)}." if absent else ""


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
