"""Rows that were written elsewhere and go into a set beside what is sampled: another run's, a person's, other people's chat files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from aha.errors import BadInput
from aha.tasks.examples import read_examples
from aha.types import Example


@dataclass(frozen=True)
class FileExamples:
    """The rows of a file, of a folder of shards, or of another run (`source`), in its order; at most `most` of them, drawn by `seed`.
    `domain`: what they all belong to, whatever the rows say."""

    source: str
    most: int | None = None
    domain: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.most is not None and self.most < 1:
            raise BadInput(f"most is {self.most}: 1 row or more of {self.source} is needed")

    def __iter__(self) -> Iterator[Example]:
        examples = read_examples(self.source)
        if self.most is not None and self.most < len(examples):
            examples = [examples[place] for place in sorted(Random(f"given {self.seed}").sample(range(len(examples)), self.most))]
        return iter(examples if self.domain is None else [replace(example, domain=self.domain) for example in examples])
