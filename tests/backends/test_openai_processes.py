"""Several processes that share a cache and a budget, and one that is killed."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.endtoend.conftest import Command, Warm
from tests.servers import Answer, Request, Server, said

SHARE = """
import sys
from pathlib import Path
from aha.backends.openai.endpoint import Ledger, TokenUsage
from aha.backends.openai.endpoint import Cache, key_of
from aha.protocols import Budget
from aha.types import ChatReply

folder, me = Path(sys.argv[1]), int(sys.argv[2])
cache, ledger = Cache(folder), Ledger(Budget(calls=100), folder)
booked = strange = 0
for turn in range(100):
    for question in range(8):
        asked = {"question": question}
        found = cache.get(key_of(asked))
        strange += found not in (None, ChatReply("x" * 5_000 + str(question), None, question, "stop"))
        if turn % 10 == me:
            cache.put(key_of(asked), asked, ChatReply("x" * 5_000 + str(question), None, question, "stop"))
    if not ledger.book(TokenUsage(1, 10, 10)):
        ledger.correct(TokenUsage(1, 10, 10), TokenUsage(1, 3, 4))
        booked += 1
print(booked, strange)
"""

ASKS = """
import json, sys
from aha.backends.openai.chat import OpenAiChat
from aha.backends.openai.endpoint import Endpoint
from aha.protocols import ChatOptions, Sampling
from aha.types import Conversation, Message

options = ChatOptions(cache=sys.argv[2], in_flight=4)
talk = [Conversation((Message("user", str(number)),)) for number in range(60)]
with OpenAiChat(Endpoint(sys.argv[1], "m"), options) as chat:
    print(json.dumps({index: reply.text for index, [reply] in chat.reply(talk, Sampling())}))
"""


@pytest.fixture
def start(warm: Warm, tmp_path: Path) -> Callable[..., Command]:
    """Starts a script in a process of its own."""

    def start(script: str, *words: object) -> Command:
        path = tmp_path / "script.py"
        path.write_text(script)
        return warm.start(path, *words)

    return start


def test_four_processes_share_a_cache_and_spend_no_more_than_one_budget(start: Callable[..., Command], tmp_path: Path):
    shared = tmp_path / "shared"
    processes = [start(SHARE, shared, number) for number in range(4)]
    assert [process.code for process in processes] == [0] * 4
    booked, strange = zip(*(map(int, process.out.split()) for process in processes), strict=True)
    assert (sum(booked), sum(strange)) == (100, 0)
    assert json.loads((shared / "spent.json").read_text()) == {"calls": 100, "prompt": 300, "completion": 400}
    assert len(list(shared.glob("*/*.json"))) == 8 and list(shared.glob("*/*.aside")) == []


def test_a_process_that_is_killed_loses_and_doubles_nothing(start: Callable[..., Command], tmp_path: Path):
    def slowly(request: Request, number: int) -> Answer:
        return Answer(said(f"reply to {request.asked}").body, wait_s=0.05)

    with Server(slowly) as server:
        first = start(ASKS, server.url, tmp_path / "shared")
        deadline = time.monotonic() + 300
        while len(server.requests) < 20 and time.monotonic() < deadline:
            time.sleep(0.005)
        first.send(signal.SIGKILL)
        assert first.code == -signal.SIGKILL
        killed_at = len(server.requests)
        second = start(ASKS, server.url, tmp_path / "shared")
        assert second.code == 0, second.said
        assert json.loads(second.out) == {str(number): f"reply to {number}" for number in range(60)}
        assert 20 <= killed_at < 60
        assert 60 <= len(server.requests) <= 60 + 4  # those that were under way
