"""The truth: what is a right answer to a reference. Knows no model, no template and no reward."""

from __future__ import annotations

from aha.answers import gradable
from aha.answers.symbols import LONGEST
from aha.grading.countdown import grade_countdown, last_expression
from aha.grading.latex import grade_latex
from aha.grading.numbers import grade_number
from aha.types import Abstained, Countdown, Grade, Judged, Latex, Number, Open, Reference, Wrong

__all__ = ["gradable", "grade", "last_expression"]


def grade(reference: Reference, answer: str | None) -> Grade:
    """Whether the answer is right; `None`, a reply that broke its template, is always wrong."""
    if isinstance(reference, Open):
        return Abstained("an open question has no reference to compare with")
    if isinstance(reference, Judged):
        return Abstained("only a language model can compare this answer with its reference")
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
        case _:
            return Abstained(f"no grader for a {type(reference).__name__} yet")
