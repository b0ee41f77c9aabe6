"""In real processes: one that stands still, one that moves, one that is frozen and thawed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

STALLS = """
import sys, time
from pathlib import Path
from aha.watchdog import Watchdog
def waits_for_ever() -> None:
    time.sleep(60)
with Watchdog(Path(sys.argv[1]), limit_s=0.4) as dog:
    dog.heartbeat("asking the model")
    waits_for_ever()
"""

MOVES = """
import sys, time
from pathlib import Path
from aha.watchdog import Watchdog
with Watchdog(Path(sys.argv[1]), limit_s=0.8) as dog:
    print("moving", flush=True)
    for _ in range(40):
        time.sleep(0.05)
        dog.heartbeat("learning")
print("done", flush=True)
"""


def run(code: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_process_that_stands_still_ends_with_70_and_says_where_it_stood(tmp_path: Path) -> None:
    process = run(STALLS, tmp_path)
    _, said = process.communicate(timeout=20)
    (report,) = tmp_path.glob("stall-*.txt")
    assert process.returncode == 70
    assert said.startswith("aha: no progress for 0.4 s while: asking the model; every thread's stack is in ")
    assert said.count("\n") == 1 and str(report) in said
    assert "waits_for_ever" in report.read_text()


def test_a_folder_that_is_gone_does_not_keep_it_alive(tmp_path: Path) -> None:
    process = run(STALLS, tmp_path / "gone")
    _, said = process.communicate(timeout=20)
    assert process.returncode == 70
    assert "could not be written" in said


def test_a_process_that_moves_is_left_alone(tmp_path: Path) -> None:
    process = run(MOVES, tmp_path)
    assert process.communicate(timeout=20) == ("moving\ndone\n", "")
    assert process.returncode == 0


def test_a_process_that_was_frozen_longer_than_the_limit_goes_on(tmp_path: Path) -> None:
    process = run(MOVES, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "moving\n"
    process.send_signal(signal.SIGSTOP)
    time.sleep(2.0)
    process.send_signal(signal.SIGCONT)
    out, said = process.communicate(timeout=20)
    assert (out, said, process.returncode) == ("done\n", "", 0)
