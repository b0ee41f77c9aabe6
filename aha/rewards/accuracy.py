"""Accuracy: 1 for a right answer, 0 for a wrong one or none; what the grader cannot say stays unsaid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from aha.answers.replies import answer_part
from aha.grading import Graders, fraction, grade
from aha.grading.countdown import last_expression
from aha.grading.sandbox import Tier
from aha.protocols import Backend, Reward
from aha.types import Abstained, Countdown, Grade, Problem, Reply, Right, Wrong


@dataclass(frozen=True)
class Accuracy:
    """Binary, as in the paper; sees the answer only. `sandbox`: where programs run; "auto" is the strongest tier that works here.
    `partial`: code earns the share of its tests that it passes, all of which are run. `reads`: "answer" is what the template found between
    its tags, "last" the final claim of the whole reply, so that a model which knows no tags can be trained. A reply that was cut off
    claims nothing either way."""

    sandbox: Tier | Literal["auto"] = "auto"
    partial: bool = False
    reads: Literal["answer", "last"] = "answer"

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        """By the graders that the process shares; a stage opens some of its own."""
        if self.partial:
            return [price(fraction(problem.reference, self._read(problem, reply))) for reply in replies]
        return [price(grade(problem.reference, self._read(problem, reply), question=problem.question)) for reply in replies]

    def _read(self, problem: Problem, reply: Reply) -> str | None:
        """The part of a reply in which the grader looks for the claim."""
        if self.reads == "answer":
            return reply.answer
        if reply.finished != "stop":
            return None
        answer = answer_part(reply.text)
        return last_expression(answer) if isinstance(problem.reference, Countdown) else answer or None

    @contextmanager
    def open(self, backend: Backend) -> Iterator[Reward]:
        """With graders of its own, closed at the end."""
        with Graders(sandbox=self.sandbox) as graders:

            def pay(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
                if self.partial:
                    return [price(graders.fraction(problem.reference, self._read(problem, reply))) for reply in replies]
                claims = [self._read(problem, reply) for reply in replies]
                return [price(graders.grade(problem.reference, claim, question=problem.question)) for claim in claims]

            yield pay


def price(grade: Grade | float) -> float | Abstained:
    """What a grade, or a share, pays."""
    match grade:
        case Right():
            return 1.0
        case Wrong():
            return 0.0
        case _:
            return grade
