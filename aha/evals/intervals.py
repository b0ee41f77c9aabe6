"""Statistics of graded samples: pass@k, intervals over problems, paired tests. Numbers in, numbers out.

One answer is chosen of several by majority, by the best reward, or by weighted votes. Means over all subsets of `k` samples are exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import comb, exp, expm1, log, sqrt
from typing import TYPE_CHECKING, Final, Literal

from aha.errors import BadInput
from aha.grading.maths.votes import vote
from aha.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
else:
    np = LazyModule("numpy")

RESAMPLES = 2_000
BLOCK = 1_000_000  # numbers drawn at a time, so that fourteen thousand problems need no more memory than thirty
Z = 1.959963984540054  # the z value of a normal distribution's middle 95 %
Samples = Sequence[Sequence[float]]  # for each problem the values of its samples
PairedVerdict = Literal["better", "worse", "difference is noise"]
NOISE: Final = "difference is noise"
FLIPS = 10_000
LEVEL = 0.05
ROUNDING = 1e-12  # the difference between two computations of the same share


@dataclass(frozen=True)
class Interval:
    """A mean over problems, or a difference of two, and its 95 % interval."""

    value: float
    low: float
    high: float


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Return the chance that one of `k` samples drawn from `samples`, `right` of them right, is right: 1 - C(n-c, k) / C(n, k) = 1 - Π (1 -
    k/i) for i from n-c+1 to n. A sum of logarithms avoids overflow, and its last bit is as good as that of 1 - p."""
    if not 1 <= k <= samples:
        raise BadInput(f"pass@{k} of {samples} samples a problem: undefined, k must be from 1 to {samples}")
    if not 0 <= right <= samples:
        raise BadInput(f"{right} right of {samples} samples: impossible, must be from 0 to {samples}")
    if samples - right < k:
        return 1.0
    return -expm1(sum(log(1 - k / i) for i in range(samples - right + 1, samples + 1))) if right else 0.0


# --- the interval of a mean ---------------------------------------------------------------------------------------------


def mean_interval(samples: Samples, seed: int = 0) -> Interval:
    """Return the mean over problems of their samples' means, and its 95 % interval over problems: Wilson's if every sample is 0 or 1, so
    that none right of 24 is not certainly none, else the bootstrap's. Shares that are the same for every problem have nothing to resample:
    theirs is Wilson's of as many trials as problems. BadInput without a problem."""
    means = _means(samples)
    value = float(means.mean())
    if not _yes_or_no(samples):
        alike = _are_shares(samples) and float(np.ptp(means)) < 1e-12
        return Interval(value, *wilson(value, len(means))) if alike else bootstrap(list(means), seed)
    return Interval(value, *wilson(value, effective_size(samples)))


