"""Several sources of problems as one, each with its share of every round."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import ceil, floor

from aha.errors import BadInput
from aha.protocols import Problems
from aha.types import Problem


@dataclass(frozen=True)
class MixedProblems:
    """Problems of each part in proportion to its weight, in a drawn order. Shares are exact up to one problem a round, not drawn, so that a
    small round has its part of every domain."""

    parts: tuple[tuple[Problems, float], ...]

    def __post_init__(self) -> None:
        weights = [weight for _, weight in self.parts]
        if not weights or not all(0 < weight < float("inf") for weight in weights):
            raise BadInput(f"the weights of a mix are {weights}: one or more are needed, each above 0")

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        """`count` problems for a round of a rollout; no problem stands in it twice as long as no part gives one that another gives."""
        draw = random.Random(f"mixed {seed} {rollout} {round}")
        shares = self.shares(count, draw)
        problems = [
            problem
            for (part, _), share in zip(self.parts, shares, strict=True)
            if share
            for problem in part.at(rollout, round, share, seed)
        ]
        draw.shuffle(problems)
        return problems

    def check(self, count: int, seed: int) -> None:
        """BadInput where a part could not give the most that a round of `count` problems may ask of it."""
        total = sum(weight for _, weight in self.parts)
        for part, weight in self.parts:
            part.at(0, 0, max(1, ceil(count * weight / total - 1e-9)), seed)

    def shares(self, count: int, draw: random.Random) -> list[int]:
        """How many of `count` each part gives: its share rounded down, and what is left over drawn by the remainders, so that a part too
        small for one problem a round has its turn in some."""
        total = sum(weight for _, weight in self.parts)
        exact = [count * weight / total for _, weight in self.parts]
        whole = [floor(share + 1e-9) for share in exact]
        while (remainder := count - sum(whole)) > 0:
            remainders = [max(0.0, share - floor_) for share, floor_ in zip(exact, whole, strict=True)]
            (chosen,) = draw.choices(range(len(whole)), remainders if sum(remainders) > 1e-9 * remainder else None)
            whole[chosen] += 1
        return whole
