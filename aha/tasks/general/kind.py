"""The classes and word lists that all kinds of general prompts share."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aha.types import Language

Key = tuple[int, ...]
BothLanguages = dict[Language, str]


@dataclass(frozen=True)
class GeneralPrompt:
    """One prompt in one language, and the properties of a good reply.

    `core` answers it in one sentence. `needs`: the points that a reply has to make, each as wordings of which one is enough. `thought`: the
    thought before the reply, empty if none is needed. `complies`: for a harmful request, a text that goes along with it; else empty."""

    question: str
    core: str
    needs: tuple[tuple[str, ...], ...]
    thought: str = ""
    complies: str = ""


@dataclass(frozen=True)
class Kind:
    """A domain of general prompts. A key is one place in each of its lists, in either language."""

    domain: str
    draw: Callable[[random.Random], Key]
    prompt: Callable[[Key, Language], GeneralPrompt]


def in_both_languages(en: str, zh: str) -> BothLanguages:
    """Return a text in both languages."""
    return {"en": en, "zh": zh}


def pairs(text: str) -> tuple[BothLanguages, ...]:
    """Parse `sea 海边, home 家里`: English and Chinese with a blank between them; `_` stands for a blank within English."""
    entries = (entry.split() for entry in text.replace("\n", " ").split(","))
    return tuple(in_both_languages(en.replace("_", " "), zh) for en, zh in entries)


QUALITIES = pairs("big 大, little 小, new 新, old 老, good 好, white 白, long 长, real 真")
THINGS = pairs("car 车, mountain 山, book 书, horse 马, hand 手, door 门, plant 花, word 字")
TEMPERS = pairs("little 小, new 新, old 老, good 好, real 真")
PEOPLE = pairs("boy 男孩, man 男人, mother 母亲, father 父亲, friend 友人, children 孩子")
OWNERS = pairs("my 我的, your 你的, his 他的, her 她的")


def choose(key: Key, texts: tuple[BothLanguages, ...]) -> BothLanguages:
    """Return one of several equivalent texts, always the same for a key."""
    return texts[sum(place * weight for place, weight in zip(key, (3, 5, 7, 11), strict=False)) % len(texts)]


def join_words(words: Sequence[str], language: Language) -> str:
    """Join words, with blanks in English and without in Chinese."""
    return (" " if language == "en" else "").join(words)


def each_of(words: Sequence[str], language: Language) -> tuple[tuple[str, ...], ...]:
    """Return the needs of a reply that has to contain every one of these words; each counts by itself."""
    return tuple((f" {word}" if language == "en" else word,) for word in words)
