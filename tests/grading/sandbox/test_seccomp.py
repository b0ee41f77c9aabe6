"""The filters as the kernel will read them: run here by hand, instruction by instruction."""

from __future__ import annotations

import platform
import struct

import pytest

from aha.grading.sandbox.namespace import ALLOW, MISSING, Profile, filter_of, library, seccomp_why_not

REASON = seccomp_why_not() or (None if platform.machine() == "x86_64" else f"the numbers are those of x86_64, this is {platform.machine()}")
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"seccomp: {REASON}")
AUDIT_X86_64, KILL = 0xC000003E, 0x80000000
THREAD, NEW_USER = 0x10000, 0x10000000


def decided(program: bytes, call: str | int, *args: int, machine: int = AUDIT_X86_64) -> int:
    """What the filter returns for a system call: classic BPF over struct seccomp_data."""
    number = library().seccomp_syscall_resolve_name(call.encode()) if isinstance(call, str) else call
    data = struct.pack("<iIQ6Q", number, machine, 0, *args, *[0] * (6 - len(args)))
    instructions = list(struct.iter_unpack("<HBBI", program))
    at, accumulator = 0, 0
    while True:
        code, true, false, k = instructions[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, k)
            case 0x54:
                accumulator &= k
            case 0x05:
                at += k
            case 0x15:
                at += true if accumulator == k else false
            case 0x25:
                at += true if accumulator > k else false
            case 0x35:
                at += true if accumulator >= k else false
            case 0x06:
                return k
            case _:
                raise AssertionError(f"instruction {code:#x} is not known here")


@pytest.mark.parametrize("call", ["read", "write", "openat", "mmap", "futex", "exit_group", "getrandom", "clock_nanosleep", "rt_sigaction"])
def test_what_every_program_needs_is_allowed(call: str) -> None:
    assert decided(filter_of("python"), call) == ALLOW


@pytest.mark.parametrize(
    "call",
    """socket socketpair connect ptrace process_vm_readv process_vm_writev memfd_create memfd_secret io_uring_setup bpf perf_event_open
    userfaultfd keyctl add_key mount umount2 pivot_root chroot unshare setns setuid setresuid capset shmget msgget semget mq_open mknodat
    open_by_handle_at pidfd_open pidfd_getfd personality clone3 seccomp quotactl reboot kexec_load init_module setpriority
    sched_setaffinity setxattr mlock vmsplice fanotify_init inotify_init1 landlock_create_ruleset""".split(),
)
def test_what_none_needs_is_missing_in_every_profile(call: str) -> None:
    assert {decided(filter_of(profile), call) for profile in ("python", "native", "compile")} == {MISSING}


@pytest.mark.parametrize(("profile", "may_exec", "may_fork"), [("python", False, False), ("native", True, False), ("compile", True, True)])
def test_who_may_start_programs_and_processes(profile: Profile, may_exec: bool, may_fork: bool) -> None:
    program = filter_of(profile)
    assert [decided(program, each) == ALLOW for each in ("execve", "execveat")] == [may_exec] * 2
    assert [decided(program, each) == ALLOW for each in ("fork", "vfork")] == [may_fork] * 2
    assert (decided(program, "clone", 17) == ALLOW) is may_fork  # SIGCHLD alone: a process
    assert decided(program, "clone", THREAD | 0x3D0F00 & ~0x7E020080) == ALLOW, "threads are everybody's"
    assert decided(program, "clone", THREAD | NEW_USER) == decided(program, "clone", NEW_USER) == MISSING


def test_arguments_are_looked_at() -> None:
    program = filter_of("python")
    assert decided(program, "prlimit64", 0, 7) == ALLOW and decided(program, "prlimit64", 1, 7) == MISSING
    assert (
        decided(program, "fcntl", 1, 3) == ALLOW
        and decided(program, "fcntl", 1, 1031, 1 << 20) == decided(program, "fcntl", 1, 1024, 1) == MISSING
    )
    assert decided(program, "ioctl", 0, 0x5401) == ALLOW and decided(program, "ioctl", 0, 0x5412) == MISSING  # TCGETS, TIOCSTI
    assert decided(program, "prctl", 15) == ALLOW and decided(program, "prctl", 4) == MISSING  # a name, dumpable


def test_calls_of_another_architecture_kill() -> None:
    program = filter_of("python")
    assert decided(program, 1, machine=0x40000003) == KILL or decided(program, 1, machine=0x40000003) == 0, "those of a 32-bit program"
    assert decided(program, 0x40000000 | 41) in (MISSING, KILL, 0), "x32's socket"
