"""Accuracy: 1 for a right answer, 0 for a wrong one or none; what the grader cannot say stays unsaid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aha.grading import grade
from aha.types import Abstained, Problem, Reply, Right, Wrong


@dataclass(frozen=True)
class Accuracy:
    """Binary, as in the paper; sees the answer only."""

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        return [self._price(problem, reply) for reply in replies]

    def _price(self, problem: Problem, reply: Reply) -> float | Abstained:
        match grade(problem.reference, reply.answer):
            case Right():
                return 1.0
            case Wrong():
                return 0.0
            case Abstained() as abstained:
                return abstained
