"""Choices: the letter or the text of one option."""

from __future__ import annotations

from aha.grading.graders import grade_choice
from aha.types import Choice, Right, Wrong

ROME = Choice("C", ("Paris", "London", "Rome", "Berlin"))


def test_the_letter_and_the_text_are_right() -> None:
    assert grade_choice(ROME, "Answer: C") == Right() == grade_choice(ROME, "\\boxed{\\text{Rome}}")


def test_another_letter_is_wrong_and_named() -> None:
    assert grade_choice(ROME, "Answer: B") == Wrong("chooses B, not C")


def test_all_options_at_once_are_wrong_whichever_is_right() -> None:
    for letter in "ABCD":
        assert grade_choice(Choice(letter, ROME.options), "A, B, C or D") == Wrong("several options")


def test_without_texts_any_of_ten_letters_may_be_named() -> None:
    assert grade_choice(Choice("B"), "J") == Wrong("chooses J, not B")
    assert grade_choice(Choice("B"), "Paris") == Wrong("no option is named")


def test_a_letter_beyond_j_makes_room_for_itself() -> None:
    assert grade_choice(Choice("L"), "Answer: L") == Right()
