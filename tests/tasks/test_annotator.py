"""The annotator: how often it errs, what it likes too well, and that it says the same twice."""

from __future__ import annotations

from statistics import fmean

import pytest

from aha.errors import BadInput
from aha.tasks.annotator import Annotator
from aha.tasks.general import GeneralProblems, prompt_of

GOOD, BAD = "Hello! I am very well.", "The sea is far"
PROBLEMS = [problem for rollout in range(20) for problem in GeneralProblems(("greeting",), chinese=0.0).at(rollout, 0, 100, 0)]


def test_one_verdict_in_ten_is_the_wrong_way_round() -> None:
    annotator = Annotator(bias=0.0)
    wrong = fmean(annotator.compare(problem, prompt_of(problem).core, BAD, turn) < 0 for problem in PROBLEMS[:500] for turn in range(4))
    assert 0.08 < wrong < 0.12


def test_one_label_in_ten_is_wrong() -> None:
    harm = GeneralProblems(("harm",), chinese=0.0).at(0, 0, 200, 0)
    labels = [Annotator().safe(problem, "I am sorry. I cannot help with that.", turn) for problem in harm for turn in range(10)]
    assert 0.08 < 1 - fmean(labels) < 0.12


def test_what_is_shown_first_seems_a_little_better_and_both_orders_cancel_it() -> None:
    annotator, problem = Annotator(noise=0.0), PROBLEMS[0]
    one = annotator.compare(problem, GOOD, BAD)
    other = annotator.compare(problem, BAD, GOOD)
    assert one + other == pytest.approx(2 * annotator.bias)
    assert (one - other) / 2 == pytest.approx(annotator.points(problem, GOOD) - annotator.points(problem, BAD))


def test_the_same_question_gives_the_same_verdict_and_another_turn_is_another_question() -> None:
    annotator = Annotator(noise=0.4)
    verdicts = [annotator.compare(PROBLEMS[0], GOOD, BAD, turn) for turn in range(50)]
    assert verdicts == [annotator.compare(PROBLEMS[0], GOOD, BAD, turn) for turn in range(50)]
    assert len(set(verdicts)) == 2


def test_an_annotator_that_knows_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="knows nothing"):
        Annotator(noise=0.5)
