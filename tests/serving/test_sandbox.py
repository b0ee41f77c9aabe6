from __future__ import annotations

import http.client
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aha.errors import BadInput
from aha.grading.sandbox import Job, Limits, Outcome, Tier
from aha.grading.sandbox.remote import RemoteSandbox
from aha.serving.access import AccessRules
from aha.serving.sandbox import LONGEST, MOST, SandboxServer


class Echo:
    """A sandbox that says what it was asked, in its outcome."""

    tier: Tier = "unsafe"

    def __init__(self, outcome: Outcome | None = None) -> None:
        self.outcome = outcome
        self.jobs: list[Job] = []
        self.holding = threading.Event()
        self.holding.set()

    def run(self, job: Job) -> Outcome:
        self.jobs.append(job)
        self.holding.wait(timeout=30)
        return self.outcome or Outcome("OK", job.stdin, job.source.encode(), 0, 0.25, 0.5, 12.0)

    def close(self) -> None:
        pass


@contextmanager
def served(sandbox: Echo, workers: int = 2, key: str | None = None, wait_s: float = 10.0) -> Iterator[SandboxServer]:
    with SandboxServer(sandbox, "127.0.0.1", 0, workers, AccessRules(key=key), wait_s) as server:
        yield server


def said(server: SandboxServer, method: str = "POST", path: str = "/run_code", body: bytes = b"{}", **headers: str) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} | headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def url(server: SandboxServer) -> str:
    return f"http://127.0.0.1:{server.port}"


JOB = Job("print(1)", b"\x00\xff 1 2\n", limits=Limits(cpu_s=1.5, wall_s=2.5, memory_mb=128, output_bytes=5000))


def test_a_job_and_its_outcome_cross_the_wire_unchanged():
    sandbox = Echo()
    with served(sandbox) as server:
        outcome = RemoteSandbox(url(server)).run(JOB)
    assert sandbox.jobs == [JOB]
    assert outcome == Outcome("OK", b"\x00\xff 1 2\n", b"print(1)", 0, 0.25, 0.5, 12.0)


@pytest.mark.parametrize("verdict", ["TLE", "MLE", "OLE", "RE", "CE"])
def test_every_verdict_crosses_the_wire(verdict):
    outcome = Outcome(verdict, b"a\xfe", b"b", None if verdict == "TLE" else 3, 0.5, 0.75, 64.0, "because")
    with served(Echo(outcome)) as server:
        assert RemoteSandbox(url(server)).run(JOB) == outcome


@pytest.mark.parametrize(
    ("verdict", "code", "status", "run_status", "return_code"),
    [
        ("OK", 0, "Success", "Finished", 0),
        ("RE", 3, "Failed", "Finished", 3),
        ("MLE", None, "Failed", "Finished", 1),
        ("TLE", None, "Failed", "TimeLimitExceeded", None),
        ("INFRA", None, "SandboxError", "Error", None),
    ],
)
def test_a_client_of_sandboxfusion_is_answered_in_its_own_words(verdict, code, status, run_status, return_code):
    with served(Echo(Outcome(verdict, b"3\n", b"oh", code, 0.1, 0.5, 1.0))) as server:
        question = {"code": "print(3)", "language": "python", "stdin": "1", "run_timeout": 3, "memory_limit_MB": 100}
        http_status, answer = said(server, body=json.dumps(question).encode())
    ran = {"status": run_status, "execution_time": 0.5, "return_code": return_code, "stdout": "3\n", "stderr": "oh"}
    assert (http_status, answer["status"], answer["run_result"], answer["compile_result"]) == (200, status, ran, None)


def test_a_client_of_sandboxfusion_is_understood():
    sandbox = Echo()
    with served(sandbox) as server:
        question = {"code": "x", "language": "cpp", "stdin": "é", "run_timeout": 3.5, "memory_limit_MB": -1, "files": {}, "fetch_files": []}
        assert said(server, body=json.dumps(question).encode())[0] == 200
    assert sandbox.jobs == [Job("x", "é".encode(), "cpp", Limits(3.5, 3.5, 512, 1_000_000))]


def test_nobody_gets_more_than_the_server_gives():
    sandbox = Echo()
    with served(sandbox) as server:
        question = {"code": "x", "language": "python", "run_timeout": 1e6, "memory_limit_MB": 10**6, "aha": {"output_bytes": 10**9}}
        assert said(server, body=json.dumps(question).encode())[0] == 200
    assert sandbox.jobs[0].limits == MOST


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"[1]", 400),
        (b"{}", 422),
        (b'{"code": "x", "language": "cobol"}', 422),
        (b'{"code": 1, "language": "python"}', 422),
        (b'{"code": "x", "language": "python", "run_timeout": "long"}', 422),
        (b'{"code": "x", "language": "python", "run_timeout": -1}', 422),
        (b'{"code": "x", "language": "python", "run_timeout": NaN}', 400),
        (b'{"code": "x", "language": "python", "aha": {"stdin": "***"}}', 422),
    ],
)
def test_a_question_that_is_none_is_refused(body: bytes, status: int):
    sandbox = Echo()
    with served(sandbox) as server:
        assert said(server, body=body)[0] == status
    assert sandbox.jobs == []


def test_there_are_two_addresses():
    with served(Echo()) as server:
        assert said(server, "GET", "/health") == (200, {"status": "ok", "tier": "unsafe"})
        assert said(server, "GET", "/")[0] == 404
        assert said(server, "POST", "/elsewhere")[0] == 404


def test_a_body_that_is_too_long_is_refused_before_it_is_read():
    with served(Echo()) as server:
        assert said(server, body=b"", **{"Content-Length": str(LONGEST + 1)})[0] == 413


def test_only_who_has_the_key_is_served():
    with served(Echo(), key="a-secret") as server:
        assert said(server)[0] == 401
        assert said(server, Authorization="Bearer another")[0] == 401
        assert RemoteSandbox(url(server), key="a-secret").run(JOB).verdict == "OK"
        refused = RemoteSandbox(url(server), key="another").run(JOB)
    assert refused.verdict == "INFRA"
    assert "HTTP 401" in refused.reason and "another" not in refused.reason


def test_who_finds_every_place_taken_is_told_to_come_back():
    sandbox = Echo()
    sandbox.holding.clear()
    with served(sandbox, workers=1, wait_s=0.05) as server:
        question = json.dumps({"code": "x", "language": "python"}).encode()
        first = threading.Thread(target=said, args=(server,), kwargs={"body": question})
        first.start()
        while not sandbox.jobs:
            os.sched_yield()
        assert said(server, body=question)[0] == 429
        sandbox.holding.set()
        first.join(timeout=20)


def test_a_port_that_is_taken_is_named():
    with served(Echo()) as server, pytest.raises(BadInput, match=f"127.0.0.1:{server.port}: cannot listen there"):
        SandboxServer(Echo(), "127.0.0.1", server.port, 1)
