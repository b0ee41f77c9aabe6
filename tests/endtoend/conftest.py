"""Real commands on a small fresh model, and where they stood when they were disturbed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.endtoend.world import write_recipe
from tests.house import ROOT

HERE = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
LIMIT_S = 600.0  # a machine with much else to do is slow, not broken


def until(fact: Callable[[], bool], limit_s: float = LIMIT_S) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + limit_s
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class Command:
    """One running `aha`, forked from the warm server."""

    def __init__(self, base: Path) -> None:
        self.base = base
        assert until(base.with_suffix(".pid").exists)
        self.pid = int(base.with_suffix(".pid").read_text())

    @property
    def over(self) -> bool:
        return self.base.with_suffix(".code").exists()

    @property
    def code(self) -> int:
        """Its exit code once it has ended; minus the signal's number where one ended it."""
        assert until(lambda: self.over), f"it does not end; it is {self.doing}\n{self.stacks()}"
        return int(self.base.with_suffix(".code").read_text().split()[0])

    @property
    def cpu_s(self) -> float:
        assert until(lambda: self.over)
        return float(self.base.with_suffix(".code").read_text().split()[1])

    @property
    def seconds(self) -> float:
        """From its start to its end, once it has ended."""
        assert until(lambda: self.over)
        return self.base.with_suffix(".code").stat().st_mtime - self.base.with_suffix(".pid").stat().st_mtime

    def send(self, number: signal.Signals) -> str:
        """What it was doing when the signal came; empty where it had ended before."""
        if self.over:
            return ""
        os.kill(self.pid, number)
        return self.doing

    @property
    def starved_s(self) -> float:
        """How long it has waited for a processor that others had; 0 where the kernel does not say, or once it has ended."""
        try:
            return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError):
            return 0.0

    def end_s(self) -> float:
        """How long it takes to end from now, the time left out that it waited for a processor."""
        began, before, after = time.monotonic(), self.starved_s, 0.0
        while not self.over:
            after = max(after, self.starved_s)
            assert time.monotonic() - began < LIMIT_S, f"it does not end; it is {self.doing}"
            time.sleep(0.005)
        return time.monotonic() - began - max(0.0, after - before)

    @property
    def doing(self) -> str:
        note = self.base.with_suffix(".note")
        return (note.read_text().strip() if note.exists() else "") or "starting"

    def stacks(self) -> str:
        """Where each of its threads stands, by itself; a process that others keep from a processor answers late."""
        path = self.base.with_suffix(".stacks")
        os.kill(self.pid, signal.SIGUSR2)
        until(lambda: path.stat().st_size > 0, limit_s=30.0)
        return path.read_text()

    @property
    def out(self) -> str:
        """What it has written to stdout."""
        return self.base.with_suffix(".out").read_text()

    @property
    def said(self) -> str:
        """What it has written to stderr."""
        path = self.base.with_suffix(".err")
        return path.read_text() if path.exists() else ""


class Warm:
    """The server in `warm.py`, in a folder that all workers of a session share: the first starts it, and it ends when the last has left."""

    def __init__(self, folder: Path, shared: Path) -> None:
        self.folder, self.model, self.count = folder, shared / "model", 0
        self.process: subprocess.Popen[bytes] | None = None
        orders, output = shared / "orders", shared / "server"
        try:
            os.mkfifo(orders)
        except FileExistsError:  # another worker has started it
            assert until(lambda: output.exists() and b"ready" in output.read_bytes())
            self.orders = os.open(orders, os.O_WRONLY)
        else:
            end = os.open(orders, os.O_RDONLY | os.O_NONBLOCK)
            self.orders = os.open(orders, os.O_WRONLY)
            os.set_blocking(end, True)
            with output.open("wb") as file:
                command = [sys.executable, "-m", "tests.endtoend.warm", str(self.model)]
                self.process = subprocess.Popen(command, stdin=end, stdout=file, cwd=ROOT, env=HERE)
            os.close(end)
            assert until(lambda: b"ready" in output.read_bytes())

    def start(
        self, *words: object, tty: str | None = None, folder: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> Command:
        """`aha` with those words, or a script with its arguments; in the server's folder, where none is named."""
        self.count += 1
        base = self.folder / f"{self.count}"
        order: dict[str, object] = {"base": str(base), "argv": list(map(str, words)), "folder": str(folder or self.folder), "tty": tty}
        order["environ"] = dict(environ or {})
        base.with_suffix(".order").write_text(json.dumps(order))
        os.write(self.orders, f"{base}.order\n".encode())  # so short a line is not mixed with those of others
        return Command(base)

    def run(self, *words: object) -> Command:
        """Ended well."""
        command = self.start(*words)
        assert command.code == 0, command.said
        return command

    def close(self) -> None:
        os.close(self.orders)
        if self.process is not None:
            self.process.wait(timeout=LIMIT_S)


@pytest.fixture(scope="session")
def even(warm: Warm) -> Path:
    """The recipe that most faults are done to."""
    return write_recipe(warm.folder / "even.py", warm.model)


@pytest.fixture(scope="session")
def expected(warm: Warm, even: Path) -> dict[str, bytes]:
    """What that recipe leaves when nothing happens to it."""
    warm.run("run", even, "--out", warm.folder / "whole", "--no-preflight")
    return result_of(warm.folder / "whole")


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """A figure for the lab book."""

    def say(line: str) -> None:
        print(f"\nFIGURE {line}")
        record_property("figure", line)

    return say


def rollouts_done(root: Path) -> int:
    path = root / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def result_of(root: Path) -> dict[str, bytes]:
    """Everything a run leaves that has to be the same bits: all but clocks, owners, the command's words and the report."""
    but = {"timings.jsonl", "plan.json", "lock", "manifest.json", "report.html", "curve.png"}
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name not in but)
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> Sequence[str]:
    """The files that are not the same in both."""
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
