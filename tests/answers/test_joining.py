"""Values that a sentence joins, pieces of a function, letters that are added to a letter, and signs in a box that are no mark-up."""

from __future__ import annotations

from random import Random

import pytest

from aha.answers.choosing import chosen
from aha.answers.joining import join_values, once
from aha.types import Latex, Number, Right
from tests.graders import grade

LISTS = {
    "de": ("x = {} oder x = {}", "Die Lösungen sind {} und {}."),
    "fr": ("x = {} ou x = {}", "Les solutions sont {} et {}."),
    "es": ("x = {} o x = {}", "Las soluciones son {} y {}."),
    "pt": ("x = {} ou x = {}", "As soluções são {} e {}."),
    "it": ("x = {} o x = {}", "Le soluzioni sono {} e {}."),
    "ru": ("x = {} или x = {}", "Корни: {} и {}."),
    "zh": ("x = {} 或 x = {}", "解得 $x_1 = {}$，$x_2 = {}$。"),
}


def pays(gold: str, reply: str) -> bool:
    return isinstance(grade(Latex(gold), reply), Right)


@pytest.mark.parametrize("language", LISTS)
def test_two_values_are_a_list_in_every_language_and_neither_of_them_alone(language: str) -> None:
    rng = Random(language)
    for sentence in LISTS[language]:
        first, second, other = rng.sample(range(2, 60), 3)
        reply = sentence.format(first, second)
        assert pays(f"{first}, {second}", reply), reply
        assert pays(f"{second}, {first}", reply), reply
        assert not any(pays(gold, reply) for gold in (str(first), str(second), f"{first}, {other}")), reply


def test_a_sentence_with_one_value_or_in_english_stays_as_it_is() -> None:
    for sentence in ("Die Lösung ist 5.", "There are 5 and 6.", "Wenn $a = 2$, $b = 3$"):
        assert join_values(sentence) == sentence


@pytest.mark.parametrize(
    ("said", "value"), [("`18`", "18"), ("$\\frac{3}{5}$, or 60%", "$\\frac{3}{5}$"), ("√2 cm ≈ 1.41 cm", "√2 ≈ 1.41 cm")]
)
def test_a_value_said_twice_is_one(said: str, value: str) -> None:
    assert once(f"It is {said}") == f"It is {value}"
    assert once("It is 3/5, or 70%") == "It is 3/5, or 70%"


def in_cases(rows: list[str], end: str = "\\\\") -> str:
    return "f(x)=\\begin{cases} " + f" {end} ".join(rows) + " \\end{cases}"


@pytest.mark.parametrize(
    "layout", ["{0} & {1}", "{0}, & {1}", "{0} & \\text{{if }} {1}", "{0}, & \\text{{if }} {1}", "{0} & \\text{{for }} {1}"]
)
def test_a_function_in_pieces_is_its_values_and_conditions_in_any_order(layout: str) -> None:
    gold = in_cases(["x+1 & \\text{if } x\\ge 0", "-x & \\text{if } x<0"])
    rows = [layout.format("1+x", "x \\geq 0"), layout.format("-x", "x < 0")]
    assert pays(gold, f"\\boxed{{{in_cases(rows)}}}")
    gap = "\\\\[4pt]"
    assert pays(gold, f"\\boxed{{{in_cases(rows[::-1], gap)}}}")
    for wrong in ([layout.format("1+x", "x < 0"), layout.format("-x", "x \\geq 0")], rows[:1], [rows[0], layout.format("-x", "x \\le 0")]):
        assert not pays(gold, f"\\boxed{{{in_cases(wrong)}}}")


@pytest.mark.parametrize("sign", ["?", "*", "^", "@", "#"])
def test_a_sign_that_says_nothing_known_takes_the_number_in_a_box_away(sign: str) -> None:
    for content in (f"{sign}24", f"24{sign}"):
        assert not isinstance(grade(Number("24"), f"\\boxed{{{content}}}"), Right), content


@pytest.mark.parametrize("reply", ["C) cow and {}", "$\\textbf{{C}}$ and $\\textbf{{{}}}$", "(C) and ({})", "C) cow or **{}**", "C and {}"])
def test_a_second_letter_of_any_name_is_a_second_choice(reply: str) -> None:
    for letter in "ABDEFGHIJ":
        assert not isinstance(chosen(reply.format(letter), (), 10), str), letter
    assert chosen("C) cow, and I checked it", (), 10) == "C"


@pytest.mark.parametrize("formula", ["(-1, 2)", "[1, 4]", "x^2 + y^2 = 25", "x = 3"])
@pytest.mark.parametrize(
    "sentence", ["The {} is {}.", "La solution est {1}.", "La solución es {1}.", "A solução é {1}.", "Die Lösung ist {1}."]
)
def test_a_plain_formula_that_ends_a_sentence_is_read_whole(sentence: str, formula: str) -> None:
    noun = {"(": "point", "[": "interval", "x": "solution"}[formula[0]]
    reply = sentence.format(noun, formula)
    assert pays(formula, reply), reply
    assert not pays(formula.replace("2", "7").replace("3", "7").replace("4", "9"), reply), reply


@pytest.mark.parametrize("bound", ["at least", "at most", "or more", "and up", "no more"])
def test_a_bound_in_a_remark_takes_the_number_away(bound: str) -> None:
    for reply in (f"3 ({bound})", f"The answer is 3 ({bound}).", f"\\boxed{{3 ({bound})}}"):
        assert not isinstance(grade(Number("3"), reply), Right), reply


@pytest.mark.parametrize("formula", ["(-1, 2)", "[1, 4]", "x^2 + y^2 = 25", "x <= 3"])
def test_a_plain_formula_that_is_denied_is_not_read(formula: str) -> None:
    for reply in (
        f"答案不为{formula}。",
        f"答案不是{formula}",
        f"答えは{formula}ではない。",
        f"The answer is not {formula}.",
        f"La réponse n'est pas {formula}.",
    ):
        assert not pays(formula, reply), reply
