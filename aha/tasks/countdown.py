"""Countdown: use each number once, with + - * / and parentheses, to make the target.

This is the world in which a CPU learns to reason. A problem's key is (sorted numbers, target). A fixed hash of the key holds 10 % of all
problems out of the corpus, of every fine-tuning set and of RL; every maker of data calls `is_held_out`.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, combinations_with_replacement
from typing import Annotated, Literal

from aha.errors import Ratio
from aha.types import Countdown, Language, Problem

Key = tuple[tuple[int, ...], int]
Split = Literal["train", "held-out"]

LARGEST_NUMBER = 13
LARGEST_RESULT = 199  # the tiny tokenizer has one token for each whole number up to here
HELD_OUT_PER_CENT = 10

OPERATIONS: dict[str, Callable[[int, int], int]] = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b}


def is_held_out(key: Key) -> bool:
    """Return True if the key belongs to the 10 % that no training data may contain. Never change this function: the split is fixed."""
    numbers, target = key
    digest = hashlib.sha256(f"countdown {' '.join(map(str, numbers))} = {target}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100 < HELD_OUT_PER_CENT


def outcomes(numbers: tuple[int, ...]) -> Iterator[int]:
    """Yield every integer from 0 to 199 that combining the numbers two at a time by + - * can reach."""
    if len(numbers) == 1:
        yield numbers[0]
        return
    for i, j in combinations(range(len(numbers)), 2):
        remainder = tuple(n for k, n in enumerate(numbers) if k not in (i, j))
        high, low = max(numbers[i], numbers[j]), min(numbers[i], numbers[j])
        for apply in OPERATIONS.values():
            if apply(high, low) <= LARGEST_RESULT:
                yield from outcomes((*remainder, apply(high, low)))


@cache
def all_keys(count: int) -> tuple[Key, ...]:
    """Return every solvable key with `count` numbers from 1 to 13 and a target from 1 to 199, in a fixed order."""
    return tuple(
        (numbers, target)
        for numbers in combinations_with_replacement(range(1, LARGEST_NUMBER + 1), count)
        for target in sorted(set(outcomes(numbers)))
        if target > 0
    )


@cache
def keys(count: int, split: Split) -> tuple[Key, ...]:
    """Return the keys of one side of the fixed split."""
    return tuple(key for key in all_keys(count) if is_held_out(key) == (split == "held-out"))


def question(numbers: tuple[int, ...], target: int, language: Language) -> str:
    """Return the question as the tiny world asks it."""
    numbers_text = " ".join(map(str, numbers))
    match language:
        case "en":
            return f"Use {numbers_text} to make {target}."
        case "zh":
            return f"用 {numbers_text} 得到 {target}。"


def problem(key: Key, language: Language, draw: random.Random) -> Problem:
    """Return the problem of a key, with its numbers in an order drawn from `draw`."""
    numbers, target = list(key[0]), key[1]
    draw.shuffle(numbers)
    order = tuple(numbers)
    name = f"countdown-{len(order)}/{'-'.join(map(str, order))}={target}/{language}"
    return Problem(name, "countdown", question(order, target, language), language, Countdown(order, target))


@dataclass(frozen=True)
class CountdownProblems:
    """A source of countdown problems, which depend only on the place in the run, so that nothing has to be stored to resume.

    `numbers`: 3, or 4 for the harder task. `chinese`: the share of questions in Chinese."""

    numbers: Annotated[int, range(3, 5)] = 3
    chinese: Ratio = 0.5
    split: Split = "train"

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        """Return `count` problems for a round of a rollout, drawn without repetition within it."""
        draw = random.Random(f"countdown {seed} {rollout} {round}")
        sample = draw.sample(keys(self.numbers, self.split), count)
        return [self._ask(key, draw) for key in sample]

    def all(self, count: int, seed: int = 0) -> list[Problem]:
        """Return a fixed sample of `count` distinct problems of the split, for evaluation."""
        return self.at(0, 0, count, seed)

    def _ask(self, key: Key, draw: random.Random) -> Problem:
        return problem(key, "zh" if draw.random() < self.chinese else "en", draw)
