"""Rewards decided by rules, and the rewards of learned preferences.

Accuracy: 1 for a right answer, 0 for a wrong one or none; Abstained if the grader abstains.

Format: 1 for a reply that keeps the template, whatever it says.

Language consistency: the share of the thought's words that are in the language of the question (paper §2.3.2).

DAPO's soft overlong punishment: 0 up to a length, then a linear slope down to -1 at the limit.

Learned preferences (paper §2.3.4): helpfulness for the summary alone, harmlessness for the whole reply.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import tanh
from typing import Literal

from aha.answers.replies import answer_part
from aha.errors import BadInput
from aha.grading import Graders
from aha.grading.countdown import last_expression
from aha.grading.sandbox import Tier
from aha.protocols import Backend, Reward
from aha.tasks.examples import as_conversation
from aha.text import language_share
from aha.types import Abstained, Countdown, Grade, Problem, Reply, Right, Wrong


@dataclass(frozen=True)
class Accuracy:
    """A binary reward for a right answer, as in the paper; sees the answer only. `sandbox`: where programs run; "auto" is the strongest
    tier that works here. `partial`: code earns the share of its tests that it passes, all of which are run. `reads`: "answer" is the text
    between the template's tags, "last" the final claim of the whole reply, so that a model that knows no tags can be trained. A reply that
    was cut off claims nothing either way."""

    sandbox: Tier | Literal["auto"] = "auto"
    partial: bool = False
    reads: Literal["answer", "last"] = "answer"

    def _read(self, problem: Problem, reply: Reply) -> str | None:
        """Return the part of a reply in which the grader looks for the claim."""
        if self.reads == "answer":
            return reply.answer
        if reply.finished != "stop":
            return None
        answer = answer_part(reply.text)
        return last_expression(answer) if isinstance(problem.reference, Countdown) else answer or None

    @contextmanager
    def open(self, backend: Backend) -> Iterator[Reward]:
        """Yield the reward with graders of its own, which are closed at the end."""
        with Graders(sandbox=self.sandbox) as graders:
            yield self.live(graders)

    def live(self, graders: Graders) -> Reward:
        """Return the reward as a function that uses these graders."""

        def pay(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
            claims = [self._read(problem, reply) for reply in replies]
            if self.partial:
                return [price(graders.fraction(problem.reference, claim)) for claim in claims]
            return [price(graders.grade(problem.reference, claim, question=problem.question)) for claim in claims]

        return pay


def price(grade: Grade | float) -> float | Abstained:
    """Return the reward for a grade or a share: 1 for Right, 0 for Wrong, others unchanged."""
    match grade:
        case Right():
            return 1.0
        case Wrong():
            return 0.0
        case _:
            return grade


@dataclass(frozen=True)
class Format:
    """A reward of 1 for a reply that keeps the template, else 0. An empty thought is well formed, a blank answer is not."""

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        return [float(reply.well_formed) for reply in replies]


@dataclass(frozen=True)
class LanguageConsistency:
    """A reward from 0 to 1: the share of words in the question's language, of the thought as in the paper, or of the summary. A part
    without words scores 1; a reply that broke the template scores 0, or breaking it would hide its language."""

    of: Literal["thought", "summary"] = "thought"

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        parts = [reply.thought if self.of == "thought" else reply.answer for reply in replies]
        return [0.0 if part is None else language_share(part, problem.language) for part in parts]


@dataclass(frozen=True)
class SoftOverlong:
    """A penalty: 0 up to `max_tokens - buffer`, (max_tokens - buffer - length) / buffer inside the band, -1 from `max_tokens` on."""

    max_tokens: int
    buffer: int

    def __post_init__(self) -> None:
        if not 0 < self.buffer <= self.max_tokens:
            raise BadInput(f"overlong buffer is {self.buffer} of {self.max_tokens} tokens: it has to be from 1 to max_tokens")

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        free = self.max_tokens - self.buffer
        return [max(-1.0, min(0.0, (free - reply.tokens) / self.buffer)) for reply in replies]


@dataclass(frozen=True)
class Helpful:
    """A reward from 0 to 1: the sigmoid of the score that `model` gives the summary, without the thought; 0 if there is no summary."""

    model: str

    @contextmanager
    def open(self, backend: Backend) -> Iterator[Reward]:
        """Yield the live reward."""
        scorer = backend.scorer(self.model)

        def pay(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
            answers = [reply.answer for reply in replies if reply.answer is not None]
            scores = iter(scorer.score([as_conversation(problem, answer) for answer in answers]))
            return [0.0 if reply.answer is None else chance(next(scores)) for reply in replies]

        yield pay


@dataclass(frozen=True)
class Harmless:
    """A reward from 0 to 1: the probability, by `model`, that the whole reply with its thought is safe, in whatever form it was written."""

    model: str

    @contextmanager
    def open(self, backend: Backend) -> Iterator[Reward]:
        """Yield the live reward."""
        scorer = backend.scorer(self.model)

        def pay(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
            return [chance(score) for score in scorer.score([as_conversation(problem, reply.text) for reply in replies])]

        yield pay


def chance(score: float) -> float:
    """Return sigmoid(score), from 0 to 1 as accuracy and format are, so that weights mean the same for all rewards."""
    return (1 + tanh(score / 2)) / 2
