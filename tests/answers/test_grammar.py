"""What is not understood beside a claim is not paid: families of sentences over words that stand in no list, some of them invented."""

from __future__ import annotations

import pytest

from aha.answers.context import _stance, states_plainly
from aha.answers.grammar import kinds, leads, upholds
from aha.grading.maths import quick
from aha.types import Latex, Number, Right
from tests.graders import grade

JUDGING = {  # verbs whose subject is the claim, or the one who claims it
    "The naive count \\boxed{7} § the last case.": "treats overlooks flumps botches snubs",
    "\\boxed{7} § the corner cases.": "treats forgets flumps squanders",
    "\\boxed{7} § plausible.": "sounds flumps",
    "The textbook's \\boxed{7} § the sign.": "forgets flumps",
    "The count is \\boxed{7}. This § the symmetry.": "ignores neglects flumps glosses",
    "We get \\boxed{7}, which § the boundary.": "overlooks flumps",
    "The answer is \\boxed{7}. That, however, § the order.": "snubs flumps",
    "A student would § \\boxed{7}.": "proclaim peddle flump",
    "Bloggers § that the answer is \\boxed{7}.": "trumpet tout flump",
    "The tabloids § $x=\\boxed{7}$.": "parrot flump",
    "We § \\boxed{7}.": "scrap retract flump",
    "The § answer is \\boxed{7}.": "naive purported fabled flumpy",
    "A § count gives \\boxed{7}.": "hasty sloppy flumpy",
    "The § value is $x=\\boxed{7}$.": "outdated quack flumpy",
    "§: \\boxed{7}": "Myth Superficial Flump",
    "§, the answer is \\boxed{7}.": "Allegedly Ostensibly Flumpily",
    "The answer is § \\boxed{7}.": "supposedly flumpily",
    "§ the tax, the price is \\boxed{7}.": "Ignoring Flumping",
    "It is § to be \\boxed{7}.": "rumoured flumped",
    "\\boxed{7} is §.": "premature flumpy",
    "The sum is \\boxed{7}. §.": "Redo Nope Flump",
    "The sum is \\boxed{7}. § that.": "Scrap Flump",
    "The sum is \\boxed{7}. §": "We_need_to_subtract_2. It_must_still_be_doubled. Correct_value:_8. This_would_double_count_the_ends.",
    "Each has \\boxed{7} sweets.\n§": "Multiplying_by_the_3_children,_we_get_21_sweets. There_are_3_of_them,_so_21_sweets_in_all.",
}
STATED = [
    "The naive count is 5, but the answer is \\boxed{7}.",
    "Ann shovels \\boxed{7} driveways.",
    "So there are \\boxed{7} flumps in the box.",
    "Thus Zorblat needs \\boxed{7} more flumps.",
    "\\boxed{7} flumps remain.",
    "Putting it all together: \\boxed{7}",
    "The value is \\boxed{7}, as was to be shown.",
    "The answer is \\boxed{7}. It satisfies both equations.",
    "The determinant works out to \\boxed{7}.",
    "Adding the two yields $\\boxed{7}$.\n\nCheck: $3+4=7$.",
    "The plumber charges \\boxed{7} dollars.",
    "The sum is $\\boxed{7}$. To verify, divide 21 by 3 and you get 7.",
    "The number of wrong answers is $\\boxed{7}$.",
]


@pytest.mark.parametrize(("form", "word"), [(form, word) for form, words in JUDGING.items() for word in words.split()])
def test_a_word_that_is_not_known_to_uphold_a_claim_takes_it_away(form: str, word: str) -> None:
    assert grade(Latex("7"), form.replace("§", word.replace("_", " "))) != Right()


@pytest.mark.parametrize("reply", STATED)
def test_unknown_words_elsewhere_do_no_harm(reply: str) -> None:
    assert grade(Latex("7"), reply) == Right()


