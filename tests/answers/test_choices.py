"""Which option a reply chooses: the benchmarks' chains as published, and our own reading for rewards."""

from __future__ import annotations

import io
import json
import os
import re
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.answers.choosing import NONE, SEVERAL, chosen
from aha.answers.statements import gpqa, mmlu, mmlu_pro

CAPITALS = ("Paris", "London", "Rome", "Berlin")

# --- chains -----------------------------------------------------------------------------------------------------------

FIRST = {
    "Answer: B\nOn reflection, Answer: C": "B",
    "the ANSWER \t:\t$D$": "D",
    "Answer: c": "c",
    "Answer: **C**": None,
    "Answer: E": None,
    "The answer is C": None,
}


@pytest.mark.parametrize(("text", "letter"), FIRST.items())
def test_gpqa_takes_the_first_answer_line_and_nothing_else(text: str, letter: str | None) -> None:
    assert gpqa(text) == letter


NORMALISED = {
    "**Answer:** $\\boxed{C}$": "C",
    "Answer: \\text{D}": "D",
    "答案：B": "B",
    "Antwort: A, Answer: D": "D",
    "الإجابة: ب": "B",
    "উত্তরঃ ড": "C",
    "正解です。答え：Ｄ": "D",
    "It is B": None,
}


@pytest.mark.parametrize(("text", "letter"), NORMALISED.items())
def test_mmlu_drops_marks_and_tries_the_languages_in_their_order(text: str, letter: str | None) -> None:
    assert mmlu(text) == letter


STEPS = {
    "The answer is (C). No: the answer is (D).": "C",
    "The answer is Certain": "C",
    "Answer: A, or rather Answer: B\nAnswer: C": "B",
    "answer: Answer: C": "C",
    "**Answer:**\n\nD": "D",
    "A beats B, and J beats all": "J",
    "Nothing at all": None,
    "K": None,
}


@pytest.mark.parametrize(("text", "letter"), STEPS.items())
def test_mmlu_pro_takes_three_steps(text: str, letter: str | None) -> None:
    assert mmlu_pro(text) == letter


def as_published(text: str) -> str | None:
    """The three expressions of the protocol as they stand."""
    text = text.replace("**", "")
    steps = (r"answer is \(?([A-J])\)?", r".*[aA]nswer:\s*([A-J])", r"(?s)(\b[A-J]\b)(?!.*\b[A-J]\b)")
    return next((found[1] for step in steps if (found := re.search(step, text))), None)


@given(
    st.lists(st.sampled_from(["answer is ", "Answer:", "nswer:", "A", "B", "(C)", " ", "\n", "**", "x", "D_"]), max_size=12).map("".join)
)
def test_mmlu_pro_in_linear_time_is_what_the_published_expressions_say(text: str) -> None:
    assert mmlu_pro(text) == as_published(text)


def test_a_megabyte_is_read_in_a_second() -> None:
    start = time.process_time()
    for text in ("answer: " * 125_000, "A " * 500_000, "x" * 1_000_000, "(" * 1_000_000, "Answer:\n" * 125_000, "is " * 333_333):
        for reads in (gpqa, mmlu, mmlu_pro, chosen):
            reads(text)
    assert time.process_time() - start < 6.0


def test_the_chain_gives_what_is_stored_with_12020_outputs_of_mmlu_pro() -> None:
    path = Path(os.environ.get("AHA_DATA", "nowhere"), "mmlu_pro/model_outputs_gemini-1.5-pro-002_5shots.zip")
    if not path.is_file():
        pytest.skip("AHA_DATA with the MMLU-Pro outputs is not set")
    with zipfile.ZipFile(path) as packed:
        rows = json.load(io.BytesIO(packed.read(packed.namelist()[0])))
    assert sum(mmlu_pro(row["model_outputs"]) == row["pred"] for row in rows) == len(rows) == 12_020


# --- our own ----------------------------------------------------------------------------------------------------------

