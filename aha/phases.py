"""The seconds that each phase of a rollout takes. They are for information only: nothing depends on them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager


class PhaseClock:
    """A clock that adds up seconds by phase until `take` is called. On a GPU they are the host's seconds, which include the wait
    for the device only where numbers are read back."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time in this context to phase `name`."""
        start = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] += time.monotonic() - start

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add the seconds of phases that another clock measured."""
        for name, value in seconds.items():
            self._seconds[name] += value

    def take(self) -> dict[str, float]:
        """Return the seconds of each phase, and count from 0 again."""
        seconds, self._seconds = dict(self._seconds), defaultdict(float)
        return seconds


class RemoteClock(PhaseClock):
    """The clock of a part in another process, which `read` reads and sets back to 0."""

    def __init__(self, read: Callable[[], dict[str, float]]) -> None:
        super().__init__()
        self._read = read

    def take(self) -> dict[str, float]:
        """See `PhaseClock`."""
        self.add(self._read())
        return super().take()


def phase_seconds(*parts: object) -> dict[str, float]:
    """Return the seconds that engines and learners spent since the last call."""
    clocks = (getattr(part, "phases", None) for part in parts)
    return {name: seconds for clock in clocks if isinstance(clock, PhaseClock) for name, seconds in clock.take().items()}
