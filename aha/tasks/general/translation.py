"""Translation of small phrases, always into the language of the one who asks, so that a good reply is in one language."""

from __future__ import annotations

import random

from aha.tasks.general.kind import OWNERS, QUALITIES, THINGS, Key, Kind, Prompt, choose, said
from aha.types import Language

FRAMES = (
    said("What is this in english?\n{phrase}", "用中文怎么说 {phrase}？"),
    said("Please translate this:\n{phrase}", "请翻译 {phrase}。"),
)


def draw_key(draw: random.Random) -> Key:
    """Places in the lists: owner, quality, noun."""
    return tuple(draw.randrange(len(each)) for each in (OWNERS, QUALITIES, THINGS))


def prompt(key: Key, language: Language) -> Prompt:
    """`用中文怎么说 my big book？`"""
    words = {each: [found[i][each] for found, i in zip((OWNERS, QUALITIES, THINGS), key, strict=True)] for each in ("en", "zh")}
    english, chinese = " ".join(words["en"]), "".join(words["zh"])
    frame = choose(key, FRAMES)[language]
    match language:
        case "en":
            thought = f"I say {', '.join(words['en'])}."
            return Prompt(frame.replace("{phrase}", chinese), f"It is {english}.", ((f" {english}",),), thought)
        case "zh":
            return Prompt(frame.replace("{phrase}", english), f"中文是{chinese}。", ((chinese,),), f"用中文说是{'，'.join(words['zh'])}。")


KIND = Kind("translation", draw_key, prompt)
