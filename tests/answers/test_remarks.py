"""Remarks behind a claim, values below it, bounds in words, congruences, segments and other quantities than the one that is sought."""

from __future__ import annotations

from random import Random

import pytest

from aha.answers.joining import without_remark
from aha.types import Choice, Latex, Number, Right
from tests.graders import grade


def pays(gold: str, *replies: str) -> list[str]:
    return [reply for reply in replies if isinstance(grade(Latex(gold), reply), Right)]


REJECTIONS = (
    "x = {} (rejecting x = {})",
    "x = {} (we discard x = {})",
    "$x = {}$ (we reject $x = {}$ because it is negative).",
    "x = {} (x = {} is extraneous)",
    "x = {}, since x = {} is extraneous.",
    "\\boxed{{x = {}}} (excluding $x = {}$)",
)


@pytest.mark.parametrize("remark", REJECTIONS)
def test_a_value_that_is_rejected_is_none_of_the_answer(remark: str) -> None:
    rng = Random(remark)
    for _ in range(5):
        kept, out = rng.sample(range(2, 60), 2)
        reply = remark.format(kept, -out)
        assert pays(f"x={kept}", reply), reply
        assert not pays(f"x={-out}", reply), reply
        assert not pays(f"{kept}, {-out}", reply), reply
        assert not pays(f"x={kept}", remark.format(kept, kept)), remark


def test_only_remarks_that_are_understood_are_left_out() -> None:
    assert without_remark("x = 1, x = -2, both of which satisfy the equation.") == "x = 1, x = -2"
    assert without_remark("x = 3 or x = 1 (rejecting x = 1)") == ""
    for text in ("x = 1, x = -2, neither of which satisfies it.", "7 (a guess)", "7, which is wrong"):
        assert without_remark(text) == text
    length = "The length is $2\\sqrt{{5}}$ (about {})."
    assert pays("2\\sqrt{5}", length.format("4.47")) and not pays("2\\sqrt{5}", length.format("4.57"))


LINES = (
    "**Answer:**\n- {}\n- {}",
    "### Final Answer\n{}\n{}",
    "Solutions:\n- {}\n- {}",
    "The solutions are:\n1. {}\n2. {}",
    "Answer: {}\nor {}",
)


@pytest.mark.parametrize("lines", LINES)
def test_values_one_a_line_below_an_announcement_are_all_claimed(lines: str) -> None:
    reply = lines.format("$x = 4$", "$x = -9$")
    assert pays("4, -9", reply)
    assert not pays("4", reply) and not pays("-9", reply)
    assert not isinstance(grade(Number("4"), lines.format("4", "9")), Right)


BOUNDS = {
    "[{0},{1}]": ("x lies between {0} and {1}, inclusive.", "all real numbers from {0} to {1}, inclusive"),
    "({0},{1})": ("x lies strictly between {0} and {1}.", "all real numbers between {0} and {1}, exclusive"),
    "x > {0}": ("x is greater than {0}", "all real numbers greater than {0}"),
    "x \\le {0}": ("x is at most {0}", "all real numbers less than or equal to {0}"),
    "x \\ge {0}": ("x is at least {0}.", "x must be greater than or equal to {0}"),
}


@pytest.mark.parametrize("gold", BOUNDS)
def test_bounds_in_words_are_sets_and_no_numbers(gold: str) -> None:
    for low, high in ((1, 4), (-3, 12), (0, 7)):
        own = [text.format(low, high) for text in BOUNDS[gold]]
        others = [text.format(low, high) for name, texts in BOUNDS.items() if name != gold for text in texts]
        assert pays(gold.format(low, high), *own, *others) == own
        assert not pays(str(low), *own, *others) and not pays(str(high), *own, *others)
    assert not pays("[1,4]", "x is between 1 and 4.", "all integers from 1 to 4, inclusive")


def test_a_congruence_has_a_modulus_and_residues() -> None:
    for residue, modulus in ((3, 7), (1, 4), (10, 11)):
        gold = f"x \\equiv {residue} \\pmod{{{modulus}}}"
        right = (
            f"\\boxed{{x \\equiv {residue} \\bmod {modulus}}}",
            f"x ≡ {residue} (mod {modulus})",
            f"\\boxed{{{residue} \\pmod{{{modulus}}}}}",
            f"\\boxed{{x \\equiv {residue - modulus}\\ (\\text{{mod }} {modulus})}}",
        )
        assert pays(gold, *right) == list(right)
        assert not pays(gold, f"x ≡ {residue} (mod {modulus + 1})", f"x ≡ {residue + 1} (mod {modulus})", f"\\boxed{{{residue}}}")
        assert not pays(
            gold, f"\\boxed{{y \\equiv {residue} \\pmod{{{modulus}}}}}", f"\\boxed{{x \\not\\equiv {residue} \\pmod {modulus}}}"
        )


def test_a_segment_is_named_by_its_ends_in_any_order() -> None:
    right = [f"\\boxed{{{name}}}" for name in ("BE", "\\text{BE}", "\\mathrm{EB}", "\\overline{EB}", "\\overline{\\text{BE}}")]
    assert pays("\\overline{BE}", *right) == right
    assert not pays("\\overline{BE}", "\\boxed{BD}", "\\boxed{B, E}", "\\boxed{\\overrightarrow{BE}}", "\\boxed{BEB}", "\\boxed{IS}")


SOUGHT = ("squared {}", "square of the {}", "reciprocal of the {}", "cube of the {}", "opposite of the {}")


