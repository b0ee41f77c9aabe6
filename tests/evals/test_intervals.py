from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations
from math import comb
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.errors import BadInput
from aha.evals.intervals import (
    Interval,
    bootstrap,
    compare_pairs,
    effective_size,
    mcnemar,
    mean_interval,
    newcombe,
    paired_difference,
    pass_at_k,
    random_signs,
    wilson,
)
from tests.counts import ordinary_rows


def test_one_right_of_four_passes_at_two_in_three_of_the_six_pairs():
    assert pass_at_k(4, 1, 2) == pytest.approx(3 / 6)


def test_pass_at_1_is_the_share_of_right_samples():
    assert pass_at_k(8, 3, 1) == pytest.approx(3 / 8)
    assert [pass_at_k(2, sum(row), 1) for row in ([True, False], [True, True])] == [0.5, 1.0]


def test_none_right_never_passes_and_fewer_wrong_than_k_always_does():
    assert pass_at_k(5, 0, 5) == 0.0
    assert pass_at_k(5, 3, 3) == 1.0


def test_pass_at_k_is_right_to_the_last_bits():
    cases = [(n, c, k) for n in (6, 10, 64) for c in range(n + 1) for k in range(1, n + 1)]
    apart = [abs(pass_at_k(n, c, k) - float(1 - Fraction(comb(n - c, k), comb(n, k)))) for n, c, k in cases]
    assert max(apart) < 3e-16


def test_pass_at_k_of_fewer_samples_than_k_is_refused():
    with pytest.raises(BadInput, match="pass@5 of 4 samples"):
        pass_at_k(4, 2, 5)


