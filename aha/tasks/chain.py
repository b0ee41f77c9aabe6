"""Chains of arithmetic: start with a number and apply one operation after another; the tiny world's second reasoning domain.

There is nothing to search, but no step may be skipped: an immediate answer is wrong, and writing every step down only takes care.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aha.errors import BadInput, Ratio
from aha.tasks.countdown import LARGEST_NUMBER, LARGEST_RESULT, OPERATIONS
from aha.tasks.filters import Split, draw_keys, draw_language
from aha.types import Language, Number, Problem

DOMAIN = "chain"
THEN: dict[Language, str] = {"en": ", then ", "zh": "，然后 "}
NAMES = {"+": "p", "-": "m", "*": "t"}  # of operators in an id
SYMBOLS = {name: symbol for symbol, name in NAMES.items()}

Step = tuple[str, int]


@dataclass(frozen=True)
class Chain:
    """A first number and the steps that follow: (operator, number) pairs, applied from left to right."""

    first: int
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        """Return the chain as `8-p6-t3`, its name in ids and in the split."""
        return "-".join([str(self.first), *(f"{NAMES[operator]}{number}" for operator, number in self.steps)])

    def values(self) -> Iterator[int]:
        """Yield the value after each step."""
        value = self.first
        for operator, number in self.steps:
            value = OPERATIONS[operator](value, number)
            yield value

    @property
    def result(self) -> int:
        return [self.first, *self.values()][-1]


def chain_of(problem: Problem) -> Chain:
    """Return the chain that a problem of this domain asks for, read from its id."""
    first, *steps = problem.id.split("/")[1].split("-")
    return Chain(int(first), tuple((SYMBOLS[step[0]], int(step[1:])) for step in steps))


def draw_step(value: int, draw: random.Random) -> Step:
    """Draw an operator and a number that keep the value within 0 to 199."""
    while True:
        operator, number = draw.choice("+-*"), draw.randint(2, LARGEST_NUMBER)
        if 0 <= OPERATIONS[operator](value, number) <= LARGEST_RESULT:
            return operator, number


def draw_chain(length: int, draw: random.Random) -> Chain:
    """Draw a chain whose values all lie within 0 to 199, for which the tiny tokenizer has tokens."""
    chain = Chain(draw.randint(2, LARGEST_NUMBER), ())
    for _ in range(length):
        chain = Chain(chain.first, (*chain.steps, draw_step(chain.result, draw)))
    return chain


def question(chain: Chain, language: Language) -> str:
    """Return the question as the tiny world asks it."""
    steps_in_order = said_in_order(str(chain.first), chain.steps, language)
    return f"What is {steps_in_order}?" if language == "en" else f"计算 {steps_in_order}。"


def said_in_order(first: str, steps: Sequence[tuple[str, object]], language: Language) -> str:
    """Return a first term and the steps as `8, then + 6, then * 3`."""
    return THEN[language].join([first, *(f"{operator} {operand}" for operator, operand in steps)])


@dataclass(frozen=True)
class ChainProblems:
    """A source of chains of `shortest` to `longest` steps. `chinese`: the share of questions in Chinese."""

    shortest: int = 3
    longest: int = 6
    chinese: Ratio = 0.5
    split: Split = "train"

    def __post_init__(self) -> None:
        if not 2 <= self.shortest <= self.longest:
            raise BadInput(f"shortest is {self.shortest} and longest {self.longest}: a chain has 2 steps or more")

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        """Return `count` different problems for a round of a rollout."""
        draw = random.Random(f"chain {seed} {rollout} {round}")
        chains = draw_keys(DOMAIN, self.split, count, draw, lambda draw: draw_chain(draw.randint(self.shortest, self.longest), draw))
        return [self._ask(chain, draw_language(self.chinese, draw)) for chain in chains]

    def all(self, count: int, seed: int = 0) -> list[Problem]:
        """Return a fixed sample of `count` different problems of the split, for evaluation."""
        return self.at(0, 0, count, seed)

    def _ask(self, chain: Chain, language: Language) -> Problem:
        return Problem(f"{DOMAIN}/{chain}/{language}", DOMAIN, question(chain, language), language, Number(str(chain.result)))
