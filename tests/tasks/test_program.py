"""Tiny programs: what is asked, and that only the right function passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from aha.errors import BadInput
from aha.grading.code import try_code, unfit
from aha.grading.sandbox import Sandbox, open_sandbox
from aha.tasks.program import Program, ProgramProblems, program_of, question
from aha.types import Calls, Right

EXAMPLE = Program("x", (("+", 4), ("*", "y")))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with closing(open_sandbox("auto", 1)) as opened:
        yield opened


def test_a_product_after_a_sum_needs_parentheses() -> None:
    assert EXAMPLE.code == "def f(x, y):\n    return ( x + 4 ) * y"
    assert Program("x", (("*", 3), ("+", 4))).code == "def f(x):\n    return x * 3 + 4"
    assert Program("max", (("*", 3), ("-", 4), ("+", 2), ("*", 5))).expressions()[-1] == "( max(s) * 3 - 4 + 2 ) * 5"


def test_the_question_says_the_steps_in_order() -> None:
    assert question(EXAMPLE, "en") == "Please write f(x, y): x, then + 4, then * y."
    assert question(EXAMPLE, "zh") == "请写 f(x, y): x，然后 + 4，然后 * y。"
    assert question(Program("sum", (("-", 2), ("*", 3))), "zh") == "请写 f(s): s的和，然后 - 2，然后 * 3。"


def test_values_are_what_the_words_say() -> None:
    assert EXAMPLE.value(2, 3) == 18
    assert Program("len", (("+", 1), ("*", 2))).value([3, 1, 2]) == 8


def test_a_problem_knows_its_program() -> None:
    for problem in ProgramProblems().all(100):
        assert question(program_of(problem), problem.language) == problem.question


def test_its_own_code_passes_and_idle_programs_fail(sandbox: Sandbox) -> None:
    for problem in ProgramProblems().all(8):
        assert isinstance(problem.reference, Calls)
        assert unfit(problem.reference, [program_of(problem).code], sandbox) == []


def test_parentheses_that_are_left_out_are_found_out(sandbox: Sandbox) -> None:
    problem = next(each for each in ProgramProblems().all(100) if "(" in program_of(each).expressions()[-1].replace("f(", ""))
    assert isinstance(problem.reference, Calls)
    flat = program_of(problem).code.replace("( ", "").replace(" )", "")
    assert not isinstance(try_code(problem.reference, flat, sandbox).grade, Right)


def test_no_training_problem_is_a_held_out_one_in_either_language() -> None:
    held_out = {program_of(problem) for problem in ProgramProblems(split="held-out").all(300)}
    assert held_out.isdisjoint(program_of(problem) for rollout in range(10) for problem in ProgramProblems().at(rollout, 0, 200, 0))


def test_a_program_of_one_step_is_refused() -> None:
    with pytest.raises(BadInput, match="2 steps or more"):
        ProgramProblems(longest=1)
