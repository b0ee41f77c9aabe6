"""Where an answer makes its final claim."""

from __future__ import annotations

import pytest

from aha.answers import claims
from aha.answers.claims import Claim, claim, closing_boxes
from aha.answers.replies import answer_part, boxed, boxes
from aha.types import Number, Right
from tests.graders import grade

BOXED = {
    "\\boxed{7}": "7",
    "first \\boxed{1}, then \\boxed{2}.": "2",
    "\\boxed{\\frac{1}{2}}": "\\frac{1}{2}",
    "\\boxed{\\{1, 2\\}}": "\\{1, 2\\}",
    "\\boxed{\\boxed{7}}": "\\boxed{7}",
    "\\boxed {7}": "7",
    "\\boxed 7": "7",
    "\\fbox{7}": "7",
    "\\boxed{7} and an open \\boxed{8": "7",
    "\\boxed{}": "",
    "\\boxed{7": None,
    "\\boxedtext{7}": None,
    "boxed{7}": "7",
    "\x08oxed{7}": "7",
    "\\framebox{7}": "7",
    "": None,
}


@pytest.mark.parametrize(("text", "content"), BOXED.items())
def test_the_last_box_that_closes_is_the_one_that_counts(text: str, content: str | None) -> None:
    assert boxed(text) == content


def test_boxes_know_where_they_stand() -> None:
    assert boxes("a \\boxed{7} b \\boxed{8}") == [("7", 2, 11), ("8", 14, 23)]


CLAIMS = {
    "\\boxed{7} #### 7.0": Claim("7", marked=True, boxes=1),
    "\\boxed{7} #### 8": Claim("", marked=True),
    "#### 8\n\\boxed{7}": Claim("", marked=True),
    "#### Step 8\n\\boxed{7}": Claim("7", marked=True, boxes=1),
    "1 + 1\n#### 2\nbye": Claim("2", marked=True),
    "#### 1\n#### 2": Claim("2", marked=True),
    "#### Step 2\n1 + 1\nAnswer: 2": Claim("2", marked=True),
    "Answer: 1, no\n#### 2": Claim("2", marked=True),
    "**Answer:**\n\\[\n8\n\\]\nDone": Claim("$8$", marked=True),
    "\\[\n\\text{Answer: } 8\n\\]": Claim("8", marked=True),
    "\\boxed{\\boxed{7}}": Claim("7", marked=True, boxes=1),
    "The answer is 7.": Claim("7.", marked=True),
    "Answer: 6\nAnswer: 7\nbye": Claim("7", marked=True),
    "**Answer:** 7": Claim("7", marked=True),
    "答案：7": Claim("7", marked=True),
    "My answers vary. 7": Claim("My answers vary. 7", marked=False),
    " 7 ": Claim("7", marked=False),
}


@pytest.mark.parametrize(("text", "found"), CLAIMS.items())
def test_a_box_goes_before_hashes_hashes_before_words_and_words_before_the_rest(text: str, found: Claim) -> None:
    assert claim(text) == found


JOINED = {
    "\\boxed{1}, \\boxed{2}": ["1", "2"],
    "\\boxed{1} and \\boxed{2}": ["1", "2"],
    "\\boxed{1} or \\boxed{2}": ["1", "2"],
    "$\\boxed{1}$ and $\\boxed{2}$.": ["1", "2"],
    "\\(\\boxed{1}\\), \\(\\boxed{2}\\), and \\(\\boxed{3}\\)": ["1", "2", "3"],
    "\\boxed{1} \\quad \\text{and} \\quad \\boxed{2}": ["1", "2"],
    "\\boxed{(3, 3)} \\text{ for part (a) and } \\boxed{(1, 1)}": ["(3, 3)", "(1, 1)"],
    "(a) \\boxed{1}; (b) \\boxed{2}": ["1", "2"],
    "x = \\boxed{1}, y = \\boxed{2}": ["1", "2"],
    "\\boxed{1}和\\boxed{2}": ["1", "2"],
    "\\boxed{1} \\boxed{1}": ["1"],
    "\\boxed{1}. Then \\boxed{2}": ["2"],
    "\\boxed{1}\n\n\\boxed{2}": ["2"],
    "\\boxed{1} papers and \\boxed{2} bins": ["1", "2"],
    "\\boxed{1} is less and \\boxed{2}": ["2"],
    "\\boxed{1}, so we get \\boxed{2}": ["2"],
    "\\boxed{40}_9": ["40_9"],
    "\\boxed{40}_{9}": ["40_{9}"],
    "\\boxed{25}\\%": ["25\\%"],
    "\\boxed{30}^\\circ": ["30^\\circ"],
    "\\\\boxed{7}": ["7"],
}


