"""A run has one owner at a time, and a dead one does not keep it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from aha.errors import BadInput
from aha.rundir import Record, RunDir
from tests.faults import ForgetfulDisk
from tests.house import ROOT
from tests.runs import MANIFEST, snapshot, train

STARTERS = """
import os, socket, sys, time
from pathlib import Path
from aha.errors import BadInput
from aha.rundir import RunDir
from tests.runs import MANIFEST
talks = [socket.socket(fileno=int(word)).makefile("rw", buffering=1) for word in sys.argv[1:]]
talk = next((talk for talk in talks if os.fork() == 0), None)
if talk is None:
    for _ in talks:
        os.wait()
    sys.exit()
print(os.getpid(), file=talk)
for line in talk:
    started = time.monotonic()
    try:
        run, said = RunDir.open(Path(line.strip()), MANIFEST), "won"
    except BadInput as error:
        run, said = None, str(error)
    print(f"{time.monotonic() - started:.3f} {said}", file=talk)
    talk.readline()
    if run:
        run.close()
    print("released", file=talk)
"""

FORKER = """
import os, sys, time
from pathlib import Path
from aha.rundir import RunDir
from tests.runs import MANIFEST
run = RunDir.open(Path(sys.argv[1]), MANIFEST)
if os.fork() == 0:
    print(os.getpid(), flush=True)
    time.sleep(30)
time.sleep(30)
"""

TRAINER = """
import sys
from pathlib import Path
from tests.runs import train
class Said(list):
    def append(self, rollout):
        print(rollout, flush=True)
train(Path(sys.argv[1]), saved=Said(), rollouts=100_000)
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


def told(process: subprocess.Popen[str]) -> str:
    """The process's next line."""
    assert process.stdout
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=10)


@dataclass(frozen=True)
class Starter:
    """A process that opens the directories it is told, and the talk with it."""

    pid: int
    talk: TextIO

    def tell(self, line: object) -> None:
        print(line, file=self.talk)

    def hear(self) -> str:
        return self.talk.readline().strip()


@pytest.fixture(scope="module")
def starters() -> Iterator[list[Starter]]:
    """Eight processes, forked from one that has imported what they need."""
    with ExitStack() as stack:
        pairs = [tuple(map(stack.enter_context, socket.socketpair())) for _ in range(8)]
        theirs = [end.fileno() for _, end in pairs]
        command = [sys.executable, "-c", STARTERS, *map(str, theirs)]
        with subprocess.Popen(command, pass_fds=theirs, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}):
            with ExitStack() as open_talks:
                talks = [open_talks.enter_context(end.makefile("rw", buffering=1)) for end, _ in pairs]
                yield [Starter(int(talk.readline()), talk) for talk in talks]
            stack.close()  # they end where nobody talks to them


def race(starters: list[Starter], root: Path) -> None:
    """All eight at once: one wins, and the seven others name it within a second."""
    for starter in starters:
        starter.tell(root)
    answers = [starter.hear() for starter in starters]
    winners = [starter.pid for starter, answer in zip(starters, answers, strict=True) if answer.endswith(" won")]
    assert len(winners) == 1, answers
    line = f"{root}: process {winners[0]} on {socket.gethostname()} is at work in it; wait for it to end, or choose another directory"
    assert {answer.partition(" ")[2] for answer in answers} == {"won", line}
    assert max(float(answer.partition(" ")[0]) for answer in answers) < 1.0
    for starter in starters:
        starter.tell("release")
    assert [starter.hear() for starter in starters] == ["released"] * 8


def test_of_eight_starters_one_wins_ten_times(starters: list[Starter], tmp_path: Path) -> None:
    for number in range(10):
        race(starters, tmp_path / str(number % 3))  # new directories, and ones that were there
    assert {folder.name for folder in tmp_path.iterdir()} == {"0", "1", "2"}


@pytest.mark.long
def test_of_eight_starters_one_wins_fifty_times(starters: list[Starter], tmp_path: Path) -> None:
    for number in range(50):
        race(starters, tmp_path / str(number % 20))
    assert len(list(tmp_path.iterdir())) == 20


def test_a_second_owner_is_refused_within_a_second_and_changes_no_byte(tmp_path: Path) -> None:
    root = tmp_path / "run"
    run = RunDir.open(root, MANIFEST)
    before = snapshot(root, but=())
    started = time.monotonic()
    with pytest.raises(BadInput) as error:
        RunDir.open(root, MANIFEST)
    assert time.monotonic() - started < 1.0
    assert f"process {os.getpid()} on {socket.gethostname()} is at work in it" in str(error.value)
    assert snapshot(root, but=()) == before
    run.close()
    RunDir.open(root, MANIFEST).close()


def test_whoever_reads_needs_no_lock(tmp_path: Path) -> None:
    run = RunDir.open(tmp_path / "run", MANIFEST)
    run.resume()
    run.commit(0, {"reward": 0.5}, {})
    assert Record(tmp_path / "run").metrics() == [{"rollout": 0, "reward": 0.5}]
    run.close()


def test_a_dead_owner_is_followed_even_while_its_forked_worker_lives(tmp_path: Path) -> None:
    process = start(FORKER, str(tmp_path / "run"))
    worker = int(told(process))
    process.kill()
    process.wait(timeout=10)
    try:
        os.kill(worker, 0)
        run = RunDir.open(tmp_path / "run", MANIFEST)
        assert run.metrics() == []
        run.close()
    finally:
        os.kill(worker, signal.SIGKILL)
        end(process)


def kills(root: Path, count: int) -> None:
    """SIGKILL at a moment of its own each time; every checkpoint that was announced is there, whole, and the next process goes on."""
    announced = -1
    for number in range(count):
        process = start(TRAINER, str(root))
        announced = max(announced, int(told(process)))
        time.sleep(0.0137 * (number % 11))
        process.kill()
        rest, _ = process.communicate(timeout=10)
        announced = max([announced, *map(int, re.findall(r"(\d+)\n", rest))])
        assert [problem for problem in Record(root).problems() if "torn" not in problem and "groups" not in problem] == []
        run = RunDir.open(root, MANIFEST, disk=ForgetfulDisk())
        resumed = run.resume()
        run.close()
        assert resumed is not None and resumed.rollout >= announced
        assert run.problems() == []


@pytest.mark.long
def test_killed_twenty_five_times_it_ends_with_the_bytes_of_a_run_never_killed(tmp_path: Path) -> None:
    kills(tmp_path / "killed", 25)
    done = Record(tmp_path / "killed").checkpoints()[-1].rollout + 1
    train(tmp_path / "killed", rollouts=done + 10)
    train(tmp_path / "whole", ForgetfulDisk(), rollouts=done + 10)
    assert done > 25
    assert snapshot(tmp_path / "killed") == snapshot(tmp_path / "whole")


@pytest.mark.long
def test_killed_two_hundred_times_it_stays_whole(tmp_path: Path) -> None:
    kills(tmp_path / "run", 200)
    assert Record(tmp_path / "run").problems() == []
    shutil.rmtree(tmp_path / "run")
