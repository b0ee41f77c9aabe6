"""What a learned preference pays (paper §2.3.4): helpfulness for the summary alone, harmlessness for everything that was said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import tanh

from aha.protocols import Backend, Reward
from aha.tasks.preferences import as_conversation
from aha.types import Abstained, Problem, Reply


@dataclass(frozen=True)
class Helpful:
    """From 0 to 1, the sigmoid of the score that `model` gives the summary; the thought is not shown to it. 0 where there is no summary."""

    model: str

    @contextmanager
    def open(self, backend: Backend) -> Iterator[Reward]:
        """The reward at work."""
        scorer = backend.scorer(self.model)

        def pay(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
            answers = [reply.answer for reply in replies if reply.answer is not None]
            scores = iter(scorer.score([as_conversation(problem, answer) for answer in answers]))
            return [0.0 if reply.answer is None else chance(next(scores)) for reply in replies]

        yield pay


@dataclass(frozen=True)
class Harmless:
    """The probability that `model` gives to the whole reply being safe, its thought included, in whatever form it was written."""

    model: str

    @contextmanager
    def open(self, backend: Backend) -> Iterator[Reward]:
        """The reward at work."""
        scorer = backend.scorer(self.model)

        def pay(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
            return [chance(score) for score in scorer.score([as_conversation(problem, reply.text) for reply in replies])]

        yield pay


def chance(score: float) -> float:
    """sigmoid(score), which lies from 0 to 1 as accuracy and format do, so that weights mean the same for all."""
    return (1 + tanh(score / 2)) / 2
