"""Ctrl-C and SIGTERM in real processes: in a step, between steps, and in a call that never comes back to Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from aha.commands.interrupts import Interrupts, Steps
from aha.errors import Interruption
from aha.protocols import Continue, Pause
from aha.rundir import RunDir
from tests.counts import ordinary
from tests.house import ROOT
from tests.runs import MANIFEST

LOOP = """
import sys, time
from pathlib import Path
from aha.commands.interrupts import Interrupts
from aha.rundir import RunDir
from aha.errors import Interruption
from aha.stages.steps import StepLog
from tests.runs import MANIFEST

run = RunDir.open(Path(sys.argv[1]), MANIFEST)
run.resume()
try:
    with Interrupts(run, patience_s=0.2) as observer:
        log = StepLog(run, observer, "step", 100, 50)
        for step in range(100):
            log.begin(step)
            observer.heartbeat("learning")
            if step == 3:
                print("ready", flush=True)
                {long}
            log.end(step, {{}}, {{}}, save=lambda folder: None, progress={{"step": step + 1}})
except Interruption as error:
    print(error.exit_code, error, flush=True)
"""
SLEEPS = "time.sleep(1.0)"
IN_A_LIBRARY = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', {rounds})"  # one call, in which no handler of Python's runs

WAITS = """
import time
from aha.commands.interrupts import Interrupts
with Interrupts(patience_s=60.0) as interrupts:
    interrupts.heartbeat("reading rows")
    print("ready", flush=True)
    while True:
        time.sleep(60)
