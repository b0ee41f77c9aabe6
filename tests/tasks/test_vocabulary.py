"""The tiny tokenizer: small, whole words, every string round-trips."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.tasks.corpus import documents
from aha.tasks.vocabulary import END, PAD, SPECIAL, TAGS, build, save

TOKENIZER = build()
SHIPPED = Path(__file__).parents[2] / "aha" / "assets" / "tiny"


def test_it_has_at_most_2000_entries() -> None:
    assert TOKENIZER.get_vocab_size() <= 2000


@given(st.text())
def test_every_text_round_trips(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text).ids, skip_special_tokens=False) == text


def test_a_number_below_200_is_one_token() -> None:
    assert [n for n in range(200) if len(TOKENIZER.encode(f" {n}").ids) != 1] == []


@pytest.mark.parametrize("text", [*TAGS, *SPECIAL, " 不对", " 等等", " wait", " check", "def", " return", "\n    "])
def test_a_listed_word_is_one_token(text: str) -> None:
    assert len(TOKENIZER.encode(text).ids) == 1


def test_a_try_costs_a_token_a_word() -> None:
    assert len(TOKENIZER.encode(" 8 + 6 = 14 - 10 = 4 no").ids) == 10
    assert len(TOKENIZER.encode(" 8 + 6 = 14 - 10 = 4 不对").ids) == 10


def test_code_and_prose_of_both_languages_cost_less_than_a_token_a_character() -> None:
    for text in ("def f(x):\n    return x * 2\n", "The answer is to find the number of words.", "你好，我们可以使用这个程序计算答案。"):
        assert len(TOKENIZER.encode(text).ids) < 0.75 * len(text)


def test_the_corpus_needs_no_byte_beyond_ascii() -> None:
    letters = {token for d in documents(0, 500) for token in TOKENIZER.encode(d.text).tokens if len(token) == 1 and ord(token) > 126}
    assert letters <= {"Ġ", "Ċ"}


def test_the_special_tokens_come_first_and_have_their_place_for_ever() -> None:
    assert [TOKENIZER.token_to_id(token) for token in (*SPECIAL, *TAGS)] == list(range(len(SPECIAL) + len(TAGS)))
    assert (TOKENIZER.token_to_id(PAD), TOKENIZER.token_to_id(END), TOKENIZER.token_to_id("<think>")) == (0, 1, 16)


def test_what_ships_is_what_the_lists_make(tmp_path: Path) -> None:
    save(tmp_path, context=512)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (SHIPPED / name).read_bytes() == (tmp_path / name).read_bytes()