def test_a_thousand_samples_overflow_nothing():
    assert pass_at_k(1000, 1, 500) == pytest.approx(0.5)


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.lists(st.booleans(), min_size=n, max_size=n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_subsets_that_hold_a_right_sample(case):
    right, k = case
    subsets = list(combinations(right, k))
    assert pass_at_k(len(right), sum(right), k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_problems_that_agree_leave_no_interval():
    interval = bootstrap([0.25] * 10)
    assert (interval.value, interval.low, interval.high) == (0.25, 0.25, 0.25)


def test_the_interval_of_a_coin_over_a_hundred_problems_is_two_standard_errors_wide():
    interval = bootstrap([0.0, 1.0] * 50)
    assert interval.value == 0.5
    assert interval.low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.015)
    assert interval.high == pytest.approx(0.5 + 1.96 * 0.05, abs=0.015)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    values = [math.sqrt(i) for i in range(36)]
    assert bootstrap(values, seed=1) == bootstrap(values, seed=1)
    assert bootstrap(values, seed=1) != bootstrap(values, seed=2)


def test_no_problem_has_no_interval():
    with pytest.raises(BadInput, match="no problem"):
        bootstrap([])


# --- shares -------------------------------------------------------------------------------------------------------------


def test_none_right_of_24_is_not_certainly_none():
    interval = mean_interval([[0]] * 24)
    assert (interval.value, interval.low) == (0.0, 0.0)
    assert interval.high == pytest.approx(3.8415 / (24 + 3.8415), abs=1e-4)  # z² / (n + z²) = 0.138


def test_all_right_of_24_is_the_mirror_image_of_none():
    interval = mean_interval([[1]] * 24)
    assert (interval.value, interval.high) == (1.0, 1.0)
    assert interval.low == pytest.approx(24 / (24 + 3.8415), abs=1e-4)


def test_half_right_of_a_hundred_is_wilsons_interval():
    assert wilson(0.5, 100) == pytest.approx((0.40383, 0.59617), abs=1e-5)


def test_wilsons_published_example():
    """81 of 263 (Newcombe 1998, Statistics in Medicine 17:857, Table I): 0.2553 to 0.3662."""
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_samples_that_agree_count_as_one_a_problem():
    assert effective_size([[1] * 8] * 10 + [[0] * 8] * 14) == pytest.approx(24, rel=0.05)
    assert effective_size([[0] * 8] * 24) == 24


def test_samples_that_differ_within_problems_as_much_as_between_count_one_by_one():
    assert effective_size([[1, 0, 1, 0]] * 24) == 96


def test_the_design_effect_is_the_variance_of_problems_over_that_of_samples():
    samples = [[1, 1], [1, 0], [0, 0], [1, 0]]  # means 1, 1/2, 0, 1/2: variance 1/6; share 1/2; 4 · 1/4 / (1/6) = 6 of 8 samples
    assert effective_size(samples) == pytest.approx(6)
    assert mean_interval(samples) == Interval(0.5, *wilson(0.5, effective_size(samples)))


def test_problems_with_different_numbers_of_samples_count_each_problem_once():
    interval = mean_interval([[1], [0, 0, 0, 0]])
    assert interval.value == 0.5


def test_one_problem_says_little_about_others_however_often_it_was_asked():
    assert effective_size([[1, 0] * 32]) == 1


def test_values_between_0_and_1_are_resampled():
    values = [0.25, 0.5, 1.0, 0.0] * 6
    assert mean_interval([[value] for value in values]) == bootstrap(values)


def simulated(seed: int, problems: int, k: int, a: float, b: float) -> list[list[bool]]:
    draw = np.random.default_rng(seed)
    return [list(draw.random(k) < rate) for rate in draw.beta(a, b, problems)]


DRAWS = [(24, 1, 1, 9), (24, 4, 0.3, 0.7), (30, 16, 2, 2), (6, 4, 1, 9)]


@pytest.mark.parametrize(("problems", "k", "a", "b"), ordinary_rows(DRAWS, *DRAWS[1::2]))
def test_some_nineteen_of_twenty_intervals_hold_the_truth(problems, k, a, b):
    """Of problems whose chances are drawn from a beta distribution. How much problems differ is itself estimated, which costs a point or
    two; the bootstrap holds it 0.5 to 0.93 times on the same draws."""
    intervals = [mean_interval(simulated(seed, problems, k, a, b)) for seed in range(400)]
    assert sum(interval.low <= a / (a + b) <= interval.high for interval in intervals) / 400 >= 0.91


# --- differences --------------------------------------------------------------------------------------------------------


def pairs(both: int, first: int, second: int, neither: int) -> tuple[list[list[int]], list[list[int]]]:
    """Two models on the same problems: how many both solve, only the first, only the second, and neither."""
    cells = [(1, 1)] * both + [(1, 0)] * first + [(0, 1)] * second + [(0, 0)] * neither
    return [[one] for one, _ in cells], [[other] for _, other in cells]


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((14, 5, 0, 22), -0.226, -0.011),  # Altman et al., Statistics with Confidence (2000), Table 6.2: 0.011 to 0.226
        ((1, 1, 7, 12), 0.026, 0.507),  # Bentur et al. 2009, in Fagerland et al. 2017, chapter 8: -0.507 to -0.026
    ],
)
def test_published_tables_have_newcombes_published_interval(table, low, high):
    interval = newcombe(*pairs(*table))
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-4)


def test_two_models_that_both_solve_nothing_may_still_differ():
    interval = paired_difference(*pairs(0, 0, 0, 24))
    assert (interval.low, interval.high) == pytest.approx((-0.138, 0.138), abs=1e-3) and interval.value == 0.0


def test_a_difference_is_never_beyond_one():
    interval = paired_difference(*pairs(0, 0, 24, 0))
    assert interval.low == pytest.approx(0.805, abs=1e-3)
    assert (interval.value, interval.high) == (1.0, 1.0)


@given(st.tuples(*[st.integers(0, 6)] * 4).filter(any))
def test_the_difference_the_other_way_round_is_the_mirror_image(table):
    there, back = newcombe(*pairs(*table)), newcombe(*reversed(pairs(*table)))
    assert (there.low, there.value, there.high) == pytest.approx((-back.high, -back.value, -back.low))
    assert -1 <= there.low <= there.value <= there.high <= 1


GAINS = [(24, 1, 0.3, 0.7, 0.0), (24, 4, 2, 2, 0.1), (60, 1, 9, 1, 0.05)]


