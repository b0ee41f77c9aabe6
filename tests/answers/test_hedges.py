"""What may be, other choices than the first, names of values with words or relations in them, and numbers said in two forms."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest

from aha.answers.claims import claim
from aha.answers.joining import without_remark
from aha.grading.maths.votes import vote
from aha.types import Choice, Latex, Number, Reference, Right, Text
from tests.graders import grade

COLOURS = ("red", "green", "blue", "grey")


def pays(reference: Reference, reply: str) -> bool:
    return isinstance(grade(reference, reply), Right)


MAY_BE = [
    f"{who} {may} {verb} {{}}" for who in ("It", "She", "There") for may in ("could", "might", "may") for verb in ("be", "have", "take")
]
MAY_BE += [f"{adverb} she has {{}}" for adverb in "Supposedly Allegedly Reportedly Apparently Theoretically Hypothetically".split()]
MAY_BE += ["It can be {}", "She has {} cups at best", "The second-best answer is {}", "The next best value is {}", "It could cost {}"]


@pytest.mark.parametrize("sentence", MAY_BE)
def test_what_may_be_is_not_claimed(sentence: str) -> None:
    for noun in ("", " cups", " dollars"):
        for reference in (Number("20"), Latex("20")):
            assert not pays(reference, sentence.format(f"20{noun}") + "."), noun
    assert pays(Number("20"), "She could buy 20 cups.") and pays(Number("20"), "It should be 20 cups.")


@pytest.mark.parametrize("rank", ["second-best", "next best", "third best", "alternative", "least likely"])
def test_an_option_behind_the_first_is_not_chosen(rank: str) -> None:
    for noun in ("answer", "option", "choice"):
        assert not pays(Choice("B", COLOURS), f"The {rank} {noun} is B.")
        assert pays(Choice("B", COLOURS), f"The best {noun} is B.")
    assert not pays(Choice("B", COLOURS), "My second choice is B.") and pays(Choice("B", COLOURS), "The second option is correct.")


NAMES = [f"P(X {sign} 3)" for sign in ("=", "<", ">", r"\le", r"\geq")]
NAMES += [
    r"P(\text{sum} = 8)",
    r"\Pr(1 < X < 3)",
    r"\mathbb{P}(A = B)",
    r"\det(A)",
    r"\dim V",
    r"\deg f",
    r"\max f",
    r"\min_{x} f(x)",
    r"P(A|B)",
    r"P(A \mid B)",
    "f^{-1}(3)",
]
NAMES += [r"\min_{x>0} f(x)", r"N = \text{Area}(ABC)", r"\arg z", r"\max(a, b)"]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_value_may_be_a_function_of_an_event(name: str) -> None:
    for reply in (f"${name} = @$", f"So ${name} = @$.", f"\\boxed{{{name} = @}}"):
        assert pays(Latex(r"\frac{5}{36}"), reply.replace("@", r"\frac{5}{36}")), reply
        assert not pays(Latex(r"\frac{5}{36}"), reply.replace("@", r"\frac{5}{37}")), reply
    assert not pays(Latex("4"), r"$\gcd(4, 6) = 4$") and not pays(Latex("2"), "$x^2 = 2$") and not pays(Latex("2"), r"$\log_2 x = 2$")


def test_a_number_is_said_once_if_its_other_form_in_parentheses_is_equal() -> None:
    rng = Random(12)
    for _ in range(60):
        value = Fraction(rng.randrange(1, 40), rng.choice((4, 5, 8, 10, 20)))
        exact, decimal = f"\\frac{{{value.numerator}}}{{{value.denominator}}}", f"{float(value):g}"
        forms = [f"{float(value * 100):g}\\%", decimal, f"{value.numerator}/{value.denominator}"]
        for lead in ("", "or ", "i.e., ", "that is, "):
            for form in forms:
                assert pays(Latex(exact), f"So it is ${exact}$ ({lead}${form}$)."), (lead, form)
            other = f"{value.numerator + 1}/{value.denominator}"
            for reply in (
                f"So it is ${exact}$ ({lead}${other}$).",
                f"\\boxed{{{exact}}} ({lead}{other})",
                f"\\boxed{{{exact}}}, {lead}{other}",
            ):
                assert not lead or not pays(Latex(exact), reply), reply
    for text in ("The total is 1,000,000 (one million).", "It is 0.75 (or 75%)."):
        assert without_remark(text) == text[: text.index(" (")] + "."
    for text in ("The total is 1,000,000 (one billion).", "It is 0.75 (7.5%).", "f (3)", "3 (3)"):
        assert without_remark(text) == text


FAMILIES = [r"$x = \frac{\pi}{4} + @n\pi$, " + rest for rest in (
    "where $n$ is an integer.", "where $n$ is any integer", r"$n \in \mathbb{Z}$", r"where $n \in \mathbb{Z}$."
)]  # fmt: skip
FAMILIES += [r"$x = \frac{\pi}{4} + @n\pi \quad (n \in \mathbb{Z})$", r"\boxed{\frac{\pi}{4} + @n\pi \text{ for all integers } n}"]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_whole_number_of_a_family_may_have_another_name(family: str) -> None:
    reference = Latex(r"\frac{\pi}{4} + k\pi, k \in \mathbb{Z}")
    assert pays(reference, family.replace("@", "")) and not pays(reference, family.replace("@", "2"))


def test_a_correction_in_words_takes_a_claim_back() -> None:
    for correction in ("Sorry, I meant {}.", "I meant {}.", "Oops, it is {}.", "Correction: {}."):
        for words in ("all real numbers", "二十九分之一", "nothing"):
            assert not pays(Latex("29"), f"It is 29. {correction.format(words)}"), correction
            assert not pays(Number("29"), f"It is 29. {correction.format(words)}"), correction
            assert not pays(Latex(r"\emptyset"), f"It is \\varnothing. {correction.format('all real numbers')}"), correction
    assert pays(Number("29"), "It is 29. I mean it.") and not pays(Text(("an oak",)), "It cannot be \\mathrm{an oak}.")


PAIRS: list[tuple[Reference, str, str]] = [
    (Latex(r"\text{does not exist}"), r"\boxed{\text{The limit does not exist}}", r"\boxed{\text{The limit exists}}"),
    (Latex(r"\text{DNE}"), "The limit does not exist.", "The limit does exist."),
    (Latex(r"\infty"), "The series diverges to $+\\infty$.", "The series diverges to $-\\infty$."),
    (Latex(r"\infty"), "The limit equals infinity.", "The limit equals negative infinity."),
    (Latex(r"\infty"), "The limit is infinity.", "It is \\infty. Sorry, I meant \\text{negative infinity}."),
    (Latex(r"\mathbb{R} \setminus \{0\}"), "The domain is all real numbers except $x = 0$.", "The domain is all real numbers."),
    (Latex(r"\mathbb{R} \setminus \{0\}"), r"The domain is $\mathbb{R} - \{0\}$.", r"The domain is $\mathbb{R} - \{1\}$."),
    (Number("1250"), "总共花费1250元。", "总共花费约1250元。"),
    (Number("1250"), "每天卖出1250个。", "每天卖出不到1250个。"),
    (Number("2500"), "2492 + 8 = 2500", "Theorem 2492 + 8 = 2500"),
    (Number("2500"), "In total 2492 + 8 = 2500", "Equation 2492 + 8 = 2500"),
    (Text(("no",)), "**No**, hamsters do not.", "No, wait, they do."),
    (Text(("yes",)), "Yes. The sum is even.", "Yes and no."),
    (Choice("AC", COLOURS), "选项A和C都对", "选项A和C都不对"),
    (Choice("AC", COLOURS), "A和C都正确", "A和B都正确"),
]


@pytest.mark.parametrize(("reference", "right", "wrong"), PAIRS, ids=[right for _, right, _ in PAIRS])
def test_a_form_is_paid_and_its_neighbour_is_not(reference: Reference, right: str, wrong: str) -> None:
    assert pays(reference, right) and not pays(reference, wrong)


@pytest.mark.parametrize("forms", [("0 \\le x < 1", "[0,1)", "1 > x \\ge 0"), ("x < 3", "(-\\infty, 3)", "2x < 6"), ("|x| < 1", "(-1, 1)")])
def test_an_interval_and_the_inequality_that_says_it_are_one_vote(forms: tuple[str, ...]) -> None:
    assert len({vote(claim(form)) for form in forms}) == 1
    assert vote(claim("x \\ge 3")) != vote(claim("(3, \\infty)"))


OPERATORS = (
    r"2 \cdot",
    r"2 \times",
    r"\frac{1}{2} \times",
    r"\alpha +",
    r"\alpha -",
    "x -",
    "n",
    r"\log",
    r"\sin",
    r"5 \div",
    r"\pi",
    "3 +",
    r"x = 2 \cdot",
    r"\sqrt",
)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("display", ["$@$", "So $@$.", "\\[ @ \\]", "\\( @ \\)"])
def test_an_operator_before_a_box_belongs_to_its_formula_whatever_blank_stands_between(operator: str, display: str) -> None:
    for reference in (Number("16"), Latex("16")):
        for blank in ("", " ", r"\, ", r"\ "):
            assert not pays(reference, display.replace("@", f"{operator}{blank}\\boxed{{16}}")), blank
        for lead in (r"x = ", r"2 \cdot 8 = ", r"\Rightarrow "):
            assert pays(reference, display.replace("@", f"{lead}\\boxed{{16}}")), lead


@pytest.mark.parametrize("sign", ["-", " - ", "–", "/", "+", "*", "^"])
@pytest.mark.parametrize("command", ["text", "mbox", "mathrm", "textrm"])
def test_a_sign_in_a_text_command_is_no_unit(command: str, sign: str) -> None:
    for reference in (Number("16"), Latex("16")):
        assert not pays(reference, f"\\boxed{{16\\{command}{{{sign}}}18}}")


RULED_OUT = ("are eliminated", "are ruled out", "are wrong", "are all incorrect", "can be excluded", "do not fit", "are not right", "fail")


@pytest.mark.parametrize("denial", RULED_OUT)
def test_options_that_are_ruled_out_together_are_not_chosen(denial: str) -> None:
    for subject, out in (("A and B", "AB"), ("A, B and D", "ABD"), ("Options (A), (B), and (D)", "ABD")):
        for letter in "ABCD":
            assert not pays(Choice(letter, COLOURS), f"{subject} {denial}.")
            assert pays(Choice(letter, COLOURS), f"{subject} {denial}. So the answer is C.") is (letter == "C")
        assert not pays(Choice(out, COLOURS), f"{subject} {denial}.") and "C" not in out
    assert pays(Choice("AB", COLOURS), "A and B are right.")


@pytest.mark.parametrize("condition", ["If we ignored the bonus", "If we do not count the twins", "If I skipped one"])
def test_what_would_be_if_something_were_left_out_is_not_claimed(condition: str) -> None:
    for reference in (Number("16"), Latex("16")):
        for claim_ in ("16", "\\boxed{16}"):
            assert not pays(reference, f"{condition}, the answer would be {claim_}.")
    assert pays(Number("16"), "If each costs 4 dollars, the total would be \\boxed{16}.")


CLAIMS: list[tuple[Reference, str]] = [
    (Number("7"), "7"),
    (Latex("x^2+1"), "x^2+1"),
    (Latex("(13,7)"), "(x, y) = (13, 7)"),
    (Latex("18:11"), "AB:BC = 18:11"),
    (Latex("\\{1,2\\}"), "\\{1, 2\\}"),
    (Latex("\\infty"), "\\infty"),
    (Text(("the moon",)), "the moon"),
    (Choice("A", ("12", "15")), "(A)"),
    (Choice("B", ()), "B"),
]


@pytest.mark.parametrize(("reference", "claim"), CLAIMS, ids=str)
@pytest.mark.parametrize("head", ["\\alpha -", "\\beta + \\;", "\\lambda - \\,", "3 \\times", "x /"])
def test_a_box_that_an_operator_joins_to_a_formula_is_no_claim_of_any_kind(reference: Reference, claim: str, head: str) -> None:
    content = f"\\text{{{claim}}}" if isinstance(reference, Text) else claim
    assert not isinstance(grade(reference, f"So ${head} \\boxed{{{content}}}$."), Right)
    assert isinstance(grade(reference, f"So we get $\\boxed{{{content}}}$."), Right)


@pytest.mark.parametrize(("reference", "claim"), CLAIMS, ids=str)
@pytest.mark.parametrize(
    "words",
    ["Supposedly it is", "Reportedly, it is", "It can be", "It could well be", "Leaving out one of them, it would be", "Presumably"],
)
def test_a_hedge_takes_a_claim_of_any_kind_away(reference: Reference, claim: str, words: str) -> None:
    formula = isinstance(reference, Latex) and not claim.startswith(("(", "A"))
    assert not isinstance(grade(reference, f"{words} {f'${claim}$' if formula else claim}."), Right)


@pytest.mark.parametrize("value", ["May 3", "no solution", "never"])
def test_a_value_said_again_after_hashes_is_not_taken_back(value: str) -> None:
    assert isinstance(grade(Text((value,)), f"\\boxed{{\\text{{{value}}}}}\n#### \\text{{{value}}}"), Right)
    assert not isinstance(grade(Text((value,)), f"\\boxed{{\\text{{{value}}}}}\n#### \\text{{Monday}}"), Right)


@pytest.mark.parametrize("reply", ["slope m = -3/4", "The slope m = -3/4.", "So the slope m = -3/4"])
def test_a_noun_before_a_name_is_dropped(reply: str) -> None:
    assert isinstance(grade(Latex("-\\frac{3}{4}"), reply), Right)
    assert not isinstance(grade(Latex("-\\frac{3}{4}"), reply.replace("slope", "wrong slope")), Right)


@pytest.mark.parametrize("reply", ["The value is closest to (C).", "It is nearest to (C) 15."])
def test_the_option_that_a_value_is_closest_to_is_chosen(reply: str) -> None:
    assert isinstance(grade(Choice("C", ("12", "13", "15")), reply), Right)
    assert not isinstance(grade(Choice("C", ("12", "13", "15")), reply.replace(" is ", " is not ")), Right)


@pytest.mark.parametrize("letter", "ABD")
@pytest.mark.parametrize("words", ["The answer is ({}) no change.", "({}) no change", "\\boxed{{{}. no change}}", "**{}: no change**"])
def test_a_letter_beside_the_text_of_another_option_is_no_choice(letter: str, words: str) -> None:
    options = ("a sudden fall", "a slow rise", "no change", "a steady state")
    assert not isinstance(grade(Choice("C", options), words.format(letter)), Right)
    assert isinstance(grade(Choice("C", options), words.format("C")), Right)


@pytest.mark.parametrize("reply", ["x = 13 and y = -7 and", "The answer is x = 13 \\text{ and } y = -7 and (14, -7).", "7 or"])
def test_nothing_behind_and_is_not_understood(reply: str) -> None:
    assert not isinstance(grade(Latex("(13,-7)"), reply), Right) and not isinstance(grade(Latex("7"), reply), Right)


@pytest.mark.parametrize("value", ["½", "¾", "⅛", ".125", "+7", "π/5"])
def test_a_value_in_signs_is_read_before_it_is(value: str) -> None:
    gold = {"½": "\\frac12", "¾": "0.75", "⅛": "0.125", ".125": "0.125", "+7": "7", "π/5": "\\frac{\\pi}{5}"}[value]
    assert isinstance(grade(Latex(gold), f"So {value} it is."), Right)


DOUBTS = ["It may be that", "It could well be that", "It might be the case that", "It is possible that", "It's quite conceivable that"]
DOUBTS += ["Chances are that", "There is a good chance that", "There's a possibility that", "Maybe it is so that", "It cannot be that"]


@pytest.mark.parametrize("doubt", DOUBTS)
def test_doubt_about_a_whole_sentence_takes_its_claim_away(doubt: str) -> None:
    for reference, claim_text in ((Number("7"), "7"), (Latex("7"), "$7$"), (Latex("7"), r"$\boxed{7}$"), (Choice("B", COLOURS), "B")):
        assert not pays(reference, f"{doubt} the answer is {claim_text}."), claim_text
        for certainty in ("It must be that", "It can be seen that", "It is easily seen that", "One sees that"):
            assert pays(reference, f"{certainty} the answer is {claim_text}."), (certainty, claim_text)


@pytest.mark.parametrize("noun", ["number", "whole number", "integer", "value", "digit"])
def test_a_number_that_is_only_described_is_not_claimed(noun: str) -> None:
    for article in ("a", "some", "any", "every"):
        for clause in ("that ends in", "near", "with the digits", "which divides"):
            assert not pays(Number("16"), f"{article} {noun} {clause} 7 + 9 = 16"), clause
    assert pays(Number("16"), "So we get a total of 7 + 9 = 16.")


@pytest.mark.parametrize("remark", ["A common mistake is to answer {}.", "Many students answer {}.", "One common error is choosing {}."])
def test_an_option_that_others_choose_by_mistake_is_not_chosen(remark: str) -> None:
    for rival in ("D", "D. grey", "(D) grey"):
        for choice in ("C", "C. blue", "(C)"):
            assert pays(Choice("C", COLOURS), f"The answer is {choice}. {remark.format(rival)}"), (choice, rival)
            assert not pays(Choice("D", COLOURS), f"The answer is {choice}. {remark.format(rival)}"), (choice, rival)


@pytest.mark.parametrize("values", [r"-3, \frac{5}{4}, -1, -15", r"\frac{1}{2}, 3, 4", r"\sqrt{2}, -\sqrt{2}, 1, -1"])
def test_all_named_values_of_a_last_line_are_read(values: str) -> None:
    named = ", ".join(f"x = {value}" for value in values.split(", "))
    assert pays(Latex(values), f"Substituting back confirms it.\n{named}")
    assert not pays(Latex(values.partition(", ")[2]), f"Substituting back confirms it.\n{named}")


@pytest.mark.parametrize("command", ["{}", r"\text{{{}}}", r"\mathrm{{{}}}"])
def test_all_lines_of_a_box_are_the_claim(command: str) -> None:
    for blank in ("\n", "\n\n", ".\n"):
        claim_text = command.format(blank.join(map(str, range(89, 94))))
        for reference in (Number("89"), Latex("89"), Number("93"), Latex("93")):
            assert not pays(reference, rf"The answer is $\boxed{{{claim_text}}}$."), claim_text


RULED_OUT = ["It is impossible that x is negative, so", "It cannot be that x = 3, so", "Since it is possible that all fail,"]


@pytest.mark.parametrize("clause", [*RULED_OUT, "Perhaps surprisingly, we find that"])
def test_doubt_about_another_clause_leaves_the_claim(clause: str) -> None:
    for claim_text in (r"$\boxed{7}$", "$7$", "7"):
        assert pays(Latex("7"), f"{clause} the answer is {claim_text}."), claim_text


@pytest.mark.parametrize("noun", ["probability", "chance"])
def test_the_value_of_a_probability_is_no_doubt(noun: str) -> None:
    for claim_text in (r"$\boxed{\frac{3}{4}}$", "3/4"):
        assert pays(Latex(r"\frac{3}{4}"), f"There is a {noun} of {claim_text}.")
        assert not pays(Latex(r"\frac{3}{4}"), f"There is a {noun} that the answer is {claim_text}.")


@pytest.mark.parametrize("adverb", ["exactly", "only", "just", "about", "at most"])
def test_an_adverb_between_makes_no_permission_of_a_doubt(adverb: str) -> None:
    for may in ("may", "could", "might"):
        for number in ("7", r"$\boxed{7}$"):
            assert not pays(Number("7"), f"It {may} be {adverb} {number} cups.")
