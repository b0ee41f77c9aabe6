"""Programs that were compiled, kept as sealed files in memory: each source once, the least used forgotten first."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable

from aha.grading.sandbox.job import Limits, Outcome

COMPILING = Limits(cpu_s=20.0, wall_s=30.0, memory_mb=1024, output_bytes=100_000)  # of all processes of a compiler together
COMPILERS = ("/usr/bin/g++", "/usr/local/bin/g++", "/usr/bin/clang++")
BUILD = "{0} -std=gnu++17 -O2 -o main main.cpp 2>/dev/null || exec {0} -std=gnu++20 -O2 -o main main.cpp"  # -pipe would be one to read from
MOST = 256
BYTES = 256 << 20


class Compiled:
    """Maps a source to its program or to the outcome of a compiler that refused it. Safe for threads: a source that is being compiled
    is waited for, by those who want the same."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, int | Outcome] = OrderedDict()
        self._busy: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, source: str, build: Callable[[], int | Outcome], patience_s: float) -> int | Outcome | None:
        """A descriptor for the caller to close, or why there is none; `None` when another's compilation took longer than `patience_s`."""
        source = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
        with self._lock:
            turn = self._busy.setdefault(source, threading.Lock())
        if not turn.acquire(timeout=patience_s):
            return None
        try:
            found = self._known(source)
            return self._keep(source, build()) if found is None else found
        finally:
            turn.release()
            with self._lock:
                self._busy.pop(source, None)

    def close(self) -> None:
        with self._lock:
            while self._kept:
                self._forget()

    def _known(self, source: str) -> int | Outcome | None:
        with self._lock:
            found = self._kept.get(source)
            if found is not None:
                self._kept.move_to_end(source)
            return os.dup(found) if isinstance(found, int) else found

    def _keep(self, source: str, made: int | Outcome) -> int | Outcome:
        if isinstance(made, Outcome) and made.verdict != "CE":
            return made  # no fault of the source: the next may have more luck
        with self._lock:
            self._kept[source] = made
            given = os.dup(made) if isinstance(made, int) else made
            while len(self._kept) > MOST or self._size() > BYTES:
                self._forget()
            return given

    def _size(self) -> int:
        return sum(os.fstat(each).st_size for each in self._kept.values() if isinstance(each, int))

    def _forget(self) -> None:
        _, oldest = self._kept.popitem(last=False)
        if isinstance(oldest, int):
            os.close(oldest)
