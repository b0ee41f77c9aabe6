"""One reader of claims: a number and a formula read a claim alike, and whole."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from aha.types import Latex, Number, Right, Wrong
from tests.counts import examples
from tests.graders import grade

NUMBERS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.decimals(min_value=-1000, max_value=1000, places=2, allow_nan=False).map(lambda value: format(value, "f")),
    st.fractions(max_denominator=99).map(str),
)
DECORATED = st.sampled_from(
    [
        "§",
        "\\boxed{§}",
        "**§**",
        "The answer is §.",
        "#### §",
        "$§$",
        "\\boxed{n = §}",
        "Answer: §",
        "§ apples",
        "\\boxed{\\text{§}}",
        "So we get §.",
    ]
)
UNREAD = st.sampled_from(
    [
        " or 17",
        ", 17",
        "!!",
        "k",
        " thousand",
        " or more",
        "\\pm 1",
        " \\cup",
        "^",
        "_8",
        "x",
        " to 17",
        " is not the answer",
        "i",
        "~17",
        " \\foo",
    ]
)
BEFORE = st.sampled_from(
    ["not ", "at least ", "minus ", "\\neq ", "> ", "17 or ", "step ", "between 1 and ", "\\sqrt", "half of ", "f", "\\lnot "]
)


@given(NUMBERS, DECORATED)
@examples(200)
def test_a_number_and_a_formula_pay_the_same_claim(value: str, form: str) -> None:
    claim = form.replace("§", value)
    assert grade(Number(value), claim) == Right() == grade(Latex(value), claim)


@given(st.integers(3, 10**6), UNREAD)  # 2!! is 2
@examples(150)
def test_a_number_with_something_unread_after_it_is_never_paid(value: int, rest: str) -> None:
    assume(not rest.endswith(f" {value}"))  # "17 or 17" is 17
    for reference in (Number(str(value)), Latex(str(value))):
        for claim in (f"{value}{rest}", f"\\boxed{{{value}{rest}}}"):
            assert grade(reference, claim) != Right(), claim


@given(st.integers(2, 10**6), BEFORE)
@examples(150)
def test_a_number_with_something_unread_before_it_is_never_paid(value: int, before: str) -> None:
    for reference in (Number(str(value)), Latex(str(value))):
        assert grade(reference, f"{before}{value}") != Right(), before


@given(st.integers(1, 99), st.integers(2, 99))
@examples(50)
def test_percent_and_calculations_are_the_rows_in_which_they_differ(one: int, other: int) -> None:
    assert grade(Number(str(one)), f"{one}%") == Right() and isinstance(grade(Latex(str(one)), f"{one}%"), Wrong)
    assert isinstance(grade(Number(str(one + other)), f"{one} + {other}"), Wrong)
    assert grade(Latex(str(one + other)), f"{one} + {other}") == Right()
    assert grade(Number(str(Fraction(one, other))), f"{one}/{other}") == Right()
