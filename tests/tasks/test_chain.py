"""Chains of sums: what is asked, in two languages, and what no training data holds."""

from __future__ import annotations

import random

import pytest

from aha.errors import BadInput
from aha.tasks.chain import Chain, ChainProblems, chain_of, draw_chain, question
from aha.types import Right, Wrong
from tests.graders import grade

EXAMPLE = Chain(8, (("+", 6), ("*", 3), ("-", 4)))


def test_a_chain_is_done_from_left_to_right() -> None:
    assert list(EXAMPLE.values()) == [14, 42, 38]
    assert EXAMPLE.result == 38


def test_the_question_says_the_order() -> None:
    assert question(EXAMPLE, "en") == "What is 8, then + 6, then * 3, then - 4?"
    assert question(EXAMPLE, "zh") == "计算 8，然后 + 6，然后 * 3，然后 - 4。"


def test_a_problem_knows_its_chain_and_is_graded_by_its_result() -> None:
    for problem in ChainProblems().all(50):
        chain = chain_of(problem)
        assert question(chain, problem.language) == problem.question
        assert grade(problem.reference, f"The answer is {chain.result}.") == Right()
        assert isinstance(grade(problem.reference, f"The answer is {chain.result + 1}."), Wrong)


def test_every_value_on_the_way_has_a_token_of_its_own() -> None:
    draw = random.Random(0)
    for _ in range(500):
        assert all(0 <= value <= 199 for value in draw_chain(6, draw).values())


def test_a_place_in_the_run_gives_the_same_problems_again_and_each_once() -> None:
    problems = ChainProblems().at(3, 0, 64, seed=1)
    assert problems == ChainProblems().at(3, 0, 64, seed=1)
    assert problems != ChainProblems().at(4, 0, 64, seed=1)
    assert len({problem.id for problem in problems}) == 64


def test_no_training_problem_is_a_held_out_one_in_either_language() -> None:
    held_out = {chain_of(problem) for problem in ChainProblems(split="held-out").all(300)}
    assert held_out.isdisjoint(chain_of(problem) for rollout in range(10) for problem in ChainProblems().at(rollout, 0, 200, 0))


def test_the_lengths_and_the_language_are_settings() -> None:
    problems = ChainProblems(shortest=2, longest=2, chinese=1.0).all(40)
    assert {len(chain_of(problem).steps) for problem in problems} == {2}
    assert {problem.language for problem in problems} == {"zh"}
    with pytest.raises(BadInput, match="2 steps or more"):
        ChainProblems(shortest=1)
