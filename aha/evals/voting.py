"""Choosing one answer of several: by majority, by the best reward, by votes that weigh. Means over all subsets of `k` samples are exact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import comb, exp

import numpy as np
import numpy.typing as npt

from aha.errors import BadInput
from aha.grading.maths.votes import vote

ORDERS = 200  # of the samples, drawn for each problem where no formula is exact
MOST = 1_000  # samples a problem whose subsets a float can count
Floats = npt.NDArray[np.float64]


def votes_by_value(answers: Sequence[str | None]) -> list[str | None]:
    """Return the answers as they vote: each as the first that has its value, so that 0.5 and \\frac12 are one vote."""
    first: dict[str, str] = {}
    return [None if answer is None else first.setdefault(vote(answer), answer) for answer in answers]


def cons_at_k(answers: Sequence[Hashable | None], right: Sequence[bool]) -> float:
    """One majority vote of all samples of a problem. Equal answers vote together, `None` does not vote; the right answer tied among
    t has 1/t, the mean of a random break; nobody voting is wrong."""
    return _leaders(Counter(answer for answer in answers if answer is not None), answers, right)


def cons_curve(answers: Sequence[Hashable | None], right: Sequence[bool]) -> list[float]:
    """The exact mean of `cons_at_k` over all subsets of k samples, drawn without replacement, for k = 1, 2, … all. Samples without an
    answer are drawn too. BadInput for more than a thousand samples."""
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


def expected_cons_at_k(answers: Sequence[Hashable | None], right: Sequence[bool], k: int) -> float:
    """`cons_curve` at one k. BadInput for a k that there are no subsets of."""
    if not 1 <= k <= len(answers):
        raise BadInput(f"cons@{k} of {len(answers)} samples a problem: undefined, k must be from 1 to {len(answers)}")
    return cons_curve(answers, right)[k - 1]


def best_of_curve(rewards: Sequence[float], right: Sequence[bool]) -> list[float]:
    """rm@k for k = 1, 2, … all: the exact mean, over all subsets of k samples, of whether the one with the highest reward is right.
    Equal rewards share: the right ones among them over all of them."""
    samples = len(rewards)
    if samples == 0:
        raise BadInput("no sample: the best of none is undefined")
    curve = np.zeros(samples)
    above = 0
    for reward in sorted(set(rewards), reverse=True):
        best_verdicts = [verdict for earned, verdict in zip(rewards, right, strict=True) if earned == reward]
        left, below = samples - above, samples - above - len(best_verdicts)
        tops = [(comb(left, k) - comb(below, k)) / comb(samples, k) for k in range(1, samples + 1)]
        curve += np.asarray(tops) * (sum(best_verdicts) / len(best_verdicts))
        above += len(best_verdicts)
    return [float(value) for value in curve]


def weighted_vote(answers: Sequence[Hashable | None], right: Sequence[bool], rewards: Sequence[float]) -> float:
    """One vote of all samples, each weighing its reward where none is negative, else exp(reward); ties as in `cons_at_k`."""
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
    """`weighted_vote` of k of the samples for k = 1, 2, … all: its mean over random orders, of each the first k; exact for one and for all.

    There is no closed form that is quick; 200 orders leave a hundred problems' mean good to 0.3 points or better."""
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
    """Whether rewards are weights; where one is negative they are taken for logarithms of weights."""
    return min(rewards, default=0.0) >= 0


def _leaders(votes: dict[Hashable, float] | Counter[Hashable], answers: Sequence[Hashable | None], right: Sequence[bool]) -> float:
    if not votes:
        return 0.0
    most = max(votes.values())
    leaders = [answer for answer, count in votes.items() if count == most]
    return sum(_is_right(leader, answers, right) for leader in leaders) / len(leaders)


def _is_right(answer: Hashable, answers: Sequence[Hashable | None], right: Sequence[bool]) -> bool:
    """A group of equal answers is right when its first member was judged so: graders need not be transitive, votes must be."""
    return right[answers.index(answer)]


def _choose(count: int) -> Floats:
    """C(count, 0), … C(count, count), each over 2^count, which a float holds for a thousand."""
    return np.asarray([comb(count, chosen) / 2**count for chosen in range(count + 1)])


def _ways_to_win(size: int, counts: Counter[int], silent: int, samples: int) -> Floats:
    """For each number drawn, the ways (over 2^samples) in which a group of `size` wins: over its own count m, the ways to draw the rest
    with no other group above m; a tie with t others counts 1 / (t + 1)."""
    choices = _choose(size)
    wins = np.zeros(samples + 1)
    for most in range(1, size + 1):
        ways = np.zeros((1, samples + 1))  # by how many others are tied at `most`, and by how many are drawn in all
        ways[0, : silent + 1] = _choose(silent)
        for count in counts.elements():
            ways = _draw_from(ways, _choose(count), most)
        tie_shares = (ways / np.arange(1, len(ways) + 1)[:, None]).sum(axis=0)
        wins[most:] += choices[most] * tie_shares[: samples + 1 - most]
    return wins


def _draw_from(ways: Floats, choose: Floats, most: int) -> Floats:
    """`ways` after a further group, of which up to `most` may be drawn; `most` is a tie."""
    columns = ways.shape[1]
    fewer = choose[:most]
    below = np.stack([np.convolve(row, fewer)[:columns] for row in ways]) if len(fewer) > 1 else ways * fewer
    if len(choose) <= most:
        return below
    total = np.zeros((len(ways) + 1, columns))
    total[:-1] = below
    total[1:, most:] += choose[most] * ways[:, : columns - most]
    return total
