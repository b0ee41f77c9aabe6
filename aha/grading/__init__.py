"""The truth: what is a right answer to a reference. Knows no model, no template and no reward."""

from __future__ import annotations

from aha.grading.countdown import grade_countdown, last_expression
from aha.grading.latex import grade_latex, parses
from aha.grading.numbers import grade_number, rational
from aha.grading.symbols import LONGEST
from aha.types import Abstained, Countdown, Grade, Latex, Number, Open, Reference, Wrong

__all__ = ["gradable", "grade", "last_expression"]


def grade(reference: Reference, answer: str | None) -> Grade:
    """Whether the answer is right; `None`, a reply that broke its template, is always wrong."""
    if isinstance(reference, Open):
        return Abstained("an open question has no reference to compare with")
    if answer is None:
        return Wrong("no answer: the reply broke the template")
    answer = answer[-LONGEST:]
    match reference:
        case Countdown():
            return grade_countdown(reference, answer)
        case Number():
            return grade_number(reference, answer)
        case Latex():
            return grade_latex(reference, answer)


def gradable(reference: Reference) -> bool:
    """Whether an answer to this reference can ever be graded: asked of every gold answer before any compute is spent."""
    match reference:
        case Number(value):
            return rational(value) is not None
        case Latex():
            return parses(reference)
        case Countdown(numbers, _):
            return len(numbers) > 0
        case Open():
            return True
