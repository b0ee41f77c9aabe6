"""The tiny world: its keys, its fixed split, its problems."""

from __future__ import annotations

import random
from itertools import permutations, product

import pytest

from aha.tasks.countdown import CountdownProblems, Key, all_keys, is_held_out, keys, outcomes, problem, question
from aha.types import Countdown, Right
from tests.graders import grade


def key_of(reference: Countdown) -> Key:
    """The identity of a problem, whatever the order of its numbers and its language."""
    return tuple(sorted(reference.numbers)), reference.target


def test_two_numbers_reach_their_sum_difference_and_product() -> None:
    assert sorted(outcomes((3, 5))) == [2, 8, 15]


def test_every_key_can_be_solved_and_every_solvable_target_is_a_key() -> None:
    """Against brute force: all orders, operators and both ways to bracket three numbers."""
    draw = random.Random(0)
    for numbers in {key[0] for key in draw.sample(all_keys(3), 40)}:
        reached = set()
        for a, b, c in permutations(numbers):
            for first, second in product("+-*", repeat=2):
                for left in ({"+": a + b, "-": a - b, "*": a * b}[first],):
                    if 0 <= left <= 199:
                        reached |= {{"+": left + c, "-": abs(left - c), "*": left * c}[second]}
        assert {target for found, target in all_keys(3) if found == numbers} == {value for value in reached if 0 < value <= 199}


@pytest.mark.parametrize("count", [3, 4])
def test_the_two_sides_of_the_split_share_no_key_and_make_the_whole(count: int) -> None:
    train, held_out = set(keys(count, "train")), set(keys(count, "held-out"))
    assert not train & held_out
    assert train | held_out == set(all_keys(count))


def test_a_tenth_is_held_out_for_ever() -> None:
    """The figures of the fixed hash; if they move, every model that was trained so far has seen what is held out now."""
    assert (len(all_keys(3)), len(keys(3, "held-out"))) == (5722, 519)
    assert is_held_out(((1, 2, 3), 9)) is False
    assert [key for key in all_keys(3) if is_held_out(key)][:3] == [((1, 1, 3), 6), ((1, 1, 5), 6), ((1, 1, 5), 7)]


def test_rl_never_asks_what_is_held_out() -> None:
    asked = [p for rollout in range(50) for round in range(2) for p in CountdownProblems().at(rollout, round, 64, seed=1)]
    assert len(asked) == 6400
    assert not any(is_held_out(key_of(p.reference)) for p in asked if isinstance(p.reference, Countdown))


def test_evaluation_asks_only_what_is_held_out_and_nothing_twice() -> None:
    asked = CountdownProblems(split="held-out").all(500)
    found = [key_of(p.reference) for p in asked if isinstance(p.reference, Countdown)]
    assert len(set(found)) == 500 and all(map(is_held_out, found))


def test_problems_are_a_function_of_their_place() -> None:
    source = CountdownProblems()
    assert source.at(3, 0, 8, seed=5) == source.at(3, 0, 8, seed=5)
    assert source.at(3, 0, 8, seed=5) != source.at(4, 0, 8, seed=5) != source.at(4, 1, 8, seed=5)
    assert source.at(3, 0, 8, seed=5) != source.at(3, 0, 8, seed=6)


def test_both_languages_are_asked_as_often_as_said() -> None:
    asked = CountdownProblems(chinese=0.25).at(0, 0, 2000, seed=0)
    assert abs(sum(p.language == "zh" for p in asked) / 2000 - 0.25) < 0.04
    assert {p.language for p in CountdownProblems(chinese=0.0).at(0, 0, 50, seed=0)} == {"en"}


def test_a_problem_says_its_numbers_and_target_in_either_language() -> None:
    assert question((8, 6, 10), 58, "en") == "Use 8 6 10 to make 58."
    assert question((8, 6, 10), 58, "zh") == "用 8 6 10 得到 58。"
    made = problem(((6, 8, 10), 58), "en", random.Random(0))
    assert made.reference == Countdown(tuple(map(int, made.question.split()[1:4])), 58)
    assert grade(made.reference, "( 8 * 6 ) + 10") == Right()


def test_four_numbers_are_a_world_of_their_own() -> None:
    (asked, *_) = CountdownProblems(numbers=4).at(0, 0, 5, seed=0)
    assert isinstance(asked.reference, Countdown) and len(asked.reference.numbers) == 4
