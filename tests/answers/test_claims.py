"""Where an answer makes its final claim."""

from __future__ import annotations

import pytest

from aha.answers.claims import Claim, boxed, boxes, claim

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
    "boxed{7}": None,
    "": None,
}


@pytest.mark.parametrize(("text", "content"), BOXED.items())
def test_the_last_box_that_closes_is_the_one_that_counts(text: str, content: str | None) -> None:
    assert boxed(text) == content


def test_boxes_know_where_they_stand() -> None:
    assert boxes("a \\boxed{7} b \\boxed{8}") == [("7", 2, 11), ("8", 14, 23)]


CLAIMS = {
    "\\boxed{7} #### 8": Claim("7", marked=True),
    "1 + 1\n#### 2\nbye": Claim("2", marked=True),
    "#### 1\n#### 2": Claim("2", marked=True),
    "#### Step 2\n1 + 1\nAnswer: 2": Claim("2", marked=True),
    "Answer: 1, no\n#### 2": Claim("2", marked=True),
    "**Answer:**\n\\[\n8\n\\]\nDone": Claim("8", marked=True),
    "\\[\n\\text{Answer: } 8\n\\]": Claim("8", marked=True),
    "\\boxed{\\boxed{7}}": Claim("7", marked=True),
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
