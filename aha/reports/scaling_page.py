"""A model's test-time scaling as one page: the gain from more samples and longer thoughts, the cost of a solved problem, and the problems
that profit.

The page is drawn from the numbers of `aha scale`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aha.reports.charts import Chart, Series, format_value
from aha.reports.drawing import svg
from aha.reports.page import Kind, pieces, render

FORCED_ANSWER = "told to answer"


@dataclass(frozen=True)
class ScaledPoint:
    """A share of solved problems with its interval; `tokens` per problem, `tokens_per_solution` per solved one, if they are known."""

    x: float
    value: float
    low: float
    high: float
    tokens: float | None
    tokens_per_solution: float | None


@dataclass(frozen=True)
class ScaledCurve:
    """A way to spend more tokens; `x` names what its points count."""

    name: str
    x: str
    points: tuple[ScaledPoint, ...]


@dataclass(frozen=True)
class ScaledLevel:
    """The problems of one difficulty."""

    name: str
    problems: int
    pass_at_1: float
    tokens: float | None
    tokens_right: float | None
    tokens_per_solution: float | None
    curves: tuple[ScaledCurve, ...]


@dataclass(frozen=True)
class ScalingNumbers:
    """The numbers of the page, read from those of `aha scale --json`."""

    k: int
    samples: tuple[ScaledCurve, ...]
    budget: tuple[ScaledCurve, ...]
    longer: ScaledCurve | None
    levels: tuple[ScaledLevel, ...]


def read_numbers(numbers: Mapping[str, Any]) -> ScalingNumbers:
    """Return the curves in the numbers of `aha scale --json`."""
    longer = numbers["longer"]
    return ScalingNumbers(
        k=numbers["k"],
        samples=tuple(_curve(entry, "n") for entry in numbers["samples"]),
        budget=tuple(_curve(entry, "budget") for entry in numbers["budget"]),
        longer=None if longer is None else _curve(longer, "times"),
        levels=tuple(_level(entry) for entry in numbers["levels"]),
    )


def _curve(curve: Mapping[str, Any], x: str) -> ScaledCurve:
    def point(of: Mapping[str, Any]) -> ScaledPoint:
        low, high = of["ci95"]
        return ScaledPoint(of[x], of["accuracy"], low, high, of.get("tokens"), of.get("tokens_per_solved"))

    return ScaledCurve(curve["name"], x, tuple(map(point, curve["points"])))


def _level(level: Mapping[str, Any]) -> ScaledLevel:
    curves = (_curve(entry, "budget" if entry["name"] == FORCED_ANSWER else "n") for entry in level["curves"])
    token_counts = (level["tokens"], level["tokens_right"], level["tokens_per_solved"])
    return ScaledLevel(level["level"], level["problems"], level["pass@1"], *token_counts, tuple(curves))


TEMPLATE = "scaling.html.jinja"
WIDE, NARROW = (11, 3.8), (5.4, 3.0)


@dataclass(frozen=True)
class Cut:
    """One thought cut at one budget, and its continuation."""

    budget: str
    right: bool
    tokens: int
    pieces: tuple[tuple[Kind, str], ...]


@dataclass(frozen=True)
class CutExample:
    """One problem with the same thought cut at growing budgets."""

    question: str
    language: str
    cuts: tuple[Cut, ...]


@dataclass(frozen=True)
class ScalingCharts:
    """A chart with its drawing and the words below its axis."""

    chart: Chart
    drawing: str
    axis: str
    wide: bool = False


@dataclass(frozen=True)
class Cost:
    """A row of the table of costs; `best`: no other row pays less for a solved problem."""

    way: str
    accuracy: str
    interval: str
    tokens: str
    tokens_per_solution: str
    best: bool


def cut_example(question: str, language: str, texts: Sequence[tuple[str, bool, int, str]]) -> CutExample:
    """Return the example of texts given as (budget, right, tokens, text), the shortest budget first."""
    return CutExample(question, language, tuple(Cut(name, right, tokens, pieces(text)) for name, right, tokens, text in texts))


def scaling_html(numbers: Mapping[str, Any], title: str, facts: Mapping[str, str], example: CutExample | None = None) -> str:
    """Return the whole page, which loads nothing from elsewhere; `numbers` as in `aha scale --json`."""
    scaling_numbers = read_numbers(numbers)
    return render(
        TEMPLATE,
        title=title,
        facts=facts,
        headline=_headline(scaling_numbers),
        by_samples=_by_samples(scaling_numbers),
        by_thought=_by_thought(scaling_numbers),
        spent=_token_charts(scaling_numbers),
        costs=costs(scaling_numbers),
        levels=scaling_numbers.levels,
        by_level=_by_level(scaling_numbers.levels),
        example=example,
        shown=format_value,
    )


# --- charts -------------------------------------------------------------------------------------------------------------


def _by_samples(scaling_numbers: ScalingNumbers) -> list[ScalingCharts]:
    series = [_series(curve, interval=curve.name in ("pass@n", "cons@n")) for curve in scaling_numbers.samples]
    chart = Chart(
        "samples",
        "More samples",
        "share",
        "The share of problems that are solved with n samples of each. pass@n: one of them is right, which only someone who can check "
        "knows. cons@n: the most frequent answer is right. The others choose, or weigh votes, by a score of every sample. Means over all "
        "choices of n samples, weighted votes over 200 orders of them; the lines are 95 % intervals over problems.",
        "Between cons@n and pass@n lies what a better way to choose could still win.",
        tuple(series),
        joined=True,
        log=True,
        near=True,
    )
    return [ScalingCharts(chart, svg(chart, *WIDE), "samples a problem, n", wide=True)] if scaling_numbers.k > 1 else []


def _by_thought(scaling_numbers: ScalingNumbers) -> list[ScalingCharts]:
    charts = []
    if scaling_numbers.budget:
        cut = Chart(
            "budget",
            "Shorter thoughts",
            "share",
            "pass@1 by the tokens that are allowed. Told to answer: after so many tokens of thinking the end of the thought is written "
            "for it, and it answers. Stopped there: whoever has not finished the whole reply by then is wrong.",
            "A curve that rises: the thinking does the work. Where it is flat, shorter thoughts would do.",
            tuple(_series(curve) for curve in scaling_numbers.budget),
            level=scaling_numbers.samples[0].points[0].value,
            joined=True,
        )
        charts.append(ScalingCharts(cut, svg(cut, *NARROW), "tokens allowed; dashed: as long as it likes"))
    if scaling_numbers.longer is not None:
        points = scaling_numbers.longer.points
        longer = Chart(
            "longer",
            "Longer thoughts",
            "share",
            "pass@1 when the end of each thought is replaced by a word such as “wait”, and it thinks on: never, once, and so on.",
            "Rising: it finds mistakes when it looks again. Falling: it talks itself out of right answers.",
            (Series("told to go on", tuple(p.x for p in points), tuple(p.value for p in points), _intervals(points)),),
            level=points[0].value,
            joined=True,
            near=True,
        )
        charts.append(ScalingCharts(longer, svg(longer, *NARROW), "times that it was told to go on"))
    return charts


def _token_charts(scaling_numbers: ScalingNumbers) -> list[ScalingCharts]:
    forced_curves = [curve for curve in scaling_numbers.budget if curve.name == FORCED_ANSWER]
    lines = [_token_series(curve) for curve in (*scaling_numbers.samples, *forced_curves)]
    series = tuple(line for line in lines if line is not None)
    chart = Chart(
        "spent",
        "What the tokens buy",
        "share",
        "The share of problems that are solved, by all tokens that were sampled for one: many samples, or one thought that may grow.",
        "For any number of tokens, the highest curve is the best way to spend them.",
        series,
        joined=True,
        log=True,
    )
    return [ScalingCharts(chart, svg(chart, *WIDE), "tokens a problem", wide=True), *_prices(scaling_numbers)] if series else []


def _prices(scaling_numbers: ScalingNumbers) -> list[ScalingCharts]:
    """Return charts of the tokens per solved problem, by the tokens of a thought and by the number of samples."""
    plans = (
        ("price-budget", "The price of a solved problem, by the thought", scaling_numbers.budget, "tokens allowed", False),
        ("price-samples", "The price of a solved problem, by samples", scaling_numbers.samples, "samples a problem, n", True),
    )
    charts = []
    for key, title, curves, axis, log in plans:
        series = tuple(line for curve in curves if (line := _price(curve)) is not None)
        if series:
            chart = Chart(key, title, "tokens", "", "", series, joined=True, log=log)
            charts.append(ScalingCharts(chart, svg(chart, *NARROW), f"{axis}; upwards: tokens for each solved problem"))
    return charts


def _price(curve: ScaledCurve) -> Series | None:
    pairs = [(point.x, point.tokens_per_solution) for point in curve.points if point.tokens_per_solution is not None]
    return Series(curve.name, tuple(x for x, _ in pairs), tuple(y for _, y in pairs)) if len(pairs) > 1 else None


def _by_level(levels: Sequence[ScaledLevel]) -> list[ScalingCharts]:
    plans = (
        ("pass@n", "Samples, by difficulty", "samples a problem, n: one of them is right", True),
        ("cons@n", "Votes, by difficulty", "samples a problem, n: the most frequent answer is right", True),
        (FORCED_ANSWER, "Thinking, by difficulty", "tokens of thinking, then told to answer", False),
    )
    charts: list[ScalingCharts] = []
    for name, title, axis, log in plans:
        pairs = [(level, curve) for level in levels for curve in level.curves if curve.name == name and len(curve.points) > 1]
        if pairs:
            series = tuple(_series(curve, level.name, interval=False) for level, curve in pairs)
            chart = Chart(name, title, "share", "", "", series, joined=True, log=log, near=log)
            last = len(charts) == 2  # a third takes a whole row
            charts.append(ScalingCharts(chart, svg(chart, *(WIDE if last else NARROW)), axis, wide=last))
    return charts


def _series(curve: ScaledCurve, name: str = "", interval: bool = True) -> Series:
    points = curve.points
    return Series(
        name or curve.name,
        tuple(point.x for point in points),
        tuple(point.value for point in points),
        _intervals(points) if interval else (),
    )


def _token_series(curve: ScaledCurve) -> Series | None:
    pairs = [(point.tokens, point.value) for point in curve.points if point.tokens]
    return Series(curve.name, tuple(x for x, _ in pairs), tuple(y for _, y in pairs)) if len(pairs) > 1 else None


def _intervals(points: Sequence[ScaledPoint]) -> tuple[tuple[float, float], ...]:
    return tuple((point.low, point.high) for point in points)


# --- tables -------------------------------------------------------------------------------------------------------------


def _headline(scaling_numbers: ScalingNumbers) -> list[tuple[str, str, str]]:
    """Return (name, value, meaning) of the headline numbers."""
    alone = scaling_numbers.samples[0].points[0]
    rows = [("pass@1", format_value(alone.value, "share"), "one sample")]
    means = {"pass@n": "one of {k} is right", "cons@n": "the most frequent of {k}"}
    for curve in scaling_numbers.samples:
        if curve.name in means and scaling_numbers.k > 1:
            value = format_value(curve.points[-1].value, "share")
            rows.append((curve.name.replace("@n", f"@{scaling_numbers.k}"), value, means[curve.name].format(k=scaling_numbers.k)))
    if alone.tokens_per_solution is not None:
        rows.append(("tokens", format_value(alone.tokens_per_solution, "tokens"), "for each solved problem, one sample a problem"))
    return rows


def costs(scaling_numbers: ScalingNumbers) -> list[Cost]:
    """Return every point with known tokens: its accuracy, its tokens, and the cost of a solved problem."""
    curves = [*scaling_numbers.samples, *scaling_numbers.budget, *([scaling_numbers.longer] if scaling_numbers.longer else [])]
    points = [(curve, point) for curve in curves for point in curve.points if point.tokens is not None]
    prices = [point.tokens_per_solution for _, point in points if point.tokens_per_solution is not None]
    return [_cost(curve, point, min(prices, default=0.0)) for curve, point in points]


def _cost(curve: ScaledCurve, point: ScaledPoint, least: float) -> Cost:
    ways = {"n": f"n = {point.x:g}", "budget": f"{point.x:g} tokens", "times": f"{point.x:g} times"}
    return Cost(
        way=f"{curve.name}, {ways[curve.x]}",
        accuracy=f"{100 * point.value:.1f} %",
        interval=f"{100 * point.low:.1f} to {100 * point.high:.1f}",
        tokens=f"{point.tokens or 0:,.0f}",
        tokens_per_solution="–" if point.tokens_per_solution is None else f"{point.tokens_per_solution:,.0f}",
        best=point.tokens_per_solution is not None and point.tokens_per_solution <= least,
    )
