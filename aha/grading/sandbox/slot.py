"""One bubblewrap process with a fork server in it. The slot sends a program in and gets back the facts of the run and its output."""

from __future__ import annotations

import base64
import fcntl
import json
import math
import os
import select
import socket
import subprocess
import threading
import time
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Literal

from aha.grading.sandbox import channel
from aha.grading.sandbox.job import RunFacts, Streams
from aha.grading.sandbox.namespace import ENVIRONMENT, Interpreter, SandboxUser, command, filter_of
from aha.grading.sandbox.tree import LOOK_S, Excess, Tree, Use

START_S = 20.0
PATIENCE_S = 10.0
CHUNK = 1 << 16
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
REPORT_FIELDS = ("kind", "cpu_s", "wall_s", "longest_s", "memory_bytes")
GUEST_FILES = {"program.py": "guest/program.py"} | {
    f"aha/grading/sandbox/{name}": name for name in ("forkserver.py", "channel.py", "kernel.py", "guest/process.py")
}

Kind = Literal["python", "native", "compile"]


class SlotError(Exception):
    """The slot is no longer usable, through no fault of a program. The message says what was seen."""


@dataclass(frozen=True)
class Order:
    """The order for one run. `program` and `stdin` are files in memory; a compiler's program is its source. While other processes keep the
    processors busy, the wall-clock limit grows by the time spent waiting, up to `longest_s`."""

    kind: Kind
    program: int
    stdin: int
    cpu_s: float
    wall_s: float
    longest_s: float
    memory_bytes: int
    output_bytes: int


@dataclass
class Stream:
    """The reading end of a pipe: it keeps what fits the limit, drops the rest and notes that there was more."""

    fd: int
    limit: int
    data: bytearray = field(default_factory=bytearray)
    is_flooded: bool = False

    def read(self) -> bool:
        """Read once; return True if there may be more."""
        try:
            data = os.read(self.fd, CHUNK)
        except BlockingIOError:
            return False
        room = self.limit - len(self.data)
        self.data += data[:room]
        self.is_flooded = self.is_flooded or len(data) > room
        return bool(data)


