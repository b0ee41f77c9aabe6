"""The first process inside the namespaces: it forks one locked child per program. It imports only `kernel` and `channel` of the package.

It passes descriptors on and reads no byte of a program, its input or its output, so that the next program can find nothing of them. All its
own descriptors are closed on exec, and a child closes them before a program runs in it.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import json
import os
import select
import signal
import socket
import stat
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aha.grading.sandbox import channel, kernel

ANY_PROGRAM = 32 << 20  # bytes of addresses that a compiled program has before it asks for any
SHORTEST_S = 0.002  # the least time between two looks at a clock
PROCESSORS = len(os.sched_getaffinity(0))  # a program with many threads may use CPU time so many times faster than the clock

F_ADD_SEALS, ALL_SEALS = 1033, 0xF

WARM = "array bisect collections copy functools heapq itertools json math operator random re string typing".split()


class SandboxForkServer:
    """A server that forks a child per program. The judge sends its settings once: the uid to change to (`None` to stay), the filters, and
    the compiler's command."""

    def __init__(self, control: socket.socket) -> None:
        settings = json.loads(channel.receive(control).content)
        self.control = control
        self.uid: int | None = settings["uid"]
        self.filters = {name: kernel.FilterProgram.of(text) for name, text in settings["filters"].items()}
        self.compiler: str = settings["compiler"]
        self.entries = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)  # counts the children that were locked before they ran anything
        self.own_memory = kernel.address_space()

    def serve(self) -> bytes:
        """Serve orders for ever; only a locked child returns from here, with the source of the Python program that it is to run."""
        while True:
            order, fds = self.receive()
            start = time.monotonic()
            child = os.fork()
            if child == 0:
                return self.enter(order, fds)
            for fd in fds:
                os.close(fd)
            self.report(order, self.watch(child, start, order))
            kernel.fresh_scratch(again=True)

    def receive(self) -> tuple[dict[str, Any], Sequence[int]]:
        while True:
            message = channel.receive(self.control)
            if not message.content:
                os._exit(0)  # the judge is gone; this exit ends every process in the namespace
            if message.descriptors:
                return json.loads(message.content), message.descriptors

    def watch(self, child: int, start: float, order: Mapping[str, Any]) -> dict[str, Any]:
        """Wait for the child, its time limit or a word from the judge; then kill everything in the namespace and return the facts of the
        run."""
        handle = os.pidfd_open(child)
        stop_reason = self.wait(handle, child, start, order)
        os.close(handle)
        kernel.kill_descendants()
        _, status, usage = os.wait4(child, 0)
        kernel.reap_children()
        return {
            "status": os.waitstatus_to_exitcode(status),
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "wall_s": time.monotonic() - start,
            "memory_mb": usage.ru_maxrss / 1024,
            "stop_reason": stop_reason,
            "has_entered": self.was_entered(),
        }

    def wait(self, handle: int, child: int, start: float, order: Mapping[str, Any]) -> str:
        """Return why the child has to be stopped, or an empty text if it ended by itself."""
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.register(self.control, select.POLLIN)
        wall_s, cpu_s = order["wall_s"], order["cpu_s"]
        while True:
            late = start + wall_s - time.monotonic()
            if late <= 0:
                late = min(order["longest_s"], wall_s + kernel.waited_for_a_processor()) + start - time.monotonic()
            remaining_s = cpu_s - time.clock_gettime(kernel.processor_clock(child))
            if late <= 0 or remaining_s <= 0:
                return "wall" if late <= 0 else "cpu"
            ready = dict(poll.poll(1000 * max(SHORTEST_S, min(late, remaining_s / PROCESSORS))))
            if self.control.fileno() in ready and not channel.receive(self.control).content:
                os._exit(0)
            if ready:
                return "" if handle in ready else "asked"

    def was_entered(self) -> bool:
        try:
            return os.eventfd_read(self.entries) > 0
        except BlockingIOError:
            return False

    def report(self, order: Mapping[str, Any], facts: dict[str, Any]) -> None:
        """Send the judge the facts of the run, and the compiled program if there is one."""
        program_fd = built_program() if order["kind"] == "compile" and facts["status"] == 0 else None
        channel.send(self.control, json.dumps(facts | {"number": order["number"]}).encode(), [] if program_fd is None else [program_fd])
        if program_fd is not None:
            os.close(program_fd)

    def enter(self, order: Mapping[str, Any], fds: Sequence[int]) -> bytes:
        """Give up all privileges in the child, then return the program's source, or exec the compiler or the compiled program."""
        program, reads, writes, complains = fds
        for fd, place in ((reads, 0), (writes, 1), (complains, 2)):
            os.dup2(fd, place)
        os.setsid()
        os.chdir(kernel.SCRATCH)
        kind = order["kind"]
        source = b"" if kind == "native" else whole(program)
        if kind == "compile":
            write("main.cpp", source)
        kernel.set_limits(order, self.own_memory if kind == "python" else ANY_PROGRAM)
        kernel.lock(self.uid, self.filters[kind])
        os.eventfd_write(self.entries, 1)
        if kind == "native":
            os.set_inheritable(program, False)
            close_all_but(program)
            os.execve(program, ["main"], dict(os.environ))
        close_all_but()
        if kind == "compile":
            os.execv("/bin/sh", ["sh", "-c", self.compiler])
        return source


def open_server() -> SandboxForkServer:
    """Return a server with modules loaded and an empty scratch, out of its children's reach."""
    control = int(sys.argv[1])  # the socket to the judge
    os.set_inheritable(control, False)  # the only descriptor that had to survive our own exec
    close_all_but(control)
    server = SandboxForkServer(socket.socket(fileno=control))
    for name in WARM:
        importlib.import_module(name)
    kernel.volunteer_for_the_oom_killer()
    kernel.freeze_proc()
    kernel.fresh_scratch(again=False)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as the first process here, it is immune to every signal that it does not handle
    kernel.hide_from_children()
    gc.collect()
    gc.freeze()
    server.control.send(b"ready")
    return server


def close_all_but(*keep: int) -> None:
    """Close all descriptors but the three standard streams and those named."""
    first = 3
    for fd in sorted(keep):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, kernel.DESCRIPTORS)


def built_program() -> int | None:
    """Return the compiler's result as a sealed file in memory, copied by the kernel; `None` if it is no plain file."""
    try:
        source = os.open(f"{kernel.SCRATCH}/main", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    about = os.fstat(source)
    if not stat.S_ISREG(about.st_mode):
        os.close(source)
        return None
    memory = os.memfd_create("program", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    offset = 0
    while offset < about.st_size and (count := os.sendfile(memory, source, offset, about.st_size - offset)):
        offset += count
    fcntl.fcntl(memory, F_ADD_SEALS, ALL_SEALS)
    os.close(source)
    return memory


def whole(fd: int) -> bytes:
    """Return the content of a file from its start, without moving its shared read position."""
    size = os.fstat(fd).st_size
    return os.pread(fd, size, 0) if size else b""


def write(path: str, content: bytes) -> None:
    """Write a file into the scratch, which is the working directory."""
    with open(path, "wb") as file:
        file.write(content)
