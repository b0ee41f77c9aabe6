"""What a process and its descendants use is read from outside, whoever their parents are by then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from aha.grading.sandbox.tree import Tree, Use

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no /proc here")
MIB = 1 << 20
FAMILY = """import os, sys, time
held = bytearray(b"x") * (40 << 20)
if os.fork() == 0:
    own = bytearray(b"y") * (30 << 20)
    if os.fork() == 0:
        os.setsid()
        while time.process_time() < 0.3: pass
        print(os.getpid(), flush=True)
        time.sleep(60)
    os.wait()
sys.stdin.read(1)
"""


@pytest.fixture
def family() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process with a child and a grandchild that worked, and the grandchild's number."""
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
        yield process, grandchild
        os.kill(grandchild, signal.SIGKILL)
        process.kill()


def test_all_that_descend_from_a_process_count_together(family: tuple[subprocess.Popen[bytes], int]) -> None:
    process, _ = family
    use = Tree(process.pid, itself=True).look()
    assert use.memory_bytes > (40 + 70 + 70) * MIB and use.cpu_s >= 0.29


def test_the_root_counts_only_where_it_is_wanted(family: tuple[subprocess.Popen[bytes], int]) -> None:
    process, _ = family
    both, children = (Tree(process.pid, itself=itself).look().memory_bytes for itself in (True, False))
    assert both - children >= 40 * MIB


def test_whoever_was_seen_stays_in_when_its_parent_is_gone(family: tuple[subprocess.Popen[bytes], int]) -> None:
    process, _ = family
    tree = Tree(process.pid, itself=True)
    before = tree.look()
    process.kill()
    process.wait(timeout=10)
    time.sleep(0.05)
    after = tree.look()
    assert after.memory_bytes > 60 * MIB and after.cpu_s >= before.cpu_s


def test_strangers_do_not_count(family: tuple[subprocess.Popen[bytes], int]) -> None:
    _, grandchild = family
    alone = Tree(grandchild, itself=True).look()
    assert alone.memory_bytes < 110 * MIB
    assert Tree(grandchild, itself=False).look() == Use(0.0, 0)


def test_the_limit_that_is_exceeded_is_named() -> None:
    use = Use(2.0, 100)
    assert [use.excess(1.0, 100), use.excess(2.0, 99), use.excess(2.0, 100)] == ["cpu", "memory", ""]
