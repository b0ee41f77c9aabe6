"""The processes of a pool, seen from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from aha.grading import Graders
from aha.grading.pool import Pool


def zygotes(of: psutil.Process | None = None) -> list[psutil.Process]:
    found = (of or psutil.Process()).children()
    return [each for each in found if alive(each) and "aha.grading.pool.zygote" in each.cmdline()]


def workers(of: psutil.Process | None = None) -> list[psutil.Process]:
    return [worker for zygote in zygotes(of) for worker in zygote.children() if alive(worker)]


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(holds: Callable[[], bool], within_s: float = 20.0) -> bool:
    over = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > over:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def alone(pool: Pool | Graders) -> Iterator[None]:
    """None of its processes is left afterwards, and no other pool's is taken for one of them."""
    before = {process.pid for process in zygotes()}
    try:
        yield
    finally:
        pool.close()
    assert until(lambda: {process.pid for process in zygotes()} <= before, 5.0)
