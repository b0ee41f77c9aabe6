"""What stands beside a box belongs to its claim: units, signs and scales behind it, operations and digits before it; and what a claim's
nouns, conditions and extra factors say."""

from __future__ import annotations

import pytest

from aha.types import Choice, Latex, Number, Reference, Right, Text
from tests.graders import grade


def pays(reference: Reference, reply: str) -> bool:
    return isinstance(grade(reference, reply), Right)


UNITS = [("cm", "mm", "10"), ("kg", "g", "1000"), ("hours", "minutes", "60"), ("L", "mL", "1000"), ("m", "cm", "100")]


@pytest.mark.parametrize(("unit", "smaller", "factor"), UNITS)
@pytest.mark.parametrize("end", [".", " long.", "", " of it."])
def test_a_unit_behind_the_formula_of_a_box_is_read(unit: str, smaller: str, factor: str, end: str) -> None:
    gold = Latex(rf"12\text{{ {unit}}}")
    for opens, closes in (("$", "$"), (r"\(", r"\)")):
        assert not pays(gold, rf"It is {opens}\boxed{{12}}{closes} {smaller}{end}")
        assert pays(gold, rf"It is {opens}\boxed{{12}}{closes} {unit}{end}")
        assert pays(gold, rf"It is {opens}\boxed{{{12 * int(factor)}}}{closes} {smaller}{end}")
        for bare in (Latex("12"), Number("12")):
            assert pays(bare, rf"It is {opens}\boxed{{12}}{closes} {unit}{end}"), "12 minutes are 12 where no unit is asked"


@pytest.mark.parametrize("sign", ["k", "K", " bn", " mln", " thousand", " dozen"])
def test_a_scale_behind_a_box_belongs_to_it(sign: str) -> None:
    for reference in (Latex("12"), Number("12")):
        assert not pays(reference, rf"He earned $\boxed{{12}}${sign}.")


BEFORE = ["the square root of", "the logarithm of", "the cube root of", "the sine of", "the absolute value of", "the derivative of"]
BEFORE += ["the square of", "the negative of", "the integer part of", "the product of 2 and", "the average of 10 and", "anything but"]
BEFORE += ["the number before", "two days after", "la racine carrée de", "der Kehrwert von", "el cuadrado de", "l'inverse de"]
BEHIND = [" cubed", " over 5", " choose 2", " halved", " doubled", " times itself", " less one", " point five"]
BEHIND += [" and a half", " to the power of 2", " to the power of $n$"]
HAN_BEHIND = ["的平方根。", "的一半。", "的两倍。", "的倒数。", "减1。", "の平方根である。", "の半分である。"]


@pytest.mark.parametrize("words", BEFORE)
def test_an_operation_in_words_before_a_box_changes_its_claim(words: str) -> None:
    for reference in (Latex("12"), Number("12")):
        assert not pays(reference, rf"It is {words} $\boxed{{12}}$."), words
    assert pays(Latex("12"), r"It is the sum, with a total of $\boxed{12}$.") and pays(
        Latex("12"), r"Its area has the value of $\boxed{12}$."
    )


@pytest.mark.parametrize("words", BEHIND + HAN_BEHIND)
def test_an_operation_in_words_behind_a_box_changes_its_claim(words: str) -> None:
    start = "是" if words in HAN_BEHIND else "It is "
    for reference in (Latex("12"), Number("12")):
        assert not pays(reference, rf"{start}$\boxed{{12}}${words}"), words
        assert pays(reference, r"It happened $\boxed{12}$ times over the week.")


@pytest.mark.parametrize("glue", ["0.", "1", "-1.", ".", "5,", "2"])
def test_digits_before_a_box_are_part_of_its_number(glue: str) -> None:
    for reference in (Latex("12"), Number("12")):
        assert not pays(reference, rf"${glue}\boxed{{12}}$")


