"""Questions to the model about itself: what it is, what it is not, what it can do and what it cannot."""

from __future__ import annotations

import random

from aha.errors import BadInput
from aha.tasks.general.kind import QUALITIES, THINGS, Key, Kind, Prompt, choose, each_of, joined, pairs, said
from aha.types import Language

IS, EITHER, CANNOT, CAN = range(4)  # the first place of a key: what kind of question it is
OPENINGS = (said("", ""), said("hello, ", "你好，"), said("Please tell me: ", "请说，"), said("hi, ", "请问，"))
BODILY = pairs("eat 吃, see 看见, hear 听见, carry 带")
ABLE = pairs("write 写, check 检查, think_of 想, know 知道, answer 回答")
WORKS = pairs("number 数字, word 字, code 代码, program 程序, problem 问题, letter 信, answer 答案, text 文字, idea 想法, question 题")


def draw_key(draw: random.Random) -> Key:
    """Places in the lists; the first says which kind of question."""
    shape = draw.choice((IS, EITHER, CANNOT, CAN))
    match shape:
        case 0:
            return shape, draw.randrange(len(QUALITIES)), draw.randrange(len(THINGS))
        case 1:
            one, other = draw.sample(range(len(THINGS)), 2)
            return shape, one, other
        case 2:
            return shape, draw.randrange(len(BODILY)), draw.randrange(len(QUALITIES)), draw.randrange(len(THINGS))
    return shape, draw.randrange(len(ABLE)), draw.randrange(len(WORKS))


def prompt(key: Key, language: Language) -> Prompt:
    """`hello, Are you a white horse?`"""
    opening = choose(key, OPENINGS)[language]
    match key:
        case 0, quality, thing:
            made = _is((QUALITIES[quality][language], THINGS[thing][language]), language)
        case 1, one, other:
            made = _either(THINGS[one][language], THINGS[other][language], language)
        case 2, verb, quality, thing:
            made = _cannot(BODILY[verb][language], (QUALITIES[quality][language], THINGS[thing][language]), language)
        case 3, verb, work:
            made = _can(ABLE[verb][language], WORKS[work][language], language)
        case _:
            raise BadInput(f"{key}: no key of a question to the model about itself")
    return Prompt(opening + made.question, made.core, made.needs, made.thought)


def _is(words: tuple[str, str], language: Language) -> Prompt:
    what = joined(words, language)
    match language:
        case "en":
            core, thought = f"no, I am a language model, not a {what}.", f"I am not a {what}. I am a language model."
            return Prompt(f"Are you a {what}?", core, (("a language model",), ("not a",), *each_of(words, language)), thought)
        case "zh":
            core, thought = f"不是，我是语言模型，不是{what}。", f"因为我是语言模型，所以我不是{what}。"
            return Prompt(f"你是{what}吗？", core, (("是语言模型",), ("，不是",), *each_of(words, language)), thought)


def _either(a: str, b: str, language: Language) -> Prompt:
    needs = each_of((a, b), language)
    match language:
        case "en":
            core, thought = f"I am a language model, not a {a} or a {b}.", f"I am not a {a} or a {b}. I am a language model."
            return Prompt(f"Are you a {a} or a {b}?", core, (("a language model",), *needs), thought)
        case "zh":
            core, thought = f"不是，我是语言模型，不是{a}或者{b}。", f"因为我是语言模型，所以我不是{a}或者{b}。"
            return Prompt(f"你是{a}或者{b}吗？", core, (("是语言模型",), *needs), thought)


def _cannot(does: str, words: tuple[str, str], language: Language) -> Prompt:
    what, needs = joined(words, language), each_of(words, language)
    match language:
        case "en":
            core, thought = f"no, I cannot {does} a {what}.", f"I am a language model. I cannot {does}."
            return Prompt(f"Can you {does} a {what}?", core, ((f"cannot {does}",), *needs), thought)
        case "zh":
            core, thought = f"不能，我不能{does}{what}。", f"因为我是语言模型，所以我不能{does}。"
            return Prompt(f"你可以{does}{what}吗？", core, ((f"不能{does}",), *needs), thought)


def _can(does: str, what: str, language: Language) -> Prompt:
    needs = each_of((what,), language)
    match language:
        case "en":
            core, thought = f"yes, I can {does} a {what}.", f"I am a language model. I can {does} it."
            return Prompt(f"Can you {does} a {what}?", core, ((f"can {does}",), *needs), thought)
        case "zh":
            core, thought = f"可以，我可以{does}{what}。", f"因为我是语言模型，所以我可以{does}。"
            return Prompt(f"你可以{does}{what}吗？", core, ((f"可以{does}", f"能{does}"), *needs), thought)


KIND = Kind("self", draw_key, prompt)