"""


@contextmanager
def process(script: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    """It has said that it is ready."""
    command = [sys.executable, "-c", script, *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    try:
        assert started.stdout is not None and started.stdout.readline() == "ready\n"
        yield started
    finally:
        started.kill()
        started.communicate(timeout=10)


def heard(started: subprocess.Popen[str]) -> str:
    assert started.stderr is not None
    return started.stderr.readline()


def test_without_a_signal_a_beat_is_nothing_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        interrupts.heartbeat("learning")
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_between_two_steps_a_signal_is_raised_at_the_next_beat(number: signal.Signals, code: int) -> None:
    with Interrupts() as interrupts:
        signal.raise_signal(number)
        with pytest.raises(Interruption, match="stopped while: learning; the same command goes on with what is saved") as caught:
            interrupts.heartbeat("learning")
    assert caught.value.exit_code == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_within_a_step_nothing_is_raised_and_its_end_is_a_pause(number: signal.Signals, code: int) -> None:
    with Interrupts() as interrupts:
        interrupts.begin("step", 0)
        signal.raise_signal(number)
        interrupts.heartbeat("learning")
        assert interrupts.rollout(0, {}, {}, ()) == Pause(code)
        interrupts.end(saved=True)
        with pytest.raises(Interruption):
            interrupts.begin("step", 1)


def test_a_step_whose_predecessors_are_not_saved_is_still_done_so_that_they_are() -> None:
    with Interrupts() as interrupts:
        interrupts.begin("step", 0)
        assert interrupts.rollout(0, {}, {}, ()) == Continue()
        signal.raise_signal(signal.SIGINT)  # while the step is written down, without a checkpoint
        interrupts.end(saved=False)
        interrupts.begin("step", 1)
        assert interrupts.rollout(1, {}, {}, ()) == Pause(130)
        interrupts.end(saved=True)
        with pytest.raises(Interruption):
            interrupts.heartbeat("next")


def test_a_signal_after_the_last_beat_ends_what_would_come_next() -> None:
    with pytest.raises(Interruption, match="stopped while: done"), Interrupts() as interrupts:
        interrupts.heartbeat("done")
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("long", ordinary([SLEEPS, IN_A_LIBRARY.format(rounds=4_000_000)], SLEEPS))
def test_the_first_press_in_a_long_step_says_what_it_waits_for_finishes_the_step_and_saves_it(long: str, tmp_path: Path) -> None:
    """The step takes longer than what stands between two steps is given."""
    with process(LOOP.format(long=long), tmp_path) as started:
        began = time.monotonic()
        started.send_signal(signal.SIGINT)
        line = heard(started)
        assert line.startswith("aha: finishing step 4 and saving it: ")
        assert line.endswith("; ctrl-C again stops at once and loses steps 1 to 4, 0 s of work\n")
        assert time.monotonic() - began < 1.0  # at once, and not when the step is done
        out, err = started.communicate(timeout=60)
    saved = tmp_path / "checkpoints/000003"
    assert out == f"130 stopped after step 4, which is saved: nothing is lost; the same command goes on from {saved}\n"
    assert (err, saved.is_dir(), started.returncode) == ("", True, 0)


def test_the_second_press_stops_at_once_and_says_exactly_what_is_lost(tmp_path: Path) -> None:
    with process(LOOP.format(long=IN_A_LIBRARY.format(rounds=400_000_000)), tmp_path) as started:
        started.send_signal(signal.SIGINT)
        heard(started)
        time.sleep(1.1)
        started.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, err = started.communicate(timeout=60)
        assert time.monotonic() - began < 1
    assert err in [
        f"aha: stopped at once while: learning; lost: steps 1 to 4, {seconds} s of work; the same command starts again from the beginning\n"
        for seconds in (1, 2)
    ]
    assert started.returncode == 130


def test_a_second_ctrl_c_ends_a_process_that_does_not_beat_within_a_second() -> None:
    with process(WAITS) as started:
        started.send_signal(signal.SIGINT)
        assert heard(started) == "aha: stopping at the next safe point; now: reading rows; ctrl-C again stops at once\n"
        assert started.poll() is None
        started.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, err = started.communicate(timeout=10)
        assert time.monotonic() - began < 1
    assert (started.returncode, err) == (130, "aha: stopped at once while: reading rows; the same command goes on with what is saved\n")


def test_what_stands_between_two_steps_is_ended_where_it_stands() -> None:
    with process(WAITS.replace("60.0", "0.2")) as started:
        started.send_signal(signal.SIGTERM)
        heard(started)
        _, err = started.communicate(timeout=10)
    assert "stopped while: reading rows; the same command goes on with what is saved" in err


def test_a_forked_child_ends_by_the_signal_with_which_pools_end_their_workers() -> None:
    with Interrupts():
        if (child := os.fork()) == 0:
            time.sleep(60)
            os._exit(0)
        time.sleep(0.1)
        os.kill(child, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


def test_a_forked_child_passes_no_second_ctrl_c_on() -> None:
    with Interrupts(patience_s=60.0) as interrupts:
        interrupts.begin("step", 0)
        signal.raise_signal(signal.SIGINT)
        if (child := os.fork()) == 0:
            with suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            os._exit(0)
        os.waitpid(child, 0)
        time.sleep(0.1)
        assert interrupts.rollout(0, {}, {}, ()) == Pause(130)  # this process is still here
        interrupts.end(saved=True)
        with pytest.raises(Interruption):
            interrupts.begin("step", 1)


# --- what is said -----------------------------------------------------------------------------------------------------


def steps_of(*seconds: float, saved: int = 0, running: float | None = None, record: RunDir | None = None) -> Steps:
    """Steps that took so long, the first `saved` of which a checkpoint holds, and one at work."""
    now = [0.0]
    steps = Steps(record, lambda: now[0])
    for number, took in enumerate(seconds):
        steps.begin("rollout", number)
        now[0] += took
        steps.end(saved=number + 1 == saved)
    if running is not None:
        steps.begin("rollout", len(seconds))
        now[0] += running
    return steps


def test_what_is_lost_is_named_by_its_steps_and_their_time() -> None:
    assert steps_of(60.0, 60.0, saved=2).loss() == ""
    assert steps_of(60.0, 60.0, saved=2, running=7.0).loss() == "rollout 3, 7 s of work"
    assert steps_of(60.0, 60.0, 40.0, saved=1, running=20.0).loss() == "rollouts 2 to 4, 2 min 00 s of work"
    assert steps_of(60.0, 60.0, 40.0, saved=1).loss() == "rollouts 2 to 3, 1 min 40 s of work"


def test_the_time_left_is_the_usual_one_less_what_has_passed() -> None:
    assert (
        steps_of(100.0, 60.0, 60.0, 60.0, 70.0, running=20.0).expected_time() == "about 40 s"
    )  # the median, which the first one does not move
    assert steps_of(60.0, running=90.0).expected_time() == "it has taken 1 min 30 s; earlier ones took about 1 min 00 s"
    assert steps_of(running=20.0).expected_time() == "it is the first one, so its duration is unknown: 20 s so far"


def test_the_steps_of_an_earlier_process_tell_the_time_too(tmp_path: Path) -> None:
    run = RunDir.open(tmp_path, MANIFEST)
    run.resume()
    run.commit(0, {}, {"seconds": 50.0}, save=lambda folder: None)
    assert steps_of(running=20.0, record=run).expected_time() == "about 30 s"
    assert steps_of(record=run).balance() == f"lost: nothing; the same command goes on from {tmp_path}/checkpoints/000000"
    run.close()
