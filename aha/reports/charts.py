"""The curves that the report shows, and the meaning of each in plain words. Values only; `drawing` draws them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

Unit = Literal["share", "tokens", "number"]


@dataclass(frozen=True)
class Series:
    """One curve: its name, its points, and their 95 % intervals, if known."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    interval: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Chart:
    """Curves over optimizer steps, or `bars` over minutes, a row for each series, from x to y. `means`: what is drawn. `look`: what to look
    for. `level`: a dashed line to compare with. `joined`: a line through points that have intervals. `log`: each step to the right doubles.
    `near`: the axis begins near the lowest share if all are high. `steep`: each step upwards is ten times as much. `marks`: vertical lines
    with a word each. `ticks`: names for the places 0, 1, 2 ... instead of numbers."""

    key: str
    title: str
    unit: Unit
    means: str
    look: str
    series: tuple[Series, ...]
    level: float | None = None
    stacked: bool = False
    joined: bool = False
    log: bool = False
    near: bool = False
    steep: bool = False
    marks: tuple[tuple[float, str], ...] = ()
    ticks: tuple[str, ...] = ()
    bars: bool = False

    @property
    def change(self) -> tuple[str, str] | None:
        """The first and last value, as text: of the first curve, or of the sum if the curves are stacked; None for bars."""
        if self.bars:
            return None
        curve = [sum(values) for values in zip(*(series.y for series in self.series), strict=True)] if self.stacked else self.series[0].y
        values = [value for value in curve if math.isfinite(value)]
        return (format_value(values[0], self.unit), format_value(values[-1], self.unit)) if len(values) > 1 else None


def format_value(value: float, unit: Unit) -> str:
    """Return a value as text for a person."""
    match unit:
        case "share":
            return f"{100 * value:.0f} %" if value == 0 or abs(value) >= 0.095 else f"{100 * value:.1f} %"
        case "tokens":
            return f"{value:,.0f}"
        case "number":
            return f"{value:.3g}"


@dataclass(frozen=True)
class ChartLayout:
    """A chart before its data: (metric, name of its curve) pairs."""

    key: str
    title: str
    unit: Unit
    curves: tuple[tuple[str, str], ...]
    means: str
    look: str
    stacked: bool = field(default=False)


PLANS = (
    ChartLayout(
        "length", "Length of the replies", "tokens", (("length", "all"), ("length_right", "right ones"), ("length_wrong", "wrong ones")),
        "Tokens in a reply, on average.",
        "In R1-Zero nothing rewards length. Right replies that grow longer mean that thinking pays; if only wrong ones grow, it rambles.",
    ),
    ChartLayout(
        "voice", "Reflection and mixed languages", "share", (("reflection", "reflect"), ("mixing", "mix languages")),
        "Replies with a word such as “wait”, “check” or 等等; replies whose thought holds both English and Chinese words.",
        "Both may rise by themselves. Reflection is the paper’s “aha”; mixing is the drawback that R1’s later stages repair.",
    ),
    ChartLayout(
        "format", "Format", "share", (("format", "keep the template"),),
        "Replies that are one thought and one answer, in their tags, and then end.",
        "It should rise first and stay near 100 %. Format alone earns no accuracy: compare with the first plot.",
    ),
    ChartLayout(
        "dead", "Groups that teach nothing", "share", (("dead_wrong", "all wrong"), ("dead_right", "all right")),
        "Questions whose replies all had the same reward: there is nothing to compare, so no gradient.",
        "All wrong: too hard. All right: too easy by now. When nearly every group is dead, the run cannot learn any more.",
        stacked=True,
    ),
    ChartLayout(
        "entropy", "Entropy", "number", (("entropy", "a token"),),
        "How undecided the policy is before each token, in nats.",
        "A slow fall is what learning looks like. A plunge to zero is collapse: every reply becomes the same, and exploration ends.",
    ),
    ChartLayout(
        "kl", "Distance from the reference", "number", (("kl_ref", "to the reference"), ("kl_old", "within a rollout")),
        "KL divergence of the policy from its reference, and from itself when it sampled the rollout; nats a token.",
        "The first grows steadily and drops to zero whenever the reference is renewed. A sudden jump usually comes before a breakdown.",
    ),
    ChartLayout(
        "truncated", "Cut at the length limit", "share", (("truncated", "cut"),),
        "Replies that ran into the limit before they ended; they have no answer.",
        "It should stay small. If it rises with the length, the limit is too tight or the model repeats itself.",
    ),
    ChartLayout(
        "clip", "Clipped tokens", "share", (("clip_high", "upper bound"), ("clip_low", "lower bound"), ("clip_dual", "dual")),
        "Tokens whose probability moved past the clip within one rollout, so that they stop pulling.",
        "A few per cent are normal. Much more: the learning rate or the number of updates a rollout is too high.",
    ),
    ChartLayout(
        "grad", "Gradient norm", "number", (("grad_norm", "before clipping"),),
        "The length of the gradient at an optimizer step, averaged over the rollout.",
        "Steady is good. Spikes that come with a falling accuracy mean that the steps are too large.",
    ),
    ChartLayout(
        "probe", "Preference against accuracy", "share", (("probe/accuracy", "accuracy"), ("probe/preference", "preference")),
        "Held-out problems, the same each time, while a learned preference is paid: right answers, and what the preference model says.",
        "Both should rise or stay. A preference that rises while accuracy falls is being hacked: the run ends and goes back.",
    ),
    ChartLayout(
        "schedule", "Longest reply allowed", "tokens", (("max_tokens", "new tokens"),),
        "The limit on new tokens, as the schedule changes it.",
        "Length and accuracy may jump where it rises.",
    ),
    ChartLayout(
        "temperature", "Temperature", "number", (("temperature", "of sampling"),),
        "The temperature that replies are drawn with, as the schedule changes it.",
        "Entropy changes with it.",
    ),
    ChartLayout(
        "speed", "Speed", "tokens", (("tokens_per_s", "tokens a second"),),
        "Tokens sampled and learned from a second, wall-clock.",
        "A slow decline follows the length of the replies; a sudden one means that something else uses the machine.",
    ),
)  # fmt: skip

