"""Whatever is handed in, a grade comes back: no exception, no late verdict, the same each time, in threads and in other processes."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random

import psutil
import pytest

from aha.grading import Graders, gradable
from aha.grading.maths import quick
from aha.types import Abstained, Grade, Latex, Number, Reference, Right, Wrong
from tests.counts import ordinary
from tests.graders import grade
from tests.grading.fuzz import GOLDS, answer, formula
from tests.grading.pool.processes import until, zygotes

CI, AGAIN, LONG = 100, 40, 100_000
LATE = "not decided within"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def graders() -> Iterator[Graders]:
    with Graders(workers=2) as opened:
        opened.pool.warm()
        yield opened


@pytest.fixture(scope="module")
def first(graders: Graders) -> list[Grade]:
    return [graders.grade(*answer(number)) for number in range(CI)]


def differing(one: Sequence[Grade], other: Sequence[Grade]) -> list[tuple[int, Grade, Grade]]:
    """Verdicts that are not equal, but for those that came in time once and were late the other time."""
    pairs = [(number, a, b) for number, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    return [(number, a, b) for number, a, b in pairs if not (late(a) or late(b)) or Right() in (a, b)]


def late(grade: Grade) -> bool:
    return isinstance(grade, Abstained) and grade.reason.startswith(LATE)


def mebibytes() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


# --- two thousand -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_answer_has_a_grade_and_some_of_each_kind(first: list[Grade]) -> None:
    assert {type(each) for each in first} == {Right, Wrong, Abstained}
    assert sum(map(late, first)) <= 0.02 * CI


@pytest.mark.parametrize("numbers", [range(CI), pytest.param(range(CI, LONG), marks=pytest.mark.long)], ids=len)
def test_what_is_graded_in_this_process_raises_nothing(numbers: range) -> None:
    for number in numbers:
        reference, said = answer(number)
        if isinstance(reference, Latex | Number):
            assert isinstance(quick(reference, said), Right | Wrong | Abstained | None)


@pytest.mark.slow
def test_eight_threads_find_the_same(graders: Graders, first: list[Grade]) -> None:
    with ThreadPoolExecutor(8) as threads:
        again = list(threads.map(lambda number: graders.grade(*answer(number)), range(AGAIN)))
    assert differing(first[:AGAIN], again) == []


@pytest.mark.slow
def test_another_process_finds_the_same_in_another_order(first: list[Grade], tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            numbers = Random(1).sample(range(AGAIN), AGAIN)
            found = {number: grade(*answer(number)) for number in numbers}
            code = 0 if differing(first[:AGAIN], [found[number] for number in range(AGAIN)]) == [] else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.slow
def test_memory_does_not_grow(graders: Graders, first: list[Grade]) -> None:
    before, descriptors = mebibytes(), psutil.Process().num_fds()
    for number in range(AGAIN):
        graders.grade(*answer(number))
    assert mebibytes() - before < 20 and psutil.Process().num_fds() - descriptors <= 1
    assert all(worker.memory_info().rss < 2**30 for zygote in zygotes() for worker in zygote.children())


@pytest.mark.long
def test_a_hundred_thousand(graders: Graders) -> None:
    counts, slowest, before, began = {Right: 0, Wrong: 0, Abstained: 0}, 0.0, mebibytes(), time.monotonic()

    def timed(number: int) -> tuple[Grade, float]:
        started = time.monotonic()
        found = graders.grade(*answer(number))
        return found, time.monotonic() - started

    with ThreadPoolExecutor(2) as threads:
        for found, seconds in threads.map(timed, range(LONG), chunksize=1):
            counts[type(found)] += 1
            slowest = max(slowest, seconds)
    said = {kind.__name__: count for kind, count in counts.items()}
    print(f"{LONG:,} answers in {time.monotonic() - began:.0f} s: {said}, {graders.counts}; slowest {slowest:.2f} s;", end=" ")
    print(f"{mebibytes() - before:.1f} MiB more")
    assert mebibytes() - before < 20


# --- what must hold of every formula ----------------------------------------------------------------------------------


@pytest.mark.parametrize("gold", GOLDS)
def test_a_gold_answer_is_right_whichever_way_it_is_handed_in(gold: str) -> None:
    for said in (gold, f"\\boxed{{{gold}}}", f"so $\\boxed{{{gold}}}$."):
        assert gradable(Latex(gold)) and grade(Latex(gold), said) == Right()


@pytest.mark.slow
def test_a_formula_equals_itself_whenever_it_can_be_a_gold_answer(graders: Graders) -> None:
    made = [formula(Random(f"itself {number}")) for number in range(500)]
    golds = [gold for gold in made if gradable(Latex(gold))]
    assert len(golds) > 400
    assert [gold for gold in golds if not isinstance(graders.grade(Latex(gold), f"\\boxed{{{gold}}}"), Right)] == []


def mutants(number: int) -> tuple[Reference, str]:
    """A gold answer, and one that is certainly another."""
    draw = Random(f"mutant {number}")
    whole, other, over = draw.randint(2, 10**6), draw.randint(2, 10**6), draw.randint(2, 999)
    pairs: list[tuple[Reference, str]] = [
        (Number(str(whole)), str(whole + draw.choice([-1, 1, 10, 100]))),
        (Number(f"{whole}/{over}"), f"{whole + 1}/{over}"),
        (Latex(f"\\frac{{{whole}}}{{{over}}}"), f"\\boxed{{\\frac{{{whole}}}{{{over + 1}}}}}"),
        (Latex(f"{whole}\\sqrt{{{over}}}"), f"\\boxed{{{whole}\\sqrt{{{over + 1}}}}}"),
        (Latex(f"x^2+{over}x"), f"\\boxed{{x^2-{over}x}}"),
        (Latex(f"({whole},{other})"), f"\\boxed{{({whole},{other + 1})}}"),
        (Latex(f"\\{{{whole},{whole + over}\\}}"), f"\\boxed{{\\{{{whole}\\}}}}"),
        (Latex(f"[{over},\\infty)"), f"\\boxed{{({over},\\infty)}}"),
        (Latex(f"{over}.5"), f"\\boxed{{{over}.25}}"),
        (Latex(f"{over}\\pi"), f"\\boxed{{{over} or {over + 1}\\pi}}"),
    ]
    return draw.choice(pairs)


@pytest.mark.parametrize("count", ordinary([500, 2_000], 500))
def test_of_answers_that_are_certainly_others_none_is_right(graders: Graders, count: int) -> None:
    assert [mutants(number) for number in range(count) if isinstance(graders.grade(*mutants(number)), Right)] == []


# --- actors -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.long
def test_ray_actors_find_the_same_and_leave_no_process(first: list[Grade]) -> None:
    ray = pytest.importorskip("ray", reason="ray is not installed: the extra `cluster` brings it")

    class Grader:
        def grades(self, numbers: range) -> list[Grade]:
            return [grade(*answer(number)) for number in numbers]

        def processes(self) -> list[int]:
            return [each.pid for zygote in zygotes() for each in (zygote, *zygote.children())]

    with ExitStack() as stack:
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}})
        stack.callback(ray.shutdown)
        actors = [ray.remote(num_cpus=1)(Grader).remote() for _ in range(2)]
        parts = [range(200), range(200, 400)]
        found = ray.get([actor.grades.remote(part) for actor, part in zip(actors, parts, strict=True)], timeout=300)
        theirs = [pid for pids in ray.get([actor.processes.remote() for actor in actors], timeout=60) for pid in pids]
        assert len(theirs) >= 4
        for actor in actors:
            ray.kill(actor)
        assert until(lambda: not any(map(psutil.pid_exists, theirs)), 20.0)
    assert differing(first[:400], [each for part in found for each in part]) == []