def test_a_sentence_about_another_quantity_claims_nothing() -> None:
    for name in ("distance", "radius", "side length"):
        assert not pays("2\\sqrt{5}", *(f"The {words.format(name)} is $2\\sqrt{{5}}$." for words in SOUGHT))
        assert not pays("2\\sqrt{5}", f"Half the {name} is \\boxed{{2\\sqrt{{5}}}}.", f"Twice the {name} is $2\\sqrt5$.")
        assert pays("2\\sqrt{5}", f"The {name} is $2\\sqrt{{5}}$.")
    assert not pays("\\frac12", "The odds are 1:2.", "The odds against it are 1 to 2.", "One incorrect approach gives \\boxed{\\frac12}.")


def test_a_box_below_a_final_answer_repeats_it() -> None:
    assert not pays("5", "**Final Answer**: 6\n\nEarlier I had \\boxed{5}.", "The final answer is 6\n\n\\boxed{5}")
    right = ["**Final Answer**: 5\n\n\\boxed{5}", "**Final Answer**\n\n\\boxed{5}", "Final Answer: The final answer is $\\boxed{5}$"]
    assert pays("5", *right) == right


def test_formulas_in_plain_text_end_a_sentence() -> None:
    assert pays("p=5,q=2", "So p = 5 and q = 2.") and not pays("p=5,q=2", "So p = 2 and q = 5.")
    assert pays("\\{1,2,3\\}", "The set is {1, 2, 3}.") and not pays("\\{1,2,3\\}", "The set is not {1, 2, 3}.")
    assert pays("120_5", "The number is 120 (base 5).") and not pays("120_5", "The number is 120 (base 6).")
    assert pays("0.\\overline{36}", "0.3636...", "\\boxed{0.3636\\ldots}") == ["0.3636...", "\\boxed{0.3636\\ldots}"]
    assert pays("3:30\\text{ p.m.}", "The train arrives at 3:30 p.m.") and not pays("3:30\\text{ p.m.}", "It does not arrive at 3:30 p.m.")


def test_several_options_with_their_texts_are_a_set() -> None:
    reference = Choice("AD", ("red rose", "green leaf", "blue sea", "grey sky"))
    assert isinstance(grade(reference, "The correct answers are (A) red rose and (D) grey sky."), Right)
    assert not isinstance(grade(reference, "The correct answers are (A) red rose and (D) blue sea."), Right)


def test_what_a_box_divides_or_halves_is_no_value() -> None:
    wrong = (
        "n has the divisor \\boxed{17}",
        "$n/2 = \\boxed{17}$",
        "$\\frac{n}{2} = \\boxed{17}$",
        "The period divides 17.",
        "n exceeds 17.",
    )
    assert not pays("17", *wrong)
    right = ["Thus the polynomial has degree 17.", "The minimum is 17, when $x=1$ and $y=4$.", "The result is 17 (1 + 16)."]
    right += ["The remainder when 2^10 is divided by 19 is 17.", "We have 2 rows of 8 chairs. 2 x 8 + 1 = 17. There are 17 chairs."]
    assert pays("17", *right) == right
    assert not pays("17", "The result is 17 (1 + 15).")


def test_a_point_beside_an_expression_is_left_out_and_beside_an_inequality_it_is_not() -> None:
    assert pays("\\frac{x+1}{x-2}", "\\boxed{\\frac{x+1}{x-2},\\ x\\ne 2}")
    assert not pays("x>1", "\\boxed{x>1,\\ x\\ne 2}")
    assert pays("(-\\infty,-1)\\cup(3,\\infty)", "The solution is all real numbers less than -1 or greater than 3.")


TEXTS = ("0.5", "0.25", "2", "4")


@pytest.mark.parametrize(
    ("letter", "reply", "right"),
    [
        ("A", "Answer: - 0.5", False),
        ("C", "The answer is $C \\ge 2$.", False),
        ("A", "The answer is ***both A and B***.", False),
        ("C", "The correct answer is B: 2", False),
        ("C", "The answer is \\text{A} instead of C. 2", False),
        ("A", "The answer is (A), not 2.", True),
        ("A", "The answer is ***A***.", True),
    ],
)
def test_a_letter_beside_signs_and_other_options(letter: str, reply: str, right: bool) -> None:
    assert isinstance(grade(Choice(letter, TEXTS), reply), Right) == right


def test_letters_that_spell_a_word_are_letters() -> None:
    assert isinstance(grade(Choice("BE", ("red", "green", "blue", "grey", "pink")), "The answer is BE."), Right)
    assert not isinstance(grade(Latex("660"), "<answer> I got stuck at step 658 + 2 = 660. </answer>"), Right)


def test_near_values_and_half_denials_claim_nothing() -> None:
    wrong = ("The answer is closest to 8.", "Not quite: \\boxed{8}.", "The answer is definitely not \\text{total} = 8.")
    assert not pays("8", *wrong)
    assert not pays("5\\text{ cm}", "5 cm too short") and not pays("t=-10", "La respuesta es -10 = t o 7 = t.")
    right = ["\\color{red}{\\boxed{8}}", "$\\textcolor{blue}{\\boxed{8}}$", "Since 9 is odd, 8 it is.", "The value is $8$ for $n\\ge 1$."]
    assert pays("8", *right) == right
    assert pays("\\begin{pmatrix} 2 & 1 \\\\ 1 & 1 \\end{pmatrix}", "\\boxed{A^2=\\begin{pmatrix}2&1\\\\1&1\\end{pmatrix}}")
    thirds = Choice("B", ("1/2", "1/3", "1/4"))
    assert isinstance(grade(thirds, "\\boxed{\\textbf{(B) }\\frac{1}{3}}"), Right)
    assert not isinstance(grade(thirds, "So the answer is B. 1/4, as was to be shown."), Right)
