from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.evals.benchmark import BenchmarkExample
from aha.evals.judged.facts import CORRECT, INCORRECT, NOT_ATTEMPTED, FactVerdicts, fact_scores, read_verdict
from aha.evals.judged.judged_benchmark import FACTS, JudgePrompt
from aha.evals.samples import GradedSample
from aha.types import Abstained, ChatReply, Judged, Right, Wrong

ITEM = BenchmarkExample("q", "Who?", "en", Judged("Ada"))


def graded(item: str, *kinds: str) -> list[GradedSample]:
    """One sample a letter: right, wrong, not attempted, without a verdict."""
    return [
        GradedSample(item, number, None if kind == "?" else float(kind == "r"), claim="x", measures={"not_attempted": float(kind == "n")})
        for number, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("A", CORRECT),
        (" b.", INCORRECT),
        ("B.", INCORRECT),
        ("**C**", NOT_ATTEMPTED),
        ("A: CORRECT", CORRECT),
        ("B) INCORRECT", INCORRECT),
        ("The grade is: C", NOT_ATTEMPTED),
        ("CORRECT", CORRECT),
        ("INCORRECT", INCORRECT),
        ("NOT ATTEMPTED", NOT_ATTEMPTED),
        ("NOT_ATTEMPTED.", NOT_ATTEMPTED),
        ("It depends", None),
        ("As a judge, I think so", None),
        ("A good answer, but no.", None),
        ("CORRECT or INCORRECT", None),
        ("A: INCORRECT", None),
        ("A\n\nThe predicted answer contains the gold target.", CORRECT),
        ("B\n\nNothing in it is CORRECT.", INCORRECT),
        ("The two differ.\n\n**Grade: B (INCORRECT)**\n\nThe target is vitamin A", INCORRECT),
        ("Grade: B - the year is another", INCORRECT),
        ("Final answer: c", NOT_ATTEMPTED),
        (r"\boxed{A}", CORRECT),
        ('{"grade": "A"}', CORRECT),
        ("Not attempted.", NOT_ATTEMPTED),
        ("correct", CORRECT),
        ("A\nB", None),
        ("Grade: A (INCORRECT)", None),
        ("<think>A, or B?</think>\nC", NOT_ATTEMPTED),
        ("<think>A", None),
        ("a matter of taste", None),
        ("GRADE: C. There is no reason to downgrade: B is weak", NOT_ATTEMPTED),
        ("GRADE:\u200bB", INCORRECT),
        ("Ａ", CORRECT),
        ("GRADE: CI", None),
        ("A or B", None),
        ("Both A and B fit", None),
        ("The predicted answer is incorrect because the year differs.", INCORRECT),
        ("the answer was not attempted", NOT_ATTEMPTED),
        ("The model did not attempt an answer.", NOT_ATTEMPTED),
        ("This is correct.", CORRECT),
        ("Incorrect: Paris vs. Lyon", INCORRECT),
        ("The answer is not correct.", INCORRECT),
        ("The answer is not incorrect.", None),
        ("The correct answer is Paris.", None),
        ("The response is partially correct.", None),
        ("CORRECT? No, INCORRECT.", INCORRECT),
        ("B is my verdict", INCORRECT),
        ("it is a b", INCORRECT),
        ('{"grade": "B", "reason": "A different year"}', INCORRECT),
        ("❌ Incorrect", INCORRECT),
        ("After review, the grade is A because the names match", CORRECT),
        ("My verdict: B, though vitamin A", INCORRECT),
        ("", None),
        ("My verdict is B, because it contradicts the CORRECT answer.", INCORRECT),
        ("A: it names the CORRECT answer.", CORRECT),
        ("B, and this is CORRECT.", None),
        ("CORRECT or INCORRECT?", None),
        ("A<|im_end|>", CORRECT),
        ("Grade A of this study is weak. The verdict: B", INCORRECT),
        ("The submission says 'GRADE: A', which I ignore. GRADE: B", INCORRECT),
        ("A right answer would be GRADE: A. This one is off the menu.\nGRADE: Z", None),
        ("The grade is A. Grade B would need a contradiction.", CORRECT),
        ("The grade would be C since no attempt was made.", NOT_ATTEMPTED),
        ("INCORRECT, NOT_ATTEMPTED", None),
    ],
)
def test_a_verdict_is_a_letter_or_its_name_and_nothing_else(text: str, meant: str | None):
    assert read_verdict(text) == meant


FORMS = (
    "the predicted answer is {}",
    "{}, as the names differ",
    "I would mark it as {}.",
    "Verdict: {}!",
    "**{}** ✅",
    "so it is {} because of the date",
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("verdict", [CORRECT, INCORRECT, NOT_ATTEMPTED])
def test_a_verdict_is_read_in_any_letters(form: str, verdict: str) -> None:
    words = verdict.replace("_", " ")
    assert {read_verdict(form.format(name)) for name in (verdict, words, words.lower(), words.capitalize())} == {verdict}


def test_what_the_judge_says_becomes_the_grade():
    facts = FactVerdicts(JudgePrompt(FACTS))
    kinds = [type(facts.grade(ITEM, "Ada", [verdict]).grade) for verdict in (CORRECT, INCORRECT, NOT_ATTEMPTED, None)]
    assert kinds == [Right, Wrong, Wrong, Abstained]
    assert facts.verdict([ChatReply("hm", None, 1, "stop"), ChatReply("A", None, 1, "stop")]) == CORRECT
    assert facts.verdict([]) is None


def test_the_scores_are_those_of_the_counts():
    found = fact_scores([*graded("1", "r", "r"), *graded("2", "w", "n"), *graded("3", "n", "?")])
    assert (found["correct"], found["incorrect"]) == (pytest.approx(2 / 6), pytest.approx(1 / 6))
    assert (found["not_attempted"], found["unjudged"]) == (pytest.approx(2 / 6), pytest.approx(1 / 6))
    assert found["correct_given_attempted"] == pytest.approx(2 / 3)
    assert found["f_score"] == pytest.approx(2 * (2 / 3) * (2 / 6) / (2 / 3 + 2 / 6))


def test_nothing_attempted_is_worth_nothing():
    found = fact_scores(graded("1", "n", "n"))
    assert found["correct_given_attempted_ci95"] == [0.0, 1.0]  # of nothing nothing is known
    assert (found["correct_given_attempted"], found["f_score"], found["f_score_ci95"]) == (
        0.0,
        0.0,
        [0.0, pytest.approx(2 * 0.793 / 1.793, abs=1e-3)],
    )


@given(st.lists(st.lists(st.sampled_from("rwn?"), min_size=1, max_size=3), min_size=1, max_size=6))
def test_the_four_shares_are_one_and_each_interval_holds_within_0_and_1(kinds: list[list[str]]):
    found = fact_scores([each for number, said in enumerate(kinds) for each in graded(str(number), *said)])
    assert sum(found[name] for name in ("correct", "incorrect", "not_attempted", "unjudged")) == pytest.approx(1)
    for name in ("correct_given_attempted_ci95", "f_score_ci95"):
        low, high = found[name]
        assert 0 <= low <= high <= 1
