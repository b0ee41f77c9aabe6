"""Rows that were written elsewhere and go into a set beside what is sampled: another run's, a person's, other people's chat files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from aha.errors import BadInput
from aha.tasks.examples import read_examples
from aha.types import Example


class Examples(Protocol):
    """A source of rows that are there, or can be written by rule."""

    def examples(self, seed: int) -> list[Example]:
        """The same for the same seed."""
        ...


@dataclass(frozen=True)
class Given:
    """The rows of a file, of a folder of shards, or of another run (`source`); at most `most` of them, drawn. `domain`: what they all
    belong to, where the rows do not say so themselves."""

    source: str
    most: int | None = None
    domain: str | None = None

    def __post_init__(self) -> None:
        if self.most is not None and self.most < 1:
            raise BadInput(f"most is {self.most}: 1 row or more of {self.source} is needed")

    def examples(self, seed: int) -> list[Example]:
        """In the order of the source."""
        found = read_examples(self.source)
        if self.most is not None and self.most < len(found):
            found = [found[place] for place in sorted(Random(f"given {seed} {self.source}").sample(range(len(found)), self.most))]
        return found if self.domain is None else [replace(example, domain=self.domain) for example in found]
