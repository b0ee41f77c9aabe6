"""What a set of judged samples is worth: pass@k, majority votes, intervals over problems. Numbers in, numbers out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import comb
from statistics import fmean

import numpy as np

from aha.errors import BadInput

RESAMPLES = 2_000


@dataclass(frozen=True)
class Interval:
    """A mean over problems and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def pass_at_k(samples: int, right: int, k: int) -> float:
    """The chance that one of `k` samples drawn from `samples`, `right` of them right, is right: 1 - C(n-c, k) / C(n, k), as a product
    that no factorial overflows."""
    if not 1 <= k <= samples:
        raise BadInput(f"pass@{k} of {samples} samples a problem: undefined, k must be from 1 to {samples}")
    if not 0 <= right <= samples:
        raise BadInput(f"{right} right of {samples} samples: impossible, must be from 0 to {samples}")
    if samples - right < k:
        return 1.0
    return 1.0 - float(np.prod(1.0 - k / np.arange(samples - right + 1, samples + 1)))


def pass_at_1(right: Sequence[Sequence[bool]]) -> list[float]:
    """For each problem the share of its samples that are right; its mean over problems is pass@1."""
    return [fmean(of_problem) for of_problem in right]


def cons_at_k(answers: Sequence[Hashable | None], right: Sequence[bool]) -> float:
    """One majority vote of all samples of a problem. Equal answers vote together, `None` does not vote; the right answer tied among
    t has 1/t, the mean of a random break; nobody voting is wrong."""
    votes = _votes(answers)
    if not votes:
        return 0.0
    most = max(votes.values())
    leaders = [answer for answer, count in votes.items() if count == most]
    return sum(_is_right(leader, answers, right) for leader in leaders) / len(leaders)


def expected_cons_at_k(answers: Sequence[Hashable | None], right: Sequence[bool], k: int) -> float:
    """The exact mean of `cons_at_k` over all subsets of `k` samples, drawn without replacement. Samples without an answer are drawn too."""
    if not 1 <= k <= len(answers):
        raise BadInput(f"cons@{k} of {len(answers)} samples a problem: undefined, k must be from 1 to {len(answers)}")
    votes = _votes(answers)
    return sum(_wins(answer, votes, len(answers), k) for answer in votes if _is_right(answer, answers, right))


def bootstrap(per_problem: Sequence[float], seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """The mean and its 95 % percentile interval over resampled *problems*: samples of one problem are not independent."""
    values = np.asarray(per_problem, dtype=np.float64)
    if values.size == 0:
        raise BadInput("no problem was measured: an interval needs at least one")
    draw = np.random.default_rng(seed)
    means = [values[draw.integers(0, values.size, values.size)].mean() for _ in range(resamples)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def paired_difference(before: Sequence[float], after: Sequence[float], seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """The mean of after - before on the same problems in the same order, and its 95 % interval over problems."""
    if len(before) != len(after):
        raise BadInput(f"{len(before)} problems against {len(after)}: a paired difference needs the same problems on both sides")
    return bootstrap([b - a for a, b in zip(before, after, strict=True)], seed, resamples)


def _votes(answers: Sequence[Hashable | None]) -> Counter[Hashable]:
    return Counter(answer for answer in answers if answer is not None)


def _is_right(answer: Hashable, answers: Sequence[Hashable | None], right: Sequence[bool]) -> bool:
    """A group of equal answers is right when its first member was judged so: graders need not be transitive, votes must be."""
    return right[answers.index(answer)]


def _wins(answer: Hashable, votes: Counter[Hashable], samples: int, k: int) -> float:
    """The chance that `answer` wins a vote of `k` drawn from `samples`: over its own count m, the ways to draw the rest with no other
    group above m, a tie with t others counting 1 / (t + 1)."""
    others = [count for other, count in votes.items() if other != answer]
    silent = samples - votes.total()
    total = 0.0
    for own in range(1, min(votes[answer], k) + 1):
        ways = {(s, 0): comb(silent, s) for s in range(min(silent, k - own) + 1)}
        for count in others:
            ways = _draw_from(ways, count, own, k - own)
        total += comb(votes[answer], own) * sum(n / (t + 1) for (drawn, t), n in ways.items() if drawn == k - own)
    return total / comb(samples, k)


def _draw_from(ways: dict[tuple[int, int], int], count: int, most: int, room: int) -> dict[tuple[int, int], int]:
    """Extend (drawn so far, groups tied at `most`) -> ways by drawing 0 to `most` of a further group's `count` members."""
    extended: Counter[tuple[int, int]] = Counter()
    for (drawn, tied), n in ways.items():
        for more in range(min(count, most, room - drawn) + 1):
            extended[drawn + more, tied + (more == most)] += n * comb(count, more)
    return extended
