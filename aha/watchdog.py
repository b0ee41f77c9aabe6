"""The watchdog ends a run that makes no progress, and leaves behind the stack of every thread."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from aha.errors import Stall
from aha.plain import one_line
from aha.protocols import Continue, Observer
from aha.redact import mask
from aha.types import Group

CHECKS = 4  # quiet checks in a row before the end
FOREVER_S = threading.TIMEOUT_MAX


class Watchdog(Observer):
    """An observer that ends the process with exit code 70 after `limit_s` seconds without progress.

    It counts quiet checks and reads no clock: a process that was stopped for an hour, or a machine that slept, makes one late check, not an
    hour of silence. Code that holds the interpreter's lock for ever stops this thread as well.
    """

    def __init__(self, folder: Path, limit_s: float) -> None:
        self.folder = folder
        self.limit_s = limit_s
        self.activity = "starting"
        self._beats = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def heartbeat(self, activity: str) -> None:
        self.activity = activity
        self._beats += 1

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue:
        self.heartbeat(f"rollout {number} done")
        return Continue()

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(timeout=1.0)

    def _watch(self) -> None:
        beats_before, quiet = self._beats, 0
        while not self._over.wait(min(self.limit_s / CHECKS, FOREVER_S)):
            quiet = quiet + 1 if self._beats == beats_before else 0
            beats_before = self._beats
            if quiet >= CHECKS:
                self._end()

    def _end(self) -> None:
        """Write the stacks to a file and one line to the person, and exit at once: no thread is left that could unwind."""
        line = one_line(mask(f"no progress for {self.limit_s:g} s while: {self.activity}"))
        try:
            where = f"every thread's stack is in {self._write(line)}"
        except OSError as error:
            where = f"its stacks could not be written ({error})"
        print(f"aha: {line}; {where}. The same command goes on from the last checkpoint.", file=sys.stderr, flush=True)
        os._exit(Stall.exit_code)

    def _write(self, line: str) -> Path:
        path = self.folder / f"stall-{time.strftime('%Y%m%d-%H%M%S')}.txt"
        with path.open("w", encoding="utf-8") as file:
            print(line, file=file, flush=True)
            faulthandler.dump_traceback(file=file, all_threads=True)
            file.flush()
            os.fsync(file.fileno())
        return path
