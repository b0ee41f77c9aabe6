"""Ctrl-C and SIGTERM: the first stops at the next safe place, the second ctrl-C at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType, TracebackType

from aha.errors import Interrupted
from aha.protocols import Continue
from aha.types import Group

PATIENCE_S = 8.0  # a beat is due within a step; what stands longer is ended where it stands, which a run directory survives
EXIT = {signal.SIGINT: 130, signal.SIGTERM: 143}
SHOW_CURSOR = "\x1b[?25h"


class Interrupts:
    """An observer that raises `Interrupted` at the beat after a signal. Only in the main thread, as Python's signals are."""

    def __init__(self) -> None:
        self._asked: signal.Signals | None = None
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def beat(self, what: str) -> None:
        if self._asked is not None:
            self._raise(self._asked)

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue:
        """A rollout that is learned is saved first."""
        return Continue()

    def __enter__(self) -> Interrupts:
        for number in (*EXIT, signal.SIGALRM):
            self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        caught = signal.Signals(number)
        if caught is signal.SIGALRM:
            if self._asked is not None:
                self._raise(self._asked)
        elif self._asked is None:
            self._asked = caught
            signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
            _write("aha: stopping at the next safe place; ctrl-C again stops at once\n")
        elif caught is signal.SIGINT:
            _write(
                (SHOW_CURSOR if sys.stderr.isatty() else "") + "aha: stopped at once; the same command goes on from the last checkpoint\n"
            )
            os._exit(EXIT[caught])

    def _raise(self, asked: signal.Signals) -> None:
        self._asked = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise Interrupted("stopped, and nothing that was saved is lost; the same command goes on", EXIT[asked])


def _write(text: str) -> None:
    """Past all buffers, which a signal may have caught half-way."""
    os.write(2, text.encode())
