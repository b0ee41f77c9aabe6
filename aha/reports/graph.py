"""A graph of stages as one page: what each model can do, what each stage did, and the same prompts answered by all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aha.reports.charts import Chart, Series
from aha.reports.drawing import svg
from aha.reports.page import render
from aha.reports.samples import Kind, pieces
from aha.reports.stage_charts import kind_of, last, stage_charts

TEMPLATE = "graph.html.jinja"
WIDE, NARROW = (11, 3.4), (5.4, 2.7)
PAIR = ("reasoning", "instruction")


@dataclass(frozen=True)
class MeasuredValue:
    """A share with its 95 % interval, where it has one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Model:
    """A measured model's row of the table, by the name of the column."""

    name: str
    values: Mapping[str, MeasuredValue]


@dataclass(frozen=True)
class StageCard:
    """A stage. `came`: what its result says in numbers, a word each. `place`: a relative link to its folder; `report`: to its page.
    `metrics`: a line a rollout or step. `marks`: (optimizer step, what happened there). `notes`: what changes within the stage."""

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
    """What one model said; `value` from 0 to 1, of which general prompts know what lies between."""

    model: str
    text: str
    tokens: int
    value: float
    form: bool
    general: bool

    @property
    def pieces(self) -> tuple[tuple[Kind, str], ...]:
        """The text, cut where the page marks something."""
        return pieces(self.text)

    @property
    def verdict(self) -> tuple[Literal["right", "wrong", "broke-template"], str]:
        """The badge's look, and its words."""
        if self.general:
            return ("right" if self.value > 0.99 else "broke-template" if self.value > 0 else "wrong"), f"{100 * self.value:.0f} % of marks"
        return ("right", "right") if self.value else ("wrong", "wrong") if self.form else ("broke-template", "broke template")


@dataclass(frozen=True)
class QuestionRow:
    """One held-out prompt, and what every measured model said to it."""

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
    """All that the page shows. `facts`: by their name, for the head of the page."""

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
        """Whether every stage has its result."""
        return all(stage.state in ("done", "skipped", "redone", "kept") for stage in self.stages)


@dataclass(frozen=True)
class GraphCharts:
    """A chart and its drawing; a wide one has the row to itself."""

    chart: Chart
    drawing: str
    wide: bool = False


@dataclass(frozen=True)
class Curves:
    """A stage with its plots, and what stands beside its name."""

    stage: StageCard
    charts: tuple[GraphCharts, ...]
    summary: str = ""


def graph_html(whole: Whole) -> str:
    """The whole page, nothing to load from elsewhere."""
    curves = [charts_ for stage in whole.stages if (charts_ := _curves(stage)).charts]
    by_kind = {
        kind: [charts_ for charts_ in curves if kind_of(charts_.stage.metrics) == kind] for kind in ("reinforcement", "learning", "other")
    }
    return render(
        TEMPLATE,
        whole=whole,
        measured=_model_charts(whole),
        best=_best(whole),
        funnels=[stage for stage in whole.stages if stage.funnel],
        domains=_by_domain(whole.questions),
        reinforcement=by_kind["reinforcement"],
        learning=by_kind["learning"],
        other=by_kind["other"],
    )


def _model_charts(whole: Whole) -> GraphCharts | None:
    """Reasoning and instruction over the stages; None where fewer than two models have both."""
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
    """The highest value of each column, of two models or more."""
    columns = {name: [model.values[name].value for model in whole.models if name in model.values] for name in whole.columns}
    return {name: max(values) for name, values in columns.items() if len(values) > 1 and max(values) > min(values)}


def _curves(stage: StageCard) -> Curves:
    charts = stage_charts(stage.name, stage.metrics, stage.marks)
    first = len(charts) % 2 == 1 or kind_of(stage.metrics) == "reinforcement"  # an odd one, and accuracy, has the row to itself
    sizes = [first and place == 0 for place in range(len(charts))]
    graph_charts = tuple(
        GraphCharts(chart, svg(chart, *(WIDE if wide else NARROW)), wide) for chart, wide in zip(charts, sizes, strict=True)
    )
    agreement = last(stage.metrics, "held_out/agreement")
    return Curves(stage, graph_charts, "" if agreement is None else f"held-out agreement {100 * agreement:.0f} %")


def _by_domain(rows: Sequence[QuestionRow]) -> dict[str, list[QuestionRow]]:
    return {domain: [row for row in rows if row.domain == domain] for domain in dict.fromkeys(row.domain for row in rows)}
