"""What the loops of all stages share: a step begins, is shown to the observers, is written down, and may be the last one here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aha.errors import FailedBar, Interruption
from aha.protocols import Metrics, Observer, Pause, Stop, Verdict
from aha.rundir import Progress, Retention, RunDir
from aha.types import Group

USUAL = Retention()


@dataclass(frozen=True)
class StepLog:
    """The steps of a loop. `kind` is what a person calls one (a rollout, a step, a chunk), `count` how many there are in all.

    A checkpoint is due every `save_every` steps and after the last one. Whoever stops the loop in between gets one more, which leaves again
    when the next one is there, so that a run that was stopped ends with the files of one that was not."""

    rundir: RunDir
    observer: Observer
    kind: str
    count: int
    save_every: int = 1

    def begin(self, number: int) -> None:
        """From here on ctrl-C waits until the step is written down."""
        self.observer.begin(self.kind, number)

    def due(self, number: int) -> bool:
        """Whether a checkpoint is written after this step, whatever happens in it."""
        return number + 1 == self.count or (number + 1) % self.save_every == 0

    def end(
        self,
        number: int,
        metrics: Metrics,
        timings: Metrics,
        groups: Sequence[Group] = (),
        *,
        save: Callable[[Path], None],
        progress: Progress,
        keep: Retention = USUAL,
        due: bool = False,
        last: bool = False,
        stop: str = "",
    ) -> None:
        """Write the step down. `due`: with a checkpoint in any case. `last`: no step follows. `stop`: the loop's own reason to end here.

        FailedBar where somebody stops the run, Interruption where somebody pressed ctrl-C; everything up to here is then saved."""
        verdict: Verdict = self.observer.rollout(number, metrics, timings, groups)
        if stop and not isinstance(verdict, Stop):
            verdict = Stop(stop, verdict.signs)
        last = last or number + 1 == self.count or isinstance(verdict, Stop)
        due = due or last or self.due(number)
        saves = due or isinstance(verdict, Pause)
        sick = None if last and not verdict.signs else bool(verdict.signs)
        self.rundir.commit(
            number, metrics, timings, groups, save=save if saves else None, progress=progress, keep=keep, extra=not due, sick=sick
        )
        self.observer.end(saves)
        match verdict:
            case Stop(reason):
                raise FailedBar(reason + self._way_back(verdict.signs))
            case Pause(exit_code):
                raise Interruption(self._words(number), exit_code)

    def _way_back(self, signs: Sequence[str]) -> str:
        """Where a person may go on from after a collapse."""
        healthy = self.rundir.healthy if signs else None
        return (
            "" if healthy is None else f" The last checkpoint before the first sign of it is {healthy.folder}: go on from there (--model)."
        )

    def _words(self, number: int) -> str:
        step, folder = f"{self.kind} {number + 1}", self.rundir.checkpoints()[-1].folder
        return f"stopped after {step}, which is saved: nothing is lost; the same command goes on from {folder}"


def with_rest(phases: Metrics, timings: Metrics) -> Metrics:
    """Return the seconds of the phases of a rollout, and as `other_s` what is left of it beside them and judging. Nothing is left where
    sampling and learning go on at once."""
    known = sum(phases.values()) + timings.get("judge_alone_s", 0.0)
    return {**phases, "other_s": max(0.0, timings["seconds"] - known)}


class LapTimer:
    """Seconds of each part of a rollout. Information only: nothing is decided by it."""

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self._laps[name], self._last = now - self._last, now

    def timings(self, tokens: int) -> dict[str, float]:
        seconds = time.monotonic() - self._start
        return {"seconds": seconds, **self._laps, "tokens": float(tokens), "tokens_per_s": tokens / seconds}
