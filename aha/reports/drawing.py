"""Charts as SVG that takes the page's colours, and the picture for a README. No other module uses matplotlib."""

from __future__ import annotations

import io
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from aha.errors import BadInput
from aha.lazy import lazy_pattern
from aha.plain import one_line
from aha.reports.charts import Chart, Series, Unit, format_value

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Placeholders that no one would choose, each replaced by the page's variable of that name, so that a chart follows light and dark.
INK, GRID, CURVES = "#010203", "#010204", ("#010301", "#010302", "#010303", "#010304", "#010305", "#010306")
VARIABLES = {INK: "var(--soft)", GRID: "var(--grid)", **{colour: f"var(--c{i})" for i, colour in enumerate(CURVES, start=1)}}
LIGHT = {
    INK: "#5d6470",
    GRID: "#e6e4de",
    **dict(zip(CURVES, ("#c2410c", "#2563eb", "#0f766e", "#9333ea", "#ca8a04", "#64748b"), strict=True)),
}

_NUMBERED_ID = lazy_pattern(
    r"(?:figure|patch|axes|matplotlib\.axis|[xy]tick|line2d|text|\w*Collection)_\d+"
)  # ids that occur in every chart
_FONT = lazy_pattern(r" font-family: [^;]*;|font: [^;]*;")
LONGEST_LABEL = 80

STYLE: dict[Any, Any] = {  # matplotlib declares a type for each key
    "svg.fonttype": "none",  # text stays text, in the page's own font
    "text.parse_math": False,
    "text.usetex": False,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.major.pad": 6,
    "ytick.major.pad": 6,
}


def svg(chart: Chart, width: float, height: float) -> Markup:
    """Return the chart as SVG, sizes in inches, without title and legend, which the page writes."""
    with _style(label(chart.key), INK, GRID):
        figure = _figure(width, height)
        _draw(figure.add_axes((0.06 if width > 7 else 0.125, 0.12, 0.93 if width > 7 else 0.855, 0.84)), chart, CURVES)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True)
    return _clean(buffer.getvalue(), chart.title)


@dataclass(frozen=True)
class Bar:
    """The values of one model, one per group, `None` for a missing one, and their 95 % intervals."""

    name: str
    values: tuple[float | None, ...]
    intervals: tuple[tuple[float, float] | None, ...]
    ours: bool


@dataclass(frozen=True)
class Bars:
    """Groups of bars in per cent, ours and published ones side by side."""

    groups: tuple[str, ...]
    bars: tuple[Bar, ...]

    def colour(self, at: int) -> int:
        """Return the number of a bar's colour: ours share the first and differ in strength."""
        paper_bars = sum(not bar.ours for bar in self.bars[:at])
        return 1 if self.bars[at].ours else 2 + paper_bars % (len(CURVES) - 1)

    def strength(self, at: int) -> float:
        """Return the strength of a bar's colour, from 1 down."""
        our_bars = sum(bar.ours for bar in self.bars[:at])
        return 0.8 if not self.bars[at].ours else max(0.3, 1.0 - 0.22 * our_bars)


def bar_svg(bars: Bars, width: float, height: float) -> Markup:
    """Return the bars as SVG, sizes in inches, without title and legend, which the page writes."""
    with _style("bars", INK, GRID):
        figure = _figure(width, height)
        axes = figure.add_axes((0.06, 0.14, 0.93, 0.82))
        for group in range(len(bars.groups)):
            _draw_group(axes, bars, group)
        axes.set_xticks(range(len(bars.groups)), labels=list(map(label, bars.groups)))
        axes.set_ylim(0, 112)
        axes.margins(x=0.01)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True)
    return _clean(buffer.getvalue(), "Benchmarks")


