"""What a set of judged samples is worth: pass@k, and intervals over problems. Numbers in, numbers out; votes are in `voting`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import expm1, log
from statistics import fmean

import numpy as np

from aha.errors import BadInput

RESAMPLES = 2_000
BLOCK = 1_000_000  # numbers drawn at a time, so that fourteen thousand problems need no more memory than thirty


@dataclass(frozen=True)
class Interval:
    """A mean over problems and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def pass_at_k(samples: int, right: int, k: int) -> float:
    """The chance that one of `k` samples drawn from `samples`, `right` of them right, is right: 1 - C(n-c, k) / C(n, k) =
    1 - Π (1 - k/i) for i from n-c+1 to n. As a sum of logarithms nothing overflows, and the last bit is as good as that of 1 - p."""
    if not 1 <= k <= samples:
        raise BadInput(f"pass@{k} of {samples} samples a problem: undefined, k must be from 1 to {samples}")
    if not 0 <= right <= samples:
        raise BadInput(f"{right} right of {samples} samples: impossible, must be from 0 to {samples}")
    if samples - right < k:
        return 1.0
    return -expm1(sum(log(1 - k / i) for i in range(samples - right + 1, samples + 1))) if right else 0.0


def pass_at_1(right: Sequence[Sequence[bool]]) -> list[float]:
    """For each problem the share of its samples that are right; its mean over problems is pass@1."""
    return [fmean(of_problem) for of_problem in right]


def bootstrap(per_problem: Sequence[float], seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """The mean and its 95 % percentile interval over resampled *problems*: samples of one problem are not independent."""
    values = np.asarray(per_problem, dtype=np.float64)
    if values.size == 0:
        raise BadInput("no problem was measured: an interval needs at least one")
    draw, at_a_time = np.random.default_rng(seed), max(1, BLOCK // values.size)
    counts = [min(at_a_time, resamples - done) for done in range(0, resamples, at_a_time)]
    means = [values[draw.integers(0, values.size, (count, values.size))].mean(axis=1) for count in counts]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def paired_difference(before: Sequence[float], after: Sequence[float], seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """The mean of after - before on the same problems in the same order, and its 95 % interval over problems."""
    if len(before) != len(after):
        raise BadInput(f"{len(before)} problems against {len(after)}: a paired difference needs the same problems on both sides")
    return bootstrap([b - a for a, b in zip(before, after, strict=True)], seed, resamples)
