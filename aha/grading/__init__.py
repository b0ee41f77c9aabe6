"""The truth: what is a right answer to a reference. Knows no model, no template and no reward."""

from __future__ import annotations

import atexit

from aha.answers import gradable
from aha.grading.countdown import last_expression
from aha.grading.graders import Graders
from aha.types import Grade, Reference

__all__ = ["Graders", "gradable", "grade", "last_expression"]


_SHARED = Graders()
atexit.register(_SHARED.close)


def grade(reference: Reference, answer: str | None) -> Grade:
    """Whether the answer is right; `None`, a reply that broke its template, is always wrong.

    By graders that the whole process shares; `with Graders(...) as graders: graders.grade(...)` for some of one's own."""
    return _SHARED.grade(reference, answer)
