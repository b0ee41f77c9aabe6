"""Evaluation over HTTP through a way that fails: the answers are those of a way that does not, each once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aha.backends.openai.chat import OpenAiChat
from aha.backends.openai.endpoint import Endpoint
from aha.protocols import ChatOptions, Sampling
from aha.serving.chat.model import ServedModel
from tests.servers import talk
from tests.serving.chats import fresh_model, served, url
from tests.serving.ways import FAULTS, faulty

CALLS = 64


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    return fresh_model(tmp_path_factory.mktemp("faults") / "small")


@pytest.mark.slow
def test_64_in_flight_through_a_way_that_fails_lose_nothing_and_count_nothing_twice(model: ServedModel, tmp_path: Path) -> None:
    talks = talk(*(f"{number} + {number}?" for number in range(CALLS)))
    sampling = Sampling(0.8, 0.95, 16)
    asking = ChatOptions(seed=5, in_flight=CALLS, attempt_s=4.0, deadline_s=60.0, pause_s=0.05, cache=str(tmp_path))
    with served(model) as server, faulty(url(server)) as (address, way):
        with OpenAiChat(Endpoint(address, model.name), asking) as chat:
            found = list(chat.reply(talks, sampling))
        again = len(way.attempts), sum(way.attempts.values())
        with OpenAiChat(Endpoint(address, model.name), asking) as chat:
            cached = dict(chat.reply(talks, sampling))
        assert sum(way.attempts.values()) == again[1]
        with OpenAiChat(Endpoint(url(server), model.name), ChatOptions(seed=5, in_flight=CALLS, retries=0)) as chat:
            straight = dict(chat.reply(talks, sampling))
    assert sorted(index for index, _ in found) == list(range(CALLS))
    assert dict(found) == cached == straight
    assert again[0] == CALLS and again[1] > CALLS
    assert all(way.faults[fault] >= 5 for fault in FAULTS)
    assert len({json.loads(body)["messages"][0]["content"] for body in way.attempts}) == CALLS
