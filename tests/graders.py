"""Graders that the tests of a process share, since each test would start workers of its own."""

from __future__ import annotations

import atexit

from aha.grading import Graders
from aha.grading.maths import DEFAULT, Settings
from aha.types import Grade, Reference

GRADERS = Graders()
atexit.register(GRADERS.close)


def grade(reference: Reference, answer: str | None, maths: Settings = DEFAULT, question: str | None = None) -> Grade:
    return GRADERS.grade(reference, answer, maths, question)
