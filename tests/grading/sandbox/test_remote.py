from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from aha.errors import BadInput
from aha.grading.sandbox import Job, Limits, open_sandbox
from aha.grading.sandbox.http import HttpAddress
from aha.grading.sandbox.remote import RemoteSandbox, why_not
from tests.servers import Answer, Request, Server

KEY = "sk-CANARY-4711"
LIMITS = Limits(cpu_s=1.0, wall_s=2.5, memory_mb=256, output_bytes=10_000)
JOB = Job("print(input())", b"3\n", limits=LIMITS)


def body(**values: object) -> Answer:
    return Answer(json.dumps(values).encode())


def ran(status: str = "Finished", code: object = 0, stdout: object = "3\n", **more: object) -> Answer:
    run = {"status": status, "return_code": code, "stdout": stdout, "stderr": "", "execution_time": 0.5, **more}
    return body(status="Success", message="", run_result=run)


RIGHT = ran()
FAULTS: dict[str, Callable[[], Answer]] = {
    "500": lambda: Answer(b"oh", 500),
    "503": lambda: Answer(b"", 503),
    "429": lambda: Answer(b"", 429),
    "429 with Retry-After": lambda: Answer(b"", 429, {"retry-after": "0"}),
    "404": lambda: Answer(b"", 404),
    "redirect": lambda: Answer(b"", 302, {"location": "http://127.0.0.1:1/"}),
    "garbage": lambda: Answer(b"\x00\xff<html>"),
    "half of the JSON": lambda: Answer(RIGHT.body[: len(RIGHT.body) // 2]),
    "half of what was announced": lambda: Answer(RIGHT.body, cut=len(RIGHT.body) // 2),
    "a list": lambda: Answer(b"[]"),
    "nested": lambda: Answer(b"[" * 200_000),
    "10 MB": lambda: Answer(b'{"status": "' + b"a" * 10_000_000 + b'"}'),
    "silent close": lambda: Answer(silent=True),
    "an empty body": lambda: Answer(b""),
    "an empty object": lambda: Answer(b"{}"),
    "a sandbox's own error": lambda: body(status="SandboxError", message="no pod"),
    "an error of the run": lambda: ran("Error", None),
    "a code that is text": lambda: ran(code="0"),
    "a code that is true": lambda: ran(code=True),
    "no code": lambda: ran(code=None),
    "output that is a number": lambda: ran(stdout=3),
    "a time that is no number": lambda: Answer(RIGHT.body.replace(b"0.5", b"NaN")),
    "INFRA": lambda: body(aha={"verdict": "INFRA", "reason": "it needs numpy"}),
    "a verdict that is none": lambda: body(aha={"verdict": "AC"}),
    "bytes that are none": lambda: body(aha={"verdict": "OK", "stdout": "***"}),
}


def where(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


def test_a_program_and_its_input_are_sent_and_nothing_else():
    with Server(lambda request, number: RIGHT) as server:
        outcome = RemoteSandbox(where(server), key=KEY).run(JOB)
    assert (outcome.verdict, outcome.stdout, outcome.exit_code, outcome.wall_s) == ("OK", b"3\n", 0, 0.5)
    (request,) = server.requests
    assert (request.path, request.headers["authorization"]) == ("/run_code", f"Bearer {KEY}")
    assert request.body == {
        "code": "print(input())",
        "language": "python",
        "stdin": "3\n",
        "compile_timeout": 30.0,
        "run_timeout": 2.5,
        "memory_limit_MB": 256,
        "aha": {"stdin": "Mwo=", "cpu_s": 1.0, "output_bytes": 10_000},
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_tried_again_and_does_no_harm(fault: str):
    def script(request: Request, number: int) -> Answer:
        return FAULTS[fault]() if number == 0 else RIGHT

    with Server(script) as first, Server(lambda request, number: RIGHT) as second:
        outcome = RemoteSandbox([where(second), where(first)], key=KEY).run(JOB)  # the turn begins with the later one
        assert (outcome.verdict, outcome.stdout) == ("OK", b"3\n")
        assert (len(first.requests), len(second.requests)) == (1, 1)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_is_infra_and_never_the_programs(fault: str):
    with Server(lambda request, number: FAULTS[fault]()) as server:
        outcome = RemoteSandbox(where(server), key=KEY, deadline_s=0.3).run(JOB)
        assert outcome.verdict == "INFRA"
        assert 1 <= len(server.requests) <= 6
    assert outcome.reason.startswith(where(server))
    assert KEY not in outcome.reason and "print" not in outcome.reason


def test_a_slow_drip_ends_at_the_deadline():
    """A byte in each tenth of a second never lets a plain time-out pass."""
    with Server(lambda request, number: Answer(RIGHT.body, drip_s=0.1)) as server:
        started = time.monotonic()
        outcome = RemoteSandbox(where(server), deadline_s=1.0).run(JOB)
        took = time.monotonic() - started
    assert outcome.verdict == "INFRA" and "no answer in time" in outcome.reason
    assert 0.9 < took < 1.5


def test_a_server_that_says_nothing_ends_at_the_deadline():
    with Server(lambda request, number: Answer(RIGHT.body, wait_s=5)) as server:
        started = time.monotonic()
        assert RemoteSandbox(where(server), deadline_s=0.5).run(JOB).verdict == "INFRA"
        assert 0.4 < time.monotonic() - started < 1.0


def test_a_server_that_asks_for_time_gets_it():
    with Server(lambda request, number: Answer(b"", 429, {"retry-after": "1"}) if number == 0 else RIGHT) as server:
        started = time.monotonic()
        assert RemoteSandbox(where(server)).run(JOB).verdict == "OK"
        assert time.monotonic() - started >= 1.0


def test_one_server_that_is_down_costs_no_verdict():
    with Server(lambda request, number: RIGHT) as server:
        sandbox = RemoteSandbox(["http://127.0.0.1:1", where(server)])
        assert {sandbox.run(JOB).verdict for _ in range(10)} == {"OK"}


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (ran(code=1), "RE"),
        (ran("TimeLimitExceeded", None), "TLE"),
        (ran(stdout="y" * 10_001), "OLE"),
        (body(status="Failed", compile_result={"status": "Finished", "return_code": 1, "stderr": "no"}, run_result=None), "CE"),
        (body(status="Failed", compile_result={"status": "Error"}, run_result=None), "INFRA"),
    ],
)
def test_what_sandboxfusion_says_becomes_a_verdict(answer: Answer, verdict: str):
    with Server(lambda request, number: answer) as server:
        outcome = RemoteSandbox(where(server), deadline_s=0.5).run(JOB)
    assert outcome.verdict == verdict
    assert len(outcome.stdout) <= 10_000


def piston(status: str | None = None, code: int | None = 0, signal: str | None = None, **more: object) -> Answer:
    return body(
        language="python", version="3", run={"stdout": "3\n", "stderr": "", "code": code, "signal": signal, "status": status, **more}
    )


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (piston(), "OK"),
        (piston("RE", 1), "RE"),
        (piston("SG", None, "SIGSEGV"), "RE"),
        (piston("TO", None, "SIGKILL"), "TLE"),
        (piston("OL", None, "SIGKILL"), "OLE"),
        (piston(None, None, "SIGKILL", wall_time=2600), "TLE"),
        (piston(None, None, "SIGKILL", wall_time=100), "RE"),
        (piston("XX", None, None, message="isolate failed"), "INFRA"),
        (piston(None, None, None), "INFRA"),
        (body(message="runtime is unknown"), "INFRA"),
        (body(compile={"code": 1, "stdout": "", "stderr": "no"}, run={}), "CE"),
    ],
)
def test_what_piston_says_becomes_a_verdict(answer: Answer, verdict: str):
    with Server(lambda request, number: answer) as server:
        assert RemoteSandbox(f"piston+{where(server)}", deadline_s=0.5).run(JOB).verdict == verdict


def test_piston_is_asked_in_its_own_words():
    with Server(lambda request, number: piston(cpu_time=20, wall_time=30, memory=1 << 20)) as server:
        outcome = RemoteSandbox(f"piston+{where(server)}").run(JOB)
    assert (outcome.cpu_s, outcome.wall_s, outcome.memory_mb) == (0.02, 0.03, 1.0)
    assert server.requests[0].path == "/api/v2/execute"
    assert server.requests[0].body == {
        "language": "python",
        "version": "*",
        "files": [{"name": "main.py", "content": "print(input())"}],
        "stdin": "3\n",
        "compile_timeout": 30_000,
        "run_timeout": 2500,
        "run_cpu_time": 1000,
        "run_memory_limit": 256 << 20,
    }


def test_input_that_is_no_text_is_not_sent_where_only_text_goes():
    with Server(lambda request, number: RIGHT) as server:
        outcome = RemoteSandbox(where(server)).run(Job("print(1)", b"\xff", limits=LIMITS))
    assert outcome.verdict == "INFRA" and "text only" in outcome.reason


# --- addresses --------------------------------------------------------------------------------------------------------


def test_a_password_in_an_address_is_sent_and_never_shown():
    with Server(lambda request, number: Answer(b"", 403)) as server:
        sandbox = RemoteSandbox(f"http://me:{KEY}@127.0.0.1:{server.port}")
        assert KEY not in sandbox.run(JOB).reason
        assert server.requests[0].headers["authorization"].startswith("Basic ")
    place = HttpAddress.of(f"https://me:{KEY}@there/base/")
    assert place is not None and place.display == "https://there:443/base"
    assert KEY not in repr(place)


@pytest.mark.parametrize("url", ["", "there", "ftp://there", "http://", "http://there:port", "gopher+http://there"])
def test_an_address_that_is_none_is_refused(url: str):
    with pytest.raises(BadInput):
        RemoteSandbox([url])


def test_the_environment_names_the_servers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AHA_SANDBOX_URLS", raising=False)
    assert "set AHA_SANDBOX_URLS" in str(why_not())
    monkeypatch.setenv("AHA_SANDBOX_URLS", f"http://me:{KEY}@127.0.0.1:1")
    assert why_not() == "nothing answers at http://127.0.0.1:1"
    with Server(lambda request, number: RIGHT) as server:
        monkeypatch.setenv("AHA_SANDBOX_URLS", f"http://127.0.0.1:1, {where(server)}")
        assert why_not() is None
        assert open_sandbox("remote").run(JOB).verdict == "OK"


# --- many -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("programs", [16, pytest.param(700, marks=pytest.mark.long)])
def test_faults_among_many_calls_give_no_wrong_verdict(programs: int):
    """Two of three calls fail, in each way in turn: 700 programs take more than a thousand faulted calls."""
    quick = [name for name in FAULTS if name not in ("10 MB", "nested", "404", "redirect")]

    def script(request: Request, number: int) -> Answer:
        return RIGHT if number % 3 == 2 else FAULTS[quick[number % len(quick)]]()

    with Server(script) as one, Server(script) as two, ThreadPoolExecutor(16) as pool:
        sandbox = RemoteSandbox([where(one), where(two)], workers=16)
        outcomes = list(pool.map(lambda i: sandbox.run(Job(f"print({i})", b"3\n", limits=LIMITS)), range(programs)))
        assert len(one.requests) + len(two.requests) > 1.5 * programs
    assert {outcome.verdict for outcome in outcomes} <= {"OK", "INFRA"}
    assert sum(outcome.verdict == "OK" for outcome in outcomes) > 0.8 * programs