def _draw_group(axes: Axes, bars: Bars, group: int) -> None:
    """Draw the bars that have a value side by side around the middle of the group."""
    present = [(at, bar, value) for at, bar in enumerate(bars.bars) if (value := bar.values[group]) is not None]
    step = 0.86 / max(len(bars.bars), 5)
    for place, (at, bar, value) in enumerate(present):
        x, interval = group + step * (place - (len(present) - 1) / 2), bar.intervals[group]
        axes.bar(x, value, width=0.88 * step, color=CURVES[bars.colour(at) - 1], alpha=bars.strength(at), linewidth=0)
        if interval is not None:
            axes.vlines(x, *interval, color=INK, linewidth=1.4)
        top = max(value, interval[1]) if interval is not None else value
        angle = 90 if step < 0.15 else 0
        axes.text(x, top + 1.5, f"{value:.1f}", ha="center", va="bottom", fontsize=7.5, color=INK, rotation=angle)


def picture(charts: Sequence[Chart]) -> bytes:
    """Return the charts side by side, with titles and legends, as a PNG on white."""
    with _style("picture", LIGHT[INK], LIGHT[GRID]):
        figure = _figure(5.6 * len(charts), 3.5)
        for axes, chart in zip(figure.subplots(1, len(charts), squeeze=False)[0], charts, strict=True):
            _draw(axes, chart, [LIGHT[colour] for colour in CURVES], LIGHT[INK])
            axes.set_title(label(chart.title), loc="left", fontweight="bold", color="#1b1f24", pad=12)
            axes.set_xlabel("optimizer steps")
            axes.legend(frameon=False, fontsize=9, loc="best")
        figure.tight_layout(w_pad=3)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=160, facecolor="white")
    return buffer.getvalue()


@contextmanager
def _style(salt: str, ink: str, grid: str) -> Iterator[None]:
    """Apply matplotlib's defaults and our settings; a `matplotlibrc` of the directory has no effect."""
    matplotlib = _matplotlib()
    inks: dict[Any, Any] = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), ink)
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**STYLE, **inks, "axes.edgecolor": grid, "grid.color": grid, "svg.hashsalt": salt})
        yield


@cache
def _matplotlib() -> Any:
    """Import matplotlib from a directory without a `matplotlibrc`: it would read the one of the working directory first."""
    folder = os.getcwd()
    try:
        if os.path.lexists("matplotlibrc"):
            os.chdir(Path(__file__).parent)
        import matplotlib
    except ModuleNotFoundError as error:
        raise BadInput("the report needs matplotlib, which is not installed: pip install 'aha[report]'") from error
    finally:
        os.chdir(folder)
    return matplotlib


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def _draw(axes: Axes, chart: Chart, colours: Sequence[str], ink: str = INK) -> None:
    if chart.bars:
        _draw_bars(axes, chart, colours)
        return
    if chart.stacked:
        axes.stackplot(
            _drawable(chart.series[0].x),
            [_drawable(series.y) for series in chart.series],
            colors=list(colours),
            alpha=0.75,
            labels=_names(chart),
            linewidth=0,
        )
    else:
        for series, colour in zip(chart.series, _cycle(colours, len(chart.series)), strict=True):
            _draw_series(axes, series, colour, "o-" if chart.joined else "o")
    if chart.level is not None:
        axes.axhline(chart.level, color=colours[0], linewidth=1, linestyle=(0, (3, 3)), alpha=0.6)
    _scale(axes, chart)
    for x, word in chart.marks:
        left, right = axes.get_xlim()
        share = (x - left) / (right - left)
        side = "left" if share < 0.2 else "right" if share > 0.8 else "center"
        axes.axvline(x, color=ink, linewidth=1, linestyle=(0, (2, 3)))
        axes.annotate(label(word), (x, 1), xycoords=("data", "axes fraction"), fontsize=8.5, color=ink, ha=side, va="bottom")


def _draw_bars(axes: Axes, chart: Chart, colours: Sequence[str]) -> None:
    """Draw a row of bars for each series, the first one on top."""
    from matplotlib.ticker import FuncFormatter

    for row, (series, colour) in enumerate(zip(chart.series, _cycle(colours, len(chart.series)), strict=True)):
        spans = [(begin, max(0.0, end - begin)) for begin, end in zip(_drawable(series.x), _drawable(series.y), strict=True)]
        axes.broken_barh(spans, (-row - 0.35, 0.7), color=colour, edgecolor="none", alpha=0.75, label=label(series.name))
    axes.set_yticks([])  # the legend names the rows
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} min"))
    axes.margins(x=0.02)