def test_words_have_kinds_by_list_or_by_their_ends() -> None:
    assert kinds("The flumpy answer is") == "ewai"
    assert kinds("flumps flumped flumping flumpily misflumped") == "sdgLx"
    assert kinds("we find $x^2$ so that") == "fyvtT"


def test_a_claim_is_stated_or_opens_its_clause_or_is_not_understood() -> None:
    assert (leads("So the sum is "), leads("Hence, "), leads("We flump ")) == ("states", "opens", "")


def test_what_a_claim_that_opens_its_clause_is_said_to_do_is_known() -> None:
    assert upholds("is the answer", opens=True) and upholds("apples are left", opens=True)
    assert not upholds("flumps the answer", opens=True)


PIECES = (
    "The",
    "answer",
    "sum",
    "flumpy",
    "of",
    "number",
    "is",
    "not",
    "however,",
    "half",
    "Naively,",
    "total",
    "we",
    "get",
    "that",
    "$x$",
    "are",
)


@pytest.mark.parametrize("count", range(1, 5))
def test_the_quick_look_at_plain_sentences_agrees_with_the_whole_one(count: int) -> None:
    quick = 0
    for place in range(3_000):
        words = [PIECES[(place * 7919 + 104729 * at * (place + at)) % len(PIECES)] for at in range(count)]
        sentence = f"Two and two are four. {' '.join(words)} is "
        if states_plainly(sentence):
            quick += 1
            assert _stance(f"{sentence}7", len(sentence), None, sentence) == "stated", sentence
    assert quick


ASIDES = (
    "(this is only an upper bound)|(lower bound)|(a rough estimate)|(approximately)|(placeholder)|. This is an estimate.|(a mere flump)"
)
KNOWN_ASIDES = "(apples)|(people)|(in cm)|(checked)|(since 7 is prime)|(option C)|(by symmetry)|. This is the number of ways.|(the answer)"


@pytest.mark.parametrize("head", ["\\boxed{7} ", "The answer is \\boxed{7} ", "We get $\\boxed{7}$ "])
def test_a_remark_behind_a_claim_explains_it_or_takes_it_away(head: str) -> None:
    def verdicts(asides: str) -> set[bool]:
        return {quick(Latex("7"), f"{head.rstrip() if aside[0] in '.,' else head}{aside}") == Right() for aside in asides.split("|")}

    assert (verdicts(ASIDES), verdicts(KNOWN_ASIDES)) == ({False}, {True})


@pytest.mark.parametrize("number", ["7", "1,250", "-3"])
@pytest.mark.parametrize("about", ["about", "roughly", "approximately", "around"])
def test_a_whole_number_that_is_only_estimated_is_not_claimed(about: str, number: str) -> None:
    boxed = f"\\boxed{{{number}}}"
    for reply in (f"It is {about} {boxed}.", f"{about.title()} ${boxed}$", f"$x \\approx {boxed}$", f"x ≈ {number}"):
        assert quick(Latex(number), reply) != Right(), reply
    rounded = f"Rounded to the nearest integer this is {about} {boxed}."
    assert quick(Latex(number), rounded) == quick(Latex("7"), "$6.9 \\approx \\boxed{7}$") == Right()


VERBS = "rang|sold|climbed|flumped|slept for|walked a total of|went down the slide"


@pytest.mark.parametrize("verb", VERBS.split("|"))
def test_a_true_calculation_states_its_result_whatever_the_verb(verb: str) -> None:
    assert quick(Number("22"), f"In all, she {verb} 4 + 12 + 6 = 22 times.") == Right()
    for snare in (f"She {verb} 4 + 12 = 22 times.", f"She would have {verb} 16 + 6 = 22 times.", f"At most she {verb} 16 + 6 = 22 times."):
        assert quick(Number("22"), snare) != Right(), snare


SUMS = "We now add |Then we multiply by |Half of |A naive count gives |If it rained, she would sell |There are about |At least |So x + "


