"""What evaluations ask must not be learned: texts that share a run of words with their questions or solutions (nature D.1: 10 words)."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from aha.text import ngrams, pieces

QUESTIONS = ("question", "problem", "prompt", "instruction", "input", "text", "query", "question_content")
WORDS = 10


@dataclass
class GramIndex:
    """The runs of `n` words of what evaluations hold, as 64-bit hashes. A question shorter than that is known as a whole."""

    n: int = WORDS
    _runs: set[int] = field(default_factory=set)
    _whole: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._runs) + len(self._whole)

    def add(self, text: str, question: bool) -> None:
        """A text of an evaluation."""
        words = pieces(text, symbols=False)
        runs = [_hash(run) for run in ngrams(words, self.n)]
        self._runs.update(runs)
        if question and not runs and words:
            self._whole.add(_hash(words))

    def add_row(self, fields: Mapping[str, object]) -> None:
        """Every text of a row: questions, options, solutions, tests."""
        for name, text in _texts(fields, ""):
            self.add(text, name in QUESTIONS)

    def pack(self) -> bytes:
        """The index as bytes: how many runs there are, the runs, and the short questions, each eight bytes."""
        return array("Q", [len(self._runs), *sorted(self._runs), *sorted(self._whole)]).tobytes()

    def unpack(self, data: bytes) -> bool:
        """Add what `pack` wrote; whether it is such a thing."""
        if len(data) < 8 or len(data) % 8:
            return False
        count, *hashes = array("Q", data)
        if count > len(hashes):
            return False
        self._runs.update(hashes[:count])
        self._whole.update(hashes[count:])
        return True

    def knows(self, text: str) -> bool:
        """Whether the text shares a run with an evaluation, or is one of its short questions."""
        words = pieces(text, symbols=False)
        if any(_hash(run) in self._runs for run in ngrams(words, self.n)):
            return True
        return bool(self._whole) and _hash(words) in self._whole

    def knows_any(self, texts: Iterable[str]) -> bool:
        return len(self) > 0 and any(map(self.knows, texts))


def _hash(run: Sequence[str]) -> int:
    return int.from_bytes(hashlib.blake2b("\x1f".join(run).encode("utf-8", "replace"), digest_size=8).digest(), "big")


def _texts(value: object, name: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield name, value
        case Mapping():
            for key, inner in value.items():
                yield from _texts(inner, str(key).lower())
        case list() | tuple():
            for inner in value:
                yield from _texts(inner, name)
        case int() | float() | Decimal() | None | _:
            return