def _draw_series(axes: Axes, series: Series, colour: str, marks: str) -> None:
    x, y, name = _drawable(series.x), _drawable(series.y), label(series.name)
    if series.interval:
        low, high = (_drawable(ends) for ends in zip(*series.interval, strict=True))
        spread = [
            [max(0.0, at - end) for at, end in zip(y, low, strict=True)],
            [max(0.0, end - at) for at, end in zip(y, high, strict=True)],
        ]
        axes.errorbar(
            series.x, series.y, yerr=spread, color=colour, fmt=marks, markersize=7, elinewidth=1.6, capsize=0, label=name, zorder=3
        )
    else:
        axes.plot(x, y, color=colour, linewidth=2, marker="o", markersize=3.5 if len(series.x) < 40 else 0, label=name)


def label(text: str) -> str:
    """Return a name for a drawing: short, in one line, without invisible characters."""
    return one_line(text, LONGEST_LABEL)


def _drawable(values: Sequence[float]) -> tuple[float, ...]:
    """Replace values that no axis can hold by NaN, which is not drawn."""
    return tuple(value if abs(value) < 1e100 else math.nan for value in values)


def _names(chart: Chart) -> list[str]:
    return [label(series.name) for series in chart.series]


def _cycle(colours: Sequence[str], count: int) -> list[str]:
    return [colours[i % len(colours)] for i in range(count)]


def _scale(axes: Axes, chart: Chart) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

    unit: Unit = chart.unit
    if chart.steep:
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %" if unit == "share" else format_value(value, unit)))
    if chart.log:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    if chart.ticks:
        axes.set_xticks(range(len(chart.ticks)), labels=list(map(label, chart.ticks)))
    axes.margins(x=0.035 if chart.log or chart.ticks else 0.02)
    if chart.steep:
        return
    low, high = axes.get_ylim()
    floor = min(0.0, low) if low < -1e-9 and not _is_positive(chart) else _near(chart, low) if chart.near else 0.0
    axes.set_ylim(floor, _ceiling(chart, high))


def _is_positive(chart: Chart) -> bool:
    return all(value >= 0 for series in chart.series for value in series.y)


def _near(chart: Chart, low: float) -> float:
    """Return the multiple of ten per cent below the lowest share, or 0 if that share is not above half."""
    return math.floor(10 * low) / 10 if chart.unit == "share" and low > 0.5 else 0.0


def _ceiling(chart: Chart, high: float) -> float:
    """Return the upper end of the axis: 100 % for shares that come near it; a flat zero still gets some room."""
    if chart.unit == "share" and (high > 0.6 or chart.stacked):
        return 1.0 if chart.stacked else 1.02
    return max(1.04 * high, 0.1 if chart.unit == "share" else 1e-6)


def _clean(text: str, title: str) -> Markup:
    """Return the SVG for the page, in its colours and font, without header, addresses and doubled ids; any name in it is only text."""
    from markupsafe import Markup

    root = ElementTree.fromstring(text)
    for parent in list(root.iter()):
        for child in [child for child in parent if _bare(child.tag) in ("metadata", "style")]:
            parent.remove(child)
        parent.tag = _bare(parent.tag)
        attributes = {_bare(name): value for name, value in parent.attrib.items()}
        if _NUMBERED_ID.fullmatch(attributes.get("id", "")):
            del attributes["id"]
        parent.attrib = {name: _colour(_FONT.sub("", value)) for name, value in attributes.items()}
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": label(title)}
    return Markup(ElementTree.tostring(root, encoding="unicode", short_empty_elements=False).strip())


def _bare(name: str) -> str:
    return name.rpartition("}")[2]


def _colour(value: str) -> str:
    for placeholder, variable in VARIABLES.items():
        value = value.replace(placeholder, variable)
    return value
