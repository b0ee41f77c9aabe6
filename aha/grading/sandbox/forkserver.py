"""The first process inside the namespaces: it forks one locked child per program. It stands there alone and imports nothing of ours.

It hands descriptors on and reads no byte of a program or of what one reads or writes, so nothing of one can be found by the next.
"""

from __future__ import annotations

import array
import base64
import ctypes
import fcntl
import gc
import importlib
import json
import math
import os
import resource
import select
import signal
import socket
import stat
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

SCRATCH = "/tmp"
MIB = 1 << 20
ROOM = 64 * MIB  # of scratch, and of a file
ENTRIES = 4096  # files and folders in it
TASKS = 64  # threads; and processes where a compiler runs
DESCRIPTORS = 256
STACK = 64 * MIB
SHORTEST_S = 0.002  # between two looks at a clock
PROCESSORS = len(os.sched_getaffinity(0))  # by which a program of many threads may be faster than the clock

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MNT_DETACH = 1, 2, 4, 8, 32, 4096, 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 4, 22, 38, 47
F_ADD_SEALS, ALL_SEALS = 1033, 0xF
CAPABILITIES_3 = 0x20080522

WARM = "array bisect collections copy functools heapq itertools json math operator random re string typing".split()

libc = ctypes.CDLL(None, use_errno=True)


class Program(ctypes.Structure):
    """The kernel's struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]

    @classmethod
    def of(cls, encoded: str) -> Program:
        instructions = base64.b64decode(encoded)
        return cls(len(instructions) // 8, instructions)


class Server:
    """What the judge asked for once: the uid to become, or `None` to stay; the filters; the compiler's command."""

    def __init__(self, control: socket.socket) -> None:
        settings = json.loads(control.recv(MIB))
        self.control = control
        self.uid: int | None = settings["uid"]
        self.filters = {name: Program.of(encoded) for name, encoded in settings["filters"].items()}
        self.compiler: str = settings["compiler"]
        self.entered = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)  # counts the children that were locked before they ran anything
        self.own_memory = address_space()

    def serve(self) -> bytes:
        """A program to run, in a child that is locked already. The server itself never comes back from here."""
        while True:
            order, fds = self.receive()
            started = time.monotonic()
            child = os.fork()
            if child == 0:
                return self.enter(order, fds)
            for fd in fds:
                os.close(fd)
            self.report(order, self.watch(child, started, order))
            fresh_scratch(again=True)

    def receive(self) -> tuple[dict[str, Any], list[int]]:
        while True:
            message, fds, _, _ = socket.recv_fds(self.control, MIB, 4, socket.MSG_CMSG_CLOEXEC)
            if not message:
                os._exit(0)  # the judge is gone, and with this process all in its namespace
            if fds:
                return json.loads(message), fds

    def watch(self, child: int, started: float, order: Mapping[str, Any]) -> dict[str, Any]:
        """Waits for the child, the end of its time or a word from the judge; then nothing of it is left alive."""
        handle = os.pidfd_open(child)
        stopped = self.wait(handle, child, started, order)
        os.close(handle)
        kill_all()
        _, status, used = os.wait4(child, 0)
        reap_all()
        return {
            "status": os.waitstatus_to_exitcode(status),
            "cpu_s": used.ru_utime + used.ru_stime,
            "wall_s": time.monotonic() - started,
            "memory_mb": used.ru_maxrss / 1024,
            "stopped": stopped,
            "entered": self.was_entered(),
        }

    def wait(self, handle: int, child: int, started: float, order: Mapping[str, Any]) -> str:
        """Why the child has to be stopped; empty where it ended by itself."""
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        waiting.register(self.control, select.POLLIN)
        wall_s, cpu_s = order["wall_s"], order["cpu_s"]
        while True:
            late = started + wall_s - time.monotonic()
            if late <= 0:
                late = min(order["longest_s"], wall_s + waited_for_a_processor()) + started - time.monotonic()
            left = cpu_s - time.clock_gettime(processor_clock(child))
            if late <= 0 or left <= 0:
                return "wall" if late <= 0 else "cpu"
            ready = dict(waiting.poll(1000 * max(SHORTEST_S, min(late, left / PROCESSORS))))
            if self.control.fileno() in ready and not self.control.recv(MIB):
                os._exit(0)
            if ready:
                return "" if handle in ready else "asked"

    def was_entered(self) -> bool:
        try:
            return os.eventfd_read(self.entered) == 1
        except BlockingIOError:
            return False

    def report(self, order: Mapping[str, Any], facts: dict[str, Any]) -> None:
        """What happened, and the compiled program where there is one."""
        built = built_program() if order["kind"] == "compile" and facts["status"] == 0 else None
        rights = [] if built is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [built]))]
        self.control.sendmsg([json.dumps(facts).encode()], rights)
        if built is not None:
            os.close(built)

    def enter(self, order: Mapping[str, Any], fds: Sequence[int]) -> bytes:
        """In the child: become nobody with nothing, then hand over the program or turn into it."""
        program, reads, writes, complains = fds
        for fd, place in ((reads, 0), (writes, 1), (complains, 2)):
            os.dup2(fd, place)
        os.setsid()
        os.chdir(SCRATCH)
        kind = order["kind"]
        source = b"" if kind == "native" else whole(program)
        if kind == "compile":
            write("main.cpp", source)
        set_limits(order, self.own_memory if kind == "python" else 32 * MIB)
        self.lock(kind)
        os.eventfd_write(self.entered, 1)
        if kind == "native":
            os.execve(program, ["main"], dict(os.environ))
        if kind == "compile":
            os.execv("/bin/sh", ["sh", "-c", self.compiler])
        os.closerange(3, DESCRIPTORS)
        return source

    def lock(self, kind: str) -> None:
        if self.uid is not None:
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)
        drop_capabilities()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of uid, which forgets it
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        prctl(PR_SET_SECCOMP, 2, ctypes.addressof(self.filters[kind]))


