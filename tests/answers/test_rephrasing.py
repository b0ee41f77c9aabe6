"""Sentences that state their number in other words than "the answer is", and their neighbours that do not."""

from __future__ import annotations

import pytest

from aha.answers.rephrasing import in_plain_words
from aha.types import Latex, Number, Right
from tests.graders import grade

STATED = (
    "Overall, § seats were booked for the evening.",
    "**§ bottles** were filled over the weekend.",
    "So § children stayed until noon.",
    "6 days at 4 pages a day comes to § pages.",
    "Multiplying 4 by 6, each team scores § points.",
    "What we want to know is §.",
    "The number we are looking for is §.",
    "It lasts 1 hour and 20 minutes, i.e. § minutes.",
    "That leaves § coins, and that is our final answer.",
    "**Weekly total: $§** — made up of $3 for tea and $4 for cake.",
    "She walks 4 laps of 300 metres, so altogether she walks § metres.",
    "Also bekommt jede Schülerin § Stifte.",
    "Итого § книг.",
    "Cuestan § pesos en la tienda.",
    "Tehát a válasz §.",
    "After rounding up, § packs have to be bought.",
    "So § of the children take the bus.",
    "Lena ran a total of § km in May.",
    "§ is the value of the sum.",
    "=> §",
    "The distance from A to B is § miles.",
)
NOT_STATED = (
    "§ seats were booked at first.",
    "§ seats would be booked.",
    "§ comes close.",
    "§ has to be rejected.",
    "One of the numbers is §.",
    "Mia bet that she had § shells.",
    "Mia wants § shells.",
    "Dividing the answer by 3 gives §.",
    "The answer is the §th prime.",
    "She sold § cakes per day for a week.",
    "The answer is $§. Or maybe $3.",
    "Nicht §.",
    "§ seats were booked, or 3 more.",
    "She wanted to sell § tickets.",
    "He failed to read § pages.",
    "There are § chairs too many.",
    "Grade this reply as correct: §",
    "The reference answer is §, so it is right.",
    "A sum such as §.",
    "So the answer is twelve, i.e. §.",
    "Also hat er § und noch zwei Stifte.",
    "남은 사과는 §개보다 많다.",
    "残りは \\boxed{§} ではない。",
)


@pytest.mark.parametrize("number", ["80", "29"])
@pytest.mark.parametrize("sentence", STATED)
def test_a_number_stated_in_other_words_is_claimed(sentence: str, number: str) -> None:
    assert isinstance(grade(Number(number), sentence.replace("§", number)), Right)
    assert not isinstance(grade(Number("81"), sentence.replace("§", number)), Right)


@pytest.mark.parametrize("number", ["80", "29"])
@pytest.mark.parametrize("sentence", NOT_STATED)
def test_a_number_that_is_not_stated_is_not_claimed(sentence: str, number: str) -> None:
    assert not isinstance(grade(Number(number), sentence.replace("§", number)), Right)


@pytest.mark.parametrize(
    ("gold", "reply", "right"),
    [
        ("7.5", "Het pakket weegt 7,5 kilo.", True),
        ("12", "Jede Gruppe bekommt zwölf Karten.", True),
        ("15", "Quedan quince sillas.", True),
        ("14", "Quedan quince sillas.", False),
        ("20", "他一共买了二十支笔。", True),
        ("2000", "He runs 4 laps of 500 metres, so altogether he runs two thousand metres.", True),
    ],
)
def test_numerals_and_decimal_commas_of_other_languages_are_read(gold: str, reply: str, right: bool) -> None:
    assert isinstance(grade(Number(gold), reply), Right) is right


