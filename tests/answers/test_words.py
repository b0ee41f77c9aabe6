"""Words as one string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.answers.symbols import fold

SAME = [
    ("Paris", " PARIS. "),
    ("The Beatles", "Beatles"),
    ("U.S.A.", "USA"),
    ("seven", "7"),
    ("twenty-one", "21"),
    ("1,000", "1000"),
    ("well-known", "well known"),
    ("state–of–the–art", "state of the art"),
    ("O'Brien", "O’Brien"),
    ("北京", "「北 京」。"),
    ("Ｐａｒｉｓ", "\\text{Paris}"),
    ("“Hamlet”", "**Hamlet**"),
    ("−5", "-5"),
    ("no\u200bbody", "nobody"),
]
DIFFERENT = [
    ("-5", "5"),
    ("3.5", "35"),
    ("C++", "C"),
    ("C#", "C"),
    ("12:00", "1200"),
    ("50%", "50"),
    ("1/2", "12"),
    ("AT&T", "ATT"),
    ("Pаris", "Paris"),
    ("resume", "résumé"),
    ("one thousand", "1"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_words_are_the_same_string(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_a_sign_that_carries_meaning_tells_words_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text(max_size=200))
def test_what_is_folded_stays_as_it_is(text: str) -> None:
    assert fold(fold(text)) == fold(text)
