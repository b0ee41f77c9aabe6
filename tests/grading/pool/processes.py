"""The processes of a pool, seen from outside."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from aha.grading import Graders
from aha.grading.pool import Pool


def zygotes(of: Pool | None = None) -> list[psutil.Process]:
    """The processes that fork workers for this one: a pool's, or all."""
    found = [each for each in psutil.Process().children() if alive(each) and "aha.grading.pool.zygote" in each.cmdline()]
    return [each for each in found if of is None or each.pid == of.zygote]


def workers(of: Pool | None = None) -> list[psutil.Process]:
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


class Waits:
    """Seconds that this process and a pool's processes stood ready and had no processor; looked at now and then, for those that end."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}

    def look(self) -> float:
        own = [f"self/task/{thread}" for thread in os.listdir("/proc/self/task")]
        for name in (*own, *(str(each.pid) for zygote in zygotes() for each in (zygote, *zygote.children()))):
            with contextlib.suppress(OSError):
                self._seen[name] = int(Path(f"/proc/{name}/schedstat").read_text().split()[1]) / 1e9
        return sum(self._seen.values())
