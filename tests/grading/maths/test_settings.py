"""What a benchmark may ask of the comparison."""

from __future__ import annotations

import pytest

from aha.grading.maths import Settings, quick
from aha.types import Latex, Right, Wrong

HERE = "#### Step 8\nAnswer: 9\nIn the box is \\boxed{7}.\nAll of that took 10 minutes."


@pytest.mark.parametrize(("how", "gold"), [("auto", "7"), ("box", "7"), ("line", "9"), ("number", "10")])
def test_the_claim_stands_where_the_protocol_looks_for_it(how: str, gold: str) -> None:
    assert quick(Latex(gold), HERE, Settings(how=how)) == Right()  # type: ignore[arg-type]
    assert isinstance(quick(Latex("8"), HERE, Settings(how=how)), Wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["box", "line"])
def test_no_claim_where_the_protocol_looks_is_wrong(how: str) -> None:
    assert quick(Latex("7"), "It is 7.", Settings(how=how)) == Wrong("no final answer where one is looked for")  # type: ignore[arg-type]


def test_the_whole_answer_may_be_the_claim() -> None:
    assert isinstance(quick(Latex("7"), "8\n#### 7, 8", Settings(how="whole")), Wrong)
    assert quick(Latex("7"), "7.0", Settings(how="whole")) == Right()


def test_an_inequality_answers_an_interval_unless_that_is_forbidden() -> None:
    assert quick(Latex("[0,1)"), "0 \\le x < 1") == Right()
    assert isinstance(quick(Latex("[0,1)"), "0 \\le x < 1", Settings(relations=False)), Wrong)
    assert quick(Latex("0 \\le x < 1"), "[0,1)", Settings(relations=False)) == Right()


def test_variables_may_be_renamed_and_sets_be_tuples_only_where_the_comparison_is_not_strict() -> None:
    loose = Settings(strict=False)
    for gold, answer in [("f(x)", "f(y)"), ("x^2+1", "y^2+1"), ("x > 5", "y > 5"), ("\\{1,2\\}", "(1,2)")]:
        assert isinstance(quick(Latex(gold), answer), Wrong)
        assert quick(Latex(gold), answer, loose) == Right()
    assert isinstance(quick(Latex("\\{1,2\\}"), "(2,1)", loose), Wrong)


def test_decimals_are_compared_at_as_many_places_as_are_asked_for() -> None:
    assert isinstance(quick(Latex("\\frac{8}{3}"), "2.667"), Wrong)
    assert quick(Latex("\\frac{8}{3}"), "2.667", Settings(precision=2)) == Right()
    assert quick(Latex("(\\frac{3}{5},\\frac{8}{3}]"), "(0.6,2.6667]", Settings(precision=2)) == Right()
    assert isinstance(quick(Latex("\\frac{8}{3}"), "2.657", Settings(precision=2)), Wrong)


@pytest.mark.parametrize(("answer", "right"), [("0.333333", True), ("0.3333333333", True), ("0.33333", False), ("0.333334", False)])
def test_a_decimal_of_six_places_and_more_is_the_fraction_that_it_rounds(answer: str, right: bool) -> None:
    assert (quick(Latex("\\frac{1}{3}"), answer) == Right()) == right
    assert quick(Latex("\\frac{1}{3}"), "0.333", Settings(places=3)) == Right()


@pytest.mark.parametrize(
    ("gold", "reply", "right"),
    [
        ("5\\pi", "\\boxed{5\\pi}\n#### 6\\pi", False),
        ("5\\pi", "\\boxed{5\\pi}\n#### $5\\pi$", True),
        ("5\\pi", "#### 2. Find the circumference\n\\boxed{5\\pi}", True),
        ("7", "#### $x^2 = 49$\nso \\boxed{7}", True),
        ("7", "#### \\boxed{7}", True),
        ("7", "\\boxed{7}\n#### 8", False),
        ("8", "\\boxed{7}\n#### 8", False),
    ],
)
def test_a_box_and_a_last_line_of_hashes_that_differ_are_two_answers(gold: str, reply: str, right: bool) -> None:
    assert isinstance(quick(Latex(gold), reply), Right) is right
