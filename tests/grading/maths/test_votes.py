"""Votes: one form for one value, whatever the reference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.answers.claims import claim
from aha.grading.maths.votes import vote
from aha.types import Latex, Number, Reference
from tests.counts import examples
from tests.graders import grade

ONE_VOTE = [
    [
        "\\boxed{25}",
        "\\boxed{025}",
        "The answer is 25.",
        "25.0",
        "\\boxed{\\text{25}}",
        "Answer: 25.",
        "So it is 25.",
        "\\boxed{n=25}",
        "**25**",
    ],
    ["0.5", "\\frac{1}{2}", "\\dfrac{1}{2}", "1/2", "\\frac12", "x=\\frac{1}{2}", "\\boxed{.5}"],
    ["2\\sqrt{2}", "\\sqrt{8}"],
    ["x^2+2x+1", "(x+1)^2"],
    ["5 cm", "5 centimeters"],
    ["\\{1,2\\}", "\\{2,1\\}"],
    ["\\log_4 8", "3/2", "1.5"],
    ["\\log_2 8", "3", "\\boxed{x=3}"],
    ["x<3", "3>x", "\\boxed{3 > x}"],
    ["x \\ge 3", "3 \\le x"],
    ["x=1, y=2", "y=2, x=1"],
    ["yes", "Yes", "\\text{Yes}", "YES."],
]


@pytest.mark.parametrize("answers", ONE_VOTE)
def test_answers_of_one_value_are_one_vote(answers: list[str]) -> None:
    assert len({vote(claim(answer)) for answer in answers}) == 1


def test_percent_degrees_units_bases_order_and_brackets_are_votes_of_their_own() -> None:
    answers = [
        "50",
        "50%",
        "50^\\circ",
        "50 cm",
        "50 m^2",
        "50_9",
        "(1,2)",
        "[1,2)",
        "1,2",
        "2,1",
        "\\{1,2\\}",
        "x",
        "|x|",
        "0.333333",
        "1/3",
    ]
    assert len({vote(answer) for answer in answers}) == len(answers)


CLAIMS = st.sampled_from(
    [
        *(
            "25",
            "025",
            "25.0",
            "\\text{25}",
            "n=25",
            "24",
            "-25",
            "25%",
            "25^\\circ",
            "25 cm",
            "250 mm",
            "25_9",
            "\\frac{50}{2}",
            "5^2",
            "2.5e1",
        ),
        *(
            "1/3",
            "0.333333",
            "0.3333333",
            "0.5",
            "\\frac12",
            "50%",
            "\\sqrt{2}",
            "2^{1/2}",
            "1.414214",
            "\\{1,2\\}",
            "\\{2,1\\}",
            "1,2",
            "2,1",
            "(1,2)",
        ),
        *(
            "x+1",
            "1+x",
            "x-1",
            "|x|",
            "x",
            "\\text{even}",
            "Even",
            "odd",
            "x>5",
            "5<x",
            "\\pi",
            "3.141593",
            "1+2i",
            "2i+1",
            "\\infty",
            "?",
            "",
        ),
    ]
)
NUMBERS = ("25", "1/3", "0.5")
FORMULAS = (
    *("25", "25\\%", "25^\\circ", "25\\text{ cm}", "25_9", "\\frac13", "\\frac12", "\\sqrt2", "\\{1,2\\}", "(1,2)", "1,2", "x+1", "|x|"),
    *("\\text{even}", "x>5", "\\pi", "1+2i", "\\infty"),
)
GOLDS = st.sampled_from([*map(Number, NUMBERS), *map(Latex, FORMULAS)])


@given(CLAIMS, CLAIMS, GOLDS)
@examples(400)
def test_claims_of_one_vote_are_graded_alike(one: str, other: str, gold: Reference) -> None:
    evaluated = isinstance(gold, Number)
    if vote(one, evaluated=evaluated) == vote(other, evaluated=evaluated):
        assert type(grade(gold, one)) is type(grade(gold, other))
