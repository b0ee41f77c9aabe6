"""Tokens to what is thought and what is said, piece by piece; all pieces together are the same whatever their sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from aha.protocols import Tokenizer
from aha.template import END_THINK, THINK

Kind = Literal["thought", "said"]
Piece = tuple[Kind, str]
UNREADABLE = "\ufffd"


@dataclass
class Letters:
    """Token ids to text as they come; half a letter waits for its other half."""

    tokenizer: Tokenizer
    _tokens: list[int] = field(default_factory=list)
    _told: str = ""

    def take(self, token: int) -> str:
        """What this token adds. One piece of text before it is decoded along, since some tokenizers write a word by its neighbour."""
        self._tokens.append(token)
        text = self.tokenizer.decode(self._tokens)
        if text.endswith(UNREADABLE):
            return ""
        new, last = text[len(self._told) :], self._tokens[-1:]
        self._tokens, self._told = last, self.tokenizer.decode(last)
        if self._told.endswith(UNREADABLE):  # the end of a letter says nothing alone
            self._tokens, self._told = [], ""
        return new

    def rest(self) -> str:
        """What is left at the end: letters that were never whole."""
        return self.tokenizer.decode(self._tokens)[len(self._told) :]


@dataclass
class Split:
    """Text to thought and answer. A thought is what stands in `<think>` at the very beginning, which the prompt may have opened, or never
    ends; blanks around thought and answer are left out. `opened`: by the prompt."""

    opened: bool = False
    thought: bool = field(init=False)
    _state: Literal["begin", "think", "answer", "plain"] = field(init=False)
    _held: str = ""
    _begun: bool = False

    def __post_init__(self) -> None:
        self._state, self.thought = ("think" if self.opened else "begin"), self.opened

    @property
    def answering(self) -> bool:
        """Whether the thought is over, or there is none."""
        return self._state in ("answer", "plain")

    def take(self, text: str) -> list[Piece]:
        """What can be told now."""
        self._held += text
        found = list[Piece]()
        if self._state == "begin":
            self._begin()
        if self._state == "think":
            before, closed, after = self._held.partition(END_THINK)
            found += self._tell("thought", before, "" if closed else END_THINK)
            if closed:
                self._state, self._held, self._begun = "answer", after, False
        if self._state == "answer":
            found += self._tell("said", self._held, "")
        elif self._state == "plain":
            found, self._held = [("said", self._held)] if self._held else [], ""
        return found

    def rest(self) -> list[Piece]:
        """What was held back and turned out to be text."""
        held, self._held = self._held, ""
        if self._state == "begin":
            return [("said", held)] if held else []
        held = held.rstrip() if self._begun else held.strip()
        return [("thought" if self._state == "think" else "said", held)] if held else []

    def _begin(self) -> None:
        start = self._held.lstrip()
        if start.startswith(THINK):
            self._state, self.thought, self._held = "think", True, start.removeprefix(THINK)
        elif not THINK.startswith(start):
            self._state = "plain"

    def _tell(self, kind: Kind, text: str, tag: str) -> list[Piece]:
        """All of `text` but its blanks at the end and what may become `tag`, which are held."""
        text = text if self._begun else text.lstrip()
        size = max((size for size in range(len(tag)) if text.endswith(tag[:size])), default=0)
        sure = text[: len(text) - size].rstrip()
        self._held = text[len(sure) :]
        self._begun = self._begun or bool(sure)
        return [(kind, sure)] if sure else []


@dataclass
class Reading:
    """One reply while it comes. `tokens` counts all, `reasoning` those of the thought with its tags."""

    tokenizer: Tokenizer
    opened: bool
    tokens: int = 0
    reasoning: int = 0
    texts: dict[Kind, str] = field(default_factory=lambda: {"thought": "", "said": ""})

    def __post_init__(self) -> None:
        self._letters, self._split = Letters(self.tokenizer), Split(self.opened)

    @property
    def thought(self) -> str | None:
        """None where there is none; empty where it is empty."""
        return self.texts["thought"] if self._split.thought else None

    def take(self, token: int) -> list[Piece]:
        """What one more token adds; a stop token is counted and says nothing."""
        self.tokens += 1
        before = self._split.answering
        pieces = [] if token in self.tokenizer.stop else self._split.take(self._letters.take(token))
        if self._split.thought and not before:
            self.reasoning = self.tokens
        return self._kept(pieces)

    def end(self) -> list[Piece]:
        """What was held back."""
        return self._kept([*self._split.take(self._letters.rest()), *self._split.rest()])

    def _kept(self, pieces: list[Piece]) -> list[Piece]:
        for kind, text in pieces:
            self.texts[kind] += text
        return pieces
