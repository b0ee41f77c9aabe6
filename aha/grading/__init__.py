"""The grading of answers by their references, without knowledge of any model, template or reward."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from aha.answers import gradable
from aha.grading.countdown import last_expression
from aha.grading.graders import Graders
from aha.grading.maths import DEFAULT, Settings
from aha.grading.sandbox import Tier
from aha.types import Abstained, Grade, Reference

__all__ = ["Graders", "fraction", "gradable", "grade", "last_expression", "programs_in"]


_DEFAULT = Graders()
atexit.register(_DEFAULT.close)


def grade(reference: Reference, answer: str | None, maths: Settings = DEFAULT, question: str | None = None) -> Grade:
    """Return the grade of an answer; `None`, a reply that broke its template, is always wrong. `maths` sets how formulas are compared.
    `question`: a formula that only repeats a calculation of the question is wrong.

    The graders are shared by the whole process; use `with Graders(...) as graders: graders.grade(...)` for your own."""
    return _DEFAULT.grade(reference, answer, maths, question)


@contextmanager
def programs_in(tier: Tier | Literal["auto"]) -> Iterator[None]:
    """Run programs of the shared graders in this tier inside the `with` block."""
    before = _DEFAULT.tier
    _DEFAULT.move(tier)
    try:
        yield
    finally:
        _DEFAULT.move(before)


def fraction(reference: Reference, answer: str | None) -> float | Abstained:
    """Return the share of its tests that code passes; for other answers 1 if right, 0 if wrong. Uses the same shared graders."""
    return _DEFAULT.fraction(reference, answer)
