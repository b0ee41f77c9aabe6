"""Questions to the model about itself: what it is, what it is not, what it can do and what it cannot."""

from __future__ import annotations

import random

from aha.errors import BadInput
from aha.tasks.general.kind import QUALITIES, THINGS, GeneralPrompt, Key, Kind, choose, each_of, in_both_languages, join_words, pairs
from aha.types import Language

IS, ALTERNATIVE, CANNOT, CAN = range(4)  # the first place of a key: what kind of question it is
OPENINGS = (
    in_both_languages("", ""),
    in_both_languages("hello, ", "你好，"),
    in_both_languages("Please tell me: ", "请说，"),
    in_both_languages("hi, ", "请问，"),
)
BODILY = pairs("eat 吃, see 看见, hear 听见, carry 带")
ABLE = pairs("write 写, check 检查, think_of 想, know 知道, answer 回答")
WORKS = pairs("number 数字, word 字, code 代码, program 程序, problem 问题, letter 信, answer 答案, text 文字, idea 想法, question 题")


def draw_key(draw: random.Random) -> Key:
    """Places in the lists; the first says which kind of question."""
    shape = draw.choice((IS, ALTERNATIVE, CANNOT, CAN))
    match shape:
        case 0:
            return shape, draw.randrange(len(QUALITIES)), draw.randrange(len(THINGS))
        case 1:
            first, second = draw.sample(range(len(THINGS)), 2)
            return shape, first, second
        case 2:
            return shape, draw.randrange(len(BODILY)), draw.randrange(len(QUALITIES)), draw.randrange(len(THINGS))
    return shape, draw.randrange(len(ABLE)), draw.randrange(len(WORKS))


def prompt(key: Key, language: Language) -> GeneralPrompt:
    """`hello, Are you a white horse?`"""
    greeting = choose(key, OPENINGS)[language]
    match key:
        case 0, quality, thing:
            origin = _is((QUALITIES[quality][language], THINGS[thing][language]), language)
        case 1, first, second:
            origin = _alternative(THINGS[first][language], THINGS[second][language], language)
        case 2, verb, quality, thing:
            origin = _cannot(BODILY[verb][language], (QUALITIES[quality][language], THINGS[thing][language]), language)
        case 3, verb, work:
            origin = _can(ABLE[verb][language], WORKS[work][language], language)
        case _:
            raise BadInput(f"{key}: no key of a question to the model about itself")
    return GeneralPrompt(greeting + origin.question, origin.core, origin.needs, origin.thought)


def _is(words: tuple[str, str], language: Language) -> GeneralPrompt:
    phrase = join_words(words, language)
    match language:
        case "en":
            core, thought = f"no, I am a language model, not a {phrase}.", f"I am not a {phrase}. I am a language model."
            return GeneralPrompt(f"Are you a {phrase}?", core, (("a language model",), ("not a",), *each_of(words, language)), thought)
        case "zh":
            core, thought = f"不是，我是语言模型，不是{phrase}。", f"因为我是语言模型，所以我不是{phrase}。"
            return GeneralPrompt(f"你是{phrase}吗？", core, (("是语言模型",), ("，不是",), *each_of(words, language)), thought)


def _alternative(a: str, b: str, language: Language) -> GeneralPrompt:
    needs = each_of((a, b), language)
    match language:
        case "en":
            core, thought = f"I am a language model, not a {a} or a {b}.", f"I am not a {a} or a {b}. I am a language model."
            return GeneralPrompt(f"Are you a {a} or a {b}?", core, (("a language model",), *needs), thought)
        case "zh":
            core, thought = f"不是，我是语言模型，不是{a}或者{b}。", f"因为我是语言模型，所以我不是{a}或者{b}。"
            return GeneralPrompt(f"你是{a}或者{b}吗？", core, (("是语言模型",), *needs), thought)


def _cannot(does: str, words: tuple[str, str], language: Language) -> GeneralPrompt:
    phrase, needs = join_words(words, language), each_of(words, language)
    match language:
        case "en":
            core, thought = f"no, I cannot {does} a {phrase}.", f"I am a language model. I cannot {does}."
            return GeneralPrompt(f"Can you {does} a {phrase}?", core, ((f"cannot {does}",), *needs), thought)
        case "zh":
            core, thought = f"不能，我不能{does}{phrase}。", f"因为我是语言模型，所以我不能{does}。"
            return GeneralPrompt(f"你可以{does}{phrase}吗？", core, ((f"不能{does}",), *needs), thought)


def _can(does: str, skill: str, language: Language) -> GeneralPrompt:
    needs = each_of((skill,), language)
    match language:
        case "en":
            core, thought = f"yes, I can {does} a {skill}.", f"I am a language model. I can {does} it."
            return GeneralPrompt(f"Can you {does} a {skill}?", core, ((f"can {does}",), *needs), thought)
        case "zh":
            core, thought = f"可以，我可以{does}{skill}。", f"因为我是语言模型，所以我可以{does}。"
            return GeneralPrompt(f"你可以{does}{skill}吗？", core, ((f"可以{does}", f"能{does}"), *needs), thought)


KIND = Kind("self", draw_key, prompt)
