from __future__ import annotations

import pytest

from aha.errors import BadInput
from aha.evals.samples import GradedSample, ProblemSamples, SampleSet
from aha.evals.scaling import Arm, arm_curve, budgets, by_level, cut_off, halves, powers, sample_curves, scaling


def graded(right: bool, claim: str | None = None, tokens: int | None = None) -> GradedSample:
    return GradedSample("", 0, float(right), claim=claim, tokens=tokens)


def sample_set(*problems: list[GradedSample]) -> SampleSet:
    parts = tuple(ProblemSamples(str(number), tuple(several)) for number, several in enumerate(problems))
    return SampleSet(parts, answers=True, rewards=False, texts=False, ends=False)


def said(rights: str, tokens: int = 10) -> list[GradedSample]:
    """`+` is right; each wrong answer is another one."""
    return [graded(sign == "+", "yes" if sign == "+" else f"no {place}", tokens=tokens) for place, sign in enumerate(rights)]


def values(curve) -> list[float]:
    return [round(point.value.value, 6) for point in curve.points]


def test_points_stand_at_the_powers_of_two_and_at_the_end():
    assert powers(1) == [1]
    assert powers(6) == [1, 2, 4, 6]
    assert powers(64) == [1, 2, 4, 8, 16, 32, 64]


def test_two_right_of_four_by_the_number_of_samples():
    """pass@2 = 1 - 1/6; a vote of two has the right answer alone, or tied with one other: 1/6 + 4/6 * 1/2."""
    passed, voted = sample_curves(sample_set(said("++--")), {})
    assert (passed.name, values(passed)) == ("pass@n", [0.5, 0.833333, 1.0])
    assert (voted.name, values(voted)) == ("cons@n", [0.5, 0.5, 1.0])


def test_a_scorer_that_knows_picks_the_right_one_and_its_votes_outweigh():
    curves = {curve.name: values(curve) for curve in sample_curves(sample_set(said("+---")), {"it": [[9.0, 1.0, 1.0, 1.0]]})}
    assert curves["best of n by it"] == curves["pass@n"] == [0.25, 0.5, 1.0]
    assert curves["vote weighted by it"] == [pytest.approx(0.25, abs=0.1), pytest.approx(0.5, abs=0.1), 1.0]


def test_more_samples_cost_more_tokens_and_a_solved_problem_pays_for_the_failures():
    (passed, _) = sample_curves(sample_set(said("+-", tokens=30), said("--", tokens=50)), {})
    assert [point.tokens for point in passed.points] == [40.0, 80.0]
    assert passed.points[0].tokens_per_solution == pytest.approx(160.0)  # 40 tokens buy a quarter of a problem
    assert passed.points[1].to_json("n")["tokens_per_solved"] == pytest.approx(160.0)


def test_tokens_that_nobody_counted_cost_nothing_known():
    (passed, _) = sample_curves(sample_set([graded(True, "a"), graded(False, "b")]), {})
    assert "tokens" not in passed.points[0].to_json("n")


def test_budgets_double_with_every_second_one_up_to_the_longest_reply():
    assert budgets(160) == (0, 10, 14, 20, 28, 40, 57, 80, 113, 160)


def test_a_reply_that_is_longer_than_its_limit_is_wrong_and_costs_the_limit():
    curve = cut_off(sample_set([graded(True, "a", tokens=10), graded(True, "a", tokens=30)]).problems, (10, 20, 30))
    assert values(curve) == [0.5, 0.5, 1.0]
    assert [point.tokens for point in curve.points] == [10.0, 15.0, 20.0]


def test_samples_without_a_number_of_tokens_cannot_be_cut():
    with pytest.raises(BadInput, match="without its number of tokens"):
        cut_off(sample_set([graded(True, "a")]).problems, (10,))


def test_an_arm_is_worth_the_share_that_is_right_under_its_budget():
    arms = [Arm(0, (ProblemSamples("a", (graded(False, tokens=5),)),)), Arm(9, (ProblemSamples("a", (graded(True, tokens=14),)),))]
    curve = arm_curve("told to answer", "budget", arms)
    assert (values(curve), [point.x for point in curve.points], curve.points[0].tokens_per_solution) == ([0.0, 1.0], [0, 9], None)


def test_one_half_of_the_samples_sorts_the_problems_and_the_other_is_measured():
    measured, telling = halves(sample_set(said("++-")))
    assert [len(part.problems[0].samples) for part in (measured, telling)] == [2, 1]
    lucky, unlucky = said("--++"), said("++--")
    hard, easy = by_level(sample_set(lucky, unlucky))
    assert (hard.name, hard.problems, hard.pass_at_1) == ("0 to 25 %", 1, 1.0)
    assert (easy.name, easy.problems, easy.pass_at_1) == ("75 to 100 %", 1, 0.0)


def test_a_level_has_the_cuts_of_its_own_problems():
    arms = [Arm(0, (ProblemSamples("0", (graded(True, tokens=1),)), ProblemSamples("1", (graded(False, tokens=1),))))]
    hard, easy = by_level(sample_set(said("----"), said("++++")), arms)
    assert [values(level.curves[-1]) for level in (hard, easy)] == [[1.0], [0.0]]
    assert (hard.tokens, hard.tokens_right, easy.tokens_right) == (10.0, None, 10.0)


def test_one_sample_a_problem_has_no_levels():
    assert by_level(sample_set(said("+"))) == []


def test_everything_has_a_name_in_json():
    found = scaling(sample_set(said("++--"), said("+---")), {}).to_json()
    assert (found["problems"], found["k"], found["pass@1"], found["longer"]) == (2, 4, pytest.approx(0.375), None)
    assert [curve["name"] for curve in found["samples"]] == ["pass@n", "cons@n"]
    assert [curve["name"] for curve in found["budget"]] == ["stopped there"]
    last = found["budget"][0]["points"][-1]
    assert (last["budget"], last["accuracy"], last["tokens"], last["tokens_per_solved"]) == (10, 0.375, 10.0, pytest.approx(10 / 0.375))
