"""Tokens split into thought and answer, piece by piece; the pieces together are the same whatever their sizes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from aha.protocols import Tokenizer
from aha.template import END_THINK, THINK

Kind = Literal["thought", "said"]
Piece = tuple[Kind, str]
UNREADABLE = "\ufffd"


@dataclass
class Letters:
    """A decoder of token ids to text as they come; half a character waits for its other half."""

    tokenizer: Tokenizer
    _tokens: list[int] = field(default_factory=list)
    _text: str = ""

    def take(self, token: int) -> str:
        """Return the text that this token adds. The token before it is decoded with it, since some tokenizers write a word by its
        neighbour."""
        self._tokens.append(token)
        text = self.tokenizer.decode(self._tokens)
        if text.endswith(UNREADABLE):
            return ""
        new, last = text[len(self._text) :], self._tokens[-1:]
        self._tokens, self._text = last, self.tokenizer.decode(last)
        if self._text.endswith(UNREADABLE):  # the end of a character cannot be decoded alone
            self._tokens, self._text = [], ""
        return new

    def rest(self) -> str:
        """Return the text left at the end: incomplete characters."""
        return self.tokenizer.decode(self._tokens)[len(self._text) :]


@dataclass
class Split:
    """A splitter of text into thought and answer. A thought stands in `<think>` at the very beginning, which the prompt may have opened,
    and need not end; blanks around thought and answer are left out. `opened`: the prompt has opened it."""

    opened: bool = False
    thought: bool = field(init=False)
    _state: Literal["begin", "think", "answer", "plain"] = field(init=False)
    _rest: str = ""
    _has_answer: bool = False

    def __post_init__(self) -> None:
        self._state, self.thought = ("think" if self.opened else "begin"), self.opened

    @property
    def answering(self) -> bool:
        """True if the thought is over, or there is none."""
        return self._state in ("answer", "plain")

    def take(self, text: str) -> list[Piece]:
        """Add text; return the pieces that are certain by now."""
        self._rest += text
        pieces = list[Piece]()
        if self._state == "begin":
            self._begin()
        if self._state == "think":
            before, mark, after = self._rest.partition(END_THINK)
            pieces += self._tell("thought", before, "" if mark else END_THINK)
            if mark:
                self._state, self._rest, self._has_answer = "answer", after, False
        if self._state == "answer":
            pieces += self._tell("said", self._rest, "")
        elif self._state == "plain":
            pieces, self._rest = [("said", self._rest)] if self._rest else [], ""
        return pieces

    def rest(self) -> list[Piece]:
        """Return the text that was held back, at the end of the reply."""
        rest, self._rest = self._rest, ""
        if self._state == "begin":
            return [("said", rest)] if rest else []
        rest = rest.rstrip() if self._has_answer else rest.strip()
        return [("thought" if self._state == "think" else "said", rest)] if rest else []

    def _begin(self) -> None:
        start = self._rest.lstrip()
        if start.startswith(THINK):
            self._state, self.thought, self._rest = "think", True, start.removeprefix(THINK)
        elif not THINK.startswith(start):
            self._state = "plain"

    def _tell(self, kind: Kind, text: str, tag: str) -> list[Piece]:
        """Return `text` as a piece, holding back blanks at its end and what may become `tag`."""
        text = text if self._has_answer else text.lstrip()
        size = max((size for size in range(len(tag)) if text.endswith(tag[:size])), default=0)
        sure = text[: len(text) - size].rstrip()
        self._rest = text[len(sure) :]
        self._has_answer = self._has_answer or bool(sure)
        return [(kind, sure)] if sure else []


@dataclass
class StopText:
    """A filter that ends the text before the first complete stop word, and holds back what may become one. `is_complete`: a stop word has
    come."""

    words: tuple[str, ...]
    is_complete: bool = False
    _rest: str = ""

    def take(self, text: str) -> str:
        """Add text; return what is certain by now."""
        if self.is_complete:
            return ""
        self._rest += text
        if ends := [(place + len(word), place) for word in self.words if (place := self._rest.find(word)) >= 0]:
            piece, self._rest, self.is_complete = self._rest[: min(ends)[1]], "", True
            return piece
        sizes = (size for word in self.words for size in range(1, min(len(word), len(self._rest) + 1)) if self._rest.endswith(word[:size]))
        length = max(sizes, default=0)
        piece, self._rest = self._rest[: len(self._rest) - length], self._rest[len(self._rest) - length :]
        return piece

    def rest(self) -> str:
        """Return the text that was held back and became no stop word."""
        piece, self._rest = self._rest, ""
        return piece


@dataclass
class ReplyReader:
    """A reader of one reply as it comes. `silent`: tokens that are not shown. `stop`: words before which the reply ends. `split`: separate
    the thought from the answer; `opened`: the prompt has opened the thought.

    `tokens` counts all tokens, `reasoning` those of the thought with its tags."""

    tokenizer: Tokenizer
    opened: bool = False
    split: bool = True
    stop: tuple[str, ...] = ()
    silent: frozenset[int] = frozenset()
    tokens: int = 0
    reasoning: int = 0
    texts: dict[Kind, str] = field(default_factory=lambda: {"thought": "", "said": ""})

    def __post_init__(self) -> None:
        self._letters, self._stop, self._split = Letters(self.tokenizer), StopText(self.stop), Split(self.opened)
        self._has_ended = False

    @property
    def thought(self) -> str | None:
        """The thought, None if there is none; it may be empty."""
        return self.texts["thought"] if self.split and self._split.thought else None

    @property
    def stopped(self) -> bool:
        """True if a stop word has come."""
        return self._stop.is_complete

    def take(self, token: int) -> list[Piece]:
        """Add a token; return the pieces that it completes."""
        if self.stopped:
            return []
        self.tokens += 1
        before = self._split.answering
        pieces = [] if token in self.silent else self._split_text(self._stop.take(self._letters.take(token)))
        if self.split and self._split.thought and not before:
            self.reasoning = self.tokens
        return self._keep(pieces)

    def read_reply(self, tokens: Sequence[int]) -> list[Piece]:
        """Return the pieces of a whole reply, the same as `take` of each token and then `end`, in one go."""
        if self.stop or self.tokens:
            return [piece for token in tokens for piece in self.take(token)] + self.end()
        visible = [token for token in tokens if token not in self.silent]
        self.tokens, self._has_ended = len(tokens), True
        pieces = self._keep([*self._split_text(self.tokenizer.decode(visible)), *(self._split.rest() if self.split else [])])
        if self.split and self._split.thought:
            self.reasoning = self._thinking(tokens) if self._split.answering else len(tokens)
        return pieces

    def end(self) -> list[Piece]:
        """Return the pieces that were held back."""
        if self._has_ended:
            return []
        self._has_ended = True
        rest = self._split_text(self._stop.take(self._letters.rest()) + self._stop.rest())
        return self._keep([*rest, *(self._split.rest() if self.split else [])])

    def _split_text(self, text: str) -> list[Piece]:
        if self.split:
            return self._split.take(text)
        return [("said", text)] if text else []

    def _thinking(self, tokens: Sequence[int]) -> int:
        """Return the number of tokens after which the thought has ended."""

        def over(count: int) -> bool:
            split = Split(self.opened)
            split.take(self.tokenizer.decode([token for token in tokens[:count] if token not in self.silent]))
            return split.answering

        return bisect_left(range(len(tokens)), True, key=over)

    def _keep(self, pieces: list[Piece]) -> list[Piece]:
        for kind, text in pieces:
            self.texts[kind] += text
        return pieces
