"""A row's answer to a reference: choices, words, numbers to be combined, code."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.tasks.golds import Bad, Kind, contradiction, reference_of, with_options
from aha.types import Asserts, Calls, Choice, Countdown, Judged, Latex, Number, Open, Reference, Stdio, Text

ABC = ["red", "green", "blue"]


def read(value: object, kind: Kind = "auto", **fields: object) -> Reference:
    return reference_of("answer", value, fields, kind)


def refusal(value: object, kind: Kind = "auto", **fields: object) -> str:
    with pytest.raises(Bad) as raised:
        read(value, kind, **fields)
    return str(raised.value)


BLUE = Choice("C", ("red", "green", "blue"))


@pytest.mark.parametrize("answer", ["C", "(C)", "C.", 2, "2", "blue"])
def test_a_choice_is_said_by_letter_by_place_from_0_or_by_text(answer: object) -> None:
    assert read(answer, options=ABC) == BLUE == read(answer, choices=ABC)


def test_options_may_come_with_letters_or_labels_of_their_own() -> None:
    assert read("C", options={"A": "red", "B": "green", "C": "blue"}) == BLUE
    assert read("3", choices={"text": ABC, "label": ["1", "2", "3"]}) == BLUE
    assert read("4", options=["2", "4"]) == Choice("B", ("2", "4"))
    assert read(1, options=[Decimal("2.5"), 4]) == Choice("B", ("2.5", "4"))


def test_a_choice_that_contradicts_itself_is_refused() -> None:
    assert "neither a letter" in refusal("D", options=ABC)
    assert "neither a letter" in refusal("pink", options=ABC)
    assert "neither a letter" in refusal("red", options=["red", "red"])
    assert "answer_index is 1" in refusal("C", options=ABC, answer_index=1)
    assert "no list of 2 to 26" in refusal("A", options=["red"])
    assert "no list of 2 to 26" in refusal("A", options=["red", None])


def test_without_options_a_choice_has_to_be_asked_for() -> None:
    assert read("C") == Latex("C")
    assert read("C", options=None) == Latex("C")
    assert read("C", "choice") == Choice("C")


OTHERS: list[tuple[Reference, Reference]] = [
    (read("New York", "text"), Text(("New York",))),
    (read(["NYC", "New York"], "text", exact=True), Text(("NYC", "New York"), exact=True)),
    (read(24, "countdown", numbers=[1, 3, 4, 6]), Countdown((1, 3, 4, 6), 24)),
    (read(None, "countdown", nums=[1, 2], target=3), Countdown((1, 2), 3)),
    (read("a poem", "judged"), Judged("a poem")),
    (read(None, "open"), Open()),
    (read("1,234", "number"), Number("1,234")),
    (read(Decimal("0.50")), Number("0.50")),
    (read(None, "stdio", tests=[["1\n", "2\n"]], seconds=1), Stdio((("1\n", "2\n"),), seconds=1.0)),
    (read(None, "stdio", tests=[{"input": "1", "output": "2"}], tolerance=0.1), Stdio((("1", "2"),), tolerance=0.1)),
    (read(None, "calls", tests=[[[1, 2], 3]], entry="add"), Calls("add", (("[1, 2]", "3"),))),
    (read(None, "asserts", test="assert f(1) == 1", entry_point="f"), Asserts("f", "assert f(1) == 1")),
    (read(None, "asserts", tests=["assert set(f(1)) == {1}", "assert 2"]), Asserts("f", "assert set(f(1)) == {1}\nassert 2")),
    (read(None, "asserts", test="assert isclose(f(1), 1)", signature="def f(x): "), Asserts("f", "assert isclose(f(1), 1)")),
]


@pytest.mark.parametrize(("found", "reference"), OTHERS)
def test_every_kind_has_a_form_in_rows(found: Reference, reference: Reference) -> None:
    assert found == reference


REFUSED: list[tuple[object, Kind, dict[str, object], str]] = [
    ("many", "number", {}, "does not parse: a number such as 72"),
    ("\\frac{1}{", "latex", {}, "does not parse: LaTeX with balanced braces"),
    ("  ", "text", {}, "it is blank"),
    (5, "countdown", {}, "needs `numbers`"),
    ("five", "countdown", {"numbers": [5]}, "target is a whole number"),
    (None, "stdio", {}, "needs `tests`"),
    (None, "calls", {"tests": [[1]]}, "a test is a pair"),
    (None, "stdio", {"tests": [["1", "2"]], "seconds": -1}, "a number above 0"),
]


@pytest.mark.parametrize(("value", "kind", "fields", "says"), REFUSED)
def test_what_no_answer_could_match_is_refused(value: object, kind: Kind, fields: dict[str, object], says: str) -> None:
    assert says in refusal(value, kind, **fields)


def test_options_are_asked_with_the_question_once() -> None:
    assert with_options("Which colour?", BLUE) == "Which colour?\n\nA) red\nB) green\nC) blue"
    assert with_options("red, green or blue?", BLUE) == "red, green or blue?"
    assert with_options("1 + 1?", Number("2")) == "1 + 1?"


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (0.1 + 0.2, "0.3"),
        (1.1 * 3, "3.3"),
        (-2.0000000000000004, "-2"),
        (Decimal("0.30000000000000004"), "0.3"),
        (1 / 7, "0.14285714285714285"),
        (0.1234567890123, "0.1234567890123"),
        (Decimal("3.14159265358979323846"), "3.14159265358979323846"),
        (12345678901234567890, "12345678901234567890"),
    ],
)
def test_a_sum_of_floats_is_the_short_decimal_that_was_meant(value: object, meant: str) -> None:
    assert read(value) == Number(meant)


def test_a_way_that_ends_in_a_short_sentence_is_no_answer() -> None:
    assert "a text of several sentences" in refusal("He has 3 and then 2 more. So 5.")


@pytest.mark.parametrize("word", ["proof", "notfound", "Not found", "no answer", "see solution", "See the figure below.", "N/A"])
def test_a_word_that_data_sets_write_for_no_answer_is_none_unless_words_are_asked_for(word: str) -> None:
    assert "a row without an answer" in refusal(word)
    assert read(word, "text") == Text((word,))


@given(st.fractions(max_denominator=9), st.fractions(max_denominator=9))
def test_a_worked_solution_contradicts_a_gold_answer_of_another_value_and_no_notation_of_the_same(gold: Fraction, other: Fraction) -> None:
    over, under = gold.numerator, gold.denominator
    forms = [f"{over}/{under}", rf"\frac{{{over}}}{{{under}}}", rf"\dfrac{{{2 * over}}}{{{2 * under}}}"]
    for form in forms:
        assert contradiction(forms[0], f"So \\boxed{{{form}}}.") == contradiction(forms[0], f"It is.\n#### {form}") == ""
        found = contradiction(form, f"First \\boxed{{{gold}}}, and then \\boxed{{{other}}}.")
        assert bool(found) == (gold != other)


@pytest.mark.parametrize(
    ("gold", "worked", "found"),
    [
        ("7", "So \\boxed{5}.", "'7' and '5'"),
        (7, "#### 5", "'7' and '5'"),
        ("B", "\\boxed{C}", "'B' and 'C'"),
        ("3.14", "\\boxed{3.1416}", ""),  # rounded
        ("1,000", "\\boxed{1000}", ""),
        ("50", "\\boxed{50\\%}", ""),
        ("x + 1", "\\boxed{5}", ""),  # only a grader could tell
        ("7", "So it is 5.", ""),
        (True, "\\boxed{5}", ""),
        (["7"], "\\boxed{5}", ""),
        ("7", ["\\boxed{5}"], ""),
    ],
)
def test_only_numbers_and_letters_are_held_against_each_other(gold: object, worked: object, found: str) -> None:
    assert contradiction(gold, worked) == found