@pytest.mark.parametrize("head", SUMS.split("|"))
def test_a_true_calculation_that_is_only_a_step_states_nothing(head: str) -> None:
    assert quick(Number("22"), f"{head}16 + 6 = 22.") != Right()


@pytest.mark.parametrize("word", ["Monday", "hyperbola", "Maria"])
def test_words_are_claimed_where_a_form_of_to_be_or_a_preposition_leads_to_them(word: str) -> None:
    said = ("It is §.", "So it will be a §.", "The answer must be §.", "It takes place on §.", "The one we look for is the §.")
    denied = ("It is not §.", "Whoever knows §", "~~§~~", "答案不是§。", "It is a degenerate §.", "It is either § or Tom.", "If it is §")
    assert [reply for reply in said if grade(Latex(f"\\text{{{word}}}"), reply.replace("§", word)) != Right()] == []
    assert [reply for reply in denied if grade(Latex(f"\\text{{{word}}}"), reply.replace("§", word)) == Right()] == []


BEHIND = " to 30|, roughly speaking|\n\nThis cannot be right.|\n\nI retract this."


@pytest.mark.parametrize("number", ["7", "24", "-3"])
def test_what_goes_on_behind_a_box_belongs_to_the_claim_or_takes_it_away(number: str) -> None:
    replies = [f"\\boxed{{{number}}}{rest}" for rest in BEHIND.split("|")]
    replies += [f"$\\boxed{{{number}}}{rest}$" for rest in (" < x", "\\cdot 10^3", "^2")]
    heads = ("Just under ", "Without the rule there would be ", "The answer is not 30, nor is it ")
    replies += [f"{head}\\boxed{{{number}}}." for head in heads]
    assert [reply for reply in replies if grade(Latex(number), reply) == Right()] == []


OF_IT = (
    "the number of divisors of §|the sum of the digits of §|the square root of §|§ (nineteen)|§ for the first part and 20 for the second"
)
TOTAL_OF = "a total of §|at the price of § dollars|§ (eighteen)"


def test_a_number_that_something_is_of_is_not_the_answer() -> None:
    assert [end for end in OF_IT.split("|") if grade(Latex("18"), f"The answer is {end.replace('§', '18')}.") == Right()] == []
    assert [end for end in TOTAL_OF.split("|") if grade(Latex("18"), f"So she has {end.replace('§', '18')}.") != Right()] == []


@pytest.mark.parametrize("said", ["\\boxed{18} min 30 s", "a_{\\boxed{18}}", "So it is 18. Let's verify: 18 + 2 = 21. ✗"])
def test_a_second_unit_an_index_and_a_failed_check_belong_to_the_claim(said: str) -> None:
    assert grade(Latex("18"), said) != Right()


@pytest.mark.parametrize(
    "said", ["So it is 18. Let's verify: 18 + 2 = 20. ✓", "The answer is 18!!!", "$x = \\frac{36}{2} \\implies x = 18$"]
)
def test_a_check_that_holds_and_a_conclusion_leave_the_claim(said: str) -> None:
    assert grade(Latex("18"), said) == Right()


WORDS_BEHIND = (
    " at best| at the most| per row, and there are 3 rows| and its negative| and also 43| in base 5|. Now divide by 2.|. No wait."
)
HEADS = "$n$ is a factor of §.|The digits of § add up to the answer.|Every § minutes a bus leaves.|The § chairs were bought last year."


@pytest.mark.parametrize("number", ["7", "42"])
def test_a_box_that_the_sentence_uses_for_something_else_is_not_the_answer(number: str) -> None:
    replies = [f"\\boxed{{{number}}}{rest}" for rest in WORDS_BEHIND.split("|")]
    replies += [head.replace("§", f"\\boxed{{{number}}}" if place < 2 else number) for place, head in enumerate(HEADS.split("|"))]
    assert [reply for reply in replies if grade(Latex(number), reply) == Right()] == []
