"""pass@k, intervals over problems, and paired tests. Numbers in, numbers out; votes are in `voting`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, expm1, log, sqrt
from statistics import fmean
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from aha.errors import BadInput

RESAMPLES = 2_000
BLOCK = 1_000_000  # numbers drawn at a time, so that fourteen thousand problems need no more memory than thirty
Z = 1.959963984540054  # of a normal distribution's middle 95 %
Samples = Sequence[Sequence[float]]  # for each problem the values of its samples
Floats = npt.NDArray[np.float64]
PairedVerdict = Literal["better", "worse", "difference is noise"]
NOISE: Final = "difference is noise"
FLIPS = 10_000
LEVEL = 0.05
ROUNDING = 1e-12  # between one share counted in two ways


@dataclass(frozen=True)
class Interval:
    """A mean over problems, or a difference of two, and its 95 % interval."""

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


# --- the interval of a mean ---------------------------------------------------------------------------------------------


def mean_interval(samples: Samples, seed: int = 0) -> Interval:
    """The mean over problems of their samples' means, and its 95 % interval over problems: Wilson's where every sample is 0 or 1, so that
    none right of 24 is not certainly none, and the bootstrap's for any other values. BadInput without a problem."""
    means = _means(samples)
    if not _yes_or_no(samples):
        return bootstrap(list(means), seed)
    value = float(means.mean())
    return Interval(value, *wilson(value, effective_size(samples)))


def wilson(share: float, size: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of `size` independent trials (Wilson 1927): the shares p for which `share` is within 1.96
    √(p(1-p)/size)."""
    middle = share + Z**2 / (2 * size)
    half = Z * sqrt(share * (1 - share) / size + Z**2 / (4 * size**2))
    scale = 1 + Z**2 / size
    return max(0.0, min(share, (middle - half) / scale)), min(1.0, max(share, (middle + half) / scale))


def effective_size(samples: Samples) -> float:
    """How many independent samples tell as much about other problems as these do: all of them over their design effect.

    The effect (Kish 1965) is the variance of the mean over problems, over that which independent samples would have; it is at least 1, and
    at most what makes a problem's samples count as one, as they do where all samples of all problems agree."""
    means = _means(samples)
    problems, share = len(means), float(means.mean())
    independent = problems**2 / sum(1 / len(of_problem) for of_problem in samples)  # all samples, where problems have the same number
    if problems == 1 or not 0.0 < share < 1.0:
        return float(problems)
    between = float(means.var(ddof=1))
    return independent if between == 0.0 else min(independent, max(float(problems), problems * share * (1 - share) / between))


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


# --- the interval of a difference ---------------------------------------------------------------------------------------


def paired_difference(before: Samples, after: Samples, seed: int = 0) -> Interval:
    """The mean of after - before on the same problems in the same order, and its 95 % interval over problems: Newcombe's where every
    sample is 0 or 1, the bootstrap's of the differences for any other values."""
    if len(before) != len(after):
        raise BadInput(f"{len(before)} problems against {len(after)}: a paired difference needs the same problems on both sides")
    if _yes_or_no(before) and _yes_or_no(after):
        return newcombe(before, after)
    return bootstrap(list(_means(after) - _means(before)), seed)


def newcombe(before: Samples, after: Samples) -> Interval:
    """Square and add (Newcombe 1998, Statistics in Medicine 17:2635, method 10): the distances of both Wilson intervals, put together with
    the correlation of the two. For one sample a problem this is the published interval of paired proportions."""
    first, second = mean_interval(before), mean_interval(after)
    correlation = _correlation(before, after)

    def together(first: float, second: float) -> float:
        return sqrt(max(0.0, first**2 - 2 * correlation * first * second + second**2))

    value = second.value - first.value
    low = value - together(second.value - second.low, first.high - first.value)
    high = value + together(second.high - second.value, first.value - first.low)
    return Interval(value, max(-1.0, low), min(1.0, high))


def _correlation(before: Samples, after: Samples) -> float:
    """Of two models' means over problems. Where these are all 0 or 1, Newcombe's own: a positive ad - bc loses half of n, down to 0."""
    first, second = _means(before), _means(after)
    spread = float(first.std() * second.std())
    if spread == 0.0:
        return 0.0
    covariance = float(((first - first.mean()) * (second - second.mean())).mean())  # (ad - bc) / n²
    if np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all() and covariance > 0:
        covariance = max(0.0, covariance - 1 / (2 * len(first)))
    return covariance / spread * _dispersion(before) * _dispersion(after)


def _dispersion(samples: Samples) -> float:
    """By how much a model's means spread less than its interval takes them to; 1 where the design effect is above 1."""
    means = _means(samples)
    share = float(means.mean())
    return min(1.0, sqrt(float(means.var()) * effective_size(samples) / (len(means) * share * (1 - share))))


def _means(samples: Samples) -> Floats:
    if not samples:
        raise BadInput("no problem was measured: an interval needs at least one")
    return np.asarray([sum(values) / len(values) for values in samples], dtype=np.float64)


def _yes_or_no(samples: Samples) -> bool:
    return all(value in (0, 1) for values in samples for value in values)


# --- whether chance explains a difference -----------------------------------------------------------------------------


@dataclass(frozen=True)
class PairedComparison:
    """`difference` is after - before, with its 95 % interval over problems; `p`: how often chance alone would make it as large."""

    difference: Interval
    p: float
    test: Literal["McNemar, exact", "random signs"]

    @property
    def verdict(self) -> PairedVerdict:
        """Of `after`. Interval and test have to agree before a difference is called one."""
        apart = self.p < LEVEL and not self.difference.low <= 0.0 <= self.difference.high
        return NOISE if not apart else "better" if self.difference.value > 0 else "worse"


def compare_pairs(before: Samples, after: Samples, seed: int = 0) -> PairedComparison:
    """Compare the samples of the same problems in the same order. Where every problem's mean is 0 or 1 the test is McNemar's, else random
    signs of the differences."""
    difference = paired_difference(before, after, seed)
    first, second = ([sum(values) / len(values) for values in samples] for samples in (before, after))
    differences = [a - b for b, a in zip(first, second, strict=True)]
    if all(value in (0.0, 1.0) for value in (*first, *second)):
        return PairedComparison(difference, mcnemar(differences.count(1.0), differences.count(-1.0)), "McNemar, exact")
    return PairedComparison(difference, random_signs(differences, seed), "random signs")


def mcnemar(gains: int, losses: int) -> float:
    """The two-sided exact p value: if neither model were better, each problem that only one solves would be a fair coin."""
    tosses = gains + losses
    tail = sum(comb(tosses, heads) for heads in range(min(gains, losses) + 1))
    return min(1.0, 2 * float(tail / 2**tosses))


def random_signs(differences: Sequence[float], seed: int = 0, flips: int = FLIPS) -> float:
    """The share of sign patterns whose sum is at least as far from 0 as the observed one, which counts as a pattern itself."""
    values = np.asarray([value for value in differences if abs(value) > ROUNDING])
    if values.size == 0:
        return 1.0
    draw = np.random.default_rng(seed)
    observed = abs(values.sum()) - 1e-12 * np.abs(values).sum()  # so that rounding hides no tie
    extremes = sum(abs(values @ draw.choice((-1.0, 1.0), values.size)) >= observed for _ in range(flips))
    return float((extremes + 1) / (flips + 1))
