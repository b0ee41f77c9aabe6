"""Exact numbers written out."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.specimens.numbers import chinese, cut, decimal, group_digits, in_base, period_of, places, root, round_to, wide, words

FRACTIONS = st.fractions(min_value=-1000, max_value=1000, max_denominator=999)


@pytest.mark.parametrize(
    ("number", "english", "numerals"),
    [
        (0, "zero", "零"),
        (10, "ten", "十"),
        (15, "fifteen", "十五"),
        (20, "twenty", "二十"),
        (47, "forty-seven", "四十七"),
        (101, "one hundred one", "一百零一"),
        (110, "one hundred ten", "一百一十"),
        (1010, "one thousand ten", "一千零一十"),
        (1500, "one thousand five hundred", "一千五百"),
        (9999, "nine thousand nine hundred ninety-nine", "九千九百九十九"),
    ],
)
def test_words_and_chinese_numerals(number: int, english: str, numerals: str) -> None:
    assert (words(number), chinese(number)) == (english, numerals)


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (Fraction(1, 3), ("0.", "3")),
        (Fraction(-1, 6), ("-0.1", "6")),
        (Fraction(3, 11), ("0.", "27")),
        (Fraction(22, 7), ("3.", "142857")),
        (Fraction(13, 12), ("1.08", "3")),
        (Fraction(1, 8), None),
        (Fraction(1, 17), None),
    ],
)
def test_the_period_of_a_decimal(value: Fraction, parts: tuple[str, str] | None) -> None:
    assert period_of(value) == parts


@given(FRACTIONS, st.integers(0, 12))
def test_cut_and_rounded_as_the_decimal_module_has_them(value: Fraction, count: int) -> None:
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        step = Decimal(1).scaleb(-count)
        assert Decimal(cut(value, count)) == exact.quantize(step, ROUND_DOWN)
        assert Decimal(round_to(value, count)) == exact.quantize(step, ROUND_HALF_UP)


@given(FRACTIONS)
def test_a_decimal_that_ends_is_the_value(value: Fraction) -> None:
    digits = decimal(value)
    assert digits is None or Fraction(digits) == value
    assert (digits is None) == (places(value) is None)


@given(st.integers(0, 10**6), st.integers(2, 9))
def test_digits_of_a_base_are_read_back(number: int, base: int) -> None:
    assert int(in_base(number, base), base) == number


def test_a_root_is_rounded_and_cut() -> None:
    assert (root(Fraction(2), 6, True), root(Fraction(2), 6, False)) == ("1.414214", "1.414213")


def test_digits_in_groups_and_in_full_width() -> None:
    assert (group_digits(1234567, "{,}"), wide("-3.5")) == ("1{,}234{,}567", "－３．５")
