from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations
from math import comb
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.errors import BadInput
from aha.evals.scores import bootstrap, paired_difference, pass_at_1, pass_at_k


def test_one_right_of_four_passes_at_two_in_three_of_the_six_pairs():
    assert pass_at_k(4, 1, 2) == pytest.approx(3 / 6)


def test_pass_at_1_is_the_share_of_right_samples():
    assert pass_at_k(8, 3, 1) == pytest.approx(3 / 8)
    assert pass_at_1([[True, False], [True, True]]) == [0.5, 1.0]


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


def test_pairing_removes_what_the_problems_have_in_common():
    before, after = [0.0, 1.0] * 20, [0.1, 1.1] * 20
    gain = paired_difference(before, after)
    assert gain.low == pytest.approx(0.1)
    assert gain.high == pytest.approx(0.1)
    assert bootstrap(before).high - bootstrap(before).low > 0.2


def test_a_paired_difference_needs_the_same_problems():
    with pytest.raises(BadInput, match="2 problems against 1"):
        paired_difference([0.0, 1.0], [1.0])


@pytest.mark.parametrize(("k", "expected"), [(1, 91.0), (2, 93.286), (4, 95.1), (8, 96.0)])
def test_pass_at_k_of_published_samples(math_cot, k, expected):
    assert 100 * fmean(pass_at_k(8, sum(row["score"]), k) for row in math_cot) == pytest.approx(expected, abs=5e-4)