@pytest.mark.parametrize("formula", [r"|{\boxed{12}}-13|", r"{\boxed{12}}+1", r"{\boxed{12}}^2", r"{\boxed{12}}!", r"|{\boxed{12}}|+3"])
def test_braces_around_a_box_hide_no_operator(formula: str) -> None:
    assert not pays(Latex("12"), f"${formula}$") and pays(Latex("12"), r"${\boxed{12}}$")


@pytest.mark.parametrize("verb", ["arranged", "chosen", "filled", "seated", "lined up"])
def test_what_may_be_done_in_so_many_ways_is_no_doubt(verb: str) -> None:
    for may in ("may", "could", "can"):
        assert pays(Latex("720"), rf"The six books {may} be {verb} in $\boxed{{720}}$ ways.")
    assert not pays(Latex("720"), r"The number may be $\boxed{720}$.")


def test_reasoning_behind_a_letter_of_a_dialogue_is_no_announcement() -> None:
    janet = "A: Janet sells 16 - 3 - 4 = 9 eggs. She makes 9 * $2 = $18. The answer is 18."
    for reply in (janet, f"{janet}\n\nQ: How many bolts does a robe take?"):
        for kind in (Number, Latex):
            assert pays(kind("18"), reply) and not pays(kind("9"), reply)
    assert pays(Number("18"), "A: 18") and pays(Number("720"), r"$\boxed{6!=720}$") is False and pays(Latex("720"), r"$\boxed{6!=720}$")


PLANE = "5x-7y+11z+4=0"
FACTORS = ["x", "(x-1)", "(x^2-1)", "(x+y)", "(2x+3y-z)", "(x-1)^2", "y(z+2)"]


@pytest.mark.parametrize("factor", FACTORS)
def test_an_equation_with_another_factor_has_other_solutions(factor: str) -> None:
    assert not pays(Latex(PLANE), rf"\boxed{{(5x-7y+11z+4){factor}=0}}") and not pays(Latex("y=2x+3"), rf"\boxed{{(y-2x-3){factor}=0}}")
    for same in (r"(5x-7y+11z+4)(x^2+1)=0", r"10x-14y+22z=-8", r"y=\frac{5x+11z+4}{7}"):
        assert pays(Latex(PLANE), rf"\boxed{{{same}}}"), same
    assert pays(Latex("xy=2"), r"\boxed{y=\frac{2}{x}}") and pays(Latex("y=2/x"), r"\boxed{xy=2}")


NOUNS = [("4 men and 6 women", "6 men and 4 women"), ("3 red, 5 blue", "5 red, 3 blue"), ("4 boys and 6 girls", "6 girls and 4 cats")]
NOUNS += [(r"\text{min } 2, \text{ max } 7", r"\text{min } 7, \text{ max } 2")]


@pytest.mark.parametrize(("gold", "other"), NOUNS)
def test_a_value_belongs_to_its_noun(gold: str, other: str) -> None:
    assert pays(Latex(gold), gold) and not pays(Latex(gold), other)
    first, joint, second = gold.replace(", ", " and ").partition(" and ")
    assert pays(Latex(gold), f"{second}{joint}{first}")


def test_a_condition_in_words_belongs_to_its_value() -> None:
    gold = Latex(r"\begin{cases}1 & n \text{ odd}\\ 2 & n\text{ even}\end{cases}")
    assert pays(gold, r"\boxed{\begin{cases} 2, & \text{if } n \text{ is even}, \\ 1, & \text{if } n\text{ is odd}.\end{cases}}")
    assert not pays(gold, r"\boxed{\begin{cases} 2 & \text{if } n \text{ is odd} \\ 1 & \text{if } n\text{ is even}\end{cases}}")


def test_odds_are_no_fraction_of_their_numbers() -> None:
    assert not pays(Latex(r"\frac{1}{3}"), r"So the odds are $\boxed{1:3}$.") and pays(
        Latex(r"\frac{1}{3}"), r"The ratio is $\boxed{1:3}$."
    )
    assert not pays(Text(("Tuesday",)), r"It is the day after $\boxed{\text{Tuesday}}$.")


