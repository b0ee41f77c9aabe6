"""The part that is a page of sums: arithmetic with no question to answer."""

from __future__ import annotations

import random

from aha.tasks.countdown import LARGEST_RESULT, OPERATIONS


def sums(draw: random.Random) -> str:
    """Eight sums, right every one, large operands as often as small ones."""
    return "".join(f" {line}" for line in (_sum(draw) for _ in range(8)))[1:]


def _sum(draw: random.Random) -> str:
    while True:
        operator = draw.choice("+-*")
        left, right = draw.randint(1, LARGEST_RESULT), draw.randint(1, 13)
        result = OPERATIONS[operator](left, right)
        if 0 <= result <= LARGEST_RESULT:
            return f"{left} {operator} {right} = {result}"