def wilson(share: float, size: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of `size` independent trials (Wilson 1927): the shares p for which `share` is within 1.96
    √(p(1-p)/size)."""
    middle = share + Z**2 / (2 * size)
    half = Z * sqrt(share * (1 - share) / size + Z**2 / (4 * size**2))
    scale = 1 + Z**2 / size
    return max(0.0, min(share, (middle - half) / scale)), min(1.0, max(share, (middle + half) / scale))


def effective_size(samples: Samples) -> float:
    """Return the number of independent samples that tell as much about other problems as these do: all samples over their design effect.

    The effect (Kish 1965) is the variance of the mean over problems divided by that of independent samples. It is at least 1, and at most
    so large that each problem counts as one sample, as when all samples of all problems agree."""
    means = _means(samples)
    problems, share = len(means), float(means.mean())
    independent = problems**2 / sum(1 / len(of_problem) for of_problem in samples)  # all samples, if problems have equally many
    if problems == 1 or not 0.0 < share < 1.0:
        return float(problems)
    between = float(means.var(ddof=1))
    return independent if between == 0.0 else min(independent, max(float(problems), problems * share * (1 - share) / between))


def bootstrap(per_problem: Sequence[float], seed: int = 0) -> Interval:
    """Return the mean and its 95 % percentile interval over resampled *problems*: samples of one problem are not independent."""
    values = np.asarray(per_problem, dtype=np.float64)
    if values.size == 0:
        raise BadInput("no problem was measured: an interval needs at least one")
    draw, at_a_time = np.random.default_rng(seed), max(1, BLOCK // values.size)
    counts = [min(at_a_time, RESAMPLES - done) for done in range(0, RESAMPLES, at_a_time)]
    means = [values[draw.integers(0, values.size, (count, values.size))].mean(axis=1) for count in counts]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


# --- the interval of a difference ---------------------------------------------------------------------------------------


def paired_difference(before: Samples, after: Samples, seed: int = 0) -> Interval:
    """Return the mean of after - before on the same problems in the same order, and its 95 % interval over problems: Newcombe's if every
    sample is 0 or 1 or all differences of shares are the same, else the bootstrap's of the differences."""
    if len(before) != len(after):
        raise BadInput(f"{len(before)} problems against {len(after)}: a paired difference needs the same problems on both sides")
    differences = _means(after) - _means(before)
    alike = _are_shares(before) and _are_shares(after) and float(np.ptp(differences)) < 1e-12
    if alike or (_yes_or_no(before) and _yes_or_no(after)):
        return newcombe(before, after)
    return bootstrap(list(differences), seed)


def newcombe(before: Samples, after: Samples) -> Interval:
    """Square and add (Newcombe 1998, Statistics in Medicine 17:2635, method 10): combine the distances of both Wilson intervals with the
    correlation of the two. For one sample per problem this is the published interval of paired proportions."""
    first, second = mean_interval(before), mean_interval(after)
    correlation = _correlation(before, after)

    def together(first: float, second: float) -> float:
        return sqrt(max(0.0, first**2 - 2 * correlation * first * second + second**2))

    value = second.value - first.value
    low = value - together(second.value - second.low, first.high - first.value)
    high = value + together(second.high - second.value, first.value - first.low)
    return Interval(value, max(-1.0, low), min(1.0, high))


def _correlation(before: Samples, after: Samples) -> float:
    """Return the correlation of two models' means over problems. If these are all 0 or 1, it is Newcombe's own: n/2 is subtracted from a
    positive ad - bc, down to 0."""
    first, second = _means(before), _means(after)
    spread = float(first.std() * second.std())
    if spread == 0.0:
        return 0.0
    covariance = float(((first - first.mean()) * (second - second.mean())).mean())  # (ad - bc) / n²
    if np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all() and covariance > 0:
        covariance = max(0.0, covariance - 1 / (2 * len(first)))
    return covariance / spread * _dispersion(before) * _dispersion(after)


def _dispersion(samples: Samples) -> float:
    """Return the ratio of the spread of a model's means to the spread in its interval; 1 if the design effect is above 1."""
    means = _means(samples)
    share = float(means.mean())
    return min(1.0, sqrt(float(means.var()) * effective_size(samples) / (len(means) * share * (1 - share))))


def _means(samples: Samples) -> Floats:
    if not samples:
        raise BadInput("no problem was measured: an interval needs at least one")
    return np.asarray([sum(values) / len(values) for values in samples], dtype=np.float64)


def _yes_or_no(samples: Samples) -> bool:
    return all(value in (0, 1) for values in samples for value in values)


def _are_shares(samples: Samples) -> bool:
    return all(0.0 <= value <= 1.0 for values in samples for value in values)


# --- tests of a difference --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PairedComparison:
    """The comparison of two models. `difference` is after - before, with its 95 % interval over problems; `p`: the chance of a difference
    as large if there were none."""

    difference: Interval
    p: float
    test: Literal["McNemar, exact", "random signs"]

    @property
    def verdict(self) -> PairedVerdict:
        """The verdict on `after`. Interval and test must agree before a difference counts."""
        apart = self.p < LEVEL and not self.difference.low <= 0.0 <= self.difference.high
        return NOISE if not apart else "better" if self.difference.value > 0 else "worse"


def compare_pairs(before: Samples, after: Samples, seed: int = 0) -> PairedComparison:
    """Compare the samples of the same problems in the same order. If every problem's mean is 0 or 1 the test is McNemar's, else random
    signs of the differences."""
    difference = paired_difference(before, after, seed)
    first, second = ([sum(values) / len(values) for values in samples] for samples in (before, after))
    differences = [a - b for b, a in zip(first, second, strict=True)]
    if all(value in (0.0, 1.0) for value in (*first, *second)):
        return PairedComparison(difference, mcnemar(differences.count(1.0), differences.count(-1.0)), "McNemar, exact")
    return PairedComparison(difference, random_signs(differences, seed), "random signs")


def mcnemar(gains: int, losses: int) -> float:
    """Return the two-sided exact p value: if neither model were better, each problem that only one solves would be a fair coin."""
    tosses = gains + losses
    tail = sum(comb(tosses, heads) for heads in range(min(gains, losses) + 1))
    return min(1.0, 2 * float(tail / 2**tosses))


def random_signs(differences: Sequence[float], seed: int = 0) -> float:
    """Return the share of sign patterns whose sum is at least as far from 0 as the observed one, which counts as a pattern itself."""
    values = np.asarray([value for value in differences if abs(value) > ROUNDING])
    if values.size == 0:
        return 1.0
    draw = np.random.default_rng(seed)
    observed = abs(values.sum()) - 1e-12 * np.abs(values).sum()  # so that rounding does not hide a tie
    extremes = sum(abs(values @ draw.choice((-1.0, 1.0), values.size)) >= observed for _ in range(FLIPS))
    return float((extremes + 1) / (FLIPS + 1))


ORDERS = 200  # random orders of each problem's samples, if no formula is exact
MOST = 1_000  # the most samples of a problem whose subsets a float can count


def votes_by_value(answers: Sequence[str | None]) -> list[str | None]:
    r"""Return the answers as they vote: each as the first answer of the same value, so that 0.5 and \frac12 are one vote."""
    first: dict[str, str] = {}
    return [None if answer is None else first.setdefault(vote(answer), answer) for answer in answers]


def cons_at_k(answers: Sequence[Hashable | None], right: Sequence[bool]) -> float:
    """Return the result of one majority vote of all samples of a problem. Equal answers vote together, `None` does not vote; a right answer
    that ties with t - 1 others has 1/t, the mean of a random choice; without votes it is wrong."""
    return _leaders(Counter(answer for answer in answers if answer is not None), answers, right)


def cons_curve(answers: Sequence[Hashable | None], right: Sequence[bool]) -> list[float]:
    """Return the exact mean of `cons_at_k` over all subsets of k samples, drawn without replacement, for k = 1, 2, … all. Samples without
    an answer are drawn too. BadInput for more than a thousand samples."""
    samples = len(answers)
    if samples > MOST:
        raise BadInput(f"{samples:,} samples a problem: majority votes of subsets are counted for up to {MOST:,}")
    votes = Counter(answer for answer in answers if answer is not None)
    sizes = Counter(votes[answer] for answer in votes if _is_right(answer, answers, right))  # groups of one size win alike
    wins = np.zeros(samples + 1)
    for size, groups in sizes.items():
        counts = Counter(votes.values())
        counts[size] -= 1
        wins += groups * _ways_to_win(size, counts, samples - votes.total(), samples)
    return [float(min(1.0, ways / total)) for ways, total in zip(wins, _choose(samples), strict=True)][1:]


def best_of_curve(rewards: Sequence[float], right: Sequence[bool]) -> list[float]:
    """Return rm@k for k = 1, 2, … all: the exact mean, over all subsets of k samples, of the sample with the highest reward being right.
    Samples with equal rewards count by the share of right ones among them."""
    samples = len(rewards)
    if samples == 0:
        raise BadInput("no sample: the best of none is undefined")
    curve = np.zeros(samples)
    above = 0
    for reward in sorted(set(rewards), reverse=True):
        best_verdicts = [verdict for value, verdict in zip(rewards, right, strict=True) if value == reward]
        left, below = samples - above, samples - above - len(best_verdicts)
        tops = [(comb(left, k) - comb(below, k)) / comb(samples, k) for k in range(1, samples + 1)]
        curve += np.asarray(tops) * (sum(best_verdicts) / len(best_verdicts))
        above += len(best_verdicts)
    return [float(value) for value in curve]


def weighted_vote(answers: Sequence[Hashable | None], right: Sequence[bool], rewards: Sequence[float]) -> float:
    """Return the result of one vote of all samples, weighted by the rewards if none is negative, else by exp(reward); ties as in
    `cons_at_k`."""
    top = max(rewards, default=0.0)
    weights = rewards if weighs_as_it_is(rewards) else [exp(reward - top) for reward in rewards]
    votes: dict[Hashable, float] = {}
    for answer, weight in zip(answers, weights, strict=True):
        if answer is not None:
            votes[answer] = votes.get(answer, 0.0) + weight
    return _leaders(votes, answers, right)


def weighted_curve(
    answers: Sequence[Hashable | None], right: Sequence[bool], rewards: Sequence[float], orders: int = ORDERS, seed: int = 0
) -> list[float]:
    """Return `weighted_vote` of k of the samples for k = 1, 2, … all: its mean over the first k of random orders; exact for one and for
    all.

    No closed form is quick; 200 orders give the mean of a hundred problems to 0.3 points or better."""
    groups = list(dict.fromkeys(answer for answer in answers if answer is not None))
    if not groups:
        return [0.0] * len(answers)
    weights = np.asarray(rewards if weighs_as_it_is(rewards) else [exp(reward - max(rewards)) for reward in rewards])
    member = np.asarray([[answer == group for group in groups] for answer in answers])
    verdicts = np.asarray([_is_right(group, answers, right) for group in groups], dtype=np.float64)
    draw, total = np.random.default_rng(seed), np.zeros(len(answers))
    for _ in range(orders):
        order = draw.permutation(len(answers))
        votes = (member[order] * weights[order, None]).cumsum(axis=0)
        leads = (votes >= votes.max(axis=1, keepdims=True) * (1 - 1e-12)) & (member[order].cumsum(axis=0) > 0)
        total += (leads @ verdicts) / np.maximum(leads.sum(axis=1), 1)
    alone = sum(
        correct and answer is not None for answer, correct in zip(answers, (_is_right(a, answers, right) for a in answers), strict=True)
    )
    return [alone / len(answers), *(float(value) for value in total[1:] / orders)]


def weighs_as_it_is(rewards: Sequence[float]) -> bool:
    """Return True if rewards are used as weights; if one is negative, they are logarithms of weights."""
    return min(rewards, default=0.0) >= 0


def _leaders(votes: dict[Hashable, float] | Counter[Hashable], answers: Sequence[Hashable | None], right: Sequence[bool]) -> float:
    if not votes:
        return 0.0
    most = max(votes.values())
    leaders = [answer for answer, count in votes.items() if count == most]
    return sum(_is_right(leader, answers, right) for leader in leaders) / len(leaders)


def _is_right(answer: Hashable, answers: Sequence[Hashable | None], right: Sequence[bool]) -> bool:
    """Return the verdict on the first answer of a group of equal ones: grading need not be transitive, votes must be."""
    return right[answers.index(answer)]


def _choose(count: int) -> Floats:
    """Return C(count, 0), … C(count, count), each over 2^count, which a float holds for a thousand."""
    return np.asarray([comb(count, chosen) / 2**count for chosen in range(count + 1)])


def _ways_to_win(size: int, counts: Counter[int], silent: int, samples: int) -> Floats:
    """Return, for each number drawn, the ways (over 2^samples) in which a group of `size` wins: over its own count m, the ways to draw the
    rest with no other group above m; a tie with t others counts 1 / (t + 1)."""
    choices = _choose(size)
    wins = np.zeros(samples + 1)
    for most in range(1, size + 1):
        ways = np.zeros((1, samples + 1))  # by the number of others tied at `most`, and the number drawn in all
        ways[0, : silent + 1] = _choose(silent)
        for count in counts.elements():
            ways = _draw_from(ways, _choose(count), most)
        tie_shares = (ways / np.arange(1, len(ways) + 1)[:, None]).sum(axis=0)
        wins[most:] += choices[most] * tie_shares[: samples + 1 - most]
    return wins


def _draw_from(ways: Floats, choose: Floats, most: int) -> Floats:
    """Return `ways` after a further group, of which at most `most` are drawn; `most` is a tie."""
    columns = ways.shape[1]
    fewer = choose[:most]
    below = np.stack([np.convolve(row, fewer)[:columns] for row in ways]) if len(fewer) > 1 else ways * fewer
    if len(choose) <= most:
        return below
    total = np.zeros((len(ways) + 1, columns))
    total[:-1] = below
    total[1:, most:] += choose[most] * ways[:, : columns - most]
    return total
