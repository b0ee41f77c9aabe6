from __future__ import annotations

from dataclasses import replace

import pytest

from aha.errors import BadInput
from aha.tasks.filters import REASONS, Readable, has_code_block, longest_paragraph
from aha.text import pieces

OFF = Readable(language=None, paragraph=None, code=True, repeated=None)


def words(text: str) -> int:
    return len(pieces(text))


def refused(only: Readable, thought: str, answer: str = "4", language="en", **more) -> str:
    return only.refuses(thought, answer, language, words, **more)


MIXED = replace(OFF, language=0.8)


@pytest.mark.parametrize(
    ("thought", "language", "reason"),
    [
        ("two and two make four, 所以 yes", "en", ""),  # 1 of 7 words is Chinese
        ("two and two, 所以 不对", "en", "mixed language"),  # 2 of 5
        ("二加二等于四，so", "zh", ""),  # 二加 | 二 | 等于 | 四 and one English word: 4 of 5
        ("二加二 make four", "zh", "mixed language"),
        ("2 + 2 = 4", "zh", ""),  # no word is nobody's word
        ("```\nfor each in range(4): print(each)\n```\n我们想一下", "zh", ""),  # code is no prose
        (r"\text{the sum} 是 $a + b$，所以 对", "zh", "mixed language"),
    ],
)
def test_a_thought_in_two_languages_is_refused(thought, language, reason):
    assert refused(MIXED, thought, language=language) == reason


def test_the_answer_counts_too_unless_it_may_be_in_any_language():
    assert refused(MIXED, "think of the sea", "海很大") == "mixed language"
    assert refused(MIXED, "think of the sea", "海很大", free=True) == ""


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("one two three\nfour", 3),
        ("一二三四五六", 3),  # two characters are a word
        ("一二三", 2),
        ("a b 一二", 3),
        ("x + y = 12", 3),  # signs are no words
        ("", 0),
    ],
)
def test_a_paragraph_is_as_long_as_its_words(text, length):
    assert longest_paragraph(text) == length


def test_a_long_paragraph_is_refused_and_the_same_words_in_short_ones_are_not():
    limit = replace(OFF, paragraph=10)
    assert refused(limit, "word " * 11) == "long paragraph"
    assert refused(limit, "word " * 6 + "\n\n" + "word " * 5) == ""
    assert refused(limit, "字" * 22, language="zh") == "long paragraph"
    assert refused(limit, "字" * 20, language="zh") == ""


@pytest.mark.parametrize(
    "text",
    [
        "Let us see.\n```python\nprint(1)\n```",
        "先写代码：\n~~~\nx = 1\n~~~",
        "<code>x</code>",
        "\\begin{verbatim}\nx\n\\end{verbatim}",
        "def f(n):\n    total = 0\n    return total",
        "写一个函数\nfor i in range(n):\n    s += i\n    print(s)\n完",
        "#include <cstdio>\nint main() {\n  return 0;\n}",
    ],
)
def test_a_block_of_code_is_seen_fenced_or_bare(text):
    assert has_code_block(text)
    assert refused(replace(OFF, code=False), text, language="zh") == "code block"


@pytest.mark.parametrize(
    "text",
    [
        "x = 2\ny = 3\nz = x + y",  # sums, not statements
        "If x is even: fine.\nElse it is odd.\nFor 3 it is odd.",
        "I call `f(2)` once.",
        "For the first case:\nx is 2.\n\nFor the second case:\nx is 3.",
        "首先：\n代入 x = 2\n所以 y = 3",
        "\\begin{cases} x & y \\end{cases}",
    ],
)
def test_mathematics_and_lists_are_no_code(text):
    assert not has_code_block(text)


def test_a_thought_that_goes_round_in_circles_is_refused_in_both_languages():
    limit = replace(OFF, ngram=4, repeated=0.3)
    assert refused(limit, "3 + 4 is 7 and 7 is not 9 so no. " * 6) == "repetition"
    assert refused(limit, "三加四等于七，七不是九，所以不对。" * 6, language="zh") == "repetition"
    assert refused(limit, "3 + 4 is 7, 7 is too low; 3 * 4 is 12, and 12 is what was asked for.") == ""
    assert refused(limit, "三加四等于七，太小；三乘四等于十二，正是要求的数。", language="zh") == ""


def test_length_is_counted_by_whoever_knows_the_tokens():
    limit = replace(OFF, shortest=3, longest=5)
    assert [refused(limit, "word " * count, "x") for count in (1, 2, 4, 5)] == ["length", "", "", "length"]


def test_the_first_reason_is_given_and_every_reason_has_a_filter():
    given = [
        refused(Readable(), "我们 think 一下 about it"),
        refused(Readable(), "word " * 251),
        refused(Readable(), "```\nx\n```"),
        refused(Readable(), "one two three four five six seven eight nine ten eleven twelve.\n" * 5),
        refused(Readable(longest=3), "one two three four"),
    ]
    assert given == list(REASONS)
    assert refused(Readable(), "First I add 3 and 4.\n\nThat is 7, so I am done.") == ""


@pytest.mark.parametrize("wrong", [{"language": 1.5}, {"repeated": -0.1}, {"ngram": 0}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(BadInput):
        Readable(**wrong)
