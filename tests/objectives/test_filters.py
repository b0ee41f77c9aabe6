"""Which judged groups are worth an update."""

from __future__ import annotations

import pytest

from aha.errors import BadInput
from aha.objectives import Dead, Filter, count_dead, dead, pass_rate
from tests.objectives.samples import group

MIXED, RIGHT, WRONG, ONE_LEFT = group([1, 0], [1, 1]), group([1, 1], [1, 1]), group([0, 0], [1, 1]), group([1, None], [1, 1])


def test_a_group_is_dead_when_its_rewards_agree_or_fewer_than_two_are_left() -> None:
    assert [dead(each) for each in (MIXED, RIGHT, WRONG, ONE_LEFT)] == [False, True, True, True]


def test_the_default_keeps_everything() -> None:
    assert Filter().keep([MIXED, RIGHT]) == ([MIXED, RIGHT], [])


def test_drop_dead_keeps_only_what_disagrees_in_order() -> None:
    assert Filter(drop_dead=True).keep([RIGHT, MIXED, WRONG, MIXED]) == ([MIXED, MIXED], [RIGHT, WRONG])


def test_easy_above_drops_a_group_at_the_limit_and_keeps_one_below() -> None:
    at, below = group([1] * 9 + [0], [1] * 10), group([1] * 8 + [0] * 2, [1] * 10)
    assert Filter(easy_above=0.9).keep([at, below, WRONG]) == ([below, WRONG], [at])


def test_dead_right_and_dead_wrong_are_counted_apart() -> None:
    assert count_dead([MIXED, RIGHT, RIGHT, WRONG]) == Dead(groups=3, right=2, wrong=1)


def test_a_group_where_all_abstained_is_dead_and_neither_right_nor_wrong() -> None:
    assert count_dead([group([None, None], [1, 1])]) == Dead(groups=1, right=0, wrong=0)


def test_being_right_is_the_accuracy_part_and_not_the_total() -> None:
    assert pass_rate(group([1, 0, None], [1, 1, 1])) == 0.5
    assert pass_rate(group([0.2, 0], [1, 1], name="format")) == 0.5  # no accuracy part: a total above 0


def test_settings_that_cannot_work_say_so() -> None:
    with pytest.raises(BadInput, match="rounds is 0"):
        Filter(rounds=0)
    with pytest.raises(BadInput, match=r"easy_above is 90"):
        Filter(easy_above=90)
