"""A sandbox of this machine behind HTTP, in SandboxFusion's form: `POST /run_code`; `GET /health` says which tier it is."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aha.errors import BadInput
from aha.grading.sandbox.http import Fault
from aha.grading.sandbox.job import Job, Limits, Sandbox
from aha.grading.sandbox.wire import answered, asked

LONGEST = 64 << 20  # bytes of a question
MOST = Limits(cpu_s=120.0, wall_s=300.0, memory_mb=4096, output_bytes=16 << 20)  # that a question may ask for
IDLE_S = 30.0  # for a client to say something
WAIT_S = 10.0  # for a place to run, before the client is told to come back


class SandboxServer(ThreadingHTTPServer):
    """`workers` programs at once, as many again waiting; the rest is told to come back. With a key, only who sends it is served."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, sandbox: Sandbox, host: str, port: int, workers: int, key: str | None = None, wait_s: float = WAIT_S) -> None:
        self.sandbox = sandbox
        self.key = key
        self.wait_s = wait_s
        self.places = threading.BoundedSemaphore(workers)
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise BadInput(f"{host}:{port}: cannot listen there ({error.strerror}); choose another --port or --host") from error

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: SandboxServer
    timeout = IDLE_S
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "aha", ""

    def do_GET(self) -> None:
        """Is it there, and what is it?"""
        known = self.path == "/health"
        self._say(200 if known else 404, {"status": "ok", "tier": self.server.sandbox.tier} if known else {"message": "there is /run_code"})

    def do_POST(self) -> None:
        """A program to run."""
        length = self.headers.get("Content-Length", "")
        refusals: list[tuple[Callable[[], bool], int, str]] = [
            (lambda: not self._may(), 401, "the key is missing or wrong"),
            (lambda: self.path != "/run_code", 404, "there is /run_code"),
            (lambda: not length.isdecimal(), 411, "how long is it?"),
            (lambda: int(length) > LONGEST, 413, f"a question has at most {LONGEST} bytes"),
        ]
        for refused, status, words in refusals:
            if refused():
                self.close_connection = True  # what was not read is no next question
                return self._say(status, {"message": words})
        try:
            question = json.loads(self.rfile.read(int(length)))
            job = asked(question if isinstance(question, dict) else {})
        except (ValueError, RecursionError):
            return self._say(400, {"message": "this is not JSON"})
        except Fault as fault:
            return self._say(422, {"message": str(fault)})
        return self._run(replace(job, limits=bounded(job.limits)))

    def _run(self, job: Job) -> None:
        if not self.server.places.acquire(timeout=self.server.wait_s):
            return self._say(429, {"message": "every place is taken"}, {"Retry-After": "1"})
        try:
            ended = self.server.sandbox.run(job)
        finally:
            self.server.places.release()
        return self._say(200, answered(ended))

    def _may(self) -> bool:
        given = self.headers.get("Authorization", "")
        return self.server.key is None or hmac.compare_digest(given.encode(), f"Bearer {self.server.key}".encode())

    def _say(self, status: int, answer: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(answer).encode()
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # whoever asked has gone
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a line for each program helps nobody, and programs are not ours to show."""


def bounded(limits: Limits) -> Limits:
    """As asked for, up to what a server gives."""
    return Limits(
        min(limits.cpu_s, MOST.cpu_s),
        min(limits.wall_s, MOST.wall_s),
        min(limits.memory_mb, MOST.memory_mb),
        min(limits.output_bytes, MOST.output_bytes),
    )
