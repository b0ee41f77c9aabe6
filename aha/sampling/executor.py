"""Scoring beside sampling: what is quick is done where it arrives; once something was slow, the rest goes to threads.

A rule reward takes microseconds, and handing it to a thread would cost more than it does. A judge, a sandbox or algebra takes its time
elsewhere, while the engine goes on. Which way was taken shows in no result."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

SLOW_S = 0.05
POLL_S = 1.0

T = TypeVar("T")


@dataclass
class ScoringStats:
    """Seconds since the last `reset`: of scoring, added up over threads, and those in which nothing but scoring went on.

    `slow`: scoring once took longer than SLOW_S."""

    scoring_s: float = 0.0
    alone_s: float = 0.0
    slow: bool = False

    def reset(self) -> tuple[float, float]:
        """Return (scoring_s, alone_s) and count from 0 again."""
        seconds = (self.scoring_s, self.alone_s)
        self.scoring_s = self.alone_s = 0.0
        return seconds

    def timings(self, replies: int) -> dict[str, float]:
        """Return the seconds of judging in all, those in which the run waited for nothing else, and the replies judged in a second of the
        former; count from 0 again."""
        judging_s, alone_s = self.reset()
        return {"judge_s": judging_s, "judge_alone_s": alone_s, "judged_per_s": replies / judging_s if judging_s else 0.0}


class ScoringExecutor(Generic[T]):
    """Calls by their index, and their results. An exception in a call is raised where its result is collected."""

    def __init__(self, threads: int, stats: ScoringStats) -> None:
        self.results: dict[int, T] = {}
        self._stats = stats
        self._threads = futures.ThreadPoolExecutor(threads, thread_name_prefix="scoring")
        self._pending: dict[futures.Future[tuple[T, float]], int] = {}

    def submit(self, index: int, call: Callable[[], T]) -> None:
        """Run the call now, or beside the caller where scoring is slow."""
        if self._stats.slow:
            self._pending[self._threads.submit(_timed_call, call)] = index
            self._collect(within_s=0.0)
            return
        result, seconds = _timed_call(call)
        self._store(index, result, seconds)
        self._stats.alone_s += seconds

    def wait(self, progress: Callable[[], None]) -> dict[int, T]:
        """Return all results once the last is there; `progress` is called whenever some arrived."""
        start = time.monotonic()
        while self._pending:
            if self._collect(POLL_S):
                progress()
        self._stats.alone_s += time.monotonic() - start
        return self.results

    def _collect(self, within_s: float) -> bool:
        ready, _ = futures.wait(self._pending, timeout=within_s, return_when=futures.FIRST_COMPLETED)
        for future in ready:
            self._store(self._pending.pop(future), *future.result(timeout=0))
        return bool(ready)

    def _store(self, index: int, result: T, seconds: float) -> None:
        self.results[index] = result
        self._stats.scoring_s += seconds
        self._stats.slow = self._stats.slow or seconds > SLOW_S

    def __enter__(self) -> ScoringExecutor[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """After an exception nothing is waited for: a call that runs ends by itself, the rest never begins."""
        self._threads.shutdown(wait=error is None, cancel_futures=True)


def _timed_call(call: Callable[[], T]) -> tuple[T, float]:
    start = time.monotonic()
    result = call()
    return result, time.monotonic() - start
