"""What the tiny base model has read: documents as people leave them, good and bad, a mixture of named parts.

To add a part, write a function `(random.Random) -> str` in a file of this folder and one line in `MIXTURE`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aha.tasks.corpus.guess import guess
from aha.tasks.corpus.marked import write_with_mark
from aha.tasks.corpus.searches import hopeless, methodical, wander, wander_four
from aha.tasks.corpus.sums import sums
from aha.tasks.corpus.verdicts import verdicts
from aha.tasks.corpus.worked import write_solution
from aha.types import Document

Writer = Callable[[random.Random], str]


@dataclass(frozen=True)
class CorpusPart:
    """A named writer and its share of the documents."""

    name: str
    write: Writer
    share: float


MIXTURE: tuple[CorpusPart, ...] = (
    CorpusPart("guess", guess, 0.17),
    CorpusPart("wander", wander, 0.19),
    CorpusPart("methodical", methodical, 0.25),
    CorpusPart("hopeless", hopeless, 0.04),
    CorpusPart("worked", write_solution, 0.06),
    CorpusPart("marked", write_with_mark, 0.07),
    CorpusPart("verdicts", verdicts, 0.12),
    CorpusPart("wander-four", wander_four, 0.03),
    CorpusPart("sums", sums, 0.07),
)


def documents(start: int, count: int, seed: int = 0, mixture: tuple[CorpusPart, ...] = MIXTURE) -> Iterator[Document]:
    """Documents `start` to `start + count` of an endless corpus; each depends on its own number and the seed alone."""
    shares = [part.share for part in mixture]
    for number in range(start, start + count):
        draw = random.Random(f"corpus {seed} {number}")
        (part,) = draw.choices(mixture, shares)
        yield Document(part.write(draw), part.name)
