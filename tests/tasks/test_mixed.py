"""Problems of several sources in given shares."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.errors import BadInput
from aha.tasks.chain import ChainProblems
from aha.tasks.countdown import CountdownProblems
from aha.tasks.general import GeneralProblems
from aha.tasks.mixture import MixedProblems

MIXED = MixedProblems(((CountdownProblems(), 2.0), (ChainProblems(), 1.0), (GeneralProblems(("harm",)), 1.0)))


def test_each_round_holds_each_part_in_its_share() -> None:
    assert Counter(problem.domain for problem in MIXED.at(0, 0, 64, 0)) == {"countdown": 32, "chain": 16, "harm": 16}


def test_a_place_in_the_run_gives_the_same_problems_again() -> None:
    assert MIXED.at(5, 1, 10, seed=3) == MIXED.at(5, 1, 10, seed=3)
    assert MIXED.at(5, 1, 10, seed=3) != MIXED.at(6, 1, 10, seed=3)


def test_what_cannot_be_shared_exactly_goes_to_the_largest_part_most_often() -> None:
    first = Counter(MIXED.at(rollout, 0, 1, 0)[0].domain for rollout in range(400))
    assert 160 <= first["countdown"] <= 240
    assert min(first["chain"], first["harm"]) >= 60


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=5), st.integers(0, 100), st.integers(0, 1000))
def test_shares_add_up_and_are_off_by_less_than_one(weights: list[float], count: int, seed: int) -> None:
    mixed = MixedProblems(tuple((CountdownProblems(), weight) for weight in weights))
    shares = mixed.shares(count, random.Random(seed))
    assert sum(shares) == count
    assert all(share > count * weight / sum(weights) - 1 for share, weight in zip(shares, weights, strict=True))


def test_a_mix_of_nothing_or_with_a_weight_of_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="above 0"):
        MixedProblems(())
    with pytest.raises(BadInput, match="above 0"):
        MixedProblems(((CountdownProblems(), 0.0),))
