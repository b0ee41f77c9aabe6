"""The truth: what is a right answer to a reference. Knows no model, no template and no reward."""

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
    """Whether the answer is right; `None`, a reply that broke its template, is always wrong. `maths`: how formulas are compared.
    `question`: a formula that only repeats a calculation of it is wrong.

    By graders that the whole process shares; `with Graders(...) as graders: graders.grade(...)` for some of one's own."""
    return _DEFAULT.grade(reference, answer, maths, question)


@contextmanager
def programs_in(tier: Tier | Literal["auto"]) -> Iterator[None]:
    """Meanwhile the shared graders run programs in this tier."""
    before = _DEFAULT.tier
    _DEFAULT.move(tier)
    try:
        yield
    finally:
        _DEFAULT.move(before)


def fraction(reference: Reference, answer: str | None) -> float | Abstained:
    """The share of its tests that code passes; elsewhere 1 for right and 0 for wrong. By the same graders."""
    return _DEFAULT.fraction(reference, answer)
