"""Several processes that share a cache and a budget, and one that is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.house import ROOT
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


def start(script: str, *words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def test_four_processes_share_a_cache_and_spend_no_more_than_one_budget(tmp_path: Path):
    processes = [start(SHARE, tmp_path, number) for number in range(4)]
    said_by = [process.communicate(timeout=300) for process in processes]
    booked, strange = zip(*(map(int, out.split()) for out, _ in said_by), strict=True)
    assert (sum(booked), sum(strange)) == (100, 0)
    assert json.loads((tmp_path / "spent.json").read_text()) == {"calls": 100, "prompt": 300, "completion": 400}
    assert len(list(tmp_path.glob("*/*.json"))) == 8 and list(tmp_path.glob("*/*.aside")) == []


def test_a_process_that_is_killed_loses_and_doubles_nothing(tmp_path: Path):
    def slowly(request: Request, number: int) -> Answer:
        return Answer(said(f"reply to {request.asked}").body, wait_s=0.05)

    with Server(slowly) as server:
        first = start(ASKS, server.url, tmp_path)
        deadline = time.monotonic() + 300
        while len(server.requests) < 20 and time.monotonic() < deadline:
            time.sleep(0.005)
        first.kill()
        first.communicate(timeout=60)
        killed_at = len(server.requests)
        out, err = start(ASKS, server.url, tmp_path).communicate(timeout=300)
        assert json.loads(out) == {str(number): f"reply to {number}" for number in range(60)}, err
        assert 20 <= killed_at < 60
        assert 60 <= len(server.requests) <= 60 + 4  # those that were under way
