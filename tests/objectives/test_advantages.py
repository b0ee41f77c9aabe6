"""What each reply is worth: numbers by hand."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.objectives import AdvantageMode, Advantages, agrees

MODES: tuple[AdvantageMode, ...] = ("group_std", "mean_only", "batch_std", "reinforce++-baseline")


def exact(mode: AdvantageMode) -> Advantages:
    return Advantages(mode, eps=0.0)


def test_group_std_divides_by_the_deviation_with_n_minus_1() -> None:
    # mean 0.5; squares 4 * 0.25 = 1; 1 / (4 - 1) -> std 1 / sqrt 3
    assert exact("group_std")([[1, 0, 1, 0]]) == [pytest.approx([sqrt(3) / 2, -sqrt(3) / 2, sqrt(3) / 2, -sqrt(3) / 2])]


def test_eps_is_added_to_the_deviation() -> None:
    assert Advantages("group_std", eps=1.0)([[0, 2]]) == [pytest.approx([-1 / (1 + sqrt(2)), 1 / (1 + sqrt(2))])]


def test_mean_only_subtracts_the_mean_and_divides_by_nothing() -> None:
    assert Advantages("mean_only")([[2, 0, 1]]) == [[1, -1, 0]]


def test_batch_std_divides_by_the_deviation_of_all_rewards() -> None:
    # rewards 0 2 5 5: mean 3, squares 9 + 1 + 4 + 4 = 18, / 3 -> std sqrt 6
    assert exact("batch_std")([[0, 2], [5, 5]]) == [pytest.approx([-1 / sqrt(6), 1 / sqrt(6)]), [0, 0]]


def test_reinforce_baseline_divides_by_the_deviation_of_all_centred_rewards() -> None:
    # centred -1 1 0 0: squares 2, / 3 -> std sqrt(2 / 3)
    assert exact("reinforce++-baseline")([[0, 2], [5, 5]]) == [pytest.approx([-sqrt(1.5), sqrt(1.5)]), [0, 0]]


@pytest.mark.parametrize("mode", MODES)
def test_a_group_that_agrees_teaches_nothing(mode: AdvantageMode) -> None:
    assert Advantages(mode)([[1.0, 1.0], [0.1 + 0.2, 0.3]]) == [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("mode", MODES)
def test_an_abstained_reply_changes_nothing_for_its_siblings(mode: AdvantageMode) -> None:
    (with_it,), (without,) = Advantages(mode)([[1, None, 0, 0]]), Advantages(mode)([[1, 0, 0]])
    assert with_it == [without[0], None, without[1], without[2]]


@pytest.mark.parametrize("mode", MODES)
def test_a_group_with_one_left_is_dead_and_stays_out_of_the_batch(mode: AdvantageMode) -> None:
    assert Advantages(mode)([[1, 0], [9, None], [None, None], []]) == [*Advantages(mode)([[1, 0]]), [0.0, None], [None, None], []]


def test_no_groups_have_no_advantages() -> None:
    assert [Advantages(mode)([]) for mode in MODES] == [[], [], [], []]


def test_rewards_agree_when_they_differ_by_rounding_only() -> None:
    assert agrees([0.3, 0.1 + 0.2]) and agrees([1, None]) and not agrees([0, 1e-5])


@given(st.lists(st.lists(st.one_of(st.none(), st.floats(-10, 10)), max_size=8), max_size=4), st.sampled_from(MODES))
def test_advantages_of_a_group_are_finite_and_sum_to_zero(groups: list[list[float | None]], mode: AdvantageMode) -> None:
    for group in Advantages(mode)(groups):
        left = [value for value in group if value is not None]
        assert sum(left) == pytest.approx(0, abs=1e-6 * max(1, *map(abs, left), 1))


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=8))
def test_group_std_does_not_see_a_shift_of_the_rewards(rewards: list[float]) -> None:
    if not agrees(rewards) and max(rewards) - min(rewards) > 1e-3:
        (here,), (there,) = exact("group_std")([rewards]), exact("group_std")([[reward + 1 for reward in rewards]])
        assert here == pytest.approx(there, abs=1e-6)
