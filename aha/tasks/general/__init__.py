"""General prompts: a greeting, questions to the model about itself, translation, and requests that are to be refused.

Nothing here has a checkable answer. Who wants to know how good a reply is asks the annotator (`aha.tasks.rubric`), as the paper asked
DeepSeek-V3; no stage may look at the rubric behind it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from aha.errors import BadInput
from aha.tasks.filters import Split, draw_keys, draw_language
from aha.tasks.general.greeting import KIND as GREETING
from aha.tasks.general.harm import KIND as HARM
from aha.tasks.general.kind import GeneralPrompt, Key, Kind
from aha.tasks.general.myself import KIND as MYSELF
from aha.tasks.general.translation import KIND as TRANSLATION
from aha.types import Language, Open, Problem

__all__ = ["KINDS", "GeneralProblems", "GeneralPrompt", "Kind", "prompt_of"]

KINDS: dict[str, Kind] = {kind.domain: kind for kind in (GREETING, MYSELF, TRANSLATION, HARM)}


def prompt_of(problem: Problem) -> GeneralPrompt:
    """What a general problem asks, read from its id. BadInput for a problem that is none of ours."""
    domain, _, key_text = problem.id.partition("/")
    places, _, language = key_text.partition("/")
    if domain not in KINDS or language not in ("en", "zh") or not all(place.isdecimal() for place in places.split("-")):
        raise BadInput(f"{problem.id}: no general prompt of the tiny world; those are {', '.join(KINDS)}")
    return KINDS[domain].prompt(tuple(map(int, places.split("-"))), problem.language)


@dataclass(frozen=True)
class GeneralProblems:
    """Prompts of some kinds as a source of problems, as many of each. `chinese`: the share of them in Chinese."""

    kinds: tuple[str, ...] = ("greeting", "self", "translation", "harm")
    chinese: float = 0.5
    split: Split = "train"

    def __post_init__(self) -> None:
        if not self.kinds or not set(self.kinds) <= KINDS.keys():
            raise BadInput(f"kinds are {self.kinds}: one or more of {', '.join(KINDS)} are needed")

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        """`count` different problems for a round of a rollout, of one kind after another."""
        draw = random.Random(f"general {seed} {rollout} {round}")
        first = draw.randrange(len(self.kinds))
        problems = list[Problem]()
        for place in range(len(self.kinds)):
            kind = KINDS[self.kinds[(first + place) % len(self.kinds)]]
            share = (count + len(self.kinds) - 1 - place) // len(self.kinds)
            problems += self._problems(kind, share, draw) if share else []
        return problems

    def _problems(self, kind: Kind, count: int, draw: random.Random) -> list[Problem]:
        """A prompt may be asked in both languages; it is held out in both or in neither."""

        def draw_pair(draw: random.Random) -> tuple[Key, Language]:
            return kind.draw(draw), draw_language(self.chinese, draw)

        pairs = draw_keys(kind.domain, self.split, count, draw, draw_pair, known_by=lambda pair: pair[0])
        return [_ask(kind, key, language) for key, language in pairs]

    def all(self, count: int, seed: int = 0) -> list[Problem]:
        """A fixed sample of `count` different problems of the split, for evaluation."""
        return self.at(0, 0, count, seed)


def _ask(kind: Kind, key: Key, language: Language) -> Problem:
    name = f"{kind.domain}/{'-'.join(map(str, key))}/{language}"
    return Problem(name, kind.domain, kind.prompt(key, language).question, language, Open())