def open_server() -> Server:
    """Warm, with a scratch of its own, out of its children's reach."""
    server = Server(socket.socket(fileno=int(sys.argv[1])))  # the judge's
    for name in WARM:
        importlib.import_module(name)
    volunteer_for_the_oom_killer()
    if os.path.isdir("/proc/self"):
        mount(b"/proc", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    fresh_scratch(again=False)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as the first process here, it is immune to every signal that it does not handle
    prctl(PR_SET_DUMPABLE, 0)
    gc.collect()
    gc.freeze()
    server.control.send(b"ready")
    return server


def fresh_scratch(*, again: bool) -> None:
    """An empty scratch: a new file system in the place of the old, whatever lies in that."""
    if again and libc.umount2(SCRATCH.encode(), MNT_DETACH):
        raise OSError(ctypes.get_errno(), "the scratch cannot be taken away")
    mount(SCRATCH.encode(), MS_NOSUID | MS_NODEV, f"size={ROOM},nr_inodes={ENTRIES},mode=1777".encode())


def mount(place: bytes, flags: int, limits: bytes | None = None) -> None:
    """A new file system in memory, or the one that is there under other flags."""
    if libc.mount(b"scratch", place, b"tmpfs", ctypes.c_ulong(flags), limits):
        raise OSError(ctypes.get_errno(), f"{place.decode()} cannot be mounted")


def built_program() -> int | None:
    """The compiler's result as a sealed file in memory, copied by the kernel; `None` where it left no plain file."""
    try:
        found = os.open(f"{SCRATCH}/main", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    about = os.fstat(found)
    if not stat.S_ISREG(about.st_mode):
        os.close(found)
        return None
    kept = os.memfd_create("program", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    copied = 0
    while copied < about.st_size and (sent := os.sendfile(kept, found, copied, about.st_size - copied)):
        copied += sent
    fcntl.fcntl(kept, F_ADD_SEALS, ALL_SEALS)
    os.close(found)
    return kept


def set_limits(order: Mapping[str, Any], own_memory: int) -> None:
    memory = order["memory_bytes"]
    stack = memory // 2 if order["kind"] == "native" else STACK  # half: a second thread gets as much
    wanted = {
        resource.RLIMIT_CPU: math.ceil(2 * order["cpu_s"]) + 1,  # a backstop: the kernel counts its ticks here, and others' with them
        resource.RLIMIT_AS: memory + own_memory,
        resource.RLIMIT_STACK: stack,
        resource.RLIMIT_FSIZE: ROOM,
        resource.RLIMIT_NOFILE: DESCRIPTORS,
        resource.RLIMIT_NPROC: TASKS,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    for which, value in wanted.items():
        _, highest = resource.getrlimit(which)
        least = value if highest == resource.RLIM_INFINITY else min(value, highest)
        resource.setrlimit(which, (least, least))


def drop_capabilities() -> None:
    header, nothing = (ctypes.c_uint32 * 2)(CAPABILITIES_3, 0), (ctypes.c_uint32 * 6)()
    prctl(PR_CAP_AMBIENT, 4)  # clear all
    if libc.capset(header, nothing):
        raise OSError(ctypes.get_errno(), "capabilities stay")


def prctl(option: int, value: int, more: int = 0) -> None:
    if libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(more), ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), f"prctl {option} is refused")


def kill_all() -> None:
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        return


def reap_all() -> None:
    try:
        while os.wait4(-1, 0):
            continue
    except ChildProcessError:
        return


def processor_clock(pid: int) -> int:
    """The kernel's name for the clock of another process: what its threads have run, without what the machine took meanwhile."""
    return ~pid << 3 | 2


def waited_for_a_processor() -> float:
    """Seconds that the processes here were ready to run while others ran: a busy machine is no fault of theirs."""
    waited = 0
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit() and name != "1":
            try:
                with open(f"/proc/{name}/schedstat", encoding="ascii") as file:
                    waited += int(file.read().split()[1])
            except (OSError, IndexError):
                continue
    return waited / 1e9


def address_space() -> int:
    """Bytes of addresses this process has, which every child starts with."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 64 * MIB


def volunteer_for_the_oom_killer() -> None:
    try:
        write("/proc/self/oom_score_adj", b"1000")
    except OSError:
        return  # no /proc here: the memory limit has to do


def whole(fd: int) -> bytes:
    size = os.fstat(fd).st_size
    return os.pread(fd, size, 0) if size else b""


def write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