@pytest.mark.parametrize(("text", "found"), JOINED.items())
def test_boxes_of_one_closing_statement_count_together_and_else_the_last_one(text: str, found: list[str]) -> None:
    for before in ("", "These are words. " * 60):
        claimed = closing_boxes(before + text)
        assert claimed is not None and claimed[0].text in (", ".join(found), " or ".join(found)) and claimed[0].boxes == len(found)


def test_what_stands_in_the_thinking_or_in_a_later_turn_is_no_answer() -> None:
    assert answer_part("<think>7</think>8") == "8"
    assert answer_part("<think>7") == ""
    assert answer_part("8<|im_end|>9") == "8"
    assert answer_part("1 < 2") == "1 < 2"
    assert claim("so 7\nA: 8") == Claim("8", marked=True)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Summing the geometric series we find $0.\\overline{3}$.", "$0.\\overline{3}$"),
        ("So the slope of the line is \\(\\frac{2}{3}\\).", "\\(\\frac{2}{3}\\)"),
        ("Suppose the slope is $\\frac{2}{3}$.", None),
        ("The slope is not $\\frac{2}{3}$.", None),
    ],
)
def test_a_last_sentence_that_states_a_formula_claims_it(reply: str, said: str | None) -> None:
    assert (claim(reply).text == said) is (said is not None)


def test_a_word_and_its_digits_are_one_number_where_they_agree() -> None:
    assert isinstance(grade(Number("4"), "Three buses are too few. ANSWER: four (4) buses."), Right)
    assert not isinstance(grade(Number("5"), "ANSWER: four (5) buses."), Right)
    assert not isinstance(grade(Number("4"), "ANSWER: four (5) buses."), Right)


def test_an_example_is_no_claim() -> None:
    assert not isinstance(grade(Number("19"), "Any number I named, 19 for instance, would be a shot in the dark."), Right)


HEADS = (
    "Therefore, the sum is ",
    "We get ",
    "Could it be ",
    "The wrong answer is ",
    "Half of it is ",
    "Het foute antwoord is ",
    "If so, then it is ",
)
LAST_LINES = ("#### 72", "####72", "A: 72", "A: $72.50\n", "#### 72.", "A: 7, 2", "#### 72 dogs", "A: -3", "so A: 5")
FIRST_LINES = (
    "She has 2*36 = <<2*36=72>>72.",
    "In that case she would have 72.",
    "It is not\n",
    "Question: 3?",
    "\\boxed{4}",
    "<think>9</think>",
)


def test_what_is_read_at_once_is_read_as_by_the_whole_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    boxed_replies = [
        f"{head}{opens}\\boxed{{{content}}}{closes}"
        for head in HEADS
        for content in ("5", "\\frac{1}{2}", "3\\pi", "7 \\text{ km}", "4,5")
        for opens, closes in (("", "."), ("\\(", "\\)."), ("$", "$ meters."), ("$", "$ million."), ("\\[ ", " \\]"))
    ]
    replies = boxed_replies + [f"{first}\n{last}" for first in FIRST_LINES for last in LAST_LINES]
    quick = {reply: claim(reply) for reply in replies}
    assert sum(claims._at_once(reply) is not None for reply in replies) > 40
    monkeypatch.setattr(claims, "_at_once", lambda text: None)
    assert quick == {reply: claim(reply) for reply in replies}
