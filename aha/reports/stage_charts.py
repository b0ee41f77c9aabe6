"""Which curves stand for a stage of a graph, by what its metrics hold; a user's own stage has what it recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from statistics import fmean
from typing import Literal

from aha.reports.charts import PLANS, Chart, ChartLayout, Rows, Series, Unit, chart_of, curve, sampled_at, visible_series, weights

Kind = Literal["reinforcement", "learning", "rows", "other"]
MOST = 200  # points of a curve; more are averaged, as no eye tells them apart
RULES = ("accuracy", "format", "language")  # rewards by rule, which have plots of their own
MOST_OTHER_CHARTS = 4  # plots of a stage whose metrics nobody here knows
COUNTERS = ("rollout", "step", "epoch", "tokens", "skipped", "examples", "trained_tokens", "updates", "rounds")
PLAN_OF_KEY = {plan.key: plan for plan in PLANS}
FORM = ChartLayout(
    "form", "Format and language", "share",
    (("format", "keep the template"), ("reward/language", "language consistency"), ("mixing", "mix languages")),
    "Replies in the form that was asked for; words in the prompt’s language; replies whose thought holds words of both.",
    "The first two rise or stay high while accuracy does; the third falls where consistency is paid.",
)  # fmt: skip
RATE = ChartLayout("lr", "Learning rate", "number", (("lr", "of a step"),), "What the optimizer takes of each step.", "")
LOSS = ChartLayout(
    "loss", "Loss", "number", (("loss", "in training"), ("held_out/loss", "held out")),
    "How far the model is from what it imitates or should prefer, in nats.",
    "It falls fast and then slowly; a held-out loss that turns upwards is memory.",
)  # fmt: skip
AGREEMENT = ChartLayout(
    "agreement", "Agreement", "share", (("agreement", "in training"), ("held_out/agreement", "held out")),
    "How often the preference model decides as the annotator did.",
    "The held-out points say how far it can be trusted; the noise of the annotator is their limit.",
)  # fmt: skip


def kind_of(rows: Rows) -> Kind:
    """What the stage does, as its metrics tell."""
    names = {name for row in rows for name in row}
    if "kept" in names or any(name.startswith("funnel/") for name in names):
        return "rows"
    if "reward" in names or "dead_groups" in names:
        return "reinforcement"
    return "learning" if "loss" in names else "other"


def stage_charts(name: str, rows: Rows, marks: Sequence[tuple[float, str]] = ()) -> list[Chart]:
    """Every plot that the stage has two points for. `marks`: (optimizer step, what happened there)."""
    if len(rows) < 2:
        return []
    at = sampled_at(rows)
    makers = {"reinforcement": _reinforcement, "learning": _learning, "rows": _no_charts, "other": _other_charts}
    stage_charts_ = (replace(chart, series=tuple(map(thin, chart.series))) for chart in makers[kind_of(rows)](rows, at))
    chart_list = [replace(chart, key=f"{name}-{chart.key}", marks=tuple(marks)) for chart in stage_charts_ if chart.series]
    return [replace(chart, steep=_is_steep(chart)) if chart.title == LOSS.title else chart for chart in chart_list]


def thin(series: Series, most: int = MOST) -> Series:
    """At most so many points, each the mean of as many neighbours; the last may have fewer."""
    size = -(-len(series.x) // most)
    if size == 1 or series.interval:
        return series
    cuts = range(0, len(series.x), size)
    x, y = (tuple(fmean(values[cut : cut + size]) for cut in cuts) for values in (series.x, series.y))
    return Series(series.name, x, y)


def _reinforcement(rows: Rows, at: Sequence[float]) -> Iterator[Chart]:
    yield _accuracy(rows, at)
    yield chart_of(PLAN_OF_KEY["length"], rows, at)
    yield chart_of(FORM, rows, at)
    yield _preferences(rows, at)
    yield chart_of(PLAN_OF_KEY["probe"], rows, at)
    yield weights(rows, at)
    for plan in (PLAN_OF_KEY["schedule"], PLAN_OF_KEY["temperature"], PLAN_OF_KEY["entropy"], RATE):
        yield chart_of(plan, rows, at)


def _accuracy(rows: Rows, at: Sequence[float]) -> Chart:
    domains = sorted({name for row in rows for name in row if name.startswith("accuracy/")})
    names = [("accuracy", "all" if domains else "training prompts"), *((name, name.removeprefix("accuracy/")) for name in domains)]
    means = "The share of sampled replies that are right, of the prompts that can be checked" + (", and by domain." if domains else ".")
    look = "These are training prompts: only held-out ones say what carries over."
    return Chart("accuracy", "Accuracy", "share", means, look, visible_series([curve(rows, at, name, label) for name, label in names]))


def _preferences(rows: Rows, at: Sequence[float]) -> Chart:
    parts = sorted({name for row in rows for name in row if name.startswith("reward/")} - {f"reward/{name}" for name in RULES})
    curves = visible_series([curve(rows, at, name, name.removeprefix("reward/")) for name in parts])
    unit: Unit = "share" if all(0 <= value <= 1 for series in curves for value in series.y) else "number"
    means = "What the other rewards say of the sampled replies, before their weight: those of preference models, for instance."
    look = "A preference that rises while accuracy falls is being hacked."
    return Chart("preferences", "Preferences", unit, means, look, curves)


def _learning(rows: Rows, at: Sequence[float]) -> Iterator[Chart]:
    for plan in (LOSS, AGREEMENT, RATE):
        yield chart_of(plan, rows, at)


def _no_charts(rows: Rows, at: Sequence[float]) -> Iterator[Chart]:
    """A stage that makes rows is told by its counts."""
    return iter(())


def _other_charts(rows: Rows, at: Sequence[float]) -> Iterator[Chart]:
    names = [name for name in dict.fromkeys(chain.from_iterable(rows)) if name not in COUNTERS]
    for name in names[:MOST_OTHER_CHARTS]:
        yield Chart(name, name, "number", "", "", visible_series([curve(rows, at, name, name)]))


def _is_steep(chart: Chart) -> bool:
    """Where the beginning is so high that the rest would lie flat on the ground."""
    values = [value for series in chart.series for value in series.y if math.isfinite(value)]
    return min(values) > 0 and max(values) > 20 * min(values)


def marks_of(rows: Rows) -> list[tuple[float, str]]:
    """Where a probe ended the run, and with which weights."""
    return [(row.get("step", 0.0), f"back to rollout {row['rolled_back_to']:.0f}") for row in rows if "rolled_back_to" in row]


def last(rows: Sequence[Mapping[str, float]], name: str) -> float | None:
    """The newest value of a metric."""
    return next((row[name] for row in reversed(rows) if name in row), None)
