"""The bwrap tier's processes: there when needed, replaced when broken, gone with the judge however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import psutil
import pytest

from aha.errors import BadInput
from aha.grading.sandbox.bwrap import BwrapSandbox, why_not
from aha.grading.sandbox.job import Job, Outcome
from aha.grading.sandbox.namespace import SandboxUser, interpreter, ways
from aha.grading.sandbox.slot import Order, Slot, SlotError, memory_file
from tests.grading.sandbox.here import begun_since, is_root, needs_bwrap
from tests.house import ROOT

pytestmark = needs_bwrap
SYSTEM = Path("/usr/bin/python3")
ADD = "print(sum(map(int, input().split())))"


@pytest.fixture
def sandbox(_others: None) -> Iterator[BwrapSandbox]:
    opened = BwrapSandbox(workers=2)
    yield opened
    opened.close()


BEFORE: set[int] = set()


@pytest.fixture(autouse=True)
def _others() -> None:
    """Graders that other tests of this process opened go on beside ours; what a test counts began after it."""
    BEFORE.clear()
    BEFORE.update(each.pid for each in psutil.Process().children())


def children() -> list[psutil.Process]:
    return begun_since(BEFORE)


def kill(processes: list[psutil.Process]) -> None:
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            each.kill()


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=5)[1]


# --- many at once -----------------------------------------------------------------------------------------------------


def test_many_threads_may_ask_and_each_gets_its_own_answer(sandbox: BwrapSandbox) -> None:
    def ask(n: int) -> bytes:
        return sandbox.run(Job(ADD, f"{n} {n}\n".encode())).stdout

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(60))) == [f"{2 * n}\n".encode() for n in range(60)]
    assert len(children()) == 2 * sandbox.workers


def test_slots_work_side_by_side(sandbox: BwrapSandbox) -> None:
    sleep = Job("import time; time.sleep(0.6)")
    sandbox.run(Job(ADD, b"1 1"))
    started = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        assert [each.verdict for each in pool.map(sandbox.run, [sleep, sleep])] == ["OK", "OK"]
    assert time.monotonic() - started < 1.15 + 1.0  # 1.2 one after the other, and a machine that is busy


def test_a_sandbox_outlives_the_thread_that_opened_it() -> None:
    """The kernel's word to end with the parent means the thread that started the process, not the parent."""
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(BwrapSandbox, 1).result(timeout=30)
        first = pool.submit(opened.run, Job(ADD, b"1 2")).result(timeout=30)
    before = set(opened._live)
    assert first.stdout == opened.run(Job(ADD, b"1 2")).stdout == b"3\n" and opened._live == before
    opened.close()


# --- what breaks is replaced ------------------------------------------------------------------------------------------


def test_a_slot_that_was_killed_is_replaced_at_the_next_program(sandbox: BwrapSandbox) -> None:
    sandbox.run(Job(ADD, b"1 2"))
    kill(children())
    started = time.monotonic()
    assert sandbox.run(Job(ADD, b"1 2")).stdout == b"3\n"
    assert time.monotonic() - started < 5


def test_a_program_whose_slot_was_killed_is_run_again(sandbox: BwrapSandbox) -> None:
    sandbox.run(Job(ADD, b"1 2"))
    victims = children()
    threading.Timer(0.3, lambda: kill(victims)).start()
    outcome = sandbox.run(Job("import time; time.sleep(0.8); print(3)"))
    assert (outcome.verdict, outcome.stdout) == ("OK", b"3\n")


def test_a_slot_that_dies_twice_is_infra_and_never_wrong(sandbox: BwrapSandbox) -> None:
    over = threading.Event()

    def kill_all() -> None:
        while not over.wait(0.1):
            kill(children())

    killer = threading.Thread(target=kill_all)
    killer.start()
    try:
        outcome = sandbox.run(Job("import time; time.sleep(5)"))
    finally:
        over.set()
        killer.join(timeout=5)
    assert outcome.verdict == "INFRA" and outcome.reason
    assert sandbox.run(Job(ADD, b"1 2")).stdout == b"3\n"


