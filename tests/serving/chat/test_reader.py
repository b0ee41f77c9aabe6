from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from aha.backends.hf import HFTokenizer, load_tokenizer
from aha.serving.chat.reader import Letters, ReplyReader, Split, StopText
from aha.template import END_THINK, THINK, apart

PARTS = st.sampled_from([THINK, END_THINK, "<", "</", "<th", "</think", " ", "\n\n", "a", "b c", "是", "<answer>", "�"])
TEXTS = st.lists(PARTS, max_size=12)
TINY: HFTokenizer = load_tokenizer("tiny")


def split(pieces: list[str], opened: bool) -> tuple[str, str | None]:
    one = Split(opened)
    told = [piece for text in pieces for piece in one.take(text)] + one.rest()
    texts = {kind: "".join(text for each, text in told if each == kind) for kind in ("thought", "said")}
    return texts["said"], texts["thought"] if one.thought else None


def pieces_of(text: str, opened: bool = False) -> Sequence[tuple[str, str]]:
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
    reader = ReplyReader(TINY, silent=frozenset(TINY.stop))
    for token in tokens:
        reader.take(token)
    reader.end()
    assert (reader.tokens, reader.reasoning) == (len(tokens), thinking)
    assert reader.texts == {"thought": "a b c", "said": "d"}
    assert reader.thought == "a b c"


def test_a_reply_without_a_thought_has_none_and_counts_none() -> None:
    reader = ReplyReader(TINY, silent=frozenset(TINY.stop))
    for token in TINY.encode("hello you"):
        reader.take(token)
    reader.end()
    assert (reader.thought, reader.reasoning, reader.texts["said"]) == (None, 0, "hello you")


# --- stop words, and a whole reply at once --------------------------------------------------------------------------------

WORDS = st.lists(st.text(alphabet="ab", min_size=1, max_size=3), max_size=3).map(tuple)


@given(st.lists(st.text(alphabet="abc", max_size=4), max_size=8), WORDS)
def test_text_ends_before_the_stop_word_that_is_whole_first_however_it_comes(pieces: list[str], words: tuple[str, ...]) -> None:
    text = "".join(pieces)
    stop = StopText(words)
    told = "".join(stop.take(piece) for piece in pieces) + stop.rest()
    whole = [(end, end - len(word)) for end in range(len(text) + 1) for word in words if text[:end].endswith(word)]
    assert told == (text[: min(whole)[1]] if whole else text)
    assert stop.is_complete == bool(whole)


@given(st.text(alphabet="abc", max_size=20), WORDS)
def test_letter_by_letter_no_more_is_told_than_will_stay(text: str, words: tuple[str, ...]) -> None:
    stop, whole = StopText(words), StopText(words)
    final = whole.take(text) + whole.rest()
    told = ""
    for letter in text:
        told += stop.take(letter)
        assert final.startswith(told)


@given(st.lists(st.sampled_from([*"abc <>/", "<think>", "</think>", "<answer>"]), max_size=20), st.booleans(), st.booleans(), st.booleans())
def test_a_whole_reply_says_and_counts_what_its_tokens_do_one_by_one(pieces: list[str], opened: bool, split: bool, ended: bool) -> None:
    tokens = [token for piece in pieces for token in TINY.encode(piece)] + [TINY.stop[0]] * ended
    one, other = (ReplyReader(TINY, opened, split, silent=frozenset(TINY.stop)) for _ in range(2))
    for token in tokens:
        one.take(token)
    one.end()
    other.read_reply(tokens)
    assert (one.texts, one.thought, one.tokens, one.reasoning) == (other.texts, other.thought, other.tokens, other.reasoning)


def test_a_stop_word_ends_the_reply_in_the_thought_as_in_the_answer() -> None:
    reader = ReplyReader(TINY, stop=("STOP",), silent=frozenset(TINY.stop))
    for token in TINY.encode("<think>one STOP two</think> three"):
        reader.take(token)
        if reader.stopped:
            break
    reader.end()
    assert reader.stopped and reader.texts == {"thought": "one", "said": ""}