Rows = Sequence[Mapping[str, float]]

PHASES = {  # no more than there are colours
    "reading prompts": ("prefill_s",),
    "decoding": ("decode_s", "draw_s"),
    "judging alone": ("judge_alone_s",),
    "forward and backward": ("logprobs_s", "gradient_s"),
    "optimizer": ("optimizer_s",),
    "weights, saving and other": ("load_s", "save_s", "other_s"),
}

LANES = {"sampling": ("sample_at", "sample_end"), "learning": ("learn_at", "learn_end")}
MOST_BARS = 20  # of a timeline


def charts(metrics: Rows, timings: Rows, result: Mapping[str, Any] | None) -> list[Chart]:
    """Return every chart that the run has data for, accuracy first. A rollout is placed at the steps that were done when it was sampled."""
    if not metrics:
        return []
    at = sampled_at(metrics)
    rows = [{**row, **timing} for row, timing in zip(metrics, _by_rollout(timings, metrics), strict=True)]
    plans = [chart_of(plan, rows, at) for plan in PLANS]
    chart_list = [
        _imitation(rows, at),
        _accuracy(rows, at, result),
        *plans[:3],
        _rewards(rows, at),
        *plans[3:],
        weights(rows, at),
        _time(rows, at),
        _timeline(rows),
    ]
    return [chart for chart in chart_list if chart.series]


def sampled_at(metrics: Rows) -> list[float]:
    """Return the number of optimizer steps done before each rollout."""
    return [0.0, *(row.get("step", number + 1.0) for number, row in enumerate(metrics[:-1]))]


def _by_rollout(timings: Rows, metrics: Rows) -> list[Mapping[str, float]]:
    by_rollout = {timing["rollout"]: timing for timing in timings}
    return [by_rollout.get(row["rollout"], {}) for row in metrics]


def curve(rows: Rows, at: Sequence[float], metric: str, name: str) -> Series | None:
    """Return the curve of a metric over the rollouts that recorded it; None if there are none."""
    points = [(x, row[metric]) for x, row in zip(at, rows, strict=True) if metric in row]
    return Series(name, tuple(x for x, _ in points), tuple(y for _, y in points)) if points else None


def visible_series(curves: Sequence[Series | None]) -> tuple[Series, ...]:
    """Return the curves with at least one finite point."""
    return tuple(curve for curve in curves if curve is not None and any(map(math.isfinite, curve.y)))


def chart_of(plan: ChartLayout, rows: Rows, at: Sequence[float]) -> Chart:
    """Return the chart of a layout with its data."""
    curves = visible_series([curve(rows, at, metric, name) for metric, name in plan.curves])
    return Chart(plan.key, plan.title, plan.unit, plan.means, plan.look, curves, stacked=plan.stacked)


