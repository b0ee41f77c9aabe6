"""What takes algebra, and what `quick` leaves to it."""

from __future__ import annotations

import pytest

from aha.grading.maths import quick, slow
from aha.types import Abstained, Grade, Latex, Number, Right, Wrong

ALGEBRA: list[tuple[str, str, type[Grade]]] = [
    ("\\frac{1}{3}", "\\boxed{\\int_0^1 x^2 dx}", Right),
    ("55", "\\sum_{k=1}^{10} k", Right),
    ("54", "\\sum_{k=1}^{10} k", Wrong),
    ("(-2,2)", "x^2<4", Right),
    ("10^{20}", "\\sqrt{10^{40}+1}", Wrong),
    ("3", "\\sum_{k=1}^{3} 9^{9^{9^9}}", Wrong),
]


@pytest.mark.parametrize(("gold", "answer", "grade"), ALGEBRA)
def test_quick_leaves_algebra_to_slow(gold: str, answer: str, grade: type[Grade]) -> None:
    assert quick(Latex(gold), answer) is None
    assert isinstance(slow(Latex(gold), answer), grade)


def test_slow_says_what_quick_says_where_quick_says_something() -> None:
    assert slow(Latex("\\frac12"), "0.5") == Right()
    assert slow(Number("72"), "71") == Wrong("equals 71, not 72")


def test_a_reference_that_cannot_be_read_is_abstained_from_and_never_paid() -> None:
    for gold in ("\\frac{1}{2", "x +", "(1,2", "\\boxed{\\frac{}{}}", "???"):
        assert isinstance(quick(Latex(gold), gold), Abstained), gold
        assert isinstance(slow(Latex(gold), "1"), Abstained)


def test_lines_with_one_solution_set_are_told_apart_without_algebra() -> None:
    assert quick(Latex("xy=1"), "y=\\frac{1}{x}") == Right()
    assert isinstance(quick(Latex("xy=1"), "y=-\\frac{1}{x}"), Wrong)
