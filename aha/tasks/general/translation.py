"""Translation of small phrases, always into the language of the one who asks, so that a good reply is in one language."""

from __future__ import annotations

import random

from aha.tasks.general.kind import OWNERS, QUALITIES, THINGS, GeneralPrompt, Key, Kind, choose, each_of, in_both_languages, join_words
from aha.types import Language

FRAMES = (
    in_both_languages("What is this in english?\n{phrase}", "用中文怎么说 {phrase}？"),
    in_both_languages("Please translate this:\n{phrase}", "请翻译 {phrase}。"),
)

LANGUAGES: tuple[Language, Language] = ("en", "zh")
CORE: dict[Language, str] = {"en": "It is {}.", "zh": "中文是{}。"}
THOUGHT: dict[Language, str] = {"en": "I say {}.", "zh": "用中文说是{}。"}
BETWEEN: dict[Language, str] = {"en": ", ", "zh": "，"}


def draw_key(draw: random.Random) -> Key:
    """Places in the lists: owner, quality, noun."""
    return tuple(draw.randrange(len(choices)) for choices in (OWNERS, QUALITIES, THINGS))


def prompt(key: Key, language: Language) -> GeneralPrompt:
    """`用中文怎么说 my big book？`"""
    phrases: dict[Language, list[str]] = {
        language: [table[i][language] for table, i in zip((OWNERS, QUALITIES, THINGS), key, strict=True)] for language in LANGUAGES
    }
    words, translation = phrases[language], phrases["zh" if language == "en" else "en"]
    question = choose(key, FRAMES)[language].replace("{phrase}", join_words(translation, "zh" if language == "en" else "en"))
    core, thought = CORE[language].format(join_words(words, language)), THOUGHT[language].format(BETWEEN[language].join(words))
    return GeneralPrompt(question, core, each_of(words, language), thought)


KIND = Kind("translation", draw_key, prompt)
