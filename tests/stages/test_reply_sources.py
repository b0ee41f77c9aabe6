from __future__ import annotations

import pytest

from aha.protocols import is_endpoint
from aha.stages.reply_sources import needs_no_thought, unwrap
from aha.types import Number, Open
from tests.sample_runs import problem


@pytest.mark.parametrize("said", ["Hello", "hi!", "Good morning.", "Thank you so much!", "你好", "你好！", "谢谢你。", " Hey there "])
def test_a_greeting_needs_no_thought_in_either_language(said):
    assert needs_no_thought(problem(said, Open()), ())


@pytest.mark.parametrize("said", ["Hello, who are you?", "Write hello in Chinese.", "你好，请翻译", "high", "okapi?", "再见是什么"])
def test_what_is_more_than_a_greeting_may_need_one(said):
    assert not needs_no_thought(problem(said, Open()), ())


def test_what_can_be_checked_is_thought_about_unless_its_domain_is_plain():
    assert not needs_no_thought(problem("hello", Number("5")), ())
    assert needs_no_thought(problem("2 + 3", Number("5"), domain="sums"), ("sums",))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<answer> 3 * 4 </answer>", "3 * 4"),
        (" It is 12. ", "It is 12."),
        ("It is <answer>12</answer>", "It is <answer>12</answer>"),
        ("<answer></answer>", ""),
    ],
)
def test_tags_around_the_whole_answer_are_left_out(text, answer):
    assert unwrap(text) == answer


def test_an_address_is_a_server():
    assert is_endpoint("https://api.example.org/v1#r1")
    assert not is_endpoint("owner/model")
