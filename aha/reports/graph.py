"""A graph of stages as one page: the abilities of each model, the work of each stage, and the same prompts answered by all models.

The curves of a stage are chosen by its metrics; a user's own stage shows what it recorded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import fmean
from typing import Any, Literal

from aha.reports.charts import PLANS, Chart, ChartLayout, Rows, Series, Unit, chart_of, curve, sampled_at, visible_series, weights
from aha.reports.drawing import svg
from aha.reports.page import Kind, pieces, render

StageKind = Literal["reinforcement", "learning", "rows", "other"]
MOST = 200  # points of a curve; more are averaged, since they could not be seen
RULES = ("accuracy", "format", "language")  # rule rewards, which have plots of their own
MOST_OTHER_CHARTS = 4  # plots of a stage with unknown metrics
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


def kind_of(rows: Rows) -> StageKind:
    """Return the kind of a stage, by its metrics."""
    names = {name for row in rows for name in row}
    if "kept" in names or any(name.startswith("funnel/") for name in names):
        return "rows"
    if "reward" in names or "dead_groups" in names:
        return "reinforcement"
    return "learning" if "loss" in names else "other"


def stage_charts(name: str, rows: Rows, marks: Sequence[tuple[float, str]] = ()) -> list[Chart]:
    """Return every plot for which the stage has two points. `marks`: (optimizer step, event)."""
    if len(rows) < 2:
        return []
    at = sampled_at(rows)
    makers = {"reinforcement": _reinforcement, "learning": _learning, "rows": _no_charts, "other": _other_charts}
    stage_charts_ = (replace(chart, series=tuple(map(thin, chart.series))) for chart in makers[kind_of(rows)](rows, at))
    chart_list = [replace(chart, key=f"{name}-{chart.key}", marks=tuple(marks)) for chart in stage_charts_ if chart.series]
    return [replace(chart, steep=_is_steep(chart)) if chart.title == LOSS.title else chart for chart in chart_list]


def thin(series: Series, most: int = MOST) -> Series:
    """Reduce a curve to at most `most` points, each the mean of as many neighbours; the last may have fewer."""
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
    """Return no charts for a stage that makes rows: its counts are shown instead."""
    return iter(())


def _other_charts(rows: Rows, at: Sequence[float]) -> Iterator[Chart]:
    names = [name for name in dict.fromkeys(chain.from_iterable(rows)) if name not in COUNTERS]
    for name in names[:MOST_OTHER_CHARTS]:
        yield Chart(name, name, "number", "", "", visible_series([curve(rows, at, name, name)]))


def _is_steep(chart: Chart) -> bool:
    """Return True if the beginning is so high that the rest would look flat."""
    values = [value for series in chart.series for value in series.y if math.isfinite(value)]
    return min(values) > 0 and max(values) > 20 * min(values)


def marks_of(rows: Rows) -> list[tuple[float, str]]:
    """Return a mark at each step where a probe ended the run, with the rollout that it went back to."""
    return [(row.get("step", 0.0), f"back to rollout {row['rolled_back_to']:.0f}") for row in rows if "rolled_back_to" in row]


def last(rows: Sequence[Mapping[str, float]], name: str) -> float | None:
    """Return the newest value of a metric."""
    return next((row[name] for row in reversed(rows) if name in row), None)


TEMPLATE = "graph.html.jinja"
WIDE, NARROW = (11, 3.4), (5.4, 2.7)
PAIR = ("reasoning", "instruction")


@dataclass(frozen=True)
class MeasuredValue:
    """A share with its 95 % interval, if it has one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Model:
    """The table row of a measured model: its values by the name of the column."""

    name: str
    values: Mapping[str, MeasuredValue]


@dataclass(frozen=True)
class StageCard:
    """A stage on the page. `came`: the numbers of its result, each with a word. `place`: a relative link to its folder; `report`: to its
    page. `metrics`: one line per rollout or step. `marks`: (optimizer step, event). `notes`: changes within the stage."""

    name: str
    kind: str
    state: str
    why: str = ""
    took: str = ""
    key: str = ""
    place: str = ""
    report: str = ""
    came: tuple[str, ...] = ()
    metrics: tuple[Mapping[str, float], ...] = ()
    marks: tuple[tuple[float, str], ...] = ()
    notes: tuple[str, ...] = ()
    funnel: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class AnswerCell:
    """The reply of one model; `value` is 0 to 1, for general prompts also in between."""

    model: str
    text: str
    tokens: int
    value: float
    form: bool
    general: bool

    @property
    def pieces(self) -> tuple[tuple[Kind, str], ...]:
        """The text, cut where the page highlights something."""
        return pieces(self.text)

    @property
    def verdict(self) -> tuple[Literal["right", "wrong", "broke-template"], str]:
        """The style of the badge, and its words."""
        if self.general:
            return ("right" if self.value > 0.99 else "broke-template" if self.value > 0 else "wrong"), f"{100 * self.value:.0f} % of marks"
        return ("right", "right") if self.value else ("wrong", "wrong") if self.form else ("broke-template", "broke template")