C = """C|c|(C)|c)|C.|[C]|**C**|$C$|Ｃ|（Ｃ）|𝐂|Answer: C|Answer: (C)|**Answer:** C|**Answer**: C|Final Answer: C|Answer - C|Answer: $C$
The answer is C.|The correct answer is (C).|The answer is \\text{C}|So the answer is therefore C|The answer is option C|The answer must be C
\\boxed{C}|\\boxed{\\text{C}}|\\boxed{\\textbf{(C)}}|$\\boxed{\\text{(C) } Rome}$|\\boxed{Rome}|\\boxed{C. Rome}|First \\boxed{A}. But no, it is \\boxed{C}.
答案是C|答案：C。|正确答案是选项C|故选：C|因此选C。|选项C是正确的|应选Ｃ|答案选C|C选项正确|本题选择C项|答案：C。选项A错误，选项B错误。|选C，不选A
C) Rome|C. Rome|C: Rome|(C) Rome is old|Rome|rome.|The answer is Rome.|Answer: C) Rome.|It is C.|Thus, C.|I think C|I choose C|I'd go with option C
Option C is correct|C is the correct answer|The best choice is C|Rome is the capital of Italy, so option C.|Answer: the answer is C
Answer: C because B is wrong|Answer: C. Option A is wrong because it is in France.|C, not A"""


@pytest.mark.parametrize("answer", [*re.split(r"[|\n]", C), "Answer: A\nNo, wait.\nAnswer: C", "Answer:\n\nC", "A is tempting.\n\nC"])
def test_a_reply_that_commits_to_c_chooses_c(answer: str) -> None:
    assert chosen(answer, CAPITALS) == "C"


NOT_ONE = """A or C|A and C|A, C|A/C|A B C D|A、C|A和C|Both A and C are correct|Either A or C|A or C is correct|Neither A nor C is correct|答案是A和C|C (or D)|C. Or D.|(A) and (C)
\\boxed{A} or \\boxed{C}|\\boxed{A}, \\boxed{C}|\\boxed{A, C}|\\boxed{A \\text{ or } C}|Answer: C and D|Answer: A, B, C, D|The answer is C or D
A. Paris B. London C. Rome D. Berlin"""


@pytest.mark.parametrize("answer", [*re.split(r"[|\n]", NOT_ONE), "A) Paris\nB) London\nC) Rome\nD) Berlin"])
def test_a_reply_that_offers_several_chooses_none(answer: str) -> None:
    assert chosen(answer, CAPITALS) in (SEVERAL, NONE)


NOTHING = """||\\boxed{}|E|The answer is E|AC|ABCD|С|Answer: С|A dog barks|I|none of the above|The answer is correct.|The answer is not C|The incorrect answer is C
Option C is incorrect|答案不是C|vitamin C|答案是罗马"""


@pytest.mark.parametrize("answer", re.split(r"[|\n]", NOTHING))
def test_a_reply_that_names_no_option_chooses_none(answer: str) -> None:
    assert chosen(answer, CAPITALS) == NONE


def test_a_letter_beside_the_text_of_another_option_is_none() -> None:
    assert str(chosen("C. London", CAPITALS)) == "Wrong(reason='letter C beside the text of option B')"
    assert str(chosen("\\boxed{C: London}", CAPITALS)) == "Wrong(reason='letter C beside the text of option B')"


def test_options_are_compared_as_numbers_and_as_formulas_too() -> None:
    assert chosen("\\boxed{0.50}", ("1/3", "50%", "0.5", "5")) == "C"
    assert chosen("$6.0$", ("6", "-6", "60")) == "A"
    assert chosen("\\boxed{\\frac{1}{2}}", ("$\\frac{1}{3}$", "$\\frac{1}{2}$")) == "B"


def test_a_text_that_two_options_share_names_neither() -> None:
    assert str(chosen("Both", ("Both", "both.", "None"))) == "A"
    assert str(chosen("BOTH", ("Both", "both.", "None"))) == "Wrong(reason='a text that several options share')"


def test_what_reads_like_letters_may_be_the_text_of_an_option() -> None:
    assert chosen("A and B", ("A", "B", "C", "A and B")) == "D"


def test_ten_options_have_letters_to_j_and_more_where_that_is_said() -> None:
    assert chosen("Answer: J") == "J"
    assert chosen("Answer: K") == NONE
    assert chosen("Answer: K", count=12) == "K"


@given(st.text(max_size=300))
def test_whatever_is_said_is_a_letter_or_none(answer: str) -> None:
    found = chosen(answer, CAPITALS)
    assert not isinstance(found, str) or found in "ABCD"
