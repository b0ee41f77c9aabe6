"""A benchmark as a value: where its problems come from, how a reply is judged, and which number is quoted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from aha.types import Grade, Problem, Reference

Headline = Literal["pass@1", "cons@k"]


class ProblemSet(Protocol):
    """A fixed set of problems that no training data holds."""

    def all(self, count: int, seed: int = 0) -> list[Problem]: ...


@dataclass(frozen=True)
class Benchmark:
    """`grade` judges the answer that the template read. `lenient` finds an answer anywhere in the text, so that a model which breaks
    the template is not taken for one that cannot solve. `vote`: answers that it maps to one text are one candidate of a majority vote."""

    name: str
    problems: ProblemSet
    grade: Callable[[Reference, str | None], Grade]
    lenient: Callable[[str], str | None]
    vote: Callable[[str], str]
    headline: Headline
    what: str
