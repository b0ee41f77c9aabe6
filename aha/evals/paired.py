"""Two models on the same problems: how far apart, and whether chance alone could explain it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Final, Literal

import numpy as np

from aha.evals.scores import Interval, Samples, paired_difference

Verdict = Literal["better", "worse", "difference is noise"]
NOISE: Final = "difference is noise"
FLIPS = 10_000
LEVEL = 0.05
ROUNDING = 1e-12  # between one share counted in two ways


@dataclass(frozen=True)
class Paired:
    """`difference` is after - before, with its 95 % interval over problems; `p`: how often chance alone would make it as large."""

    difference: Interval
    p: float
    test: Literal["McNemar, exact", "random signs"]

    @property
    def verdict(self) -> Verdict:
        """Of `after`. Interval and test have to agree before a difference is called one."""
        apart = self.p < LEVEL and not self.difference.low <= 0.0 <= self.difference.high
        return NOISE if not apart else "better" if self.difference.value > 0 else "worse"


def compare_paired(before: Samples, after: Samples, seed: int = 0) -> Paired:
    """Compare the samples of the same problems in the same order. Where every problem's mean is 0 or 1 the test is McNemar's, else random
    signs of the differences."""
    difference = paired_difference(before, after, seed)
    one, other = ([sum(values) / len(values) for values in samples] for samples in (before, after))
    differences = [a - b for b, a in zip(one, other, strict=True)]
    if all(value in (0.0, 1.0) for value in (*one, *other)):
        return Paired(difference, mcnemar(differences.count(1.0), differences.count(-1.0)), "McNemar, exact")
    return Paired(difference, random_signs(differences, seed), "random signs")


def mcnemar(gained: int, lost: int) -> float:
    """The two-sided exact p value: if neither model were better, each problem that only one solves would be a fair coin."""
    tosses = gained + lost
    tail = sum(comb(tosses, heads) for heads in range(min(gained, lost) + 1))
    return min(1.0, 2 * float(tail / 2**tosses))


def random_signs(differences: Sequence[float], seed: int = 0, flips: int = FLIPS) -> float:
    """The share of sign patterns whose sum is at least as far from 0 as the observed one, which counts as a pattern itself."""
    values = np.asarray([value for value in differences if abs(value) > ROUNDING])
    if values.size == 0:
        return 1.0
    draw = np.random.default_rng(seed)
    observed = abs(values.sum()) - 1e-12 * np.abs(values).sum()  # so that rounding hides no tie
    reached = sum(abs(values @ draw.choice((-1.0, 1.0), values.size)) >= observed for _ in range(flips))
    return float((reached + 1) / (flips + 1))
