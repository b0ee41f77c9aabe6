"""Numbers in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.answers.numerals import chinese, counted_abroad, english, in_digits

CHINESE = {
    "零": "0",
    "十": "10",
    "十二": "12",
    "二十": "20",
    "一百零五": "105",
    "三百二十五": "325",
    "两千": "2000",
    "三千零五": "3005",
    "一万二千": "12000",
    "两亿三千万": "230000000",
    "二〇二四": "2024",
    "三点一四": "3.14",
    "三分之二": "2/3",
    "百分之十": "10%",
    "负七": "-7",
    "一又二分之一": "(1+1/2)",
    "人": None,
    "三分之": None,
    "点五": None,
}


@pytest.mark.parametrize(("text", "value"), CHINESE.items())
def test_chinese_numerals_are_read(text: str, value: str | None) -> None:
    assert chinese(text) == value


@given(st.integers(0, 99_999))
def test_a_chinese_numeral_is_its_number(number: int) -> None:
    digits = "零一二三四五六七八九"
    written = "".join(
        digits[int(digit)] + unit for digit, unit in zip(f"{number:05}", ("万", "千", "百", "十", ""), strict=True) if digit != "0"
    )
    assert chinese(written or "零") == str(number)


ENGLISH = {"four": 4, "Twenty-one": 21, "one hundred and five": 105, "two thousand": 2000, "apples": None, "four apples": None, "": None}


@pytest.mark.parametrize(("text", "value"), ENGLISH.items())
def test_english_numerals_are_read(text: str, value: int | None) -> None:
    assert english(text) == value


def test_a_numeral_keeps_what_it_counts() -> None:
    assert in_digits("三十五个") == "35个" and in_digits("3.5万人") == "35000人" and in_digits("x+1") == "x+1"


ABROAD = {
    "trente-trois": 33, "dreiunddreißig": 33, "treinta y tres": 33, "vingt et deux": 22, "тридцать три": 33, "zwölf": 12,
    "trente ou trois": None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), ABROAD.items())
def test_numerals_of_other_languages_are_read_with_their_tens(text: str, value: int | None) -> None:
    assert counted_abroad(f"= {text}.") == f"= {text if value is None else value}."
