"""Chains: start with a number and do one sum after another; the tiny world's second reasoning domain.

Nothing has to be searched, but no step may be skipped: who answers at once is wrong, and who writes every step down need only be careful.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aha.errors import BadInput
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
    """A number to start with and the steps that follow: (operator, number) pairs, done from left to right."""

    first: int
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        """`8-p6-t3`: what ids and the split know a chain by."""
        return "-".join([str(self.first), *(f"{NAMES[operator]}{number}" for operator, number in self.steps)])

    def values(self) -> Iterator[int]:
        """What each step comes to."""
        value = self.first
        for operator, number in self.steps:
            value = OPERATIONS[operator](value, number)
            yield value

    @property
    def result(self) -> int:
        return [self.first, *self.values()][-1]


def chain_of(problem: Problem) -> Chain:
    """The chain that a problem of this domain asks for, read from its id."""
    first, *steps = problem.id.split("/")[1].split("-")
    return Chain(int(first), tuple((SYMBOLS[step[0]], int(step[1:])) for step in steps))


def draw_step(value: int, draw: random.Random) -> Step:
    """An operator and a number that keep the value within 0 to 199."""
    while True:
        operator, number = draw.choice("+-*"), draw.randint(2, LARGEST_NUMBER)
        if 0 <= OPERATIONS[operator](value, number) <= LARGEST_RESULT:
            return operator, number


def draw_chain(length: int, draw: random.Random) -> Chain:
    """A chain whose every value lies within 0 to 199, which the tiny tokenizer has a token for."""
    chain = Chain(draw.randint(2, LARGEST_NUMBER), ())
    for _ in range(length):
        chain = Chain(chain.first, (*chain.steps, draw_step(chain.result, draw)))
    return chain


def question(chain: Chain, language: Language) -> str:
    """The question as the tiny world asks it."""
    steps_in_order = said_in_order(str(chain.first), chain.steps, language)
    return f"What is {steps_in_order}?" if language == "en" else f"计算 {steps_in_order}。"


def said_in_order(first: str, steps: Sequence[tuple[str, object]], language: Language) -> str:
    """`8, then + 6, then * 3`: what is done to what was there."""
    return THEN[language].join([first, *(f"{operator} {operand}" for operator, operand in steps)])


@dataclass(frozen=True)
class ChainProblems:
    """Chains of `shortest` to `longest` steps as a source of problems. `chinese`: the share of questions asked in Chinese."""

    shortest: int = 3
    longest: int = 6
    chinese: float = 0.5
    split: Split = "train"

    def __post_init__(self) -> None:
        if not 2 <= self.shortest <= self.longest:
            raise BadInput(f"shortest is {self.shortest} and longest {self.longest}: a chain has 2 steps or more")

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        """`count` different problems for a round of a rollout."""
        draw = random.Random(f"chain {seed} {rollout} {round}")
        chains = draw_keys(DOMAIN, self.split, count, draw, lambda draw: draw_chain(draw.randint(self.shortest, self.longest), draw))
        return [self._ask(chain, draw_language(self.chinese, draw)) for chain in chains]

    def all(self, count: int, seed: int = 0) -> list[Problem]:
        """A fixed sample of `count` different problems of the split, for evaluation."""
        return self.at(0, 0, count, seed)

    def _ask(self, chain: Chain, language: Language) -> Problem:
        return Problem(f"{DOMAIN}/{chain}/{language}", DOMAIN, question(chain, language), language, Number(str(chain.result)))
