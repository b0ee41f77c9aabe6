"""Countdown, held out: the 10 % of all problems that no corpus, no fine-tuning set and no RL run has seen."""

from __future__ import annotations

from dataclasses import replace

from aha.evals.benchmark import Benchmark
from aha.grading import grade
from aha.grading.countdown import last_expression
from aha.tasks.countdown import CountdownProblems


def spelling(answer: str) -> str:
    """Expressions vote together when they are spelled alike up to blanks; equal values do not make `2 * 3` of `3 + 3`."""
    return "".join(answer.split())


COUNTDOWN = Benchmark(
    name="countdown",
    problems=CountdownProblems(numbers=3, split="held-out"),
    grade=grade,
    lenient=last_expression,
    vote=spelling,
    headline="pass@1",
    what="three numbers, held out, half of the questions in Chinese",
)

COUNTDOWN_4 = replace(
    COUNTDOWN,
    name="countdown4",
    problems=CountdownProblems(numbers=4, split="held-out"),
    what="four numbers, held out, half of the questions in Chinese",
)
