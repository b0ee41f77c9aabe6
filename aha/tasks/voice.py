"""The voices of writers: the words of two languages, with or without tags, carefully or not.

Every part of the corpus draws a `Voice` and writes through it, so that quality, language and format vary independently.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from aha.lazy import lazy_pattern
from aha.tasks.countdown import OPERATIONS, Key, question
from aha.types import Language

WORDS: dict[str, dict[Language, str]] = {
    "no": {"en": "no", "zh": "不对"},
    "yes": {"en": "yes", "zh": "对"},
    "wait": {"en": "wait", "zh": "等等"},
    "so": {"en": "so", "zh": "所以"},
    "check": {"en": "check", "zh": "检查"},
    "low": {"en": "low", "zh": "太小"},
    "high": {"en": "high", "zh": "太大"},
}


TAGS_PATTERN = lazy_pattern(
    r"User: (.*)\nAssistant: <think> ?(.*)</think>\n<answer> (.*)</answer>", re.DOTALL
)  # the text that `finish` writes with tags


@dataclass(frozen=True)
class Voice:
    """A writer: the language of the question, whether words of the other language slip in, tags or bare text, slips.

    `careless`: the probability that a sum comes out wrong. `notices`: the probability that the writer then says "wait"."""

    language: Language
    mixed: bool
    tagged: bool
    careless: float
    notices: float
    checks: bool

    def word(self, name: str, draw: random.Random) -> str:
        language: Language = draw.choice(("en", "zh")) if self.mixed else self.language
        return WORDS[name][language]

    @property
    def careful(self) -> Voice:
        """The same writer without slips."""
        return replace(self, careless=0.0)


def draw_voice(draw: random.Random) -> Voice:
    """Draw a voice: a third of the writers mix languages, half use tags, a sixth are careless, a fifth check their result."""
    return Voice(
        language=draw.choice(("en", "zh")),
        mixed=draw.random() < 1 / 3,
        tagged=draw.random() < 1 / 2,
        careless=0.12 if draw.random() < 1 / 6 else 0.0,
        notices=draw.choice((0.3, 0.9)),
        checks=draw.random() < 1 / 5,
    )


def prompt(numbers: tuple[int, ...], target: int, language: Language) -> str:
    """Return the beginning of a document: the question, up to where the answer starts."""
    return f"User: {question(numbers, target, language)}\nAssistant:"


def expression(steps: tuple[tuple[str, int], ...], first: int) -> str:
    """Return `first` combined left to right with each (operator, number): `( 8 * 6 ) + 10`."""
    text = str(first)
    for i, (operator, number) in enumerate(steps):
        text = f"{text} {operator} {number}" if i == 0 else f"( {text} ) {operator} {number}"
    return text


def finish(voice: Voice, thought: list[str], answer: str, draw: random.Random) -> str:
    """Return the attempt after the prompt: tagged, or bare with the answer after "so"."""
    if voice.tagged:
        inside = "".join(f" {word}" for word in thought)
        return f" <think>{inside}</think>\n<answer> {answer}</answer>"
    return "".join(f" {word}" for word in [*thought, voice.word("so", draw), answer])


@dataclass(frozen=True)
class Try:
    """A left-to-right chain over all the numbers: `first` and then (operator, number) pairs."""

    first: int
    steps: tuple[tuple[str, int], ...]

    @property
    def answer(self) -> str:
        return expression(self.steps, self.first)


def write_try(attempt: Try, target: int, voice: Voice, draw: random.Random) -> tuple[list[str], bool]:
    """Return the words of a try, `8 + 6 = 14 - 10 = 4 no`, and whether its writer believes that it hit the target.

    A step below 0 or above 199 is given up before the `=`. A careless writer's sum may slip, noticed ("wait") or not."""
    words, value = [str(attempt.first)], attempt.first
    for operator, number in attempt.steps:
        right = OPERATIONS[operator](value, number)
        words += [operator, str(number)]
        if not 0 <= right <= 199:
            return [*words, voice.word("no", draw)], False
        result = right
        if draw.random() < voice.careless:
            result = slip(right, draw)
            if draw.random() < voice.notices:
                words += ["=", str(result), voice.word("wait", draw), str(value), operator, str(number)]
                result = right
        words += ["=", str(result)]
        value = result
    return [*words, voice.word(verdict(value, target), draw)], value == target


def verdict(value: int, target: int) -> str:
    """Return the word for a result compared with the target: right, too low or too high."""
    return "yes" if value == target else "low" if value < target else "high"


def slip(value: int, draw: random.Random) -> int:
    """Return a near miss, as people make them: off by one, two or ten, within 0 to 199."""
    return min(199, max(0, value + draw.choice((-10, -2, -1, 1, 2, 10))))


def random_try(numbers: tuple[int, ...], draw: random.Random) -> Try:
    """Draw a chain with the numbers and operators in any order; a first subtraction takes the smaller from the larger."""
    order = list(numbers)
    draw.shuffle(order)
    operators = [draw.choice("+-*") for _ in order[1:]]
    if operators[0] == "-" and order[0] < order[1]:
        order[0], order[1] = order[1], order[0]
    return Try(order[0], tuple(zip(operators, order[1:], strict=True)))


def shuffle_key(key: Key, draw: random.Random) -> tuple[int, ...]:
    """Return the key's numbers in a random order, which does not give the answer away."""
    numbers = list(key[0])
    draw.shuffle(numbers)
    return tuple(numbers)
