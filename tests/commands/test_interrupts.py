"""In a real process that beats, or does not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from aha.commands.interrupts import Interrupts
from aha.errors import Interrupted

WAITS = """
import time
from aha.commands.interrupts import Interrupts
with Interrupts():
    print("ready", flush=True)
    time.sleep(0.1)
    while True:
        time.sleep(60)
"""


def test_without_a_signal_a_beat_is_nothing_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        interrupts.beat("learning")
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_raised_at_the_next_beat(number: signal.Signals, code: int) -> None:
    with Interrupts() as interrupts:
        signal.raise_signal(number)
        with pytest.raises(Interrupted, match="the same command goes on") as caught:
            interrupts.beat("learning")
    assert caught.value.exit_code == code


def test_a_second_ctrl_c_ends_a_process_that_does_not_beat_within_a_second() -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "aha: stopping at the next safe place; ctrl-C again stops at once\n"
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=10)
    assert time.monotonic() - began < 1
    assert (process.returncode, err) == (130, "aha: stopped at once; the same command goes on from the last checkpoint\n")
