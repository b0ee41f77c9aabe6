"""A cache of compiled programs as sealed files in memory, one for each source; the least recently used is dropped first."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable

from aha.grading.sandbox.job import Limits, Outcome

COMPILE_LIMITS = Limits(cpu_s=20.0, wall_s=30.0, memory_mb=1024, output_bytes=100_000)  # of all processes of a compiler together
COMPILERS = ("/usr/bin/g++", "/usr/local/bin/g++", "/usr/bin/clang++")
BUILD = "{0} -std=gnu++17 -O2 -o main main.cpp 2>/dev/null || exec {0} -std=gnu++20 -O2 -o main main.cpp"  # no -pipe: code could read it
MOST = 256
BYTES = 256 << 20


class CompileCache:
    """A cache from a source to its program, or to the outcome of a compiler that refused it. Thread-safe: while a source is being compiled,
    other threads that ask for it wait."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, int | Outcome] = OrderedDict()
        self._busy: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, source: str, build: Callable[[], int | Outcome], patience_s: float) -> int | Outcome | None:
        """Return a descriptor of the program, which the caller closes, or the outcome if there is no program; `None` if another thread's
        compilation took longer than `patience_s`."""
        source = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
        with self._lock:
            turn = self._busy.setdefault(source, threading.Lock())
        if not turn.acquire(timeout=patience_s):
            return None
        try:
            entry = self._lookup(source)
            return self._keep(source, build()) if entry is None else entry
        finally:
            turn.release()
            with self._lock:
                self._busy.pop(source, None)

    def close(self) -> None:
        with self._lock:
            while self._entries:
                self._forget()

    def _lookup(self, source: str) -> int | Outcome | None:
        with self._lock:
            entry = self._entries.get(source)
            if entry is not None:
                self._entries.move_to_end(source)
            return os.dup(entry) if isinstance(entry, int) else entry

    def _keep(self, source: str, result: int | Outcome) -> int | Outcome:
        if isinstance(result, Outcome) and result.verdict != "CE":
            return result  # not the source's fault: the next attempt may succeed
        with self._lock:
            self._entries[source] = result
            copy = os.dup(result) if isinstance(result, int) else result
            while len(self._entries) > MOST or self._size() > BYTES:
                self._forget()
            return copy

    def _size(self) -> int:
        return sum(os.fstat(entry).st_size for entry in self._entries.values() if isinstance(entry, int))

    def _forget(self) -> None:
        _, oldest = self._entries.popitem(last=False)
        if isinstance(oldest, int):
            os.close(oldest)
