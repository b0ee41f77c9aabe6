"""One bubblewrap with a fork server in it, and the conversation with it: a program in, what happened and what it wrote out."""

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
from aha.grading.sandbox.namespace import ENVIRONMENT, Interpreter, Way, command
from aha.grading.sandbox.seccomp import filter_of
from aha.grading.sandbox.tree import LOOK_S, Excess, Tree, Use
from aha.grading.sandbox.verdict import Facts, Streams

START_S = 20.0
PATIENCE_S = 10.0
CHUNK = 1 << 16
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
TOLD = ("kind", "cpu_s", "wall_s", "longest_s", "memory_bytes")
SENT = {"program.py": "guest/program.py"} | {
    f"aha/grading/sandbox/{name}": name for name in ("forkserver.py", "channel.py", "kernel.py", "guest/process.py")
}

Kind = Literal["python", "native", "compile"]


class Broken(Exception):
    """The slot is of no more use, through no fault of a program. The message says what was seen."""


@dataclass(frozen=True)
class Order:
    """One run: `program` and `stdin` are files in memory; a compiler's program is its source. Where others keep the processors busy,
    the clock's limit grows by the time spent waiting for one, up to `longest_s`."""

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
    """The reading end of a pipe: keeps what fits, drops and notes what does not."""

    fd: int
    limit: int
    kept: bytearray = field(default_factory=bytearray)
    flooded: bool = False

    def read(self) -> bool:
        """Whether there may be more."""
        try:
            data = os.read(self.fd, CHUNK)
        except BlockingIOError:
            return False
        room = self.limit - len(self.kept)
        self.kept += data[:room]
        self.flooded = self.flooded or len(data) > room
        return bool(data)


