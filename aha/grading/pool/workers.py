"""The parent's side of the grading processes: the wire to a worker, the server that forks workers, and the cleanup after a fork.

JSON values go over a socket, one per line, each with a timeout. A forked child must not share its parent's sockets, nor locks that another
thread may have held.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakSet

from aha.errors import BadInput
from aha.types import Latex, Number

CHUNK = 65_536


class ClosedWire(Exception):
    """The other end of the wire is gone."""


class Wire:
    """One end of a pair of sockets. Raises TimeoutError after the timeout, and ClosedWire if the other end is closed or sends no JSON."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self._read = b""

    def send(self, value: object, within_s: float, *, fd: int | None = None) -> None:
        """Send a value, and with its first byte a copy of the file descriptor `fd`."""
        line = json.dumps(value).encode() + b"\n"  # ASCII: a lone surrogate travels as its escape
        try:
            self.end.settimeout(within_s)
            if fd is not None:
                socket.send_fds(self.end, [line[:1]], [fd])
                line = line[1:]
            self.end.sendall(line)
        except TimeoutError:
            raise
        except OSError as error:
            raise ClosedWire(str(error)) from error

    def receive(self, within_s: float) -> Any:
        """Return the next value."""
        over = time.monotonic() + within_s
        while b"\n" not in self._read:
            self._read += self._more(over - time.monotonic())
        line, _, self._read = self._read.partition(b"\n")
        try:
            return json.loads(line)
        except ValueError as error:
            raise ClosedWire(f"not JSON: {line[:60]!r}") from error

    def _more(self, within_s: float) -> bytes:
        if within_s <= 0:
            raise TimeoutError
        try:
            self.end.settimeout(within_s)
            data = self.end.recv(CHUNK)
        except TimeoutError:
            raise
        except OSError as error:
            raise ClosedWire(str(error)) from error
        if not data:
            raise ClosedWire("closed")
        return data

    def hang_up(self) -> None:
        """Close the wire; a thread that waits at either end is woken at once."""
        with suppress(OSError):  # the other end has closed already
            self.end.shutdown(socket.SHUT_RDWR)
        self.end.close()


Gold = Latex | Number


@dataclass(frozen=True)
class Bounds:
    """The limits of one answer: seconds of processor time, and MiB of memory of its worker."""

    cpu_s: float
    memory_mb: int


START_S = 120.0  # to load algebra on a busy machine
REPLY_S = 5.0
END_S = 5.0
PATIENCE_S = 20.0  # of waiting for a worker that waits for a processor
ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "TMPDIR")  # the variables passed on: no key and no token
OUTSIDE_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # signals that no answer can bring about
STOPPED_STATES, AT_WORK = "TtZX", "RD"
HOUSE = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class WorkerExit:
    """The end of a worker: the signal (0 if none) and the processor time of its life in seconds."""

    signal: int
    cpu_s: float

    @property
    def by_outside(self) -> bool:
        return self.signal in OUTSIDE_SIGNALS


@dataclass(eq=False)
class GradingWorker:
    """A process that grades, and the wire to it. `spent_s`: its processor time up to its last answer."""

    wire: Wire
    number: int
    server: ForkServer
    spent_s: float = 0.0

    def ask(self, question: dict[str, Any], within_s: float) -> Any:
        """Return the worker's reply. TimeoutError after the limit, ClosedWire if the worker died or was stopped.

        A worker that is running, or waits for a processor, gets more time, up to PATIENCE_S: the kernel ends it when it has used its
        processor time, so the extra wait only happens on an overloaded machine."""
        over = time.monotonic() + PATIENCE_S
        self.wire.send(question, within_s)
        while True:
            try:
                message = self.wire.receive(within_s)
            except TimeoutError:
                state = state_of(self.number)  # the number is its own until `ForkServer.end`
                if state in STOPPED_STATES:
                    raise ClosedWire("stopped") from None
                if state not in AT_WORK or time.monotonic() > over:
                    raise
            else:
                self.spent_s = message["cpu_s"]
                return message