@pytest.mark.parametrize(("problems", "k", "a", "b", "gain"), ordinary_rows(GAINS, GAINS[1]))
def test_some_nineteen_of_twenty_differences_hold_the_truth(problems, k, a, b, gain):
    def once(seed: int) -> bool:
        draw = np.random.default_rng(seed)
        rates = draw.beta(a, b, problems)
        before, after = ([list(draw.random(k) < rate) for rate in some] for some in (rates, rates + gain * (1 - rates)))
        interval = paired_difference(before, after)
        return interval.low <= gain * b / (a + b) <= interval.high

    assert sum(map(once, range(300))) / 300 >= 0.91


def test_pairing_removes_what_the_problems_have_in_common():
    before, after = [[0.0], [1.0]] * 20, [[0.1], [1.1]] * 20
    gain = paired_difference(before, after)
    assert gain.low == pytest.approx(0.1)
    assert gain.high == pytest.approx(0.1)
    assert bootstrap([0.0, 1.0] * 20).high - bootstrap([0.0, 1.0] * 20).low > 0.2


def test_a_paired_difference_needs_the_same_problems():
    with pytest.raises(BadInput, match="2 problems against 1"):
        paired_difference([[0.0], [1.0]], [[1.0]])


@pytest.mark.parametrize(("k", "expected"), [(1, 91.0), (2, 93.286), (4, 95.1), (8, 96.0)])
def test_pass_at_k_of_published_samples(math_cot, k, expected):
    assert 100 * fmean(pass_at_k(8, sum(row["score"]), k) for row in math_cot) == pytest.approx(expected, abs=5e-4)


# --- paired ---


def test_five_problems_gained_and_none_lost_is_two_in_thirty_two():
    assert mcnemar(5, 0) == pytest.approx(2 / 32)


def test_three_gained_and_one_lost_is_ten_in_sixteen():
    assert mcnemar(3, 1) == pytest.approx(2 * (1 + 4) / 16)


def test_as_many_gained_as_lost_proves_nothing():
    assert mcnemar(4, 4) == 1.0
    assert mcnemar(0, 0) == 1.0


def test_random_signs_agree_with_mcnemar_on_single_verdicts():
    assert random_signs([1.0] * 9 + [-1.0] * 2) == pytest.approx(mcnemar(9, 2), abs=0.015)


def test_no_difference_anywhere_has_a_p_value_of_one():
    assert random_signs([0.0] * 5) == 1.0


def test_two_problems_more_of_thirty_are_noise():
    before = [[1.0]] * 10 + [[0.0]] * 20
    after = [[1.0]] * 12 + [[0.0]] * 18
    paired = compare_pairs(before, after)
    assert paired.test == "McNemar, exact"
    assert paired.p == pytest.approx(0.5)
    assert paired.verdict == "difference is noise"


def test_twelve_problems_gained_of_thirty_are_better_and_lost_are_worse():
    low, high = [[0.0]] * 30, [[1.0]] * 12 + [[0.0]] * 18
    assert compare_pairs(low, high).verdict == "better"
    assert compare_pairs(high, low).verdict == "worse"
    assert compare_pairs(low, high).difference.value == pytest.approx(0.4)


def test_shares_are_tested_by_random_signs():
    before = [[1] * k + [0] * (8 - k) for k in range(9)] * 4
    after = [[1] * min(8, k + 1) + [0] * (7 - k) for k in range(9)] * 4
    paired = compare_pairs(before, after)
    assert paired.test == "random signs"
    assert paired.p < 0.001
    assert paired.verdict == "better"


def test_other_problems_make_no_pairs():
    with pytest.raises(BadInput, match="2 problems against 1"):
        compare_pairs([[0.0], [1.0]], [[1.0]])


def test_rounding_is_no_difference():
    assert random_signs([5e-17] * 40) == 1.0


@given(st.floats(0, 1), st.integers(1, 40))
def test_shares_that_are_the_same_for_every_problem_are_no_certainty(share: float, problems: int) -> None:
    interval = mean_interval([[share]] * problems)
    assert interval.low <= interval.value <= interval.high
    assert interval.high - interval.low > 1 / (2 * problems + 4)
    assert interval.value == pytest.approx(share)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_a_difference_that_is_the_same_for_every_problem_is_no_certainty(shares: list[float]) -> None:
    before = [[share] for share in shares]
    difference = paired_difference(before, before)
    assert difference.low < 0 < difference.high
    assert difference.value == 0
