from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aha.grading.sandbox import AUTOMATIC, Job, Limits, open_sandbox, tiers
from aha.grading.sandbox.unsafe import UnsafeSandbox

QUICK = Limits(cpu_s=1.0, wall_s=4.0, memory_mb=256, output_bytes=100_000)


@pytest.fixture(scope="module")
def unsafe() -> Iterator[UnsafeSandbox]:
    sandbox = UnsafeSandbox(2)
    yield sandbox
    sandbox.close()


def test_it_is_there_by_name_and_never_by_itself() -> None:
    assert "unsafe" not in AUTOMATIC and tiers()["unsafe"] is None
    opened = open_sandbox("unsafe", 1)
    assert opened.tier == "unsafe"
    opened.close()


def test_a_program_reads_and_prints(unsafe: UnsafeSandbox) -> None:
    outcome = unsafe.run(Job("import sys\nprint(sum(map(int, input().split())))\nprint('x', file=sys.stderr)", b"1 2\n"))
    assert (outcome.verdict, outcome.stdout, outcome.stderr, outcome.exit_code) == ("OK", b"3\n", b"x\n", 0)
    assert outcome.wall_s > 0 and outcome.memory_mb > 1


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("while True: pass", "TLE"),
        ("import time; time.sleep(60)", "TLE"),
        ("import signal\nfor s in (signal.SIGXCPU, signal.SIGTERM): signal.signal(s, signal.SIG_IGN)\nwhile True: pass", "TLE"),
        ("x = 'a' * 10**9", "MLE"),
        ("while True: print('a' * 1000)", "OLE"),
        ("import os\nwhile True: os.write(2, b'a' * 1000)", "OLE"),
        ("raise ValueError", "RE"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "RE"),
        ("def f(: pass", "RE"),
    ],
)
def test_limits_and_crashes_have_their_verdicts(source: str, verdict: str, unsafe: UnsafeSandbox) -> None:
    outcome = unsafe.run(Job(source, limits=QUICK))
    assert (outcome.verdict, outcome.exit_code == 0) == (verdict, False), outcome
    assert len(outcome.stdout) <= QUICK.output_bytes and len(outcome.stderr) <= QUICK.output_bytes


def test_input_that_nobody_reads_and_large_input_do_not_block(unsafe: UnsafeSandbox) -> None:
    assert unsafe.run(Job("pass", b"x" * 5_000_000)).verdict == "OK"
    outcome = unsafe.run(Job("import sys; print(len(sys.stdin.read()))", b"x" * 5_000_000))
    assert outcome.stdout == b"5000000\n"


def test_the_environment_is_clean_and_the_hash_seed_fixed(unsafe: UnsafeSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "CANARY")
    assert b"CANARY" not in unsafe.run(Job("import os; print(dict(os.environ))")).stdout
    one, other = (unsafe.run(Job("import random; print(hash('a'), random.random())")).stdout for _ in range(2))
    assert one == other


def test_whoever_leaves_the_session_is_ended_too(unsafe: UnsafeSandbox) -> None:
    daemon = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\nelse:\n    time.sleep(0.2)\n    print(3)"
    before = time.monotonic()
    assert unsafe.run(Job(daemon, limits=QUICK)).stdout == b"3\n"
    assert time.monotonic() - before < 30
    while ours := [pid for pid in os.listdir("/proc") if pid.isdigit() and _of_ours(pid)]:
        assert time.monotonic() - before < 40, ours  # a killed process goes when it is next given a core
        time.sleep(0.05)


def _of_ours(pid: str) -> bool:
    try:
        words = Path("/proc", pid, "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(word.startswith(b"AHA_PROGRAM=") and word.endswith(f"-{os.getpid()}".encode()) for word in words)


def test_closing_leaves_no_file() -> None:
    sandbox = UnsafeSandbox(1)
    folder = Path(sandbox.run(Job("import os; print(os.getcwd())")).stdout.decode().strip())
    assert not folder.exists() and folder.parent.exists()
    sandbox.close()
    assert not folder.parent.exists()


@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler here")
def test_cpp_is_compiled_once(unsafe: UnsafeSandbox) -> None:
    source = "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }"
    assert unsafe.run(Job(source, b"1 2", "cpp")).stdout == b"3"
    before = time.process_time()
    assert unsafe.run(Job(source, b"2 2", "cpp")).stdout == b"4" and time.process_time() - before < 1
    broken = unsafe.run(Job("int main( {", b"", "cpp"))
    assert broken.verdict == "CE" and b"error" in broken.stderr
