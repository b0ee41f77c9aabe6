"""Readers of answers: they find the final claim of a reply and the number or formula in it. Prompts and graders share them."""

from __future__ import annotations

from aha.answers.claims import claim
from aha.answers.numbers import rational
from aha.answers.reading import read
from aha.types import Asserts, Calls, Choice, Countdown, Judged, Latex, Number, Open, Reference, Stdio, Text

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def gradable(reference: Reference) -> bool:
    """Return True if answers to this reference can be graded at all; every reference is checked before any compute is spent."""
    match reference:
        case Number(value):
            return rational(value) is not None
        case Latex(value):
            return read(claim(value).text).readable
        case Countdown(numbers, _):
            return len(numbers) > 0
        case Choice(letters, options):
            entry = LETTERS[: len(options)] if options else LETTERS
            return bool(letters) and list(letters) == sorted({*letters}) and {*letters} <= {*entry}
        case Text(values):
            return any(value.strip() for value in values)
        case Stdio(tests) | Calls(_, tests):
            return len(tests) > 0
        case Asserts(_, tests):
            return bool(tests.strip())
        case Judged(value):
            return bool(value.strip())
        case Open():
            return True
