"""A way to a server that fails: each request goes wrong once, in one way or another, and then comes through."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FAULTS = ("429", "500", "slow", "cut", "silent", "no json", "")
SLOW_S = 5.0


class Way(BaseHTTPRequestHandler):
    """Hands requests on to the server behind. `slow_s`: how late a slow answer is. `most`: how many were under way at a time."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    behind: str
    slow_s: float
    attempts: Counter[str]
    faults: Counter[str]
    lock: threading.Lock
    now: int
    most: int

    def do_GET(self) -> None:
        self._say(*self._passed("GET", None))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.path.endswith("/chat/completions"):
            return self._say(*self._passed("POST", body))
        kind = type(self)
        with self.lock:
            fault = FAULTS[len(self.attempts) % len(FAULTS)] if body.decode() not in self.attempts else ""
            self.attempts[body.decode()] += 1
            self.faults[fault] += 1
            kind.now += 1
            kind.most = max(kind.most, kind.now)
        try:
            return self._asked(body, fault)
        finally:
            with self.lock:
                kind.now -= 1

    def _asked(self, body: bytes, fault: str) -> None:
        if fault in ("429", "500"):
            return self._say(int(fault), b'{"error": {"message": "later"}}')
        if fault == "silent":
            self.close_connection = True
            return None
        status, answer = self._passed("POST", body)  # a reply that is lost on the way was made all the same
        if fault == "slow":
            time.sleep(self.slow_s)
        if fault == "no json":
            answer = b"<html>" + answer
        return self._say(status, answer, cut=fault == "cut")

    def _passed(self, method: str, body: bytes | None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.behind).netloc, timeout=120)
        try:
            connection.request(method, self.path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

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


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


@contextmanager
def faulty(behind: str, slow_s: float = SLOW_S) -> Iterator[tuple[str, type[Way]]]:
    """The address of the way to `behind`, a server's address, and what went over it."""
    about = {"attempts": Counter(), "faults": Counter(), "lock": threading.Lock(), "now": 0, "most": 0}
    kind = type("This", (Way,), {"behind": behind, "slow_s": slow_s, **about})
    with _Listener(("127.0.0.1", 0), kind) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.server_address[1]}/v1", kind
        finally:
            listener.shutdown()
            thread.join(timeout=10)
