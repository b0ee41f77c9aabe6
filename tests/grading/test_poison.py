"""Answers made to stop a grader: none takes longer than its deadline, more than its memory, or anybody else's time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from aha.grading import Graders
from aha.types import Abstained, Latex, Number, Reference, Right, Wrong
from tests.counts import ordinary
from tests.grading.pool.processes import Waits, workers

DEADLINE_S, GAP_S = 2.2, 0.2
BOXED = r"""
9^{9^{9^{9}}}
9^{9^{9}}
2^{2^{2^{2^{2^{2}}}}}
10^{10^{10}}+1
10^{-10^{10}}
7^{-7^{7^{7}}}\pi
1000000!
((100!)!)!
\binom{10^{9}}{5\cdot 10^{8}}
\prod_{k=1}^{10^9} k!
\sum_{n=1}^{10^{12}} n^{n}
\int_0^{\infty} \frac{\sin(x^{100})e^{-x^{77}}}{\ln(x+\cos(x^{33}))} dx
\int\int\int\int e^{xyzw}\,dx\,dy\,dz\,dw
\int_0^1 \int_0^1 \frac{\ln(1+x+y^2)}{1+x^2y^2} dx dy
\lim_{x\to 0}\frac{\sin(\tan x)-\tan(\sin x)}{x^{7}}
\frac{d^{200}}{dx^{200}} e^{x^2}
(x+y+z+w)^{400}
(1+x)^{100000}
x^{x^{x^{x^{x^{x^x}}}}}
\sqrt[10^9]{10^{10^9}}
\gcd(2^{10^7}-1,3^{10^7}-1)
\log_{2}{2^{2^{40}}}
\zeta(10^{8})
1e999999999
\sin(\cos(\tan(\sin(\cos(\tan(\sin(\cos(x^{50}+y^{50}+z^{50}))))))))
""".strip().split("\n")
BUILT = {
    "5,000 parentheses": "(" * 5_000 + "1" + ")" * 5_000,
    "3,000 roots": r"\sqrt{" * 3_000 + "2" + "}" * 3_000,
    "800 fractions": r"\frac{1}{1+" * 800 + "x" + "}" * 800,
    "3,000 powers": "+".join(f"x^{{{n}}}" for n in range(3_000)),
    "20,000 digits": "9" * 20_000,
    "18,000 recurring digits": r"0.\overline{" + "142857" * 3_000 + "}",
    "a matrix of 30 x 30 to the 50": r"\begin{pmatrix}" + r"\\".join([" & ".join(["x^{9}"] * 30)] * 30) + r"\end{pmatrix}^{50}",
    "a set of 5,000": r"\{" + ",".join(map(str, range(5_000))) + r"\}",
    "a union of 1,500": r"\cup".join(f"({n},{n + 1})" for n in range(1_500)),
    "10,000 open braces": "{" * 10_000,
    "a million digits": "1" + "0" * 1_000_000,
}
POISON = [f"\\boxed{{{formula}}}" for formula in (*BOXED, *BUILT.values())]
GOLDS: list[Reference] = [Latex("x+1"), Latex("\\frac{\\pi^2}{6}"), Number("72")]


@pytest.fixture(scope="module")
def graders() -> Iterator[Graders]:
    with Graders(workers=2) as opened:
        opened.pool.warm()
        yield opened


@contextmanager
def heartbeat() -> Iterator[tuple[list[float], Waits]]:
    """The gaps between the beats of a thread. What the machine did besides is no grader's fault: a gap counts without the time that the
    thread stood ready and had no processor, and no longer than the process had one."""
    gaps, waits, over = [0.0], Waits(), threading.Event()

    def heartbeat() -> None:
        own = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")

        def clocks() -> tuple[float, float]:
            return time.monotonic() - int(own.read_text().split()[1]) / 1e9, time.process_time()

        before = clocks()
        while not over.is_set():
            time.sleep(0.01)
            now = clocks()
            gaps.append(min(now[0] - before[0], 0.01 + now[1] - before[1]))
            waits.look()
            before = clocks()

    thread = threading.Thread(target=heartbeat)
    thread.start()
    try:
        yield gaps, waits
    finally:
        over.set()
        thread.join(timeout=10)


def taken(graders: Graders, gold: Reference, answer: str, waits: Waits) -> float:
    """Seconds until the verdict, which must be none that pays; what the machine had to do besides is left out."""
    before, began = waits.look(), time.monotonic()
    found = graders.grade(gold, answer)
    elapsed = time.monotonic() - began
    assert isinstance(found, Wrong | Abstained), answer[:60]
    return max(0.0, elapsed - (waits.look() - before)) if elapsed > DEADLINE_S else elapsed


def test_there_are_more_than_26() -> None:
    assert len(POISON) == 36


@pytest.mark.parametrize("gold", ordinary(GOLDS, GOLDS[0]))
def test_no_poison_takes_longer_than_its_deadline_nor_holds_up_the_process_that_asks(graders: Graders, gold: Reference) -> None:
    with heartbeat() as (gaps, waits):
        times = {answer[:40]: taken(graders, gold, answer, waits) for answer in POISON}
    worst = max(times, key=lambda answer: times[answer])
    print(f"{gold}: slowest {times[worst]:.2f} s ({worst}), widest gap {max(gaps):.3f} s")
    assert times[worst] <= DEADLINE_S and max(gaps) <= GAP_S


def test_in_worker_threads_too(graders: Graders) -> None:
    with heartbeat() as (gaps, waits), ThreadPoolExecutor(2) as threads:
        times = list(threads.map(lambda answer: taken(graders, GOLDS[0], answer, waits), POISON[::6]))
    print(f"two threads: slowest {max(times):.2f} s, widest gap {max(gaps):.3f} s")
    assert max(times) <= DEADLINE_S and max(gaps) <= GAP_S


def test_the_next_answer_is_unaffected(graders: Graders) -> None:
    for answer in POISON[1::6]:
        graders.grade(GOLDS[0], answer)
        assert graders.grade(Latex("\\int_0^1 x^2\\,dx"), "\\boxed{\\frac13}") == Right()


@pytest.mark.long
def test_the_process_that_asks_does_not_grow_and_no_worker_passes_a_gibibyte(graders: Graders) -> None:
    before = psutil.Process().memory_info().rss
    for answer in POISON:
        graders.grade(GOLDS[1], answer)
    assert psutil.Process().memory_info().rss - before < 50 * 2**20
    assert all(worker.memory_info().rss < 2**30 for worker in workers())