class Slot:
    """A slot that runs one program at a time, each in a child of its own with the same isolation."""

    def __init__(self, bwrap: str, way: SandboxUser, python: Interpreter, compiler: str, keeper: Executor) -> None:
        """Start bubblewrap. `keeper`: a thread that lives as long as the slot, because the kernel ends bubblewrap with the thread that
        started it."""
        self.way = way
        self._complaints = os.memfd_create("stderr")
        self._control, peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel.demand_sender(self._control)
        self._server = 0
        self._number = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._close_lock = threading.Lock()
        try:
            with peer:
                self._process = keeper.submit(self._spawn, bwrap, python, peer).result(timeout=START_S)
            self._tell({"uid": way.inside, "compiler": compiler, "filters": _filters()})
            self._server = self._handshake()
        except (OSError, RuntimeError, TimeoutError, SlotError) as error:
            complaint = self._complaint()
            self.close()
            raise SlotError(complaint or str(error)) from error

    def run(self, order: Order, patience_s: float = PATIENCE_S) -> tuple[RunFacts, Streams, int | None]:
        """Run an order; return the facts, the output, and the compiled program if any. `patience_s`: seconds beyond what the server may
        give a program."""
        with ExitStack() as stack:
            out, writes = self._pipe(stack, order)
            err, complains = self._pipe(stack, order)
            self._number += 1
            message = {name: getattr(order, name) for name in REPORT_FIELDS} | {"number": self._number}
            self._tell(message, [order.program, order.stdin, writes, complains])
            os.close(writes)
            os.close(complains)
            facts, program_fd = self._listen(order, [out, err], time.monotonic() + order.longest_s + patience_s)
            for stream in (out, err):
                while stream.read():
                    continue
            return facts, Streams(bytes(out.data), bytes(err.data), out.is_flooded or err.is_flooded), program_fd

    def kill(self) -> None:
        """End bubblewrap and every process inside it; a thread in `run` gets a SlotError."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        with self._close_lock:
            if self._control.fileno() == -1:
                return
            self.kill()
            self._control.close()
            os.close(self._complaints)
            if self._process is not None:
                self._process.wait(timeout=START_S)

    def forget(self) -> None:
        """Close this process's copies after a fork, without ending the parent's bubblewrap."""
        self._control.close()
        os.close(self._complaints)
        if self._process is not None:
            self._process.returncode = 0

    def _spawn(self, bwrap: str, python: Interpreter, peer: socket.socket) -> subprocess.Popen[bytes]:
        owner = self.way.outside
        with ExitStack() as stack:
            files = {inside: memory_file(_text(name)) for inside, name in GUEST_FILES.items()}
            for fd in files.values():
                stack.callback(os.close, fd)
            return subprocess.Popen(
                [*command(bwrap, self.way, python, files), str(peer.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
                env=ENVIRONMENT,
                cwd="/",
                pass_fds=(*files.values(), peer.fileno()),
                start_new_session=True,  # an interrupt from the terminal is ours to answer
                user=owner,
                group=owner,
                extra_groups=None if owner is None else [],
            )

    def _pipe(self, stack: ExitStack, order: Order) -> tuple[Stream, int]:
        """Open an output pipe; return its reading end and the descriptor to write to. The program owns the pipe, so that it may open
        /dev/stdout for writing. A compiler may not open it: if told to include it, it would wait for its own output."""
        reads, writes = os.pipe()
        stack.callback(os.close, reads)
        os.set_blocking(reads, False)
        if self.way.owner is not None:
            os.fchown(writes, self.way.owner, self.way.owner)
        os.fchmod(writes, 0 if order.kind == "compile" else 0o200)
        return Stream(reads, order.output_bytes), writes

    def _listen(self, order: Order, streams: list[Stream], deadline: float) -> tuple[RunFacts, int | None]:
        """Drain the pipes until the server has answered. The run is ended if the output exceeds the limit, or if all processes of a
        compiler together exceed theirs."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        open_streams = {stream.fd: stream for stream in streams}
        for fd in open_streams:
            poll.register(fd, select.POLLIN)
        watch = _Watch(self._server, order)
        stop_sent = False
        while (remaining_s := deadline - time.monotonic()) > 0:
            for fd, _ in poll.poll(1000 * min(remaining_s, watch.next_s())):
                if fd == self._control.fileno():
                    facts, program_fd = self._answer()
                    return watch.added_to(facts), program_fd
                if not open_streams[fd].read():
                    poll.unregister(fd)
            if not stop_sent and (watch.look() or any(stream.is_flooded for stream in streams)):
                stop_sent = True
                self._tell({"kind": "end"})
        raise SlotError("the fork server gives no answer, and the program's time is long over")

    def _handshake(self) -> int:
        """Return the fork server's process id, taken from its first message, before any program has run there."""
        if not self._readable(START_S):
            raise SlotError("bubblewrap did not start")
        message = self._receive()
        if message.content != b"ready" or message.descriptors:
            message.refuse()
            raise SlotError("bubblewrap did not start")
        return message.sender

    def _answer(self) -> tuple[RunFacts, int | None]:
        """Return the report on the running program and the compiled program. The kernel names the sender, and only the fork server may
        report: SlotError if another process wrote, since that slot has a leak."""
        message = self._receive()
        try:
            if message.sender != self._server:
                raise SlotError("a report came from a process that is not the fork server")
            facts = json.loads(message.content)
            if facts.pop("number") != self._number:
                raise SlotError("a report came for another program")
            return RunFacts(**facts), next(iter(message.descriptors), None)
        except BaseException:
            message.refuse()
            raise

    def _receive(self) -> channel.ChannelMessage:
        try:
            message = channel.receive(self._control)
        except OSError as error:
            raise SlotError(f"the fork server is gone ({error})") from error
        if not message.content:
            raise SlotError("the fork server is gone")
        return message

    def _tell(self, message: object, fds: list[int] | None = None) -> None:
        try:
            channel.send(self._control, json.dumps(message).encode(), fds or [])
        except OSError as error:
            raise SlotError(f"the fork server is gone ({error})") from error

    def _readable(self, timeout_s: float) -> bool:
        return bool(select.select([self._control], [], [], timeout_s)[0])

    def _complaint(self) -> str:
        """Return the last line that bubblewrap or the server wrote before it ended."""
        complaint = os.pread(self._complaints, CHUNK, 0).decode("utf-8", "replace").strip()
        return complaint.rpartition("\n")[2]


class _Watch:
    """A watch over all processes of a compiler. Any other program is one process with limits of its own."""

    def __init__(self, server: int, order: Order) -> None:
        self._excess: Excess = ""
        self._use = Use(0.0, 0)
        self._order = order
        self._tree = Tree(server, itself=False) if order.kind == "compile" else None
        self._due = time.monotonic() + LOOK_S

    def next_s(self) -> float:
        """Return the seconds until the next look, infinite if nothing is watched."""
        return math.inf if self._tree is None else max(0.0, self._due - time.monotonic())

    def look(self) -> bool:
        """Look if it is time to; return True if the processes use too much."""
        if self._tree is not None and time.monotonic() >= self._due:
            self._use = self._tree.look()
            self._excess = self._excess or self._use.excess(self._order.cpu_s, self._order.memory_bytes)
            self._due = time.monotonic() + LOOK_S
        return bool(self._excess)

    def added_to(self, facts: RunFacts) -> RunFacts:
        """Return the facts of the first process, with the use of all processes added."""
        return replace(facts, stop_reason=self._excess or facts.stop_reason, cpu_s=max(facts.cpu_s, self._use.cpu_s))


def memory_file(content: bytes) -> int:
    """Return a nameless file in memory that cannot be changed any more, at its start; it is gone with its last descriptor."""
    fd = os.memfd_create("program", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.truncate(fd, len(content))
        position = 0
        while position < len(content):
            position += os.pwrite(fd, content[position : position + (1 << 30)], position)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    except BaseException:
        os.close(fd)
        raise
    return fd


@cache
def _text(name: str) -> bytes:
    return files("aha.grading.sandbox").joinpath(name).read_bytes()


@cache
def _filters() -> dict[str, str]:
    return {name: base64.b64encode(filter_of(name)).decode() for name in ("python", "native", "compile")}
