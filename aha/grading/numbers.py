"""Numbers, compared as exact rationals. A Number asks for a number: a formula that would come to it is wrong."""

from __future__ import annotations

from aha.answers.numbers import Value, one_number, rational
from aha.types import Grade, Number, Right, Wrong


def grade_number(reference: Number, answer: str) -> Grade:
    """Exact comparison; ValueError where the reference itself is no number, which whoever loads problems has to rule out."""
    gold = rational(reference.value)
    if gold is None:
        raise ValueError(f"reference {reference.value!r} is not a number: problems are checked when they are loaded")
    match one_number(answer):
        case Wrong() as wrong:
            return wrong
        case value:
            return Right() if value.equals(gold) else Wrong(f"equals {_shown(value)}, not {reference.value}")


def _shown(value: Value) -> str:
    text = f"{value.exact}{' %' if value.percent else ''}"
    return text if len(text) <= 40 else f"{text[:37]}..."
