"""The rule-based rewriter: what a readable chain keeps, and which chains it will not touch."""

from __future__ import annotations

import pytest

from aha.tasks.rewriting import rewrite
from aha.template import Delimited
from aha.text import language_share
from aha.types import Countdown, Language, Number, Open, Problem, Right
from tests.graders import grade


def asked(language: Language) -> Problem:
    return Problem("countdown-3/8-6-10=58/en", "countdown", "Use 8 6 10 to make 58.", language, Countdown((8, 6, 10), 58))


MIXED = "8 + 6 = 14 - 10 = 4 太小 8 * 6 = 46 等等 8 * 6 = 48 + 10 = 58 yes"
ANSWER = "( 8 * 6 ) + 10"


def test_a_mixed_chain_becomes_one_of_the_question_s_language_with_every_try_in_place() -> None:
    assert rewrite(asked("en"), MIXED, ANSWER) == (
        "I try 8 + 6 = 14 - 10 = 4 low 8 * 6 = 46 wait 8 * 6 = 48 + 10 = 58 yes",
        "I get 58. The answer is \\boxed{ ( 8 * 6 ) + 10}",
    )
    assert rewrite(asked("zh"), MIXED, ANSWER) == (
        "我们试 8 + 6 = 14 - 10 = 4 太小 8 * 6 = 46 等等 8 * 6 = 48 + 10 = 58 对",
        "所以我得到 58。答案是 \\boxed{ ( 8 * 6 ) + 10}",
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_summary_is_graded_as_the_answer_was_and_reads_back(language: Language) -> None:
    written = rewrite(asked(language), MIXED, ANSWER)
    assert written is not None
    assert grade(asked(language).reference, written[1]) == Right()
    assert language_share(" ".join(written), language) == 1.0
    reply = Delimited().read(Delimited().write(*written), 0, "stop")
    assert (reply.thought, reply.answer) == written


def test_rewriting_twice_changes_nothing() -> None:
    once = rewrite(asked("zh"), MIXED, ANSWER)
    assert once is not None
    assert rewrite(asked("zh"), *once) == once


@pytest.mark.parametrize(
    "thought",
    [
        "8 * 6 = 48 + 10 = 58 yes check 8 * 6 = 48 + 10 = 58 yes",
        "8 * 6 = 48 + 10 = 57 wait 48 + 10 = 58 yes so",
        "6 - 8 no 8 * 6 = 48 + 10 = 58 对 等等 检查 8 * 6 = 48 + 10 = 58 yes",
    ],
)
def test_checks_and_slips_that_were_noticed_lead_to_the_answer_all_the_same(thought: str) -> None:
    assert rewrite(asked("en"), thought, ANSWER) is not None


@pytest.mark.parametrize(
    ("thought", "answer"),
    [
        ("8 + 6 = 14 - 10 = 4 low", ANSWER),  # it was guessed: the chain arrives elsewhere
        ("8 * 6 = 48 + 10 = 58 yes", "10 + ( 8 * 6 )"),  # right, but not what the chain says
        ("", ANSWER),
        ("8 * 6 = 48 + 10 = 58 yes <answer> 8", ANSWER),
        ("hello 8 * 6 = 48 + 10 = 58 yes", ANSWER),
        ("8 * 6 = 48 + 10 = 58 yesterday", ANSWER),
    ],
)
def test_a_chain_that_cannot_be_kept_faithfully_is_left_alone(thought: str, answer: str) -> None:
    assert rewrite(asked("en"), thought, answer) is None


def test_other_thoughts_keep_their_words_and_lose_those_of_the_other_language() -> None:
    sums = Problem("chain/8-p6/zh", "chain", "计算 8加 6。", "zh", Number("14"))
    assert rewrite(sums, "我算 8 + 6 = 13 wait 8 + 6 = 14", "答案是 14。") == ("我算 8 + 6 = 13 等等 8 + 6 = 14", "答案是 14。")
    assert rewrite(sums, "let me see: 8 + 6 = 14", "答案是 14。") is None


def test_a_general_answer_in_another_language_is_left_alone() -> None:
    hello = Problem("greeting/0-0-0-0/zh", "greeting", "你好", "zh", Open())
    assert rewrite(hello, "", "你好！我很好。") == ("", "你好！我很好。")
    assert rewrite(hello, "", "Hello! I am well.") is None