def test_a_server_that_does_not_answer_is_given_up() -> None:
    """Stopped like a machine that hangs; the limits are short, so that the patience is."""
    opened = BwrapSandbox(workers=1)
    opened.run(Job(ADD, b"1 2"))
    (slot,) = opened._live
    server = next(each for each in children() if each.ppid() != os.getpid())
    server.suspend()
    with files(b"print(3)", b"") as (program, stdin), pytest.raises(SlotError, match="no answer"):
        slot.run(Order("python", program, stdin, 1.0, 0.1, 0.2, 1 << 28, 100), patience_s=0.5)
    opened.close()
    assert gone([server])


# --- the end ----------------------------------------------------------------------------------------------------------


def test_closing_leaves_no_process_and_no_descriptor() -> None:
    process = psutil.Process()
    BwrapSandbox(workers=1).close()  # what is loaded once is loaded now
    files_before, threads_before = process.num_fds(), process.num_threads()
    opened = BwrapSandbox(workers=2)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(opened.run, [Job(ADD, b"1 2")] * 4))
    started = children()
    opened.close()
    opened.close()
    assert len(started) == 4 and gone(started)
    deadline = time.monotonic() + 2
    while (process.num_fds() > files_before or process.num_threads() > threads_before) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.num_fds() <= files_before and process.num_threads() <= threads_before  # another test's thread may have ended meanwhile


def test_closing_ends_what_runs_and_says_so() -> None:
    opened = BwrapSandbox(workers=1)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(opened.run, Job("import time; time.sleep(20)"))
        time.sleep(0.5)
        opened.close()
        outcome: Outcome = running.result(timeout=10)
    assert outcome.verdict == "INFRA" and opened.run(Job(ADD, b"1 2")).reason == "the sandbox is closed"
    assert children() == []


ENDING = """
import os, sys, threading
from aha.grading.sandbox.bwrap import BwrapSandbox
from aha.grading.sandbox.job import Job
sandbox = BwrapSandbox(workers=1)
sandbox.run(Job("print(3)"))
{}
threading.Thread(target=sandbox.run, args=(Job("import time; time.sleep(60)"),), daemon=True).start()
print("ready", flush=True)
{}
"""


FORKED = "if os.fork() == 0: sys.stdin.read(1); os._exit(0)"


@pytest.mark.parametrize(
    ("before", "how"),
    [("", "kill -9"), ("", "sys.stdin.read(1)"), ("", "sys.stdin.read(1); os._exit(0)"), (FORKED, "kill -9")],
    ids=["killed", "ended", "exited at once", "killed while a fork of it holds its sockets"],
)
def test_when_the_judge_is_gone_so_is_everything(before: str, how: str) -> None:
    source = ENDING.format(before, "sys.stdin.read(1)" if how == "kill -9" else how)
    judge = subprocess.Popen([sys.executable, "-c", source], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert judge.stdin is not None and judge.stdout is not None
    assert judge.stdout.readline() == b"ready\n"
    inside = _inside(judge.pid)
    try:
        assert len(inside) == 3 and inside[0].name() == "bwrap", "bubblewrap, the server, the program"
        judge.kill() if how == "kill -9" else judge.stdin.write(b"x")
        judge.stdin.close()
        assert gone(inside)
    finally:
        judge.kill()
        judge.wait(timeout=20)
        judge.stdout.close()


def _inside(judge: int) -> list[psutil.Process]:
    """bubblewrap and all below it, once the program has been forked."""
    deadline = time.monotonic() + 20
    found: list[psutil.Process] = []
    while len(found) < 3 and time.monotonic() < deadline:
        top = [each for each in psutil.Process(judge).children() if each.name() == "bwrap"]
        found = [each for first in top for each in (first, *first.children(recursive=True))]
    return found


def _in_a_fork(sandbox: BwrapSandbox, answers: object) -> None:
    outcome = sandbox.run(Job(ADD, b"20 22"))
    answers.send((outcome.stdout, len(sandbox._live)))  # type: ignore[attr-defined]
    sandbox.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_of_the_judge_starts_slots_of_its_own_and_leaves_ours_alone(sandbox: BwrapSandbox) -> None:
    sandbox.run(Job(ADD, b"1 2"))
    before = set(sandbox._live)
    ours, theirs = get_context("fork").Pipe()
    child = get_context("fork").Process(target=_in_a_fork, args=(sandbox, theirs))
    child.start()
    assert ours.poll(20) and ours.recv() == (b"42\n", 1)
    child.join(timeout=20)
    assert child.exitcode == 0
    assert sandbox.run(Job(ADD, b"1 2")).stdout == b"3\n" and sandbox._live == before


# --- a busy machine ---------------------------------------------------------------------------------------------------


def test_time_spent_waiting_for_a_processor_does_not_count_against_the_clock() -> None:
    """An eighth of a second of work among nine that want the same processor takes a second; the clock's limit is a fifth."""
    here = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(here)})
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(8)]
    time.sleep(1.0)  # until they are at it
    try:
        with a_slot(ways(0)[0]) as slot, files(b"import time\nwhile time.process_time() < 0.125: pass", b"") as (work, nothing):
            order = Order("python", work, nothing, cpu_s=2.0, wall_s=0.2, longest_s=60.0, memory_bytes=1 << 28, output_bytes=1000)
            patient, _, _ = slot.run(order)
            hasty, _, _ = slot.run(replace(order, longest_s=0.2))
    finally:
        os.sched_setaffinity(0, here)
        for each in burners:
            each.kill()
            each.wait(timeout=5)
    assert (patient.status, patient.stop_reason) == (0, "") and patient.wall_s > 0.2
    assert hasty.stop_reason == "wall"