@pytest.mark.parametrize(("words", "value"), [("one half", "1}{2"), ("three quarters", "3}{4"), ("two thirds", "2}{3")])
def test_a_sign_before_a_fraction_in_words_is_read(words: str, value: str) -> None:
    for sign in ("minus", "negative"):
        assert pays(Latex(rf"-\frac{{{value}}}"), f"The answer is {sign} {words}.")
        assert not pays(Latex(rf"\frac{{{value}}}"), f"The answer is {sign} {words}.")


@pytest.mark.parametrize("middle", ["-7x o y + 8", "3x", "2x ou y - 1"])
def test_a_chain_with_another_value_in_the_middle_states_nothing(middle: str) -> None:
    assert not pays(Latex("y = -7x + 8"), f"y - 8 = {middle} = -7x") and pays(Latex("y = -7x + 8"), "y - 8 = -7x = -(7x)")


@pytest.mark.parametrize("joint", ["或", "或者"])
def test_another_value_in_han_numerals_is_another_value(joint: str) -> None:
    for first, second in (("140000元", "一千四百"), ("14个", "十五个")):
        assert not pays(Latex(first.rstrip("元个")), f"{first}{joint}{second}") and pays(Latex(first.rstrip("元个")), first)


def test_a_sum_twice_side_by_side_and_a_signed_last_line_are_no_plain_number() -> None:
    assert not pays(Number("4938"), "4931 + 7 = 4938 4931 + 7 = 4938") and pays(Number("4938"), "So 4931 + 7 = 4938")
    assert not pays(Number("1/4"), "我们先列出已知条件。\n- \\, \\frac{1}{4}")


def test_a_numeral_in_words_behind_a_comma_is_another_value() -> None:
    for end in (", eighty-three", ", eighty", ", one hundred"):
        assert not pays(Number("84"), f"#### 84 cm{end}") and not pays(Number("84"), rf"\boxed{{84\text{{ cm}}{end}}}")
    assert pays(Number("84"), "#### 84 cm, as required.")


@pytest.mark.parametrize("who", ["Newton", "Gauss", "Euler", "Pascal", "Ohm"])
def test_the_name_of_a_rule_or_of_its_author_takes_nothing_away(who: str) -> None:
    assert pays(Latex("12"), rf"{who}: the sum is $\boxed{{12}}$.") and pays(Latex("12"), rf"{who}'s rule gives $\boxed{{12}}$.")
    assert not pays(Latex("12"), r"We rule out $\boxed{12}$.") and not pays(Latex("12"), r"Gut feeling: the sum is $\boxed{12}$.")


@pytest.mark.parametrize("joint", ["and", "or", "nor", "&", ","])
def test_the_ninth_option_beside_another_is_no_pronoun(joint: str) -> None:
    options = tuple("ant bee cow dog eel fox gnu hen ibex jay".split())
    for texts in (options, ()):
        for reply in (f"I {joint} H", f"The answer is I {joint} H.", rf"\[\text{{I {joint} H}}\]"):
            assert not pays(Choice("H", texts), reply) and not pays(Choice("I", texts), reply), reply
    assert pays(Choice("H", options), "I choose H") and pays(Choice("J", ()), "The answer is J, not [I].")


def test_a_denial_before_the_first_of_two_signs_takes_a_calculation_away() -> None:
    assert not pays(Number("38"), r"It is not \text{total} = 36 + 2 = 38.") and pays(
        Number("38"), "It is not 5. So the total = 36 + 2 = 38."
    )


@pytest.mark.parametrize("quantity", ["area", "maximum", "probability", "average", "length", "ratio", "remainder", "speed"])
def test_a_quantity_of_so_much_is_no_operation(quantity: str) -> None:
    for article in ("the", "a"):
        assert pays(Latex("12"), rf"So we get {article} {quantity} of $\boxed{{12}}$.")
