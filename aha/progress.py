"""The progress display of a run: a live panel in a terminal, one line per rollout elsewhere, JSON lines for a program."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import IO, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from aha import types
from aha.plain import one_line, plain
from aha.protocols import Continue, Observer

BARS = "▁▂▃▄▅▆▇█"
CURVE = 40  # rollouts that a sparkline shows
RECENT = 5  # rollouts from which the time left is estimated
Metrics = Mapping[str, float]


# --- words ------------------------------------------------------------------------------------------------------------


def sparkline(values: Sequence[float], width: int = CURVE) -> str:
    """Return the last values as bars from their lowest to their highest; a value that is not a number leaves a gap."""
    recent = values[-width:]
    finite = [value for value in recent if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    return "".join(_bar(value, low, high) for value in recent)


def _bar(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return " "
    return BARS[round((value - low) / (high - low) * (len(BARS) - 1)) if high > low else 0]


def span(seconds: float) -> str:
    """Return a duration as `7 s`, `3 min 20 s` or `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def estimate_seconds(seconds: Sequence[float], count: int) -> float | None:
    """Estimate the seconds of `count` more rollouts from the most recent ones; None before the first, and once there are more than were
    planned, as where groups without a signal leave steps to do."""
    recent = seconds[-RECENT:]
    return sum(recent) / len(recent) * count if recent and count >= 0 else None


def line(number: int, of: int | None, metrics: Metrics, timings: Metrics, eta_s: float | None, kind: str = "rollout") -> str:
    """Return a rollout, a step or a chunk (`kind`) as one line."""
    in_plan = of is not None and number < of
    count = f"{number + 1}/{of}" if in_plan else f"{number + 1}"
    place = f"{count} {kind}{'' if (of if in_plan else number + 1) == 1 else 's'}"  # a count: on disk the first rollout is 000000
    figures = [f"{name.replace('reward/', '')} {value:.3g}" for name, value in _headline(metrics).items()]
    speed = [f"{timings['tokens_per_s']:,.0f} tokens/s"] if "tokens_per_s" in timings else []
    speed += (
        [f"{100 * timings['ask_s'] / timings['seconds']:.0f} % of the time waiting for samples"]
        if timings.get("seconds") and "ask_s" in timings
        else []
    )
    return " · ".join([place, *figures, *speed, *([f"{span(eta_s)} left"] if eta_s is not None else [])])


def _headline(metrics: Metrics) -> dict[str, float]:
    """Return the most important metrics that the stage reports, in reading order."""
    parts = [name for name in metrics if name.startswith("reward/") and name != "reward/accuracy"]
    names = [
        "epoch",
        "reward",
        "accuracy",
        *parts,
        "length",
        "truncated",
        "dead_groups",
        "staleness_most",
        "mixed_versions",
        "entropy",
        "kl_ref",
        "loss",
        "lr",
        "stop_rate",
    ]
    plain = [name for name in names if name in metrics and not (name in ("loss", "lr") and "reward" in metrics)]
    return {name: metrics[name] for name in (["step"] if "step" in metrics and "epoch" not in metrics else []) + plain}


# --- the three forms --------------------------------------------------------------------------------------------------


class Lines(Observer):
    """A display of one plain line per rollout, for logs and pipes."""

    def __init__(self, out: IO[str], rollouts: int | None = None) -> None:
        self.out, self.rollouts, self.kind = out, rollouts, "rollout"
        self._seconds: list[float] = []

    def heartbeat(self, activity: str) -> None:
        """Ignore the heartbeat: it is too small for a line."""

    def begin(self, kind: str, number: int) -> None:
        self.kind = kind

    def say(self, text: str) -> None:
        print(text, file=self.out, flush=True)

    def rollout(self, number: int, metrics: Metrics, timings: Metrics, groups: Sequence[types.Group]) -> Continue:
        self._seconds.append(timings.get("seconds", 0.0))
        eta_s = estimate_seconds(self._seconds, self.rollouts - number - 1) if self.rollouts else None
        self.say(line(number, self.rollouts, metrics, timings, eta_s, self.kind))
        return Continue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.out.flush()


class JsonLines(Lines):
    """A display of one JSON object per line, each with its `event`, and nothing else."""

    def tell(self, event: str, **values: object) -> None:
        print(json.dumps(_finite({"event": event, **values}), ensure_ascii=False, allow_nan=False), file=self.out, flush=True)

    def say(self, text: str) -> None:
        self.tell("said", text=text)

    def rollout(self, number: int, metrics: Metrics, timings: Metrics, groups: Sequence[types.Group]) -> Continue:
        self.tell("rollout", rollout=number, of=self.rollouts, metrics=dict(metrics), timings=dict(timings))
        return Continue()


def _finite(value: object) -> object:
    """Replace a number that is not finite by its name, since JSON has no NaN."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case Mapping():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
    return value


class PanelLines(Lines):
    """A panel that stays in place and is redrawn a few times a second."""

    def __init__(self, console: Console, title: str, rollouts: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console.file, rollouts)
        self.title, self.console, self.clock = title, console, clock
        self.activity, self.done, self.began = "starting", 0, clock()
        self.history: list[dict[str, float]] = []
        self.timings: Metrics = {}
        self._live = Live(get_renderable=self.panel, console=console, refresh_per_second=4, transient=False)

    def heartbeat(self, activity: str) -> None:
        self.activity = activity

    def say(self, text: str) -> None:
        self._live.console.print(Text(plain(text)))

    def rollout(self, number: int, metrics: Metrics, timings: Metrics, groups: Sequence[types.Group]) -> Continue:
        self.history.append(dict(metrics))
        self.timings, self.done = timings, number + 1
        self._seconds.append(timings.get("seconds", 0.0))
        return Continue()

    def panel(self) -> Panel:
        rows: list[object] = [self._bar()]
        if self.history:
            rows.append(self._table())
        rows.append(Text(one_line(self._footer()), style="dim"))
        return Panel(Group(*rows), title=Text(one_line(self.title)), title_align="left", width=min(100, self.console.width))  # type: ignore[arg-type]

    def _bar(self) -> Table:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(ratio=1)
        grid.add_column(justify="right")
        eta_s = estimate_seconds(self._seconds, (self.rollouts or 0) - self.done)
        words = [
            f"{self.done}/{self.rollouts} {self.kind}s" if self.rollouts and self.done <= self.rollouts else f"{self.done} {self.kind}s",
            f"{span(self.clock() - self.began)} so far",
        ]
        if self.rollouts and eta_s is not None:
            words.append(f"{span(eta_s)} left")
        grid.add_row(ProgressBar(total=self.rollouts or 1, completed=self.done if self.rollouts else 0), Text(" · ".join(words)))
        return grid

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, value in _headline(self.history[-1]).items():
            curve = [metrics.get(name, math.nan) for metrics in self.history]
            table.add_row(
                Text(one_line(name).replace("reward/", "  ")), Text(f"{value:,.4g}", style="bold"), Text(sparkline(curve), style="cyan")
            )
        return table

    def _footer(self) -> str:
        speed = f" · {self.timings['tokens_per_s']:,.0f} tokens/s" if "tokens_per_s" in self.timings else ""
        return f"{self.activity}{speed} · ctrl-C stops safely; the same command goes on"

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()