# --- the ways to make namespaces --------------------------------------------------------------------------------------


@contextmanager
def a_slot(way: SandboxUser) -> Iterator[Slot]:
    python = SYSTEM if way.outside is not None else None  # another user may not be able to run ours
    with ThreadPoolExecutor(1) as keeper:
        slot = Slot("/usr/bin/bwrap", way, interpreter(python), "", keeper)
        try:
            yield slot
        finally:
            slot.close()


@contextmanager
def files(*contents: bytes) -> Iterator[list[int]]:
    made = [memory_file(each) for each in contents]
    try:
        yield made
    finally:
        for each in made:
            os.close(each)


@pytest.mark.parametrize("choice", range(4))
def test_a_program_runs_whoever_makes_the_namespaces_with_and_without_proc(choice: int) -> None:
    possible = ways(0)
    if choice >= len(possible):
        pytest.skip("an ordinary user has two ways")
    if possible[choice].outside is not None and not SYSTEM.exists():
        pytest.skip("no interpreter that another user may run")
    source = b"import os, threading\nthread = threading.Thread(target=print, args=(3,)); thread.start(); thread.join()\nos.mkdir('/tmp/x')"
    with a_slot(possible[choice]) as slot, files(source, b"") as (program, stdin):
        for _ in range(2):
            facts, streams, _ = slot.run(Order("python", program, stdin, 5.0, 30.0, 60.0, 1 << 28, 1000))
            assert (facts.status, streams.stdout, streams.stderr) == (0, b"3\n", b"")


def test_a_machine_that_can_do_it_has_no_reason_not_to() -> None:
    assert why_not() is None
    assert children() == []


@is_root
def test_a_kernel_that_forbids_namespaces_is_named_with_the_remedy() -> None:
    source = "from aha.grading.sandbox.bwrap import why_not; print(why_not())"
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh", sys.executable, "-c", source]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if said.returncode:
        pytest.skip(f"no nested namespaces here: {said.stderr.strip()}")
    assert said.stdout.startswith("bwrap: ") and said.stdout.strip().endswith("as root, sysctl user.max_user_namespaces=10000")


def test_an_interpreter_that_is_not_there_is_bad_input() -> None:
    with pytest.raises(BadInput, match="/nowhere/python"):
        BwrapSandbox(workers=1, python=Path("/nowhere/python"))


def test_an_interrupt_from_the_terminal_is_ours_alone(sandbox: BwrapSandbox) -> None:
    sandbox.run(Job(ADD, b"1 2"))
    before = set(sandbox._live)
    assert {os.getpgid(each.pid) for each in children()}.isdisjoint({os.getpgid(0)})
    for each in children():
        if each.ppid() != os.getpid():
            os.kill(each.pid, signal.SIGINT)
    assert sandbox.run(Job(ADD, b"1 2")).stdout == b"3\n" and sandbox._live == before
