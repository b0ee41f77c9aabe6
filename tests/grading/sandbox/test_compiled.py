"""Compiled programs are made once a source, and forgotten when there are many."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from aha.grading.sandbox.compiled import MOST, CompileCache
from aha.grading.sandbox.job import Outcome
from aha.grading.sandbox.slot import memory_file


def test_threads_that_want_the_same_source_compile_it_once() -> None:
    compiled, made, together = CompileCache(), [], threading.Barrier(4)

    def compile() -> int:
        made.append(1)
        return memory_file(b"binary")

    def ask() -> bytes:
        together.wait(timeout=10)
        fd = compiled.get("source", compile, 10)
        assert isinstance(fd, int)
        content = os.pread(fd, 100, 0)
        os.close(fd)
        return content

    with ThreadPoolExecutor(4) as pool:
        assert [each.result(timeout=20) for each in [pool.submit(ask) for _ in range(4)]] == [b"binary"] * 4
    assert len(made) == 1
    compiled.close()


def test_a_refusal_is_remembered_and_a_failure_of_ours_is_not() -> None:
    compiled, asked = CompileCache(), []
    refusal, trouble = (Outcome(verdict, b"", b"", 1, 0.0, 0.0, 0.0) for verdict in ("CE", "INFRA"))

    def answering(outcome: Outcome) -> Outcome:
        asked.append(outcome.verdict)
        return outcome

    for _ in range(2):
        assert compiled.get("bad", lambda: answering(refusal), 10) == refusal
        assert compiled.get("unlucky", lambda: answering(trouble), 10) == trouble
    assert asked == ["CE", "INFRA", "INFRA"]


def test_the_least_used_is_forgotten_first_and_no_descriptor_is_kept() -> None:
    compiled, made = CompileCache(), []
    before = len(os.listdir("/proc/self/fd"))

    def ask(name: str) -> None:
        def compile() -> int:
            made.append(name)
            return memory_file(b"x")

        fd = compiled.get(name, compile, 10)
        assert isinstance(fd, int)
        os.close(fd)

    ask("first")
    for n in range(MOST - 1):
        ask(str(n))
    ask("first")
    ask("one more")
    assert len(os.listdir("/proc/self/fd")) == before + MOST
    ask("first")
    ask("0")
    assert made.count("first") == 1 and made.count("0") == 2
    compiled.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_whoever_waits_too_long_for_another_is_told() -> None:
    compiled, over = CompileCache(), threading.Event()

    def slow() -> int:
        over.wait(timeout=10)
        return memory_file(b"x")

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(compiled.get, "source", slow, 10)
        while not compiled._busy:
            pass
        assert compiled.get("source", slow, 0.05) is None
        over.set()
        fd = first.result(timeout=10)
    assert isinstance(fd, int)
    os.close(fd)
    compiled.close()