def _imitation(rows: Rows, at: Sequence[float]) -> Chart:
    """Return the loss chart of fine-tuning only: the loss of RL means nothing to a person."""
    curves = visible_series([curve(rows, at, "loss", "a token")]) if all("epoch" in row for row in rows) else ()
    means = "How surprised the model is by each token of the replies that it imitates, in nats."
    look = "It falls fast and then slowly. A step down at the beginning of an epoch is memory: the model has seen these replies before."
    return Chart("imitation", "Loss of imitation", "number", means, look, curves)


def _rewards(rows: Rows, at: Sequence[float]) -> Chart:
    parts = sorted({key for row in rows for key in row if key.startswith("reward/")})
    curves = visible_series([curve(rows, at, part, part.removeprefix("reward/")) for part in parts])
    means = "The mean of each reward, before its weight."
    look = "A reward that rises while the held-out points above stand still is being gamed."
    return Chart("reward", "Reward by part", "number", means, look, curves)


def weights(rows: Rows, at: Sequence[float]) -> Chart:
    """Return the chart of the rewards' weights, if a schedule changes them."""
    names = sorted({key for row in rows for key in row if key.startswith("weight/")})
    curves = visible_series([curve(rows, at, name, name.removeprefix("weight/")) for name in names])
    means = "What each reward counts, as the schedule changes it; 0 before it is asked at all."
    look = "The mean reward jumps with them, and means something else after."
    return Chart("weights", "Weights of the rewards", "number", means, look, curves)


def _time(rows: Rows, at: Sequence[float]) -> Chart:
    """Return the chart of seconds per rollout by activity, for runs that recorded it."""
    seconds = {name: tuple(sum(row.get(key, 0.0) for key in keys) for row in rows) for name, keys in PHASES.items()}
    known = all("other_s" in row for row in rows)
    curves = [Series(name, tuple(at), values) for name, values in seconds.items() if known and any(values)]
    means = (
        "Seconds of each rollout by what they were spent on, wall-clock. Of several engines the busiest counts, and of work that goes on "
        "at the same time all of it."
    )
    look = "What is widest is what is worth making faster: fewer or shorter replies, other micro-batches, fewer checkpoints."
    return Chart("time", "Where the time goes", "number", means, look, tuple(curves), stacked=True)


def _timeline(rows: Rows) -> Chart:
    """Return the chart of when the last rollouts were sampled and learned from, for runs that recorded it."""
    last = [row for row in rows if "sample_at" in row][-MOST_BARS:]
    starts = [at for at, (row, after) in enumerate(pairwise(last), 1) if after["learn_at"] < row["learn_at"]]  # the machine began anew
    last = last[max(starts, default=0) :]
    begin = min((row["sample_at"] for row in last), default=0.0)
    lanes = [
        Series(name, tuple((row[first] - begin) / 60 for row in last), tuple((row[end] - begin) / 60 for row in last))
        for name, (first, end) in LANES.items()
        if last
    ]
    means = f"When each of the last {len(last)} rollouts was sampled and learned from, in minutes since the first of them began."
    look = "Bars above each other: sampling and learning go on at once (--lag). A gap is time in which that part of the machine waits."
    return Chart("timeline", "Timeline", "number", means, look, tuple(lanes), bars=True)


def _accuracy(rows: Rows, at: Sequence[float], result: Mapping[str, Any] | None) -> Chart:
    points = _held_out(rows, (result or {}).get("curve", []))
    curves = visible_series([points, curve(rows, at, "accuracy", "training problems, as they are sampled")])
    means = (
        "The share of sampled replies that are right: on each rollout’s training problems (line), and on problems that no training has "
        "seen (points, with 95 % intervals over problems)."
    )
    look = "Points that rise with the line: what is learned carries over. A line that leaves the points behind: it only memorises."
    return Chart("accuracy", "Accuracy", "share", means, look, curves, level=points.y[0] if points else None)


def _held_out(rows: Rows, curve: Sequence[Mapping[str, Any]]) -> Series | None:
    steps: dict[int | None, float] = {
        None: 0.0,
        **{int(row["rollout"]): row.get("step", number + 1.0) for number, row in enumerate(rows)},
    }
    points = [point for point in curve if point["rollout"] in steps]
    if not points:
        return None
    return Series(
        "held-out problems (pass@1)",
        tuple(steps[point["rollout"]] for point in points),
        tuple(point["pass@1"] for point in points),
        tuple((point["ci95"][0], point["ci95"][1]) for point in points),
    )
