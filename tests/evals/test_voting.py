from __future__ import annotations

import math
from itertools import combinations
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.errors import BadInput
from aha.evals.intervals import best_of_curve, cons_at_k, cons_curve, weighted_curve, weighted_vote


def test_the_majority_wins_the_vote():
    assert cons_at_k(["7", "7", "8"], [True, True, False]) == 1.0
    assert cons_at_k(["7", "8", "8"], [True, False, False]) == 0.0


def test_a_right_answer_tied_with_two_others_has_a_third():
    assert cons_at_k(["7", "8", "9"], [False, True, False]) == pytest.approx(1 / 3)


def test_the_order_of_the_samples_breaks_no_tie():
    assert cons_at_k(["7", "8"], [True, False]) == cons_at_k(["8", "7"], [False, True]) == 0.5


def test_samples_without_an_answer_do_not_vote():
    assert cons_at_k([None, None, None, "7"], [False, False, False, True]) == 1.0
    assert cons_at_k([None, None], [False, False]) == 0.0


@given(st.lists(st.sampled_from([None, "a", "b", "c", "d"]), min_size=1, max_size=8), st.sets(st.sampled_from("abcd")))
def test_the_whole_curve_is_the_mean_vote_over_all_subsets(answers, good):
    right = [answer in good for answer in answers]
    curve = cons_curve(answers, right)
    for k, value in enumerate(curve, start=1):
        subsets = list(combinations(range(len(answers)), k))
        votes = [cons_at_k([answers[i] for i in chosen], [right[i] for i in chosen]) for chosen in subsets]
        assert value == pytest.approx(fmean(votes), abs=1e-12)


def test_a_thousand_samples_are_counted_and_more_are_refused():
    answers = ["a"] * 600 + ["b"] * 400
    curve = cons_curve(answers, [answer == "a" for answer in answers])
    assert curve[0] == pytest.approx(0.6)
    assert curve[-1] == pytest.approx(1.0)
    with pytest.raises(BadInput, match="1,001 samples"):
        cons_curve(["a"] * 1001, [True] * 1001)


def test_the_best_of_two_by_reward_is_the_one_with_the_higher():
    assert best_of_curve([0.1, 0.9], [False, True]) == [0.5, 1.0]
    assert best_of_curve([0.9, 0.1], [False, True]) == [0.5, 0.0]


def test_equal_rewards_share():
    assert best_of_curve([0.5, 0.5, 0.1], [True, False, True])[-1] == pytest.approx(0.5)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.booleans()), min_size=1, max_size=7))
def test_the_best_of_k_is_the_mean_over_all_subsets(samples):
    for k, value in enumerate(best_of_curve([reward for reward, _ in samples], [right for _, right in samples]), start=1):
        means = []
        for chosen in combinations(samples, k):
            top = max(reward for reward, _ in chosen)
            means.append(fmean(right for reward, right in chosen if reward == top))
        assert value == pytest.approx(fmean(means), abs=1e-12)


def test_one_heavy_vote_beats_two_light_ones():
    assert weighted_vote(["7", "8", "8"], [True, False, False], [0.9, 0.2, 0.3]) == 1.0
    assert weighted_vote(["7", "8", "8"], [True, False, False], [0.4, 0.2, 0.3]) == 0.0


def test_negative_rewards_are_logarithms_of_weights():
    assert weighted_vote(["7", "8", "8"], [True, False, False], [-1.0, math.log(0.15), math.log(0.15)]) == 1.0  # e^-1 = 0.37 against 0.30
    assert weighted_vote(["7", "8", "8"], [True, False, False], [-1.0, math.log(0.2), math.log(0.2)]) == 0.0


@pytest.mark.parametrize(("k", "expected"), [(3, 91.601), (4, 92.011), (6, 92.321), (8, 92.5)])
def test_cons_at_k_of_published_samples(math_cot, k, expected):
    votes = [cons_curve([answer or None for answer in row["pred"]], row["score"])[k - 1] for row in math_cot]
    assert 100 * fmean(votes) == pytest.approx(expected, abs=5e-4)


def test_the_whole_vote_of_published_samples(math_cot):
    assert 100 * fmean(cons_at_k(row["pred"], row["score"]) for row in math_cot) == pytest.approx(92.5)


def test_the_best_of_eight_published_samples(math_cot):
    best = [best_of_curve([reward for (reward,) in row["pred_score"]], row["score"])[-1] for row in math_cot]
    assert 100 * fmean(best) == pytest.approx(94.0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(-3, 3)), min_size=1, max_size=7))
def test_the_whole_weighted_vote_ends_its_curve(samples):
    answers, rewards = zip(*samples, strict=True)
    right = [answer == "a" for answer in answers]
    assert weighted_curve(answers, right, rewards)[-1] == pytest.approx(weighted_vote(answers, right, rewards))


def test_weighted_votes_of_all_pairs_of_three():
    """The right answer outweighs both others together, so two of the three pairs hold it and win; alone one of three does."""
    alone, pairs, whole = weighted_curve("abb", [True, False, False], [3.0, 1.0, 1.0], orders=3_000)
    assert (alone, whole) == (1 / 3, 1.0) and pairs == pytest.approx(2 / 3, abs=0.03)
