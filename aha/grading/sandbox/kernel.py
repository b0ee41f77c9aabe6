"""The calls that the fork server makes to the kernel: file systems, limits, privileges, filters, clocks. Runs inside and imports nothing of
the package."""

from __future__ import annotations

import base64
import ctypes
import math
import os
import resource
import signal
from collections.abc import Mapping
from typing import Any

SCRATCH = "/tmp"
MIB = 1 << 20
ROOM = 64 * MIB  # bytes of the scratch, and of one file
ENTRIES = 4096  # files and folders in the scratch
TASKS = 64  # threads; and processes where a compiler runs
DESCRIPTORS = 256
STACK = 64 * MIB
UNKNOWN = 64 * MIB  # bytes of addresses assumed for a process where /proc does not tell

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MNT_DETACH = 1, 2, 4, 8, 32, 4096, 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 4, 22, 38, 47
CLEAR_AMBIENT, FILTER = 4, 2
CAPABILITIES_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)


class FilterProgram(ctypes.Structure):
    """The kernel's struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]

    @classmethod
    def of(cls, text: str) -> FilterProgram:
        instructions = base64.b64decode(text)
        return cls(len(instructions) // 8, instructions)


def fresh_scratch(*, again: bool) -> None:
    """Mount an empty file system as the scratch, in place of the old one if `again`."""
    if again and libc.umount2(SCRATCH.encode(), MNT_DETACH):
        raise OSError(ctypes.get_errno(), "the scratch cannot be taken away")
    mount(SCRATCH.encode(), MS_NOSUID | MS_NODEV, f"size={ROOM},nr_inodes={ENTRIES},mode=1777".encode())


def mount(place: bytes, flags: int, limits: bytes | None = None) -> None:
    """Mount a new file system in memory, or remount the existing one with other flags."""
    if libc.mount(b"scratch", place, b"tmpfs", ctypes.c_ulong(flags), limits):
        raise OSError(ctypes.get_errno(), f"{place.decode()} cannot be mounted")


def freeze_proc() -> None:
    """Make /proc read-only, if there is one."""
    if os.path.isdir("/proc/self"):
        mount(b"/proc", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)


def set_limits(order: Mapping[str, Any], own_memory: int) -> None:
    """Set the resource limits for good. `own_memory`: the bytes of addresses that the process has before its program starts, which do not
    count."""
    memory = order["memory_bytes"]
    stack = memory // 2 if order["kind"] == "native" else STACK  # half: a second thread gets as much
    limits = {
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
    for resource_id, value in limits.items():
        _, highest = resource.getrlimit(resource_id)
        least = value if highest == resource.RLIM_INFINITY else min(value, highest)
        resource.setrlimit(resource_id, (least, least))


def lock(uid: int | None, program: FilterProgram) -> None:
    """Give up all privileges for good: another uid if one is given, no capabilities, killed with the server, and behind the filter."""
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    drop_capabilities()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of uid, which forgets it
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, FILTER, ctypes.addressof(program))


def drop_capabilities() -> None:
    """Drop all capabilities for good."""
    header, no_capabilities = (ctypes.c_uint32 * 2)(CAPABILITIES_3, 0), (ctypes.c_uint32 * 6)()
    prctl(PR_CAP_AMBIENT, CLEAR_AMBIENT)
    if libc.capset(header, no_capabilities):
        raise OSError(ctypes.get_errno(), "capabilities stay")


def prctl(option: int, value: int, more: int = 0) -> None:
    """Call prctl(2); raise OSError if the kernel refuses."""
    if libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(more), ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), f"prctl {option} is refused")


def hide_from_children() -> None:
    """Hide this process from others of the same uid: its entries in /proc belong to root, and no debugger may attach."""
    prctl(PR_SET_DUMPABLE, 0)


def kill_descendants() -> None:
    """Kill every process in this namespace but this one."""
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        return


def reap_children() -> None:
    """Wait for all children to end, orphans included, since the first process inherits them."""
    try:
        while os.wait4(-1, 0):
            continue
    except ChildProcessError:
        return


def processor_clock(pid: int) -> int:
    """Return the kernel's id of another process's CPU clock, which counts only the time that its threads ran."""
    return ~pid << 3 | 2


def waited_for_a_processor() -> float:
    """Return the seconds that the processes here were ready to run while others ran: a busy machine is not their fault."""
    waits = 0
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit() and name != "1":
            try:
                with open(f"/proc/{name}/schedstat", encoding="ascii") as file:
                    waits += int(file.read().split()[1])
            except (OSError, IndexError):
                continue
    return waits / 1e9


def address_space() -> int:
    """Return the bytes of addresses that this process has and every child starts with."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return UNKNOWN


def volunteer_for_the_oom_killer() -> None:
    """Make the kernel kill this process and its children, not the judge, when memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:
        return  # no /proc here: the memory limit has to do
