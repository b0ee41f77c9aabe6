"""What holds of every reference and every answer, whoever wrote them."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.grading.maths import quick
from aha.types import Abstained, Latex, Right, Wrong
from tests.counts import examples

LEAVES = st.sampled_from(["x", "y", "2", "7", "\\pi", "3.5", "n", "\\alpha"])
FORMULAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "\\cdot "]), inner).map(lambda parts: f"({''.join(parts)})"),
        st.tuples(inner, inner).map(lambda parts: f"\\frac{{{parts[0]}}}{{{parts[1]}}}"),
        inner.map(lambda part: f"\\sqrt{{{part}}}"),
        inner.map(lambda part: f"{{{part}}}^{{2}}"),
        inner.map(lambda part: f"\\sin({part})"),
    ),
    max_leaves=6,
)
PIECES = st.sampled_from(
    [
        *(
            "\\frac",
            "\\sqrt",
            "\\boxed{",
            "\\left(",
            "\\right)",
            "\\text{",
            "\\begin{pmatrix}",
            "\\end{pmatrix}",
            "\\\\",
            "&",
            "\\cup",
            "\\in",
            "\\pm",
        ),
        *(
            "{",
            "}",
            "(",
            ")",
            "[",
            "]",
            "|",
            "^",
            "_",
            "=",
            "<",
            "\\le",
            ",",
            ";",
            ":",
            "!",
            "'",
            "%",
            "$",
            "\\$",
            "°",
            "√",
            "½",
            "²",
            "①",
            "三",
            "百",
        ),
        *(
            "1",
            "23",
            "1,234",
            "0.5",
            "1e5",
            "x",
            "AB",
            "sin",
            "cm",
            "and",
            "or",
            " ",
            "\n",
            "/",
            "*",
            "+",
            "-",
            "\\infty",
            "\\circ",
            "p.m.",
            "\\{",
            "\\}",
        ),
    ]
)


@given(FORMULAS)
@examples(150)
def test_every_formula_equals_itself_and_nothing_more(formula: str) -> None:
    assert quick(Latex(formula), f"\\boxed{{{formula}}}") == Right()
    assert quick(Latex(formula), f"\\boxed{{{formula} + 1}}") != Right()


@given(FORMULAS, FORMULAS)
@examples(80)
def test_the_order_of_a_sum_does_not_matter(one: str, other: str) -> None:
    assert not isinstance(quick(Latex(f"{one} + {other}"), f"{other} + {one}"), Wrong) or "0" in one + other or _undefined(one, other)


def _undefined(one: str, other: str) -> bool:
    """A formula such as 1/(2 - 2) has no value and equals nothing but its own text."""
    return any(quick(Latex(part), f"{part} + 0") != Right() for part in (one, other))


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**6))
def test_a_number_is_not_its_neighbour(number: int, step: int) -> None:
    assert quick(Latex(str(number)), f"so \\boxed{{{number:,}}}") == Right()
    assert isinstance(quick(Latex(str(number)), str(number + step)), Wrong)
    assert isinstance(quick(Latex(str(number)), f"\\boxed{{{number}}} or \\boxed{{{number + step}}}"), Wrong)


@given(st.integers(1, 10**9), st.data())
def test_a_number_with_one_digit_changed_dropped_or_doubled_is_wrong(number: int, data: st.DataObject) -> None:
    text = str(number)
    place = data.draw(st.integers(0, len(text) - 1))
    digit = data.draw(st.sampled_from([each for each in "123456789" if each != text[place]]))
    changed = [
        text[:place] + digit + text[place + 1 :],
        text[:place] + text[place + 1 :],
        text[:place] + text[place] * 2 + text[place + 1 :],
    ]
    assert [quick(Latex(text), each) for each in changed if each and int(each) == number] == []
    assert all(isinstance(quick(Latex(text), each), Wrong) for each in changed if each)


@given(st.fractions(max_denominator=1000), st.integers(2, 50))
def test_a_fraction_is_its_multiples_and_no_other(value: Fraction, factor: int) -> None:
    gold = Latex(f"\\frac{{{value.numerator}}}{{{value.denominator}}}")
    assert quick(gold, f"\\frac{{{value.numerator * factor}}}{{{value.denominator * factor}}}") == Right()
    assert isinstance(quick(gold, f"\\frac{{{value.numerator + 1}}}{{{value.denominator}}}"), Wrong)


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_sets_have_no_order_and_tuples_have_one(numbers: list[int], random: object) -> None:
    other = sorted(numbers, key=lambda number: (number * 7919) % 101)
    listed, shuffled = (", ".join(map(str, each)) for each in (numbers, other))
    assert quick(Latex(f"\\{{{listed}\\}}"), f"\\{{{shuffled}\\}}") == Right()
    assert (quick(Latex(f"({listed})"), f"({shuffled})") == Right()) == (numbers == other)
    assert isinstance(quick(Latex(f"\\{{{listed}\\}}"), f"\\{{{listed}, 51\\}}"), Wrong)


@given(st.integers(-20, 20), st.integers(1, 20), st.sampled_from("()[]"), st.sampled_from("()[]"))
def test_an_interval_is_its_ends_and_their_brackets(low: int, length: int, left: str, right: str) -> None:
    left, right = ("[" if left in "[]" else "("), ("]" if right in "[]" else ")")
    gold = Latex(f"{left}{low}, {low + length}{right} \\cup (100, \\infty)")
    assert quick(gold, f"(100, \\infty) \\cup {left}{low}, {low + length}{right}") == Right()
    other = ")" if right == "]" else "]"
    assert isinstance(quick(gold, f"{left}{low}, {low + length}{other} \\cup (100, \\infty)"), Wrong)


@given(st.lists(PIECES, max_size=40).map("".join))
@examples(400)
def test_nothing_a_model_writes_raises_or_takes_long(text: str) -> None:
    start = time.process_time()
    for gold in ("72", "\\frac{\\pi}{2}", "x^2+1", "(1,2)", "[0,1)", text or "0"):
        assert isinstance(quick(Latex(gold), text), Right | Wrong | Abstained | None)
    assert time.process_time() - start < 1


@given(st.text(max_size=60))
@examples(200)
def test_no_text_raises_as_an_answer_or_as_a_reference(text: str) -> None:
    assert not isinstance(quick(Latex("\\frac{\\pi}{2}"), text), Right)
    quick(Latex(text), "\\frac{\\pi}{2}")


N = 1_000_000
POISON = [
    "\\boxed{9^{9^{9^{9}}}}",
    "9^9^9^9^9",
    "\\boxed{10^{10^{10}}}",
    "\\boxed{(((9!)!)!)!}",
    "\\boxed{1000!!!!}",
    "\\boxed{\\binom{10^9}{5 \\cdot 10^8}}",
    "\\boxed{\\sin(10^{10^{10}})}",
    "\\boxed{e^{e^{e^{e^{e}}}}}",
    "\\boxed{2^{1000000000}}",
    "\\boxed{((x+1)^{99}+1)^{99}}",
    "\\boxed{" + "9" * 900 + "^" + "9" * 90 + "}",
    "\\boxed{" + "\\sqrt{" * 300 + "2" + "}" * 300 + "}",
    "\\boxed{" + ",".join(f"\\sqrt{{{n}}}" for n in range(60)) + "}",
    "\\boxed{" + "{" * 900 + "1" + "}" * 900 + "}",
    *(
        piece * (N // len(piece))
        for piece in ("(", "{", "9", "\\frac{", "\\boxed{", "\\boxed{1}", "answer is ", "1 or ", "$", "①", "½", "\\text{", " ")
    ),
]


@pytest.mark.parametrize("answer", POISON, ids=lambda answer: answer[:20])
@pytest.mark.parametrize("gold", ["72", "x^2+1"])
def test_a_tower_of_powers_or_a_megabyte_is_wrong_at_once(gold: str, answer: str) -> None:
    quick(Latex("\\pi"), "\\sqrt{2}")  # what is imported first is not counted
    start = time.process_time()
    assert isinstance(quick(Latex(gold), answer), Wrong)
    assert time.process_time() - start < 0.25
