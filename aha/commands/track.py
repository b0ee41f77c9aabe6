"""`aha track`: send a run's metrics to TensorBoard or Weights & Biases, read from its directory by a separate process."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol

from aha.commands.terminal import COUNT, Command, Terminal, refuse_rest
from aha.durable import is_running
from aha.errors import BadInput
from aha.rundir import Record

Kind = Literal["tensorboard", "wandb"]
KINDS: tuple[Kind, ...] = ("tensorboard", "wandb")
LOOK_S = 2.0  # between two reads of a run in progress
DRAIN_S = 20.0  # the longest that a tracker may take after the run has ended
SETTLE_S = 600.0  # the longest that a run may take to write its manifest


class Tracker(Protocol):
    """A receiver of metrics."""

    def write(self, step: int, values: Mapping[str, float], at: float) -> None:
        """Hand over the values of a rollout or step that ended `at` seconds since 1970."""

    def close(self) -> None:
        """Finish, since nothing more comes."""


class TensorBoard:
    """Event files in the run directory's folder `tensorboard`, which is rewritten by each new reader."""

    def __init__(self, record: Record) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder = record.root / "tensorboard"
        shutil.rmtree(folder, ignore_errors=True)
        self._event, self._summary, self._file = Event, Summary, EventFileWriter(str(folder))

    def write(self, step: int, values: Mapping[str, float], at: float) -> None:
        """Write one event with all values."""
        points = [self._summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._file.add_event(self._event(wall_time=at, step=step, summary=self._summary(value=points)))

    def close(self) -> None:
        """Write everything to disk."""
        self._file.close()


class Wandb:
    """A run of Weights & Biases, always the same for the same run directory. Keys are left to its library: none is read or written here."""

    def __init__(self, record: Record) -> None:
        import wandb

        manifest = record.manifest()
        name = hashlib.sha256(f"{record.root.resolve()} {manifest.created}".encode()).hexdigest()[:16]
        settings = {path: setting.value for path, setting in manifest.settings.items()}
        place = {"dir": str(record.root), "project": "aha", "group": manifest.recipe, "name": record.root.resolve().name}
        self._run: Any = wandb.init(id=name, resume="allow", config=settings, **place)

    def write(self, step: int, values: Mapping[str, float], at: float) -> None:
        """Log one line; lines of an earlier reading are already there and are skipped."""
        if step >= self._run.step:
            self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Finish the upload."""
        self._run.finish()


WRITERS: dict[Kind, type[TensorBoard] | type[Wandb]] = {"tensorboard": TensorBoard, "wandb": Wandb}


def flags(parser: ArgumentParser) -> None:
    """Add the flags for the run and the tracker."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the directory of a run, finished or in progress")
    parser.add_argument("--to", choices=KINDS, required=True)
    parser.add_argument("--follow", type=COUNT, default=0, metavar="PID", help="keep following the run until the process PID has ended")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Write every rollout once, and with --follow those to come."""
    refuse_rest(rest)
    need(arguments.to)
    record = Record(arguments.run)
    _wait_for(arguments.run / "manifest.json", arguments.follow)
    if not (arguments.run / "manifest.json").is_file():
        raise BadInput(f"{arguments.run}: no manifest.json in it, so it is not a run directory; name the folder that `aha run` wrote")
    tracker: Tracker = WRITERS[arguments.to](record)
    try:
        count = _follow(record, tracker, arguments.follow)
    finally:
        tracker.close()
    terminal.note(f"{count} rollouts or steps of {arguments.run} written for {arguments.to}")
    return 0


def need(kind: str | None) -> None:
    """Raise BadInput if the package is not installed."""
    if kind is not None and find_spec(kind) is None:
        raise BadInput(f"--log {kind}: the package {kind} is not installed: pip install 'aha[{kind}]'")


@contextmanager
def track_beside(root: Path, kind: str | None) -> Iterator[None]:
    """Start a process beside the run that reads the run's files and ends soon after it; the run does not wait for it while it works."""
    if kind is None:
        yield
        return
    need(kind)
    command = [sys.executable, "-m", "aha", "track", str(root), "--to", kind, "--follow", str(os.getpid())]
    null = subprocess.DEVNULL  # ctrl-C and the terminal belong to the run
    child = subprocess.Popen(command, start_new_session=True, stdin=null, stdout=null, stderr=null)
    try:
        yield
    finally:
        (root / "tracked").touch()
        try:
            child.wait(timeout=DRAIN_S)
        except subprocess.TimeoutExpired:
            child.terminate()
        (root / "tracked").unlink(missing_ok=True)


def _follow(record: Record, tracker: Tracker, process: int) -> int:
    """Write the lines and return their number. The last read comes after the end of the run, so that nothing is missed."""
    count = 0
    while True:
        over = not _at_work(record, process)
        times = {int(line["rollout"]): line for line in record.timings()}
        lines = [line for line in record.metrics() if int(line["rollout"]) in times]  # both exist once the rollout is written completely
        for line in lines[count:]:
            step = int(line["rollout"])
            timing = {f"time/{name}": value for name, value in times[step].items() if name not in ("rollout", "at")}
            tracker.write(step, {name: value for name, value in line.items() if name != "rollout"} | timing, times[step].get("at", 0.0))
        count = max(count, len(lines))
        if over:
            return count
        time.sleep(LOOK_S)


def _at_work(record: Record, process: int) -> bool:
    return process > 0 and not record.finished and not (record.root / "tracked").exists() and is_running(process)


def _wait_for(path: Path, process: int) -> None:
    until = time.monotonic() + SETTLE_S
    while process and not path.is_file() and is_running(process) and time.monotonic() < until:
        time.sleep(0.2)


COMMAND = Command("send a run's metrics to TensorBoard or Weights & Biases", "inspect", flags, run)