def state_of(number: int) -> str:
    """Return the kernel's letter for the state of a process; "?" if it cannot be read."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # this is no Linux
        return "?"


class ForkServer:
    """A process that forks workers (the zygote). Several threads may ask it; `is_lost` is set once it no longer answers."""

    def __init__(self, bounds: Bounds) -> None:
        """Start the process and wait until algebra is loaded. BadInput, with its message, if that fails; ClosedWire if it was ended
        meanwhile."""
        self.bounds = bounds
        self.is_lost = False
        self._request_lock = threading.Lock()
        end, peer = socket.socketpair()
        self._wire = Wire(end)
        with peer:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "aha.grading.pool.zygote", str(os.getpid())],
                stdin=peer.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,
            )
        with ExitStack() as undo:
            undo.callback(self.close)
            self._begin()
            undo.pop_all()

    def _begin(self) -> None:
        over, reply = time.monotonic() + START_S, None
        while reply is None:
            try:
                reply = self._wire.receive(REPLY_S)
            except TimeoutError:
                if state_of(self._process.pid) in STOPPED_STATES or time.monotonic() > over:
                    raise ClosedWire("the process that forks workers was stopped, or took too long, as it started") from None
            except ClosedWire:
                raise ClosedWire("the process that forks workers ended as it started") from None
        if "failed" in reply:
            raise BadInput(f"the process that grades mathematics does not start ({reply['failed']}): is aha installed with all it needs?")

    @property
    def number(self) -> int:
        """The process id."""
        return self._process.pid

    def spawn(self) -> GradingWorker:
        """Return a new worker, forked in about a millisecond. ClosedWire if none can be forked."""
        with ExitStack() as undo:
            end, peer = socket.socketpair()
            undo.callback(end.close)
            with peer:
                number = int(self._request({"fork": asdict(self.bounds)}, peer.fileno())["worker"])
            undo.pop_all()
        return GradingWorker(Wire(end), number, self)

    def end(self, worker: GradingWorker) -> WorkerExit:
        """End a worker if it has not ended by itself, and return how it ended."""
        worker.wire.hang_up()
        return WorkerExit(**self._request({"end": worker.number}))

    def _request(self, request: dict[str, Any], fd: int | None = None) -> Any:
        with self._request_lock:
            if self.is_lost:
                raise ClosedWire("the process that forks workers is gone")
            try:
                self._wire.send(request, REPLY_S, fd=fd)
                return self._wire.receive(REPLY_S)
            except (ClosedWire, TimeoutError) as error:
                self.is_lost = True
                raise ClosedWire(f"the process that forks workers does not answer ({error})") from error

    def close(self) -> None:
        """End the process and all its workers."""
        self.is_lost = True
        self._wire.hang_up()
        try:
            self._process.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=END_S)

    def forget(self) -> None:
        """Close this process's copies in a forked child, while the parent keeps using the server."""
        self._wire.end.close()
        self._process.returncode = 0  # the parent waits for it


def _environment() -> dict[str, str]:
    """Return the process's environment, with a fixed hash seed so that a verdict does not depend on the order of a set."""
    paths = [str(HOUSE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {name: os.environ[name] for name in ENVIRONMENT if name in os.environ} | {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
    }


class Forgets(Protocol):
    """An owner of sockets or processes that stay the parent's after a fork."""

    def forget(self) -> None:
        """Reset the owner in a forked child as if nothing had been opened, without touching what the parent holds."""
        ...


_OWNERS: WeakSet[Forgets] = WeakSet()


def forget_in_children(owner: Forgets) -> None:
    """Call `owner.forget()` in every child that is forked from now on."""
    _OWNERS.add(owner)


def _forget_handles() -> None:
    for owner in list(_OWNERS):
        owner.forget()


os.register_at_fork(after_in_child=_forget_handles)
