"""Numbers and formulas as they are written: exact values, one string for one formula, and which gold answers can be compared with."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.answers import gradable
from aha.answers.numbers import NumberValue, rational
from aha.answers.symbols import arithmetic, plain
from aha.types import Countdown, Latex, Number, Open, Reference


@given(st.integers(), st.integers(1, 10**12))
def test_a_fraction_is_read_as_itself(top: int, under: int) -> None:
    assert rational(f"{top}/{under}") == NumberValue(Fraction(top, under))
    assert rational(f"\\frac{{{top}}}{{{under}}}") == NumberValue(Fraction(top, under))


@given(st.integers(-(10**15), 10**15))
def test_thousands_separators_do_not_change_a_number(number: int) -> None:
    assert rational(f"{number:,}") == rational(str(number)) == NumberValue(Fraction(number))


@given(st.decimals(-(10**6), 10**6, places=4))
def test_a_decimal_is_read_exactly(number: object) -> None:
    assert rational(str(number)) == NumberValue(Fraction(str(number)))


@pytest.mark.parametrize("text", ["", "many", "7 clips", "1,2", "1,23", "(1,234)", "1/0", "2x", "٧", "²", "7 8", "--7", "1.2.3"])
def test_what_is_more_or_less_than_one_number_is_none(text: str) -> None:
    assert rational(text) is None


def test_a_percentage_equals_its_hundredth_and_its_bare_number_but_those_two_differ() -> None:
    quarter, bare, hundredth = NumberValue(Fraction(25), percent=True), NumberValue(Fraction(25)), NumberValue(Fraction(1, 4))
    assert quarter.equals(bare) and quarter.equals(hundredth) and hundredth.equals(quarter)
    assert not bare.equals(hundredth)


def test_signs_are_folded_and_superscripts_and_other_alphabets_are_not() -> None:
    assert plain("１２，３４５．６ − ７％") == "12,345.6 - 7%"
    assert arithmetic("2 × 3 ÷ 4 \\times 5 ∙ 6") == "2 * 3 / 4 * 5 * 6"
    assert plain("x² ½ ٧ а") == "x² ½ ٧ а"


GRADABLE: list[tuple[Reference, bool]] = [
    (Number("1,234.5"), True),
    (Number("many"), False),
    (Number(""), False),
    (Latex("\\frac{1}{2}"), True),
    (Latex("\\frac{1}{2"), False),
    (Latex("\\{1"), False),
    (Latex(" $ "), False),
    (Countdown((1, 2), 3), True),
    (Countdown((), 3), False),
    (Open(), True),
]


@pytest.mark.parametrize(("reference", "can"), GRADABLE)
def test_a_gold_answer_that_no_answer_could_equal_is_not_gradable(reference: Reference, can: bool) -> None:
    assert gradable(reference) == can
