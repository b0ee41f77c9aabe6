"""Ctrl-C and SIGTERM: the first one finishes the current step and saves it, however long that takes; another ctrl-C stops at once.
Python runs a signal's handler only between two of its own instructions, and one call of a library may take minutes. So a thread reads
signals as well, from the pipe to which Python writes their numbers at once: it tells the person what happens next, and it ends the
process."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from types import FrameType, TracebackType

from aha.errors import DiskTrouble, Interruption
from aha.plain import one_line
from aha.progress import span
from aha.protocols import Continue, Observer, Pause
from aha.redact import mask
from aha.rundir import Record
from aha.types import Group

PATIENCE_S = 8.0  # seconds after a signal until work between two steps is ended; nothing is lost there
RECENT = 5  # steps from which the time of this one is estimated
EXIT = {signal.SIGINT: 130, signal.SIGTERM: 143}
SHOW_CURSOR = "\x1b[?25h"


def _deafen() -> None:
    """Let a forked worker, as of a person's own reward, end by signals again: pools end their workers by SIGTERM and wait for that. Its
    signal pipe is closed, since it gets the terminal's ctrl-C as well, and must not pass it on as a second one."""
    signal.set_wakeup_fd(-1)
    for number in (*EXIT, signal.SIGALRM):
        if isinstance(getattr(signal.getsignal(number), "__self__", None), Interrupts):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


os.register_at_fork(after_in_child=_deafen)


class Steps:
    """The progress of a loop: the current step, the steps that no checkpoint holds, and the time that steps take."""

    def __init__(self, record: Record | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.record, self.clock = record, clock
        self.kind, self.number, self.is_running = "", 0, False
        self.began = clock()
        self.unsaved_s: list[float] = []  # seconds of each step that no checkpoint holds
        self.recent: deque[float] = deque(maxlen=RECENT)

    def begin(self, kind: str, number: int) -> None:
        if not self.kind:
            self.recent.extend(self._before())
        self.kind, self.number, self.is_running, self.began = kind, number, True, self.clock()

    def end(self, saved: bool) -> None:
        seconds = self.clock() - self.began
        self.recent.append(seconds)
        self.unsaved_s = [] if saved else [*self.unsaved_s, seconds]
        self.is_running = False

    def expected_time(self) -> str:
        """Return an estimate of the time that the step will still take, from the steps before it, in words."""
        so_far = self.clock() - self.began
        if not self.recent:
            return f"it is the first one, so its duration is unknown: {span(so_far)} so far"
        remaining_s = median(self.recent) - so_far
        return (
            f"about {span(remaining_s)}"
            if remaining_s > 0
            else f"it has taken {span(so_far)}; earlier ones took about {span(median(self.recent))}"
        )

    def loss(self) -> str:
        """Return the work that is lost if the process ends now, in words; empty if everything is saved."""
        seconds = sum(self.unsaved_s) + (self.clock() - self.began if self.is_running else 0.0)
        count = len(self.unsaved_s) + self.is_running
        first = self.number + 1 - len(self.unsaved_s) + (not self.is_running)
        if not count:
            return ""
        if count == 1:
            return f"{self.kind} {first}, {span(seconds)} of work"
        return f"{self.kind}s {first} to {first + count - 1}, {span(seconds)} of work"

    def balance(self) -> str:
        """Return what is lost, and where the same command resumes."""
        if self.record is None:
            return "the same command goes on with what is saved"
        checkpoints = self.record.checkpoints()
        way_on = f"goes on from {checkpoints[-1].folder}" if checkpoints else "starts again from the beginning"
        return f"lost: {self.loss() or 'nothing'}; the same command {way_on}"

    def _before(self) -> list[float]:
        """Return the seconds of the last steps of an earlier process."""
        try:
            timings = self.record.timings() if self.record is not None else []
        except DiskTrouble:
            return []
        return [line["seconds"] for line in timings[-RECENT:] if "seconds" in line]


class Interrupts(Observer):
    """An observer that pauses a run after a signal: at the end of the current step, or else at the next heartbeat.
    `record` is the run's directory, if there is one. It works in the main thread only, as Python's signals do."""

    def __init__(self, record: Record | None = None, *, patience_s: float = PATIENCE_S) -> None:
        self._steps, self._patience_s = Steps(record), patience_s
        self._activity = "starting"
        self._signal: signal.Signals | None = None
        self._before: dict[signal.Signals, signal._HANDLER] = {}
        self._thread = threading.Thread(target=self._listen, name="interrupts", daemon=True)

    def heartbeat(self, activity: str) -> None:
        self._activity = activity
        if self._signal is not None and not self._steps.is_running:
            self._raise(self._signal)

    def begin(self, kind: str, number: int) -> None:
        """Begin a step; after a signal, end the run instead if everything so far is saved."""
        if self._signal is not None and not self._steps.unsaved_s:
            self._activity = f"{kind} {number + 1} was about to start"
            self._raise(self._signal)
        self._steps.begin(kind, number)

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue | Pause:
        """Return Pause after a signal, so that the finished step is saved first."""
        return Continue() if self._signal is None else Pause(EXIT[self._signal])

    def end(self, saved: bool) -> None:
        self._steps.end(saved)

    def __enter__(self) -> Interrupts:
        for number in (*EXIT, signal.SIGALRM):
            self._before[number] = signal.signal(number, self._handle)
        self._ear, self._mouth = os.pipe()
        os.set_blocking(self._mouth, False)
        self._wakeup = signal.set_wakeup_fd(self._mouth, warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Restore the handlers. Interruption if a signal came after the last heartbeat, so that nothing more begins."""
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._mouth)
        self._thread.join(timeout=1.0)
        os.close(self._ear)
        if error is None and self._signal is not None:
            self._raise(self._signal)

    # --- in the main thread ---

    def _handle(self, number: int, frame: FrameType | None) -> None:
        signal_number = signal.Signals(number)
        if signal_number is not signal.SIGALRM:
            self._signal = self._signal or signal_number
        elif self._signal is not None and not self._steps.is_running:
            self._raise(self._signal)

    def _raise(self, cause: signal.Signals) -> None:
        self._signal = None
        raise Interruption(f"stopped while: {self._activity}; {self._steps.balance()}", EXIT[cause])

    # --- in its own thread --------

    def _listen(self) -> None:
        first, patience = True, None
        while True:
            if not select.select([self._ear], [], [], patience)[0]:
                patience = None
                os.kill(os.getpid(), signal.SIGALRM)
                continue
            numbers = os.read(self._ear, 64)
            if not numbers:
                return
            for number in numbers:
                if number in EXIT and first:
                    first, patience = False, self._patience_s
                    _write(self._announcement())
                elif number == signal.SIGINT:
                    os.write(2, (SHOW_CURSOR if sys.stderr.isatty() else "").encode())
                    _write(self._last_words())
                    os._exit(EXIT[signal.SIGINT])

    def _announcement(self) -> str:
        steps = self._steps
        if not steps.is_running:
            return f"aha: stopping at the next safe point; now: {self._activity}; ctrl-C again stops at once"
        return (
            f"aha: finishing {steps.kind} {steps.number + 1} and saving it: {steps.expected_time()}; "
            f"ctrl-C again stops at once and loses {steps.loss()}"
        )

    def _last_words(self) -> str:
        return f"aha: stopped at once while: {self._activity}; {self._steps.balance()}"


def _write(text: str) -> None:
    """Write a line to stderr past all buffers, in which a signal may have interrupted a write."""
    os.write(2, f"{one_line(mask(text))}\n".encode())
