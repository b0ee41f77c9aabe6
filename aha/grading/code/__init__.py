"""Grading of code by its tests: the sandbox runs the code and returns bytes or values, and expected results never enter it."""

from __future__ import annotations

from aha.grading.code.grade_code import grade_code, try_answer, try_code
from aha.grading.code.quality import MutationScore, WrittenTests, mutation_score, unfit, write_tests
from aha.grading.code.reading import code_of, published_code_of
from aha.grading.code.trials import Trial, Trials

__all__ = [
    "MutationScore",
    "Trial",
    "Trials",
    "WrittenTests",
    "code_of",
    "grade_code",
    "mutation_score",
    "published_code_of",
    "try_answer",
    "try_code",
    "unfit",
    "write_tests",
]
