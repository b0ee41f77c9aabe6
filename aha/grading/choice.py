"""Choices: the letter that an answer commits to, or the text of exactly one option; several are wrong where one is right."""

from __future__ import annotations

from aha.answers.choosing import chosen
from aha.types import Choice, Grade, Right, Wrong

FEWEST = 10  # letters that an answer may name where nobody says how many options there are


def grade_choice(reference: Choice, answer: str) -> Grade:
    """Right for the reference's letter or, where the options are known, its text; for all its letters where it has several."""
    count = max(FEWEST, ord(reference.letter[-1]) - ord("A") + 1)
    letter = chosen(answer, reference.options, count, several=len(reference.letter) > 1)
    if isinstance(letter, Wrong):
        return letter
    return Right() if letter == reference.letter else Wrong(f"chooses {letter}, not {reference.letter}")
