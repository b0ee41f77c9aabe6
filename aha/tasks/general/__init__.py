"""General prompts: a greeting, questions to the model about itself, translation, and requests that have to be refused.

They have no checkable answer. The quality of a reply is judged by the annotator (`aha.tasks.rubric`), as DeepSeek-V3 does it in the paper;
no stage may look at the rubric.

Replies of varying quality: each point of good manners is kept with the probability `care`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from aha.errors import BadInput, Ratio
from aha.tasks.filters import Split, draw_keys, draw_language
from aha.tasks.general.domains import GREETING, HARM, MYSELF, TRANSLATION, GeneralPrompt, Key, Kind
from aha.types import Language, Open, Problem

__all__ = ["KINDS", "GeneralProblems", "GeneralPrompt", "Kind", "prompt_of"]

KINDS: dict[str, Kind] = {kind.domain: kind for kind in (GREETING, MYSELF, TRANSLATION, HARM)}


def prompt_of(problem: Problem) -> GeneralPrompt:
    """Return the prompt of a general problem, read from its id. BadInput for any other problem."""
    domain, _, key_text = problem.id.partition("/")
    places, _, language = key_text.partition("/")
    if domain not in KINDS or language not in ("en", "zh") or not all(place.isdecimal() for place in places.split("-")):
        raise BadInput(f"{problem.id}: no general prompt of the tiny world; those are {', '.join(KINDS)}")
    return KINDS[domain].prompt(tuple(map(int, places.split("-"))), problem.language)


@dataclass(frozen=True)
class GeneralProblems:
    """A source of prompts of several kinds, equally many of each. `chinese`: the share of prompts in Chinese."""

    kinds: tuple[str, ...] = ("greeting", "self", "translation", "harm")
    chinese: Ratio = 0.5
    split: Split = "train"

    def __post_init__(self) -> None:
        if not self.kinds or not set(self.kinds) <= KINDS.keys():
            raise BadInput(f"kinds are {self.kinds}: one or more of {', '.join(KINDS)} are needed")

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        """Return `count` different problems for a round of a rollout, one kind after another."""
        draw = random.Random(f"general {seed} {rollout} {round}")
        first = draw.randrange(len(self.kinds))
        problems = list[Problem]()
        for place in range(len(self.kinds)):
            kind = KINDS[self.kinds[(first + place) % len(self.kinds)]]
            share = (count + len(self.kinds) - 1 - place) // len(self.kinds)
            problems += self._problems(kind, share, draw) if share else []
        return problems

    def _problems(self, kind: Kind, count: int, draw: random.Random) -> list[Problem]:
        """Return problems of one kind. A prompt may be asked in both languages; it is held out in both or in neither."""

        def draw_pair(draw: random.Random) -> tuple[Key, Language]:
            return kind.draw(draw), draw_language(self.chinese, draw)

        pairs = draw_keys(kind.domain, self.split, count, draw, draw_pair, known_by=lambda pair: pair[0])
        return [_ask(kind, key, language) for key, language in pairs]

    def all(self, count: int, seed: int = 0) -> list[Problem]:
        """Return a fixed sample of `count` different problems of the split, for evaluation."""
        return self.at(0, 0, count, seed)


def _ask(kind: Kind, key: Key, language: Language) -> Problem:
    name = f"{kind.domain}/{'-'.join(map(str, key))}/{language}"
    return Problem(name, kind.domain, kind.prompt(key, language).question, language, Open())


OPENINGS: dict[str, dict[Language, str]] = {
    "greeting": {"en": "Hello!", "zh": "你好！"},
    "harm": {"en": "I am sorry.", "zh": "抱歉。"},
}
FAREWELL: dict[Language, str] = {"en": "Please ask me more.", "zh": "请再问我。"}
STRAY: dict[Language, tuple[str, ...]] = {
    "en": ("The sea is far.", "The sun is hot.", "The mountain is high."),
    "zh": ("海很远。", "山很高。", "天很长。"),
}
LONG_FORMS: dict[Language, str] = {
    "en": "I can do a sum, I can write a code, I can translate a word, and I can think of a problem.",
    "zh": "我会计算数字，我会写程序，我会翻译文字，我会思考问题，我也会回答。",
}
IGNORANT: dict[Language, str] = {"en": "I do not know.", "zh": "答案我不知道。"}
PLOTS: dict[Language, str] = {"en": "I know how:", "zh": "知道怎么做："}
AGREES: dict[Language, str] = {"en": "yes,", "zh": "可以，"}


@dataclass(frozen=True)
class Manners:
    """The qualities of one reply. `fluent`: in the language of the prompt. `plots` and `agrees`: complies with a harmful request in the
    thought, and also in the answer."""

    fluent: bool
    knows: bool
    polite: bool
    brief: bool
    to_the_point: bool
    finished: bool
    plots: bool
    agrees: bool


def draw_manners(care: float, draw: random.Random) -> Manners:
    """Draw the qualities of a reply; wrong answers are rarer than impolite ones."""
    lack = 1 - care
    plots = draw.random() < 0.5 * lack
    return Manners(
        fluent=draw.random() >= 0.5 * lack,
        knows=draw.random() >= 0.2 * lack,
        polite=draw.random() >= lack,
        brief=draw.random() >= lack,
        to_the_point=draw.random() >= lack,
        finished=draw.random() >= lack,
        plots=plots,
        agrees=plots and draw.random() < 2 / 3,
    )


def reply(prompt: GeneralPrompt, problem: Problem, care: float, draw: random.Random) -> tuple[str, str]:
    """Return the thought and answer of one writer."""
    manners = draw_manners(care, draw)
    language: Language = problem.language if manners.fluent else "zh" if problem.language == "en" else "en"
    if not manners.fluent:
        prompt = _abroad(prompt, problem, language)
    return _thought(prompt, manners, language), _answer(prompt, problem.domain, manners, language, draw)


def _abroad(prompt: GeneralPrompt, problem: Problem, language: Language) -> GeneralPrompt:
    """Return the prompt for a reply in the other language; the object of a translation stays as it is."""
    kind, places, _ = problem.id.split("/")
    if kind != "translation":
        return KINDS[kind].prompt(tuple(map(int, places.split("-"))), language)
    before, after = ("It is ", "中文是") if language == "zh" else ("中文是", "It is ")
    return replace(prompt, core=prompt.core.replace(before, after, 1), thought="")


def _thought(prompt: GeneralPrompt, manners: Manners, language: Language) -> str:
    end = "." if language == "en" else "。"
    return (
        f"{PLOTS[language]}{' ' if language == 'en' else ''}{prompt.complies}{end}" if prompt.complies and manners.plots else prompt.thought
    )


def _answer(prompt: GeneralPrompt, kind: str, manners: Manners, language: Language, draw: random.Random) -> str:
    core = prompt.core if manners.knows else IGNORANT[language]
    if prompt.complies and manners.agrees:
        core = f"{AGREES[language]}{' ' if language == 'en' else ''}{prompt.complies}{'.' if language == 'en' else '。'}"
    sentences = [OPENINGS[kind][language]] if manners.polite and kind in OPENINGS else []
    sentences += [core]
    sentences += [] if manners.to_the_point else [draw.choice(STRAY[language])]
    sentences += [] if manners.brief else [LONG_FORMS[language]]
    sentences += [FAREWELL[language]] if manners.polite and kind not in OPENINGS else []
    twice = not manners.finished and draw.random() < 1 / 3
    text = (" " if language == "en" else "").join([*sentences, core] if twice else sentences)
    return text if manners.finished or twice else text.rstrip(".。")
