from __future__ import annotations

import json
from dataclasses import replace

import pytest

from aha.errors import BadInput
from aha.evals.benchmarks import benchmark
from aha.evals.reading import read_sample_set
from aha.evals.result import problem_lines, recommended_k, result_of
from aha.evals.samples import GradedSample, ProblemSamples, SampleSet
from aha.stages.evaluate import gain


def graded(right: bool, claim: str | None = None, *, truncated: bool = False, refused: bool = False) -> GradedSample:
    return GradedSample("", 0, float(right), claim=claim, refused=refused, finished="length" if truncated else "stop")


def samples(problem: str, several: tuple[GradedSample, ...], options: int | None = None) -> ProblemSamples:
    return ProblemSamples(problem, several, options)


def sample_set(*problems: ProblemSamples) -> SampleSet:
    return SampleSet(problems, answers=True, rewards=False, texts=True, ends=True)


TWO = sample_set(
    samples("a", (graded(True, "7"), graded(True, "7"), graded(False, "8"))),
    samples("b", (graded(False, None, truncated=True), graded(False, None), graded(False, None, refused=True))),
)


def test_scores_are_means_over_problems():
    result = result_of(TWO)
    assert result.at("pass", 1) == pytest.approx((2 / 3 + 0) / 2)
    assert result.at("pass", 2) == pytest.approx((1 + 0) / 2)
    assert result.at("cons", 3) == pytest.approx(0.5)
    assert (result.problems, result.samples, result.k) == (2, 6, 3)


def test_each_reply_without_an_answer_counts_under_one_name():
    assert {name: result_of(TWO).shares[name] for name in ("truncated", "unparsed", "refused", "abstained")} == {
        "truncated": pytest.approx(1 / 6),
        "unparsed": pytest.approx(1 / 6),
        "refused": pytest.approx(1 / 6),
        "abstained": 0.0,
    }


def test_fewer_samples_than_k_are_refused():
    with pytest.raises(BadInput, match="pass@4 of 3 samples"):
        result_of(TWO).at("pass", 4)


def test_a_guess_earns_one_in_four_and_guessing_is_nothing_above_chance():
    several = (graded(True, "A"), graded(False, "B"), graded(False, None))
    parts = [samples(str(number), (one,), options=4) for number, one in enumerate(several)]
    shares = result_of(sample_set(*parts)).shares
    assert shares["guess_adjusted"] == pytest.approx((1 + 0 + 0.25) / 3)
    assert shares["above_chance"] == pytest.approx((1 / 3 - 1 / 4) / (3 / 4))


@pytest.mark.parametrize(("problems", "k"), [(30, 64), (198, 64), (500, 16), (1319, 8), (14042, 4), (1, 64)])
def test_small_sets_need_many_samples(problems, k):
    assert recommended_k(problems) == k


def test_each_problem_has_its_own_line():
    assert problem_lines(TWO)[0] == {"problem": "a", "n": 3, "right": 2, "cons": 1.0, "votes": {"7": 2, "8": 1}}


def test_published_verdicts_give_the_published_figures_to_the_last_bit(published):
    path = published("code/cruxeval/sample_scored_codellama-7b_temp0.2_input.json")
    theirs, ours = json.loads(path.read_text()), result_of(read_sample_set(path))
    assert 100 * ours.at("pass", 1) == theirs["pass_at_1"]
    assert 100 * ours.at("pass", 5) == theirs["pass_at_5"]


def test_three_right_of_six_is_the_published_half():
    half = SampleSet((samples("test/0", tuple(graded(i > 2) for i in range(6))),), answers=False, rewards=False, texts=False, ends=False)
    assert result_of(half).at("pass", 1) == 0.49999999999999994


def test_published_samples_with_answers_and_rewards(published):
    result = result_of(read_sample_set(published("outputs/qwen25_math_cot_100/math_cot_100.jsonl")))
    expected = {("pass", 1): 91.0, ("pass", 2): 93.286, ("pass", 4): 95.1, ("pass", 8): 96.0}
    expected |= {("cons", 3): 91.601, ("cons", 4): 92.011, ("cons", 6): 92.321, ("cons", 8): 92.5, ("rm", 8): 94.0}
    assert {at: round(100 * result.at(*at), 3) for at in expected} == expected


def test_published_choices_are_scored_as_they_were(published):
    result = result_of(read_sample_set(published("mmlu_pro/model_outputs_gemini-1.5-pro-002_5shots.zip")))
    assert result.problems == 12_020
    assert 100 * result.at("pass", 1) == pytest.approx(70.25, abs=0.005)


# --- the shape of a result ----------------------------------------------------------------------------------------------

MEASURES = {"lenient": 0.0, "format": 1.0, "length": 10.0, "reflection": 0.0, "mixing": 0.0, "pass@1_short": 0.0}


def countdown(problem: str, number: int, claim: str | None, right: bool = False, **measures: float) -> GradedSample:
    values = MEASURES | {"format": float(claim is not None)} | measures
    return GradedSample(problem, number, float(right), claim=claim, tokens=int(values["length"]), finished="stop", measures=values)


FOUR = [
    countdown("p1", 0, "1+2+3", True, lenient=1, length=20, **{"pass@1_short": 1}),
    countdown("p1", 1, "1*2*3", True, lenient=1, length=60, reflection=1),
    countdown("p2", 0, "9", length=40, mixing=1),
    replace(countdown("p2", 1, None, lenient=1, length=80), finished="length"),
]


def test_two_problems_by_hand():
    result = result_of(FOUR, benchmark("countdown")).to_json()
    assert result["ci95"] == pytest.approx([0.0945, 0.9055], abs=1e-4)  # Wilson for one of two
    expected = {
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
    assert {name: result[name] for name in expected} == expected


def test_equal_values_vote_together_but_where_spelling_counts():
    claims = [countdown("p", number, claim) for number, claim in enumerate(("1/2", "0.5", "7"))]
    assert problem_lines(result_set := SampleSet((ProblemSamples("p", tuple(claims)),)))[0]["votes"] == {"1/2": 2, "7": 1}
    assert problem_lines(replace(result_set, literal_votes=True))[0]["votes"] == {"1/2": 1, "0.5": 1, "7": 1}


def test_every_score_and_measure_has_an_interval():
    result = result_of(FOUR, benchmark("countdown")).to_json()
    assert {"pass@1", "pass@2", "cons@2", *MEASURES} == {*result["intervals"]} - {"cons@1"}
    assert all(low <= result[name] <= high for name, (low, high) in result["intervals"].items())


def test_no_reply_that_anybody_could_grade_is_no_score():
    result = result_of([GradedSample("p", 0, None, finished="stop")], benchmark("simpleqa")).to_json()
    assert (result["value"], result["abstained"], "pass@1" in result) == (None, 1.0, False)


def test_the_gain_is_paired_by_problem():
    after = [replace(one, grade=1.0) for one in FOUR]
    assert (gain(FOUR, after).value, gain(after, FOUR).value) == (0.5, -0.5)
    with pytest.raises(BadInput, match="different problems"):
        gain(FOUR, FOUR[:2])
