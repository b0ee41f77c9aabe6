"""What a benchmark asks of a judge: which games a reply plays, what a verdict looks like, what the verdicts come to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from aha.codec import encode
from aha.errors import BadInput
from aha.evals.examined import Generation, Graded, grade_one
from aha.evals.exams.exam import Exam, Item, Judged
from aha.evals.judged.prompts import Prompt
from aha.protocols import Sampling
from aha.types import Conversation, Message, Said

Verdict = float | str


class Jury(Protocol):
    """A judged benchmark, as a value. What is shown of a reply is its visible text, never the thinking before it."""

    @property
    def judges(self) -> tuple[str, ...]:
        """The models whose verdicts are published."""
        ...

    @property
    def prompt(self) -> Prompt: ...

    @property
    def sampling(self) -> Sampling: ...

    @property
    def top(self) -> int:
        """Of how many tokens log-probabilities are wanted."""
        ...

    @property
    def expected(self) -> int:
        """Tokens of a usual reply of the judge: what a cost is estimated with."""
        ...

    @property
    def again(self) -> str:
        """What is said to a judge that gave no verdict."""
        ...

    def guess(self, item: Item) -> str:
        """A text as long as a usual reply to it: stands for one in an estimate."""
        ...

    def games(self, item: Item, text: str) -> list[Conversation]:
        """What the judge is asked about one reply."""
        ...

    def verdict(self, replies: Sequence[Said]) -> Verdict | None:
        """What it said in one game, in so many turns; None where that is no verdict."""
        ...

    def judged(self, item: Item, text: str, verdicts: Sequence[Verdict | None]) -> Judged:
        """The grade of a reply by the verdicts of its games."""
        ...

    def result(self, exam: Exam, found: Sequence[Found], folder: Path, about: About) -> dict[str, Any]:
        """The scores, by the statistics that also read published files; what those read is written to the folder."""
        ...


@dataclass(frozen=True)
class About:
    """Whose replies they are, who judged, and the seed of the intervals."""

    model: str
    judge: str
    seed: int


@dataclass(frozen=True)
class Found:
    """One sample at its end. `verdicts` is empty where nothing was shown, since the reply was cut or empty."""

    item: Item
    said: Generation
    graded: Graded
    replies: tuple[tuple[Said, ...], ...]
    verdicts: tuple[Verdict | None, ...]


@dataclass(frozen=True)
class Game:
    """One question to the judge: its place among those of a sample, and the question."""

    item: str
    sample: int
    number: int
    conversation: Conversation


@dataclass(frozen=True)
class Asked:
    """How the judge is asked. `judge` names server and model, or the weights."""

    judge: str
    sampling: Sampling
    top: int
    asks: int

    def key(self, conversation: Conversation) -> str:
        """The sha256 of all that its reply follows from: one text is judged once, however many samples it is the reply of."""
        asked = [self.judge, self.top, encode(self.sampling, Sampling), encode(conversation, Conversation)]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode("utf-8", "backslashreplace")).hexdigest()


def shown(said: Generation) -> bool:
    """Whether there is anything to judge. What was cut at the limit and what is empty has lost without a judge."""
    return said.finished == "stop" and bool(said.text.strip())


def games_of(jury: Jury, items: Sequence[Item], generations: Mapping[tuple[str, int], Generation], k: int) -> list[Game]:
    """Every game of every sample that is there and can be shown."""
    pairs = [(item, generations.get((item.id, number))) for item in items for number in range(k)]
    return [
        Game(item.id, said.sample, number, conversation)
        for item, said in pairs
        if said is not None and shown(said)
        for number, conversation in enumerate(jury.games(item, said.text))
    ]


def heard(jury: Jury, asked: Asked, conversation: Conversation, known: Mapping[str, Said]) -> tuple[tuple[Said, ...], Conversation | None]:
    """The judge's replies so far, and what is to be asked next; None where a verdict is there, or the turns are used up."""
    replies: list[Said] = []
    while len(replies) < asked.asks:
        said = known.get(asked.key(conversation))
        if said is None:
            return tuple(replies), conversation
        replies.append(said)
        if jury.verdict(replies) is not None:
            break
        conversation = _continued(conversation, said, jury.again)
    return tuple(replies), None


def _continued(conversation: Conversation, said: Said, again: str) -> Conversation:
    """An empty reply cannot be sent back: then the question itself is said again, and what is wanted."""
    if not said.text.strip():
        *before, last = conversation.messages
        return Conversation((*before, Message(last.role, f"{last.content}\n\n{again}")))
    return Conversation((*conversation.messages, Message("assistant", said.text), Message("user", again)))


def found_of(
    jury: Jury,
    exam: Exam,
    items: Sequence[Item],
    generations: Mapping[tuple[str, int], Generation],
    k: int,
    asked: Asked,
    known: Mapping[str, Said],
) -> list[Found]:
    """Every sample with what the judge said of it. BadInput where one is missing."""
    found = []
    for item in items:
        for number in range(k):
            said = generations.get((item.id, number))
            if said is None:
                raise BadInput(f"{item.id}: {number} samples of it are saved, fewer than k = {k}; ask for the rest with the same aha eval")
            found.append(_found(jury, exam, item, said, asked, known))
    return found


def _found(jury: Jury, exam: Exam, item: Item, said: Generation, asked: Asked, known: Mapping[str, Said]) -> Found:
    conversations = jury.games(item, said.text) if shown(said) else []
    replies = tuple(heard(jury, asked, conversation, known)[0] for conversation in conversations)
    verdicts = tuple(map(jury.verdict, replies))
    graded = grade_one(replace(exam, judge=lambda item, text: jury.judged(item, text, verdicts)), item, said)
    if "not_attempted" in graded.measures:  # the judge's word counts, not a rule
        graded = replace(graded, refused=graded.measures["not_attempted"] > 0)
    return Found(item, said, graded, replies, verdicts)
