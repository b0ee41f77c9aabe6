"""A claim holds where its interval excludes 0 on the claimed side."""

from __future__ import annotations

import pytest

from aha.errors import BadInput
from aha.evals.comparison import claim, fewer_steps, steps_to


def test_a_difference_that_is_always_there_holds() -> None:
    found = claim("rises", "said", "measured", [[0.2] * 20])
    assert (found.measured.value, found.measured.low, *found.seeds) == pytest.approx((0.2, 0.2, 0.2))
    assert found.holds


def test_a_difference_that_comes_and_goes_does_not() -> None:
    assert not claim("rises", "said", "measured", [[0.5, -0.5] * 10]).holds
    assert not claim("rises", "said", "measured", [[0.0] * 20]).holds


def test_what_may_be_lost_is_added_to_every_problem() -> None:
    assert not claim("keeps", "said", "measured", [[-0.02] * 20]).holds
    assert claim("keeps", "said", "measured", [[-0.02] * 20], margin=0.03).measured.value == pytest.approx(0.01)


def test_of_several_runs_the_mean_of_each_problem_counts() -> None:
    found = claim("rises", "said", "measured", [[0.4] * 20, [0.0] * 20])
    first, second = found.seeds
    assert (found.measured.value, first) == pytest.approx((0.2, 0.4)) and second == 0.0


def test_runs_that_asked_different_problems_are_refused() -> None:
    with pytest.raises(BadInput, match=r"^rises: runs with \[1, 2\] problems: the same problems are needed in each$"):
        claim("rises", "said", "measured", [[0.1], [0.1, 0.2]])


def test_steps_to_a_bar_are_counted_to_the_end_of_the_rollout_that_reaches_it() -> None:
    rising = [[0.1, 0.3], [0.5, 0.5], [0.5, 0.7], [1.0, 1.0]]
    assert steps_to(rising, 0.6, 8) == 24
    assert steps_to(rising[:2], 0.6, 8) == 32  # never: twice the 16 that there were


def test_half_of_the_steps_less_those_of_the_faster_run() -> None:
    slow = [[0.0] * 50] * 5 + [[1.0] * 50]
    fast = [[0.0] * 50, [1.0] * 50]
    found = fewer_steps(slow, fast, 0.6, (8, 8))
    assert (found.value, found.low, found.high) == (8.0, 8.0, 8.0)  # 48 / 2 - 16
