"""Greetings: somebody says hello, says who they are, and asks one small thing. Nothing has to be thought first."""

from __future__ import annotations

import random

from aha.tasks.general.kind import PEOPLE, TEMPERS, GeneralPrompt, Key, Kind, choose, in_both_languages, pairs
from aha.types import Language

OPENINGS = (in_both_languages("Hello", "你好"), in_both_languages("hello", "您好"), in_both_languages("hi", "你好"))
PLACES = pairs(
    "at_the_sea 海边, on_the_mountain 山上, at_home 家里, in_the_car 车上, at_the_door 门口, by_the_water 水边, in_the_country 国内"
)
QUESTIONS = (
    in_both_languages("How are you?", "你好吗？"),
    in_both_languages("Can you help me?", "你可以帮助我吗？"),
    in_both_languages("Is it a good day?", "天气好吗？"),
    in_both_languages("What are you?", "你是什么？"),
)
ANSWERS = (
    in_both_languages("I am very well.", "我很好。"),
    in_both_languages("yes, I can help you.", "可以，我可以帮助你。"),
    in_both_languages("yes, it is a good day.", "是，天气很好。"),
    in_both_languages("I am a language model.", "我是语言模型。"),
)
NEEDS: tuple[dict[Language, tuple[str, ...]], ...] = (
    {"en": ("am very well", "am well"), "zh": ("我很好",)},
    {"en": ("can help",), "zh": ("可以帮助", "能帮助")},
    {"en": ("a good day",), "zh": ("天气很好",)},
    {"en": ("a language model",), "zh": ("是语言模型",)},
)


def draw_key(draw: random.Random) -> Key:
    """Places in the lists: quality, person, place, question."""
    return tuple(draw.randrange(len(choices)) for choices in (TEMPERS, PEOPLE, PLACES, QUESTIONS))


def prompt(key: Key, language: Language) -> GeneralPrompt:
    """`Hello from the old man at the sea! How are you?`"""
    quality, person, place, question = (table[i][language] for table, i in zip((TEMPERS, PEOPLE, PLACES, QUESTIONS), key, strict=True))
    greeting = choose(key, OPENINGS)[language]
    core, needs = ANSWERS[key[3]][language], (NEEDS[key[3]][language],)
    match language:
        case "en":
            return GeneralPrompt(f"{greeting} from the {quality} {person} {place}! {question}", core, needs)
        case "zh":
            return GeneralPrompt(f"{greeting}，我是{place}的{quality}{person}。{question}", core, needs)


KIND = Kind("greeting", draw_key, prompt)
