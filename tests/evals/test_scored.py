from __future__ import annotations

import json

import pytest

from aha.errors import BadInput
from aha.evals.attempts import Attempt, Sheet, Tried, read_attempts
from aha.evals.scored import each_problem, recommended_k, score


def sheet(*problems: Tried) -> Sheet:
    return Sheet(problems, answers=True, rewards=False, texts=True, ends=True)


TWO = sheet(
    Tried("a", (Attempt(True, "7"), Attempt(True, "7"), Attempt(False, "8"))),
    Tried("b", (Attempt(False, None, truncated=True), Attempt(False, None), Attempt(False, None, refused=True))),
)


def test_scores_are_means_over_problems():
    scored = score(TWO)
    assert scored.at("pass", 1) == pytest.approx((2 / 3 + 0) / 2)
    assert scored.at("pass", 2) == pytest.approx((1 + 0) / 2)
    assert scored.at("cons", 3) == pytest.approx(0.5)
    assert (scored.problems, scored.samples, scored.k) == (2, 6, 3)


def test_each_reply_without_an_answer_counts_under_one_name():
    assert {name: score(TWO).shares[name] for name in ("truncated", "unparsed", "refused", "abstained")} == {
        "truncated": pytest.approx(1 / 6),
        "unparsed": pytest.approx(1 / 6),
        "refused": pytest.approx(1 / 6),
        "abstained": 0.0,
    }


def test_fewer_samples_than_k_are_refused():
    with pytest.raises(BadInput, match="pass@4 of 3 samples"):
        score(TWO).at("pass", 4)


def test_a_guess_earns_one_in_four_and_guessing_is_nothing_above_chance():
    attempts = (Attempt(True, "A"), Attempt(False, "B"), Attempt(False, None))
    tried = [Tried(str(number), (one,), options=4) for number, one in enumerate(attempts)]
    shares = score(sheet(*tried)).shares
    assert shares["guess_adjusted"] == pytest.approx((1 + 0 + 0.25) / 3)
    assert shares["above_chance"] == pytest.approx((1 / 3 - 1 / 4) / (3 / 4))


@pytest.mark.parametrize(("problems", "k"), [(30, 64), (198, 64), (500, 16), (1319, 8), (14042, 4), (1, 64)])
def test_small_sets_need_many_samples(problems, k):
    assert recommended_k(problems) == k


def test_each_problem_has_its_own_line():
    assert each_problem(TWO)[0] == {"problem": "a", "n": 3, "right": 2, "cons": 1.0, "votes": {"7": 2, "8": 1}}


def test_published_verdicts_give_the_published_figures_to_the_last_bit(published):
    path = published("code/cruxeval/sample_scored_codellama-7b_temp0.2_input.json")
    theirs, ours = json.loads(path.read_text()), score(read_attempts(path))
    assert 100 * ours.at("pass", 1) == theirs["pass_at_1"]
    assert 100 * ours.at("pass", 5) == theirs["pass_at_5"]


def test_three_right_of_six_is_the_published_half():
    half = Sheet((Tried("test/0", tuple(Attempt(i > 2) for i in range(6))),), answers=False, rewards=False, texts=False, ends=False)
    assert score(half).at("pass", 1) == 0.49999999999999994


def test_published_samples_with_answers_and_rewards(published):
    scored = score(read_attempts(published("outputs/qwen25_math_cot_100/math_cot_100.jsonl")))
    expected = {("pass", 1): 91.0, ("pass", 2): 93.286, ("pass", 4): 95.1, ("pass", 8): 96.0}
    expected |= {("cons", 3): 91.601, ("cons", 4): 92.011, ("cons", 6): 92.321, ("cons", 8): 92.5, ("rm", 8): 94.0}
    assert {at: round(100 * scored.at(*at), 3) for at in expected} == expected


def test_published_choices_are_scored_as_they_were(published):
    scored = score(read_attempts(published("mmlu_pro/model_outputs_gemini-1.5-pro-002_5shots.zip")))
    assert scored.problems == 12_020
    assert 100 * scored.at("pass", 1) == pytest.approx(70.25, abs=0.005)
