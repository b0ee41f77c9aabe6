"""Two numbers are one only where that is proved, and two where their enclosures do not meet; digits alone decide nothing."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.answers.formulas import Call, Node, Num
from aha.answers.reading import read
from aha.grading.maths import quick, slow
from aha.grading.maths.proofs import decision
from aha.types import Latex, Right, Wrong

EQUAL = [
    ("\\sqrt{2}+\\sqrt{3}", "\\sqrt{5+2\\sqrt6}"),
    ("1", "\\sqrt[3]{2+\\sqrt5}+\\sqrt[3]{2-\\sqrt5}"),
    ("\\frac{\\sqrt5-1}{4}", "\\sin 18^\\circ"),
    ("\\frac18", "\\cos20^\\circ\\cos40^\\circ\\cos80^\\circ"),
    ("\\frac{\\pi}{3}", "\\arctan\\sqrt3"),
    ("\\ln 8", "3\\ln 2"),
    ("2\\ln(1+\\sqrt2)", "\\ln(3+2\\sqrt2)"),
    ("\\log_2 5", "\\frac{\\ln 5}{\\ln 2}"),
    ("e^3", "e \\cdot e^2"),
    ("10^{\\frac{\\sqrt{13}-5}{6}}", "10^{-\\frac{5-\\sqrt{13}}{6}}"),
    ("e^{i\\pi/3}", "\\frac12+\\frac{\\sqrt3}{2}i"),
    ("\\frac{1}{\\sqrt2+\\sqrt3+\\sqrt5}", "\\frac{2\\sqrt3+3\\sqrt2-\\sqrt{30}}{12}"),
]
APART = [
    ("\\sqrt2", "\\sqrt2+10^{-100}"),
    ("\\sqrt2", "\\sqrt{2+10^{-300}}"),
    ("\\pi", "\\pi+10^{-900}"),
    ("1", "\\tanh 1000"),
    ("\\frac{\\pi}{2}", "\\arctan(10^{200})"),
    ("\\ln 2", "\\ln 2+\\frac{1}{10^{500}}"),
    ("262537412640768744", "e^{\\pi\\sqrt{163}}"),
]


def node(text: str) -> Node:
    found = read(text).node
    assert found is not None, text
    return found


@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_closed_forms_of_one_number_are_proved_equal(gold: str, answer: str) -> None:
    assert decision(node(gold), node(answer)) is True
    assert quick(Latex(gold), answer) == Right()


@pytest.mark.parametrize(("gold", "answer"), APART)
def test_what_differs_in_its_hundredth_digit_only_is_not_paid(gold: str, answer: str) -> None:
    assert decision(node(gold), node(answer)) is False
    assert isinstance(slow(Latex(gold), answer), Wrong)


def test_functions_that_differ_by_less_than_eighty_digits_show_are_not_one() -> None:
    assert isinstance(quick(Latex("\\sin x"), "\\sin(x)+10^{-200}"), Wrong)
    assert quick(Latex("\\sin 2x"), "2\\sin x\\cos x") == Right()


def root(value: int) -> Node:
    return Call("root", (Num(Fraction(value)), Num(Fraction(2))))


@given(st.integers(2, 400), st.integers(2, 400), st.integers(-3, 3))
def test_sums_of_roots_are_equal_exactly_where_the_integers_say_so(one: int, other: int, more: int) -> None:
    """(√a + √b)² = a + b + 2√(ab): equal to √(a + b + 2√(ab) + k) where k is 0, and only there."""
    total = Call("+", (root(one), root(other)))
    under = Call("+", (Num(Fraction(one + other + more)), Call("*", (Num(Fraction(2)), root(one * other)))))
    assert decision(total, Call("root", (under, Num(Fraction(2))))) is (more == 0)