class Slot:
    """Runs one program at a time, each in a child of its own behind the same walls."""

    def __init__(self, bwrap: str, way: Way, python: Interpreter, compiler: str, keeper: Executor) -> None:
        """`keeper`: a thread that lives as long as the slot, because the kernel ends bubblewrap with the thread that started it."""
        self.way = way
        self._complaints = os.memfd_create("stderr")
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel.demand_sender(self._control)
        self._server = 0
        self._number = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = threading.Lock()
        try:
            with theirs:
                self._process = keeper.submit(self._spawn, bwrap, python, theirs).result(timeout=START_S)
            self._tell({"uid": way.inside, "compiler": compiler, "filters": _filters()})
            self._server = self._introduced()
        except (OSError, RuntimeError, TimeoutError, Broken) as error:
            complaint = self._complaint()
            self.close()
            raise Broken(complaint or str(error)) from error

    def run(self, order: Order, patience_s: float = PATIENCE_S) -> tuple[Facts, Streams, int | None]:
        """What happened, what it wrote, and the compiled program. `patience_s` goes beyond all that the server may give a program."""
        with ExitStack() as stack:
            out, writes = self._pipe(stack, order)
            err, complains = self._pipe(stack, order)
            self._number += 1
            told = {name: getattr(order, name) for name in TOLD} | {"number": self._number}
            self._tell(told, [order.program, order.stdin, writes, complains])
            os.close(writes)
            os.close(complains)
            facts, built = self._listen(order, [out, err], time.monotonic() + order.longest_s + patience_s)
            for stream in (out, err):
                while stream.read():
                    continue
            return facts, Streams(bytes(out.kept), bytes(err.kept), out.flooded or err.flooded), built

    def kill(self) -> None:
        """Ends bubblewrap, and with it all inside; whoever is in `run` finds it broken."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        with self._closing:
            if self._control.fileno() == -1:
                return
            self.kill()
            self._control.close()
            os.close(self._complaints)
            if self._process is not None:
                self._process.wait(timeout=START_S)

    def forget(self) -> None:
        """In a process forked from ours: lets go of what is not this one's to end."""
        self._control.close()
        os.close(self._complaints)
        if self._process is not None:
            self._process.returncode = 0

    def _spawn(self, bwrap: str, python: Interpreter, theirs: socket.socket) -> subprocess.Popen[bytes]:
        who = self.way.outside
        with ExitStack() as stack:
            sent = {inside: memory_file(_text(name)) for inside, name in SENT.items()}
            for fd in sent.values():
                stack.callback(os.close, fd)
            return subprocess.Popen(
                [*command(bwrap, self.way, python, sent), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
                env=ENVIRONMENT,
                cwd="/",
                pass_fds=(*sent.values(), theirs.fileno()),
                start_new_session=True,  # an interrupt from the terminal is ours to answer
                user=who,
                group=who,
                extra_groups=None if who is None else [],
            )

    def _pipe(self, stack: ExitStack, order: Order) -> tuple[Stream, int]:
        """A pipe that belongs to the program, so that it may open /dev/stdout, for writing. A compiler may not open it: told to include
        it, it would wait for its own words."""
        reads, writes = os.pipe()
        stack.callback(os.close, reads)
        os.set_blocking(reads, False)
        if self.way.owner is not None:
            os.fchown(writes, self.way.owner, self.way.owner)
        os.fchmod(writes, 0 if order.kind == "compile" else 0o200)
        return Stream(reads, order.output_bytes), writes

    def _listen(self, order: Order, streams: list[Stream], deadline: float) -> tuple[Facts, int | None]:
        """Drains the pipes until the server has answered. A flood ends the program, and so does a compiler all of whose processes
        together use more than they may."""
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        open_streams = {stream.fd: stream for stream in streams}
        for fd in open_streams:
            waiting.register(fd, select.POLLIN)
        watch = _Watch(self._server, order)
        asked = False
        while (left := deadline - time.monotonic()) > 0:
            for fd, _ in waiting.poll(1000 * min(left, watch.next_s())):
                if fd == self._control.fileno():
                    facts, built = self._answer()
                    return watch.added_to(facts), built
                if not open_streams[fd].read():
                    waiting.unregister(fd)
            if not asked and (watch.look() or any(stream.flooded for stream in streams)):
                asked = True
                self._tell({"kind": "end"})
        raise Broken("the fork server gives no answer, and the program's time is long over")

    def _introduced(self) -> int:
        """The fork server's process, learnt from its first message: no program has run there yet."""
        if not self._readable(START_S):
            raise Broken("bubblewrap did not start")
        message = self._received()
        if message.content != b"ready" or message.descriptors:
            message.refuse()
            raise Broken("bubblewrap did not start")
        return message.sender

    def _answer(self) -> tuple[Facts, int | None]:
        """The report on the program that runs, which only the fork server can give: the kernel says who wrote it, whoever has the
        socket. A slot where another wrote has a leak and is of no more use."""
        message = self._received()
        try:
            if message.sender != self._server:
                raise Broken("a report came from a process that is not the fork server")
            facts = json.loads(message.content)
            if facts.pop("number") != self._number:
                raise Broken("a report came for another program")
            return Facts(**facts), next(iter(message.descriptors), None)
        except BaseException:
            message.refuse()
            raise

    def _received(self) -> channel.Message:
        try:
            message = channel.receive(self._control)
        except OSError as error:
            raise Broken(f"the fork server is gone ({error})") from error
        if not message.content:
            raise Broken("the fork server is gone")
        return message

    def _tell(self, message: object, fds: list[int] | None = None) -> None:
        try:
            channel.send(self._control, json.dumps(message).encode(), fds or [])
        except OSError as error:
            raise Broken(f"the fork server is gone ({error})") from error

    def _readable(self, timeout_s: float) -> bool:
        return bool(select.select([self._control], [], [], timeout_s)[0])

    def _complaint(self) -> str:
        """The last line that bubblewrap or the server wrote before it ended."""
        said = os.pread(self._complaints, CHUNK, 0).decode("utf-8", "replace").strip()
        return said.rpartition("\n")[2]


class _Watch:
    """Over all processes of a compiler. A program is one process, whose own limits hold."""

    def __init__(self, server: int, order: Order) -> None:
        self._excess: Excess = ""
        self._use = Use(0.0, 0)
        self._order = order
        self._tree = Tree(server, itself=False) if order.kind == "compile" else None
        self._due = time.monotonic() + LOOK_S

    def next_s(self) -> float:
        """Seconds until the next look."""
        return math.inf if self._tree is None else max(0.0, self._due - time.monotonic())

    def look(self) -> bool:
        """Whether they use too much; looks where it is time to."""
        if self._tree is not None and time.monotonic() >= self._due:
            self._use = self._tree.look()
            self._excess = self._excess or self._use.excess(self._order.cpu_s, self._order.memory_bytes)
            self._due = time.monotonic() + LOOK_S
        return bool(self._excess)

    def added_to(self, facts: Facts) -> Facts:
        """The facts of the first process, with what was seen of all."""
        return replace(facts, stopped=self._excess or facts.stopped, cpu_s=max(facts.cpu_s, self._use.cpu_s))


def memory_file(content: bytes) -> int:
    """A file without a name that nobody can change any more, read from its start; it is gone with its last descriptor."""
    fd = os.memfd_create("program", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.truncate(fd, len(content))
        written = 0
        while written < len(content):
            written += os.pwrite(fd, content[written : written + (1 << 30)], written)
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
