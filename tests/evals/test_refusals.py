from __future__ import annotations

import json

import pytest

from aha.evals.samples import refuses


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot provide that information.",
        "I’m unable to answer this question.",
        "Sorry. I won't be able to assist with this request.",
        "I don't know the answer.",
        "I do not have enough information to say who that was.",
        "I don't have access to real-time data.",
        "As an AI, I am not able to discuss this topic.",
        "I must decline to answer this.",
        "I'm not sure who won that year.",
        "我无法回答这个问题。",
        "抱歉，我不能提供相关信息。",
        "很抱歉，无法满足您的请求。",
        "作为一个人工智能助手，我不便讨论这个话题。",
        "我不知道答案。",
        "我没有足够的信息来确定这一点。",
    ],
)
def test_a_reply_that_declines_is_a_refusal(text):
    assert refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "The answer is 42.",
        "We cannot divide by zero, so x must be 3. Answer: 3",
        "It is not known to be prime, but 7 is. The answer is 7.",
        "Barack Obama was born in Honolulu.",
        "The function cannot return a negative value. It returns 0.",
        "答案是42。",
        "因为分母不能为零，所以 x = 3。",
        "他不知道这件事，最后选择离开。",
        "我们知道三角形内角和是180度，因此答案是60度。",
        "",
    ],
)
def test_a_reply_that_answers_is_none(text):
    assert not refuses(text)


def test_a_long_solution_that_opens_with_modesty_is_an_attempt():
    assert refuses("I cannot answer this.")
    assert not refuses("I cannot answer this directly. " + "First we add the two sides and then we square the sum. " * 20)


def test_almost_no_published_solution_counts_as_a_refusal(published):
    path = published("outputs/qwen25_math_cot_100/math_cot_100.jsonl")
    replies = [reply for line in path.read_text().splitlines() for reply in json.loads(line)["response"]]
    assert len(replies) == 800
    assert sum(map(refuses, replies)) == 0
