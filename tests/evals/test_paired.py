from __future__ import annotations

import pytest

from aha.errors import BadInput
from aha.evals.paired import compare_paired, mcnemar, random_signs


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
    paired = compare_paired(before, after)
    assert paired.test == "McNemar, exact"
    assert paired.p == pytest.approx(0.5)
    assert paired.verdict == "difference is noise"


def test_twelve_problems_gained_of_thirty_are_better_and_lost_are_worse():
    low, high = [[0.0]] * 30, [[1.0]] * 12 + [[0.0]] * 18
    assert compare_paired(low, high).verdict == "better"
    assert compare_paired(high, low).verdict == "worse"
    assert compare_paired(low, high).difference.value == pytest.approx(0.4)


def test_shares_are_tested_by_random_signs():
    before = [[1] * k + [0] * (8 - k) for k in range(9)] * 4
    after = [[1] * min(8, k + 1) + [0] * (7 - k) for k in range(9)] * 4
    paired = compare_paired(before, after)
    assert paired.test == "random signs"
    assert paired.p < 0.001
    assert paired.verdict == "better"


def test_other_problems_make_no_pairs():
    with pytest.raises(BadInput, match="2 problems against 1"):
        compare_paired([[0.0], [1.0]], [[1.0]])


def test_rounding_is_no_difference():
    assert random_signs([5e-17] * 40) == 1.0
