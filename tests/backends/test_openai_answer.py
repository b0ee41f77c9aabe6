from __future__ import annotations

import json

import pytest

from aha.backends.openai.call import EndpointFailure, read, token_allowance
from tests.servers import said


def with_top(top: object) -> bytes:
    body = json.loads(said("m", finish="length").body)
    body["choices"][0]["logprobs"] = {"content": [{"token": "m", "logprob": -0.1, "top_logprobs": top}]}
    return json.dumps(body).encode()


def test_log_probabilities_of_the_first_token_are_kept_in_their_order():
    found, _ = read(with_top([{"token": "m", "logprob": -0.1, "bytes": [109]}, {"token": "M", "logprob": -3}]))
    assert found.top == (("m", -0.1), ("M", -3.0))
    assert read(said("m").body)[0].top == ()


@pytest.mark.parametrize("top", [[{"token": "m"}], [{"token": 1, "logprob": 0.0}], [{"token": "m", "logprob": "0"}], ["m"]])
def test_log_probabilities_that_are_none_make_the_reply_one_to_be_asked_for_again(top: object):
    with pytest.raises(EndpointFailure, match="log-probabilities"):
        read(with_top(top))


@pytest.mark.parametrize(
    ("words", "room"),
    [
        ("max_tokens=32768 cannot be greater than max_model_len=4096. Please request fewer output tokens.", 4096),
        (
            "This model's maximum context length is 4096 tokens. However, you requested 32968 tokens (200 in the messages, 32768 in the",
            3896,
        ),
        ("This model's maximum context length is 4,096 tokens and your prompt contains at least 96 input tokens", 4000),
        ("the model has 4096 tokens of context; the prompt takes 96 and the reply 32768 or more", 4000),
        ("max_tokens is too large: 32768. This model supports at most 16384 completion tokens, whereas you provided 32768.", 16384),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8192),
        ("temperature is 7: it has to be at most 2", None),
        ("This model's maximum context length is 256 tokens. However, your prompt contains at least 257 input tokens", None),
        ("max_tokens has to be a number", None),
    ],
)
def test_what_a_refusal_says_of_tokens(words: str, room: int | None) -> None:
    assert token_allowance(words, 32_768) == room


def test_a_refusal_in_a_field_of_its_own_is_the_reply() -> None:
    body = json.loads(said("m").body)
    body["choices"][0]["message"] = {"role": "assistant", "content": None, "refusal": "I cannot"}
    assert read(json.dumps(body).encode())[0].text == "I cannot"


def test_a_content_of_several_parts_is_their_text() -> None:
    body = json.loads(said("m").body)
    body["choices"][0]["message"] = {"role": "assistant", "content": [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}]}
    assert read(json.dumps(body).encode())[0].text == "42"
    body["choices"][0]["message"]["content"].append({"type": "image_url", "image_url": {"url": "x"}})
    with pytest.raises(EndpointFailure, match="content is no text"):
        read(json.dumps(body).encode())
