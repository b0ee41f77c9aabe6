"""During a run: every rollout is examined, and what does not pass ends it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aha.doctor.signals import Doctor, Signal
from aha.protocols import Continue, Observer, Stop
from aha.types import Abstained, Group

FEWEST = 10  # abstentions that no chance explains


@dataclass
class RunMonitor(Observer):
    """An observer that ends a run whose rollouts show the same hopeless signal again and again; `tell` hears each new signal once.

    Signals that may be the beginning of a collapse stand in the verdict as `signs`: while there are any, the last checkpoint before them is
    kept. A reward that is the same for all replies is none: it is so at the beginning of every run, and at the end of a good one."""

    tell: Callable[[Signal], None]
    doctor: Doctor = field(default_factory=Doctor)
    _rows: Counter[str] = field(default_factory=Counter)
    _replies: Counter[str] = field(default_factory=Counter)
    _reports: set[tuple[str, str]] = field(default_factory=set)
    _unsaid: list[tuple[int, int]] = field(default_factory=list)

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue | Stop:
        signals = [*(self.doctor.examine(groups) if groups else []), *not_finite(metrics)]
        self._count(signals, sum(len(group.replies) for group in groups))
        for signal in signals:
            if (signal.kind, signal.severity) not in self._reports:
                self._reports.add((signal.kind, signal.severity))
                self.tell(signal)
        for signal in signals:
            if signal.severity == "hopeless" and self._persists(signal.kind):
                words = f"{self._rows[signal.kind]} rollouts in a row up to rollout {number} cannot teach. {signal.line()}"
                return Stop(words, signs_of(signals))
        verdict = self._check_rise(number, groups, [signal for signal in signals if signal.kind == "abstained"])
        return replace(verdict, signs=signs_of(signals))

    def _check_rise(self, number: int, groups: Sequence[Group], signals: Sequence[Signal]) -> Continue | Stop:
        """Ends a run whose grader can judge less and less: each of the last rollouts has more than twice the share of all before them."""
        scores = [score for group in groups for score in group.scores]
        self._unsaid.append((sum(isinstance(score.total, Abstained) for score in scores), len(scores)))
        before, last = self._unsaid[: -self.doctor.patience], self._unsaid[-self.doctor.patience :]
        usual = sum(count for count, _ in before) / max(1, sum(of for _, of in before))
        high = all(count >= max(self.doctor.rising, 2 * usual) * of > 0 for count, of in last)
        if not before or not high or sum(count for count, _ in last) < FEWEST or not signals:
            return Continue()
        shares = ", ".join(f"{100 * count / of:.0f} %" for count, of in last)
        return Stop(
            f"The grader can judge less and less: it abstained on {shares} of the last rollouts' replies up to rollout {number}, "
            f"and on {100 * usual:.0f} % before. {signals[0].line()}"
        )

    def _count(self, signals: Sequence[Signal], replies: int) -> None:
        kinds = {signal.kind for signal in signals if signal.severity == "hopeless"}
        for kind in kinds | set(self._rows):
            self._rows[kind] = self._rows[kind] + 1 if kind in kinds else 0
            self._replies[kind] = self._replies[kind] + replies if kind in kinds else 0

    def _persists(self, kind: str) -> bool:
        if kind == "not_finite":
            return self._rows[kind] >= self.doctor.skipped
        if kind == "abstained":  # half of the replies are no chance, however few they are
            return self._rows[kind] >= self.doctor.patience
        return self._rows[kind] >= self.doctor.patience and self._replies[kind] >= self.doctor.evidence


def signs_of(signals: Sequence[Signal]) -> tuple[str, ...]:
    """The kinds of those that a collapse begins with."""
    return tuple(signal.kind for signal in signals if not signal.kind.startswith("constant_"))


def not_finite(metrics: Mapping[str, float]) -> list[Signal]:
    """Updates that were skipped, or numbers that are none."""
    bad = [name for name, value in metrics.items() if not math.isfinite(value)]
    if metrics.get("skipped", 0.0) <= 0 and not bad:
        return []
    seen = f"{', '.join(bad)} not finite" if bad else "an update with a loss or gradient that is not finite was skipped"
    return [Signal("not_finite", "hopeless", f"{seen}: lower the learning rate (--optim.lr) or compute in float32.")]