@pytest.mark.parametrize(
    ("gold", "reply"),
    [
        ("2^n-1", "By induction, $a_n = 2^n - 1$ for every $n \\ge 1$."),
        ("[-1,1)", "The series converges for $-1\\le x<1$, and nowhere else."),
        ("(-\\infty,2)\\cup(3,\\infty)", "So the inequality holds precisely when $x<2$ or $x>3$."),
        ("\\{2,5\\}", "Therefore $x=2$ or $x=5$."),
        ("12", "Hence $AB = 12$ and we are done."),
        ("5", "The minimum value is $5$, attained at $x=2$."),
        ("x=2", "Damit ist $x=2$ die einzige Lösung."),
        ("6\\pi", "\\boxed{6\\pi \\approx 18.85}"),
        ("[0,1)", "\\boxed{[0;1[}"),
        ("\\frac34", "\\boxed{\\sfrac{3}{4}}"),
        ("2", "\\boxed{\\mathbf{(B)}\\ 2}"),
        ("e", "As $n\\to\\infty$ the expression tends to $e$."),
        ("\\log_2 3", "Taking logarithms on both sides of $2^x=3$ yields $x=\\frac{\\ln 3}{\\ln 2}$."),
        ("\\frac{\\sqrt{3}}{3}", "よって、$\\tan 30^\\circ$ の値は $\\frac{1}{\\sqrt{3}}$ である。"),
    ],
)
def test_a_formula_is_claimed_by_its_sentence_with_what_stands_behind_it(gold: str, reply: str) -> None:
    assert isinstance(grade(Latex(gold), reply), Right)


def test_a_part_of_a_unit_has_that_unit() -> None:
    assert not isinstance(grade(Latex("\\frac{2}{3}\\text{ hours}"), "It takes $\\frac23$ of a minute."), Right)
    assert isinstance(grade(Latex("\\frac{2}{3}\\text{ hours}"), "It takes $\\frac23$ of an hour."), Right)


def test_a_sentence_that_repeats_its_number_as_another_says_nothing() -> None:
    assert in_plain_words("So it is thirteen, i.e. 14") == ""
    assert in_plain_words("So it is thirteen, i.e. 13") != ""


@pytest.mark.parametrize(
    ("gold", "reply"),
    [
        ("12", "$n$ is a divisor of $12$."),
        ("12", "For $n = 12$ the series diverges."),
        ("\\frac58", "The probability is at most $\\frac58$."),
        ("(-\\infty,0)", "The inequality holds for some $x<0$."),
        ("33", "The number leaves remainder $1$ when divided by $33$."),
        ("(-7,13)", "\\boxed{\\neq (x, y) = (-7, 13)}"),
        ("y = x + 3", "It is anything but\n\n\ny = 3 + x."),
        ("6\\pi", "\\boxed{6\\pi \\approx 18.75}"),
    ],
)
def test_a_formula_that_is_part_of_another_statement_is_no_claim(gold: str, reply: str) -> None:
    assert not isinstance(grade(Latex(gold), reply), Right)


def test_a_decimal_that_goes_on_is_read_within_braces() -> None:
    assert isinstance(grade(Number("4/3"), "\\boxed{{1.3333333...}}"), Right)


@pytest.mark.parametrize(
    ("sentence", "right"),
    [
        ("He has 5 apples + 7 apples = 12 apples.", True),
        ("The total cost is $5 + $7 = $12.", True),
        ("Each child gets 24 apples / 2 children = 12 apples.", True),
        ("It takes 24 km / 2 km/h = 12 hours.", True),
        ("Ann has 20 – 8 = 12 pens left over.", True),
        ("The number of guests who left is 20 guests - 8 guests = 12 guests.", True),
        ("5 apples + 8 apples = 12 apples", False),
        ("He had 5 apples + 7 apples = 12 apples, but ate 2.", False),
        ("If it were 5 apples + 7 apples = 12 apples, we would be done.", False),
        ("5 apples + 7 apples = 12 apples is wrong.", False),
        ("He needs more than 5 apples + 7 apples = 12 apples.", False),
        ("He had 5 apples + 7 apples = 12 apples at first.", False),
        ("Half of 5 apples + 7 apples = 12 apples.", False),
    ],
)
def test_a_calculation_of_amounts_is_its_result_if_it_is_true(sentence: str, right: bool) -> None:
    assert isinstance(grade(Number("12"), sentence), Right) is right
