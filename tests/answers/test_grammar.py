"""What is not understood beside a claim is not paid: families of sentences over words that stand in no list, some of them invented."""

from __future__ import annotations

import pytest

from aha.answers.context import _stance, states_plainly
from aha.answers.grammar import kinds, leads, upholds
from aha.grading import grade
from aha.types import Latex, Right

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
