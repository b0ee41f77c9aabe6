from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aha.backends.hf import HFTokenizer, load_tokenizer
from aha.serving.chat_reading import Letters, Reading, Split
from aha.template import END_THINK, THINK, apart

PARTS = st.sampled_from([THINK, END_THINK, "<", "</", "<th", "</think", " ", "\n\n", "a", "b c", "是", "<answer>", "�"])
TEXTS = st.lists(PARTS, max_size=12)
TINY: HFTokenizer = load_tokenizer("tiny")


def split(pieces: list[str], opened: bool) -> tuple[str, str | None]:
    one = Split(opened)
    told = [piece for text in pieces for piece in one.take(text)] + one.rest()
    texts = {kind: "".join(text for each, text in told if each == kind) for kind in ("thought", "said")}
    return texts["said"], texts["thought"] if one.thought else None


def pieces_of(text: str, opened: bool = False) -> list[tuple[str, str]]:
    one = Split(opened)
    return [piece for letter in text for piece in one.take(letter)] + one.rest()


@given(TEXTS, st.booleans())
def test_pieces_of_any_size_say_what_the_whole_says(pieces: list[str], opened: bool) -> None:
    text = "".join(pieces)
    assert split(pieces, opened) == split([text], opened) == split(list(text), opened)


@given(TEXTS)
def test_what_is_told_is_what_the_template_sets_apart(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert split(pieces, opened=True) == apart(THINK + text)
    if text.lstrip().startswith(THINK) or END_THINK not in text:
        assert split(pieces, opened=False) == apart(text)


def test_the_thought_is_told_before_the_answer_and_blanks_around_both_are_left_out() -> None:
    told = pieces_of(" <think>\n1 + 1 \n</think>\n\n2 ")
    kinds = [kind for kind, _ in told]
    assert kinds == sorted(kinds, reverse=True)
    assert "".join(text for kind, text in told if kind == "thought") == "1 + 1"
    assert "".join(text for kind, text in told if kind == "said") == "2"


def test_an_end_of_a_thought_that_nobody_began_is_text() -> None:
    assert split(["a</think>b"], opened=False) == ("a</think>b", None)


@given(st.lists(st.integers(0, 1900), max_size=30))
def test_letters_come_out_whole_and_all_of_them(tokens: list[int]) -> None:
    letters = Letters(TINY)
    told = "".join(letters.take(token) for token in tokens) + letters.rest()
    assert told == TINY.decode(tokens)


@given(st.text(max_size=30))
def test_a_letter_of_several_tokens_comes_when_it_is_whole(text: str) -> None:
    letters = Letters(TINY)
    told = [letters.take(token) for token in TINY.encode(text)]
    assert "".join(told) + letters.rest() == text


def test_tokens_of_the_thought_are_counted_with_their_tags() -> None:
    tokens = [*TINY.encode("<think>"), *TINY.encode("a b c"), *TINY.encode("</think>"), *TINY.encode(" d"), TINY.stop[0]]
    thinking = len(tokens) - len(TINY.encode(" d")) - 1
    reading = Reading(TINY, opened=False)
    for token in tokens:
        reading.take(token)
    reading.end()
    assert (reading.tokens, reading.reasoning) == (len(tokens), thinking)
    assert reading.texts == {"thought": "a b c", "said": "d"}
    assert reading.thought == "a b c"


def test_a_reply_without_a_thought_has_none_and_counts_none() -> None:
    reading = Reading(TINY, opened=False)
    for token in TINY.encode("hello you"):
        reading.take(token)
    reading.end()
    assert (reading.thought, reading.reasoning, reading.texts["said"]) == (None, 0, "hello you")
