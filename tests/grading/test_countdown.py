"""Countdown answers: exact arithmetic, each number once, and nothing that is not an expression."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.grading import last_expression
from aha.types import Countdown, Right, Wrong
from tests.graders import grade

REFERENCE = Countdown((8, 6, 10), 58)

RIGHT = [
    "( 8 * 6 ) + 10",
    "8*6+10",
    "10 + 8 * 6",
    "6 * (8) + 10",
    "((((8 * 6)) + 10))",
    "8 × 6 + 10",
    "８ ＊ ６ ＋ １０",
    "（8 * 6）+ 10",
    "8 * 6 + 10 = 58",
    "8 * 6 + 10.",
    "\\boxed{8 \\times 6 + 10}",
    "$8 \\cdot 6 + 10$",
    "08 * 6 + 10",
]
WRONG = {
    "8 + 6 + 10": "equals 24, not 58",
    "8 * 6": "uses [6, 8], not each of [6, 8, 10] once",
    "8 * 6 + 10 + 10 - 10": "uses [6, 8, 10, 10, 10], not each of [6, 8, 10] once",
    "58": "uses [58], not each of [6, 8, 10] once",
    "58 = 8 * 6 + 10": "'= 8 * 6 + 10' after the expression: only `= 58` may follow",
    "8 * 6 + 10 = 57": "'= 57' after the expression: only `= 58` may follow",
    "8 * 6 + 10 = 58 = 58": "'= 58 = 58' after the expression: only `= 58` may follow",
    "8 * 6 + 10 yes": "'y e s' after the expression: only `= 58` may follow",
    "8 * 6 + 10, 8 + 6 + 10": "', 8 + 6 + 10' after the expression: only `= 58` may follow",
    "the answer is 8 * 6 + 10": "'the answer is 8 * 6 + 10' is not an arithmetic expression",
    "-8 * -6 + 10": "'-8 * -6 + 10' is not an arithmetic expression",
    "8 * 6.0 + 10": "'* 6.0 + 10' after the expression: only `= 8` may follow",
    "8 ** 6 + 10": "'* * 6 + 10' after the expression: only `= 8` may follow",
    "8 // 6": "'/ / 6' after the expression: only `= 8` may follow",
    "(8 * 6 + 10": "'(8 * 6 + 10' is not an arithmetic expression",
    "8 * 6 + 10)": "')' after the expression: only `= 58` may follow",
    "8 / (6 - 6) + 10": "divides by zero",
    "8(6) + 10": "'( 6 ) + 10' after the expression: only `= 8` may follow",
    "": "'' is not an arithmetic expression",
    "__import__('os')": "\"__import__('os')\" is not an arithmetic expression",
    "٨ * 6 + 10": "'٨ * 6 + 10' is not an arithmetic expression",
    "8 * 6 + 1O": "'O' after the expression: only `= 49` may follow",
}


@pytest.mark.parametrize("answer", RIGHT)
def test_an_expression_of_each_number_once_that_hits_the_target_is_right(answer: str) -> None:
    assert grade(REFERENCE, answer) == Right()


@pytest.mark.parametrize(("answer", "reason"), WRONG.items())
def test_anything_else_is_wrong_and_says_why(answer: str, reason: str) -> None:
    assert grade(REFERENCE, answer) == Wrong(reason)


def test_division_is_exact() -> None:
    assert grade(Countdown((8, 3, 8, 3), 24), "8 / (3 - 8 / 3)") == Right()
    assert grade(Countdown((1, 3, 3), 1), "1 / 3 * 3") == Right()


def test_equal_numbers_are_each_used_once() -> None:
    assert grade(Countdown((5, 5, 2), 12), "5 + 5 + 2") == Right()
    assert grade(Countdown((5, 5, 2), 7), "5 + 2") == Wrong("uses [2, 5], not each of [2, 5, 5] once")


def test_no_answer_is_wrong() -> None:
    assert grade(REFERENCE, None) == Wrong("no answer: the reply broke the template")


LAST = {
    " <think> 8 + 6 = 14 - 10 = 4 no 8 * 6 = 48 + 10 = 58 yes</think>\n<answer> ( 8 * 6 ) + 10</answer>": "( 8 * 6 ) + 10",
    "8 + 6 = 14 - 10 = 4 no": "14 - 10",
    "so 8 × 6 + 10.": "8 * 6 + 10",
    "1) 3 + 4": "3 + 4",
    "- 3 * 4": "3 * 4",
    "3 + (4 * 2": "4 * 2",
    "7 + 1 and 3 / 0": "7 + 1",
    "58": None,
    "no": None,
    "": None,
}


@pytest.mark.parametrize(("text", "expression"), LAST.items())
def test_the_last_expression_is_found_anywhere(text: str, expression: str | None) -> None:
    assert last_expression(text) == expression


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner)


@given(st.recursive(st.integers(0, 99).map(str), joined, max_leaves=8))
def test_every_expression_equals_what_fractions_make_of_it(expression: str) -> None:
    value, numbers = meant(expression)
    if value is None:
        assert grade(Countdown(numbers, 1), expression) == Wrong("divides by zero")
    elif value.denominator == 1:
        assert grade(Countdown(numbers, int(value)), expression) == Right()


def meant(expression: str) -> tuple[Fraction | None, tuple[int, ...]]:
    """The value and numbers of a fully bracketed expression, by folding the innermost bracket again and again."""
    numbers = tuple(int(word) for word in expression.replace("(", "").replace(")", "").split() if word.isdigit())
    stack: list[Fraction | str] = []
    for word in expression.replace("(", " ( ").replace(")", " ) ").split():
        if word != ")":
            stack.append(Fraction(word) if word.isdigit() else word)
            continue
        *_, left, sign, right = stack
        assert isinstance(left, Fraction) and isinstance(right, Fraction)
        if sign == "/" and right == 0:
            return None, numbers
        folded = {"+": left + right, "-": left - right, "*": left * right, "/": left / (right or 1)}[str(sign)]
        stack[-4:] = [folded]
    assert isinstance(stack[0], Fraction)
    return stack[0], numbers


MEGABYTE = [
    "(" * 1_000_000,
    "3+(" * 300_000,
    "1/7+" * 250_000,
    "9" * 1_000_000,
    "999999999999*" * 80_000,
    "\\boxed{" * 140_000,
    "3 + " * 250_000,
]


@pytest.mark.parametrize("text", MEGABYTE, ids=lambda text: text[:8])
def test_a_megabyte_is_judged_in_seconds(text: str) -> None:
    start = time.thread_time()  # of this thread: others of the process have the collector and their own work
    assert isinstance(grade(REFERENCE, text), Wrong)
    last_expression(text)
    assert time.thread_time() - start < 5.0  # 0.1 to 0.4 alone; a square of the length would take hours


def test_a_reply_that_runs_on_into_a_new_problem_is_read_up_to_there() -> None:
    reference = Countdown((2, 3, 4), 14)
    assert isinstance(grade(reference, "\\boxed{2+3}\n\nQuestion: How many?\nAnswer: \\boxed{2+3*4}"), Wrong)
    assert grade(reference, "\\boxed{2+3*4}\n\nQuestion: How many?\nAnswer: \\boxed{2+3}") == Right()
