"""One door for every kind of reference, in any process and thread."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.grading import Graders
from aha.grading.maths import Settings
from aha.grading.sandbox import tiers
from aha.types import (
    Abstained,
    Asserts,
    Calls,
    Choice,
    Countdown,
    Judged,
    Latex,
    Number,
    Open,
    Reference,
    Right,
    Stdio,
    Text,
    Wrong,
)
from tests.graders import grade
from tests.grading.pool.processes import alone, zygotes

ROOT = Path(__file__).parents[2]
DOUBLE = "```python\ndef double(x):\n    return 2 * x\n```"
CHEAP: list[tuple[Reference, str, str]] = [
    (Countdown((3, 7, 25), 96), "3 * (25 + 7)", "3 + 25"),
    (Number("72"), "\\boxed{72}", "71"),
    (Latex("\\frac{1}{2}"), "\\boxed{0.5}", "\\boxed{0.25}"),
    (Choice("B", ("red", "green")), "\\boxed{B}", "\\boxed{A}"),
    (Text(("Paris",)), "paris.", "London"),
]
CODE: list[tuple[Reference, str, str]] = [
    (Calls("double", (("[2]", "4"), ("[-1]", "-2"))), DOUBLE, DOUBLE.replace("2 * x", "x + 2")),
    (Asserts("double", "assert double(2) == 4\nassert double(-1) == -2"), DOUBLE, DOUBLE.replace("2 * x", "x + 2")),
    (Stdio((("2\n", "4\n"), ("-1\n", "-2\n"))), "```python\nprint(2 * int(input()))\n```", "```python\nprint(4)\n```"),
]


@pytest.mark.parametrize(("reference", "right", "wrong"), CHEAP, ids=lambda value: type(value).__name__)
def test_what_is_cheap_is_graded_without_any_process(reference: Reference, right: str, wrong: str) -> None:
    with Graders() as graders, alone(graders):
        before = len(zygotes())
        assert graders.grade(reference, right) == Right() and isinstance(graders.grade(reference, wrong), Wrong)
        assert len(zygotes()) == before


def test_what_needs_algebra_goes_to_a_worker() -> None:
    with Graders(workers=1) as graders, alone(graders):
        assert graders.grade(Latex("\\int_0^1 x^2\\,dx"), "\\boxed{\\frac13}") == Right()
        assert (graders.counts.grades, graders.counts.abstentions) == (1, 0) and graders.counts.seconds > 0


@pytest.mark.parametrize(("reference", "right", "wrong"), CODE, ids=lambda value: type(value).__name__)
def test_programs_run_in_the_strongest_sandbox_that_is_here(reference: Reference, right: str, wrong: str) -> None:
    if not any(why is None for tier, why in tiers().items() if tier in ("bwrap", "wasm")):
        pytest.skip(f"no sandbox works here: {tiers()}")
    with Graders() as graders:
        assert graders.grade(reference, right) == Right() and isinstance(graders.grade(reference, wrong), Wrong)
        assert graders.sandbox().tier in ("bwrap", "wasm")


def test_a_tier_that_is_named_is_the_one_that_is_used() -> None:
    with Graders(sandbox="unsafe") as graders:
        assert graders.grade(CODE[0][0], CODE[0][1]) == Right() and graders.sandbox().tier == "unsafe"


def test_a_sandbox_that_cannot_be_is_said_with_what_it_lacks() -> None:
    missing = next((tier for tier, why in tiers().items() if why is not None), None)
    if missing is None:
        pytest.skip("every tier works here")
    with Graders(sandbox=missing) as graders, pytest.raises(BadInput, match=f"sandbox {missing}: "):
        graders.grade(CODE[0][0], CODE[0][1])


@pytest.mark.parametrize("reference", [Open(), Judged("Paris")], ids=lambda value: type(value).__name__)
def test_what_no_rule_can_grade_is_abstained_from_even_without_an_answer(reference: Reference) -> None:
    assert isinstance(grade(reference, "Paris"), Abstained) and isinstance(grade(reference, None), Abstained)


@pytest.mark.parametrize("reference", [each[0] for each in (*CHEAP, *CODE)], ids=lambda value: type(value).__name__)
def test_no_answer_is_always_wrong(reference: Reference) -> None:
    assert grade(reference, None) == Wrong("no answer: the reply broke the template")


def test_how_formulas_are_compared_may_be_said() -> None:
    assert grade(Latex("0.333333"), "\\boxed{0.3333333}", Settings(precision=3)) == Right()


def test_threads_share_one_door() -> None:
    cases = [(reference, answer) for reference, right, wrong in CHEAP for answer in (right, wrong)] * 20
    with ThreadPoolExecutor(8) as threads:
        found = [type(each) for each in threads.map(lambda case: grade(*case), cases)]
    assert found == [Right, Wrong] * (len(found) // 2)


def test_a_program_that_grades_and_leaves_says_nothing() -> None:
    script = (
        "from aha.grading import Graders\nfrom aha.types import Latex\n"
        "with Graders() as graders:\n    print(type(graders.grade(Latex('\\\\int_0^1 x\\\\,dx'), 'x')).__name__)"
    )
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "Wrong\n", "")
