"""Evaluation over HTTP through a way that fails: the answers are those of a way that does not, each once."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aha.backends.openai_chat import OpenAiChat
from aha.backends.openai_endpoint import Endpoint
from aha.protocols import Asking, Sampling
from aha.serving.chat_model import Model
from aha.serving.chat_server import ChatServer
from tests.servers import talk
from tests.serving.chats import fresh_model, heard, served, url

FAULTS = ("429", "500", "slow", "cut", "silent", "no json", "")
CALLS = 64


class Way(BaseHTTPRequestHandler):
    """Hands a request on to the server behind, after the first attempt at it went wrong in one way or another."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    behind: ChatServer
    attempts: Counter[str]
    faults: Counter[str]
    lock: threading.Lock

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.lock:
            fault = FAULTS[len(self.attempts) % len(FAULTS)] if body.decode() not in self.attempts else ""
            self.attempts[body.decode()] += 1
            self.faults[fault] += 1
        if fault in ("429", "500"):
            return self._say(int(fault), b'{"error": {"message": "later"}}')
        if fault == "silent":
            self.close_connection = True
            return None
        status, answer, _ = heard(self.behind, body)  # a reply that is lost on the way was made all the same
        if fault == "slow":
            time.sleep(5.0)
        if fault == "no json":
            answer = b"<html>" + answer
        return self._say(status, answer, cut=fault == "cut")

    def _say(self, status: int, body: bytes, cut: bool = False) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)
        except OSError:
            self.close_connection = True
        self.close_connection = self.close_connection or cut

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def faulty(behind: ChatServer) -> Iterator[tuple[str, type[Way]]]:
    kind = type("This", (Way,), {"behind": behind, "attempts": Counter(), "faults": Counter(), "lock": threading.Lock()})

    class Listener(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    with Listener(("127.0.0.1", 0), kind) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.server_address[1]}/v1", kind
        finally:
            listener.shutdown()
            thread.join(timeout=10)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return fresh_model(tmp_path_factory.mktemp("faults") / "small")


@pytest.mark.slow
def test_64_in_flight_through_a_way_that_fails_lose_nothing_and_count_nothing_twice(model: Model, tmp_path: Path) -> None:
    talks = talk(*(f"{number} + {number}?" for number in range(CALLS)))
    sampling = Sampling(0.8, 0.95, 16)
    asking = Asking(seed=5, in_flight=CALLS, attempt_s=4.0, deadline_s=60.0, pause_s=0.05, cache=str(tmp_path))
    with served(model) as server, faulty(server) as (address, way):
        with OpenAiChat(Endpoint(address, model.name), asking) as chat:
            found = list(chat.reply(talks, sampling))
        again = len(way.attempts), sum(way.attempts.values())
        with OpenAiChat(Endpoint(address, model.name), asking) as chat:
            cached = dict(chat.reply(talks, sampling))
        assert sum(way.attempts.values()) == again[1]
        with OpenAiChat(Endpoint(url(server), model.name), Asking(seed=5, in_flight=CALLS, retries=0)) as chat:
            straight = dict(chat.reply(talks, sampling))
    assert sorted(index for index, _ in found) == list(range(CALLS))
    assert dict(found) == cached == straight
    assert again[0] == CALLS and again[1] > CALLS
    assert all(way.faults[fault] >= 5 for fault in FAULTS)
    assert len({json.loads(body)["messages"][0]["content"] for body in way.attempts}) == CALLS
