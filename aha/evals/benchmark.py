"""A benchmark as a value: where its problems come from, how a reply is judged, and which number is quoted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from aha.errors import BadInput
from aha.protocols import Backend, Opens
from aha.types import Grade, Problem, Reference

Headline = Literal["pass@1", "cons@k"]
Grader = Callable[[Reference, str | None], Grade]


class ProblemSet(Protocol):
    """A fixed set of problems that no training data holds."""

    def all(self, count: int, seed: int = 0) -> list[Problem]: ...


@dataclass(frozen=True)
class Benchmark:
    """`grade` judges the answer that the template read; what it needs live is opened with `open`. `lenient` finds an answer anywhere in
    the text, so that a model which breaks the template is not taken for one that cannot solve. `vote`: answers that it maps to one text
    are one candidate of a majority vote."""

    name: str
    problems: ProblemSet
    grade: Grader | Opens[Grader]
    lenient: Callable[[str], str | None]
    vote: Callable[[str], str]
    headline: Headline
    what: str

    @contextmanager
    def open(self, backend: Backend) -> Iterator[Benchmark]:
        """The same benchmark with what its grader needs live (a model that judges) opened once, and closed at the end."""
        match self.grade:
            case Opens() as opens:
                with opens.open(backend) as grade:
                    yield replace(self, grade=grade)
            case _:
                yield self

    def judged(self, problem: Problem, answer: str | None) -> Grade:
        """The grade of an answer to one of its problems."""
        if not callable(self.grade):
            raise BadInput(f"benchmark {self.name} needs something live: use it within `with benchmark.open(backend) as live`")
        return self.grade(problem.reference, answer)
