"""Filters for training data. A chain of thought to be imitated has to be readable (paper §2.3.3: no mixed languages, no long paragraphs, no
code blocks).

Texts that share a run of words with questions or solutions of evaluations are removed (nature D.1: 10 words).

A fixed share of every world of problems is held out of all training data, by a hash of the problem's key.
"""

from __future__ import annotations

import hashlib
import random
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeVar

from aha.errors import BadInput
from aha.lazy import lazy_pattern
from aha.text import language_share, ngrams, pieces, repeated_share
from aha.types import Language

Measure = Callable[[str], int]

REASONS = ("mixed language", "long paragraph", "code block", "repetition", "length")

_FENCE = lazy_pattern(r"(?m)^[ \t]*(?:```|~~~)|<(?:code|pre)\b|\\begin\{(?:lstlisting|verbatim|minted)\*?\}")
_STATEMENT = lazy_pattern(
    r"""[ \t]*(?:
        (?:def|class)\s+\w+.*: | (?:for|while|if|elif|with|try|except)\b.*: | else:
      | import\s+[\w.]+ | from\s+[\w.]+\s+import\s.* | (?:return|raise|yield|assert)\s.* | print\(.*\)
      | \#\s*include\b.* | using\s+namespace\b.* | .*\{ | .*\); | [}\])]+;?
    )[ \t]*""",
    re.VERBOSE,
)
_BLOCK_LINES = 3


@dataclass(frozen=True)
class Readable:
    """The limits for a readable reply. `language`: the least share of words in the question's language, in the thought, and in the answer
    if it can be checked. `paragraph`: the most words in a paragraph of the thought. `code`: allow code blocks in the thought. `repeated`:
    the largest share of the thought's runs of `ngram` words that may be repetitions. `shortest` and `longest`: tokens of thought and
    answer. `None` switches a limit off."""

    language: float | None = 0.95
    paragraph: int | None = 250
    code: bool = False
    ngram: int = 10
    repeated: float | None = 0.2
    shortest: int | None = None
    longest: int | None = None

    def __post_init__(self) -> None:
        if self.ngram < 1:
            raise BadInput(f"ngram is {self.ngram}: a run has 1 word or more")
        for name in ("language", "repeated"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise BadInput(f"{name} is {share}: a share lies from 0 to 1")

    def refuses(self, thought: str, answer: str, language: Language, measure: Measure, *, free: bool = False) -> str:
        """Return the first of REASONS that applies, or an empty text if the reply is readable. `measure` counts the tokens of a text;
        `free`: the answer may be in any language, as a translation is."""
        parts = (thought,) if free else (thought, answer)
        if self.language is not None and min(language_share(text, language) for text in parts) < self.language:
            return "mixed language"
        if self.paragraph is not None and longest_paragraph(thought) > self.paragraph:
            return "long paragraph"
        if not self.code and has_code_block(thought):
            return "code block"
        if self.repeated is not None and repeated_share(thought, self.ngram) > self.repeated:
            return "repetition"
        if self.shortest is not None or self.longest is not None:
            tokens = measure(thought) + measure(answer)
            if tokens < (self.shortest or 0) or (self.longest is not None and tokens > self.longest):
                return "length"
        return ""


def longest_paragraph(text: str) -> int:
    """Return the number of words in the longest run of text without a line break; numbers count, and two Chinese characters count as one
    word."""
    return max((_words(line) for line in text.splitlines()), default=0)


def has_code_block(text: str) -> bool:
    """Return True if the text has a fenced code block, or three lines in a row that are bare statements."""
    if _FENCE.search(text):
        return True
    run = 0
    for line in filter(str.strip, text.splitlines()):
        inside = run > 0 and line[0] in " \t"
        run = run + 1 if inside or _STATEMENT.fullmatch(line) else 0
        if run == _BLOCK_LINES:
            return True
    return False


def _words(line: str) -> int:
    words = pieces(line, symbols=False)
    chinese = sum(len(piece) == 1 and piece >= "\u3400" for piece in words)
    return len(words) - chinese + (chinese + 1) // 2


QUESTIONS = ("question", "problem", "prompt", "instruction", "input", "text", "query", "question_content")
WORDS = 10


@dataclass
class GramIndex:
    """An index of the runs of `n` words in evaluations, as 64-bit hashes. Shorter questions are indexed as a whole."""

    n: int = WORDS
    _runs: set[int] = field(default_factory=set)
    _whole: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._runs) + len(self._whole)

    def add(self, text: str, question: bool) -> None:
        """Add a text of an evaluation."""
        words = pieces(text, symbols=False)
        runs = [_hash(run) for run in ngrams(words, self.n)]
        self._runs.update(runs)
        if question and not runs and words:
            self._whole.add(_hash(words))

    def add_row(self, fields: Mapping[str, object]) -> None:
        """Add every text of a row: questions, options, solutions, tests."""
        for name, text in _texts(fields, ""):
            self.add(text, name in QUESTIONS)

    def pack(self) -> bytes:
        """Return the index as bytes: the number of runs, the runs, and the short questions, eight bytes each."""
        return array("Q", [len(self._runs), *sorted(self._runs), *sorted(self._whole)]).tobytes()

    def unpack(self, data: bytes) -> bool:
        """Add an index written by `pack`; return False if the bytes are none."""
        if len(data) < 8 or len(data) % 8:
            return False
        count, *hashes = array("Q", data)
        if count > len(hashes):
            return False
        self._runs.update(hashes[:count])
        self._whole.update(hashes[count:])
        return True

    def knows(self, text: str) -> bool:
        """Return True if the text shares a run with an evaluation, or is one of its short questions."""
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


Split = Literal["train", "held-out"]
Key = TypeVar("Key")

HELD_OUT_PER_CENT = 10
MOST_DRAWS = 1_000  # for each key that is wanted; then the world counts as exhausted


def is_held_out(world: str, key: object) -> bool:
    """Return True if the problem with this key is held out, in any language and wording. Never change this function: the split is fixed."""
    digest = hashlib.sha256(f"{world} {key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100 < HELD_OUT_PER_CENT


def draw_keys(
    world: str,
    split: Split,
    count: int,
    draw: random.Random,
    draw_key: Callable[[random.Random], Key],
    known_by: Callable[[Key], object] = lambda key: key,
) -> list[Key]:
    """Return `count` different keys of one side of the split, as `draw_key` draws them; `known_by` gives the part of a key that the split
    hashes. BadInput if the world has fewer."""
    keys = dict[Key, None]()
    for _ in range(count * MOST_DRAWS):
        if len(keys) == count:
            break
        key = draw_key(draw)
        if is_held_out(world, known_by(key)) == (split == "held-out"):
            keys[key] = None
    if len(keys) < count:
        raise BadInput(f"{count} different problems of {world} ({split}) at once: it has no more than {len(keys)}; ask for fewer")
    return list(keys)


def draw_language(chinese: float, draw: random.Random) -> Literal["en", "zh"]:
    """Draw Chinese with the probability `chinese`, else English."""
    return "zh" if draw.random() < chinese else "en"
