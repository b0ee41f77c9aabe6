from __future__ import annotations

import dataclasses

import pytest

from aha.errors import BadInput
from aha.evals.measurement import Sample, gain, measure_samples, verdicts_by_problem

WRONG = Sample("p1", "Use 1 2 3 to make 6.", "en", 0, "6", None, None, False, False, False, False, False, 10, "stop", False, False)


def sample(problem: str, vote: str | None = None, **changes: object) -> Sample:
    return dataclasses.replace(WRONG, problem=problem, answer=vote, vote=vote, format=vote is not None, **changes)


FOUR = [
    sample("p1", "1+2+3", right=True, lenient=True, short=True, tokens=20),
    sample("p1", "1*2*3", right=True, lenient=True, tokens=60, reflection=True),
    sample("p2", "9", tokens=40, mixing=True),
    sample("p2", lenient=True, tokens=80, finished="length"),
]


def test_two_problems_by_hand():
    measured = measure_samples(FOUR).to_json()
    assert measured.pop("ci95") == pytest.approx([0.0945, 0.9055], abs=1e-4)  # Wilson for one of two
    assert measured == {
        "pass@1": 0.5,
        "cons@k": 0.5,  # p1: both candidates tied and right; p2: the only vote is wrong
        "k": 2,
        "problems": 2,
        "lenient": 0.75,
        "format": 0.75,
        "length": 50.0,
        "reflection": 0.25,
        "mixing": 0.25,
        "truncated": 0.25,
        "abstained": 0.0,
        "pass@1_short": 0.25,
    }


def test_each_problem_has_its_own_verdicts():
    assert verdicts_by_problem(FOUR) == [[True, True], [False, False]]


def test_problems_with_different_numbers_of_samples_are_refused():
    with pytest.raises(BadInput, match=r"samples a problem: \[1, 2\]"):
        measure_samples(FOUR[:3])


def test_no_sample_is_refused():
    with pytest.raises(BadInput, match="none"):
        measure_samples([])


def test_the_gain_is_paired_by_problem():
    after = [dataclasses.replace(one, right=True) for one in FOUR]
    assert gain(FOUR, after).value == 0.5
    assert gain(after, FOUR).value == -0.5


def test_a_gain_over_other_problems_is_refused():
    with pytest.raises(BadInput, match="different problems"):
        gain(FOUR, FOUR[:2])