@dataclass(frozen=True)
class QuestionRow:
    """One held-out prompt, and the replies of all measured models."""

    domain: str
    language: str
    question: str
    answers: tuple[AnswerCell, ...]


@dataclass(frozen=True)
class ClaimRow:
    """A line of the table of claims."""

    name: str
    paper: str
    ours: str
    value: float
    low: float
    high: float
    holds: bool


@dataclass(frozen=True)
class Whole:
    """The content of the page. `facts`: by their name, for the head of the page."""

    title: str
    recipe: str
    facts: Mapping[str, str]
    stages: tuple[StageCard, ...]
    columns: tuple[str, ...] = ()
    models: tuple[Model, ...] = ()
    questions: tuple[QuestionRow, ...] = ()
    claims: tuple[ClaimRow, ...] = ()
    argv: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """True if every stage has its result."""
        return all(stage.state in ("done", "skipped", "redone", "kept") for stage in self.stages)


@dataclass(frozen=True)
class GraphCharts:
    """A chart and its drawing; a wide one takes the whole row."""

    chart: Chart
    drawing: str
    wide: bool = False


@dataclass(frozen=True)
class Curves:
    """A stage with its plots, and the note beside its name."""

    stage: StageCard
    charts: tuple[GraphCharts, ...]
    summary: str = ""


def graph_html(whole: Whole) -> str:
    """Return the whole page, which loads nothing from elsewhere."""
    curves = [charts_ for stage in whole.stages if (charts_ := _curves(stage)).charts]
    by_kind: dict[str, Any] = {
        kind: [charts_ for charts_ in curves if kind_of(charts_.stage.metrics) == kind] for kind in ("reinforcement", "learning", "other")
    }
    return render(
        TEMPLATE,
        whole=whole,
        measured=_model_charts(whole),
        best=_best(whole),
        funnels=[stage for stage in whole.stages if stage.funnel],
        domains=_by_domain(whole.questions),
        **by_kind,
    )


def _model_charts(whole: Whole) -> GraphCharts | None:
    """Return the chart of reasoning and instruction over the stages; None if fewer than two models have both."""
    models = [model for model in whole.models if model.values.keys() >= set(PAIR)]
    if len(models) < 2:
        return None
    places = tuple(float(place) for place in range(len(models)))
    series = tuple(_over(name, places, [model.values[name] for model in models]) for name in PAIR)
    means = "Held-out problems of every reasoning domain, and general prompts by their rubric; the lines are 95 % intervals over problems."
    names = tuple(model.name for model in models)
    chart = Chart("measured", "Reasoning and instruction", "share", means, "", series, joined=True, ticks=names)
    return GraphCharts(chart, svg(chart, *WIDE), wide=True)


def _over(name: str, places: tuple[float, ...], values: Sequence[MeasuredValue]) -> Series:
    spread = tuple((value.value if value.low is None else value.low, value.value if value.high is None else value.high) for value in values)
    return Series(name, places, tuple(value.value for value in values), spread)


def _best(whole: Whole) -> dict[str, float]:
    """Return the highest value of each column that has two or more values, not all equal."""
    columns = {name: [model.values[name].value for model in whole.models if name in model.values] for name in whole.columns}
    return {name: max(values) for name, values in columns.items() if len(values) > 1 and max(values) > min(values)}


def _curves(stage: StageCard) -> Curves:
    charts = stage_charts(stage.name, stage.metrics, stage.marks)
    first = len(charts) % 2 == 1 or kind_of(stage.metrics) == "reinforcement"  # the first of an odd number, and accuracy, takes a whole row
    sizes = [first and place == 0 for place in range(len(charts))]
    graph_charts = tuple(
        GraphCharts(chart, svg(chart, *(WIDE if wide else NARROW)), wide) for chart, wide in zip(charts, sizes, strict=True)
    )
    agreement = last(stage.metrics, "held_out/agreement")
    return Curves(stage, graph_charts, "" if agreement is None else f"held-out agreement {100 * agreement:.0f} %")


def _by_domain(rows: Sequence[QuestionRow]) -> dict[str, list[QuestionRow]]:
    return {domain: [row for row in rows if row.domain == domain] for domain in dict.fromkeys(row.domain for row in rows)}
