"""Judging beside sampling: what is quick is done where it arrives; once something was slow, the rest goes to threads.

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
LOOK_S = 1.0

T = TypeVar("T")


@dataclass
class Pace:
    """Seconds since it was last taken: of judging, added up over threads, and of those that nothing but judging was going on in.

    `slow`: judging has once taken longer than SLOW_S."""

    judging_s: float = 0.0
    alone_s: float = 0.0
    slow: bool = False

    def taken(self) -> tuple[float, float]:
        """Both, counted from 0 again."""
        taken = (self.judging_s, self.alone_s)
        self.judging_s = self.alone_s = 0.0
        return taken


class Overlap(Generic[T]):
    """Calls by their index, and what they returned. An exception in one is raised where its result is collected."""

    def __init__(self, threads: int, pace: Pace) -> None:
        self.done: dict[int, T] = {}
        self._pace = pace
        self._threads = futures.ThreadPoolExecutor(threads, thread_name_prefix="judging")
        self._going: dict[futures.Future[tuple[T, float]], int] = {}

    def take(self, index: int, call: Callable[[], T]) -> None:
        """Now, or beside the caller."""
        if self._pace.slow:
            self._going[self._threads.submit(_timed, call)] = index
            self._collect(within_s=0.0)
            return
        result, seconds = _timed(call)
        self._keep(index, result, seconds)
        self._pace.alone_s += seconds

    def rest(self, beat: Callable[[], None]) -> dict[int, T]:
        """Every result, waited for; `beat` hears of each wait that brought one."""
        began = time.monotonic()
        while self._going:
            if self._collect(LOOK_S):
                beat()
        self._pace.alone_s += time.monotonic() - began
        return self.done

    def _collect(self, within_s: float) -> bool:
        done, _ = futures.wait(self._going, timeout=within_s, return_when=futures.FIRST_COMPLETED)
        for each in done:
            self._keep(self._going.pop(each), *each.result(timeout=0))
        return bool(done)

    def _keep(self, index: int, result: T, seconds: float) -> None:
        self.done[index] = result
        self._pace.judging_s += seconds
        self._pace.slow = self._pace.slow or seconds > SLOW_S

    def __enter__(self) -> Overlap[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """After an exception nothing is waited for: what is being judged ends by itself, the rest never begins."""
        self._threads.shutdown(wait=error is None, cancel_futures=True)


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    began = time.monotonic()
    result = call()
    return result, time.monotonic() - began
