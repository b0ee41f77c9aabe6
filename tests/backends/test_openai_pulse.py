"""A server that is stopped in the middle of its work is noticed by its silence, in seconds; one that is only slow is waited for."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aha.backends.openai.chat import ANSWER_S, MISSES, QUIET_S, OpenAiChat, ServerPulse
from aha.backends.openai.endpoint import Endpoint
from aha.errors import EndpointDown
from aha.protocols import ChatOptions, Sampling
from aha.types import Conversation, Message
from tests.house import ROOT
from tests.servers import Answer, Server, said

SERVES = """
import sys, time
from tests.servers import Answer, Server, said
with Server(lambda request, turn: Answer(said(request.asked).body, wait_s=float(sys.argv[1]))) as server:
    print(server.url, flush=True)
    time.sleep(600)
"""
TALK = [Conversation((Message("user", str(number)),)) for number in range(6)]


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server whose replies take half a second, and its address."""
    started = subprocess.Popen([sys.executable, "-c", SERVES, "0.5"], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert started.stdout is not None
        yield started, started.stdout.readline().strip()
    finally:
        started.send_signal(signal.SIGCONT)
        started.kill()
        started.communicate(timeout=10)


def chat_with(url: str, cache: Path) -> OpenAiChat:
    """Two at a time; silence is noticed after a tenth of a second, and its cause after one more second."""
    chat = OpenAiChat(Endpoint(url, "m"), ChatOptions(in_flight=2, cache=str(cache)))
    chat._pulse = ServerPulse(chat._loop, lambda: chat._open().models(), first_s=0.1, quiet_s=0.6, answer_s=1.0)
    return chat


def test_by_default_it_is_noticed_within_a_minute() -> None:
    assert QUIET_S + MISSES * ANSWER_S <= 60


def test_a_server_that_is_stopped_is_noticed_and_the_same_call_goes_on_when_it_is_back(
    process: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    server, url = process
    replies, began = list[int](), -math.inf
    with chat_with(url, tmp_path) as chat, pytest.raises(EndpointDown) as error:
        for index, _ in chat.reply(TALK, Sampling()):
            replies.append(index)
            if len(replies) == 2:
                server.send_signal(signal.SIGSTOP)
                began = time.monotonic()
    assert time.monotonic() - began < 10
    assert f"{url}#m: nothing came for " in str(error.value)
    assert str(error.value).endswith("it hangs, with 4 replies to come; what was answered is in its cache")
    server.send_signal(signal.SIGCONT)
    with chat_with(url, tmp_path) as chat:
        assert {index: one.text for index, [one] in chat.reply(TALK, Sampling())} == {n: str(n) for n in range(6)}


def test_a_server_that_is_only_slow_is_waited_for(tmp_path: Path) -> None:
    with Server(lambda request, turn: Answer(said(request.asked).body, wait_s=2.5)) as server, chat_with(server.url, tmp_path) as chat:
        assert len(list(chat.reply(TALK[:2], Sampling()))) == 2


def test_a_server_that_does_one_thing_at_a_time_is_waited_for_too(tmp_path: Path) -> None:
    """It answers nothing else while it works, and is not taken for one that hangs."""
    asked = list[float]()

    async def never() -> None:
        import asyncio

        asked.append(0.0)
        await asyncio.sleep(60)

    with Server(lambda request, turn: Answer(said("7").body, wait_s=2.5)) as server, chat_with(server.url, tmp_path) as chat:
        chat._pulse = ServerPulse(chat._loop, never, first_s=0.1, quiet_s=0.2, answer_s=0.3)
        assert len(list(chat.reply(TALK[:1], Sampling()))) == 1
    assert len(asked) == 1  # and is not asked again
