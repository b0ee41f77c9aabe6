"""Where the seconds of a rollout go. Information only: nothing is decided by it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class PhaseClock:
    """Seconds by name of the phases of some work, added up until somebody takes them. On a GPU they are those of the host, which waits
    for the device where it reads numbers back."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """The time within counts for `name`."""
        start = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] += time.monotonic() - start

    def take(self) -> dict[str, float]:
        """Return the seconds of each phase, and count from 0 again."""
        seconds, self._seconds = dict(self._seconds), defaultdict(float)
        return seconds


def phase_seconds(*parts: object) -> dict[str, float]:
    """Return the seconds that engines and learners spent since they were asked last. Those in other processes have no clock here."""
    clocks = (getattr(part, "phases", None) for part in parts)
    return {name: seconds for clock in clocks if isinstance(clock, PhaseClock) for name, seconds in clock.take().items()}
