from __future__ import annotations

import json

import pytest

from aha.backends.openai_answer import Failed, read
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
    with pytest.raises(Failed, match="log-probabilities"):
        read(with_top(top))
