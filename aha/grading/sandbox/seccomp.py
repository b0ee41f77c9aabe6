"""The system calls a program may make, compiled to the kernel's filters by libseccomp. What is not listed does not exist for it."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from typing import Literal, NamedTuple

Profile = Literal["python", "native", "compile"]

FILES = """read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 open openat creat close close_range lseek stat lstat
    fstat newfstatat fstatat64 statx statfs fstatfs access faccessat faccessat2 readlink readlinkat getcwd chdir fchdir getdents getdents64
    mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat chmod fchmod fchmodat umask utime utimes
    utimensat futimesat truncate ftruncate fallocate fsync fdatasync sync_file_range fadvise64 flock sendfile copy_file_range dup dup2 dup3
    pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2"""
MEMORY = "brk mmap mmap2 munmap mprotect mremap madvise msync mincore"
SELF = """exit exit_group getpid gettid getppid getpgid getpgrp getsid getuid geteuid getgid getegid getresuid getresgid getgroups
    getpriority getrusage getrlimit setrlimit times uname sysinfo getcpu getrandom arch_prctl set_tid_address set_robust_list rseq
    membarrier futex futex_waitv sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max
    sched_get_priority_min wait4 waitid kill tkill tgkill rt_sigaction rt_sigprocmask rt_sigpending rt_sigreturn rt_sigsuspend
    rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo sigaltstack restart_syscall pause"""
CLOCKS = """time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep alarm setitimer getitimer timer_create timer_settime
    timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime"""
EXEC = "execve execveat"
CHILDREN = "fork vfork setpgid"

NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag
CLONE_THREAD = 0x10000
FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)  # copies, flags, locks; no leases on what others read, no pipe of a megabyte
IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
PRCTLS = (15, 16, 0x53564D41)  # PR_SET_NAME PR_GET_NAME PR_SET_VMA: names of threads and of memory

ALLOW = 0x7FFF0000
MISSING = 0x00050000 | errno.ENOSYS  # as an older kernel answers: libraries then fall back, clone3 to clone
OPTIMIZE = 8  # SCMP_FLTATR_CTL_OPTIMIZE
MASKED_EQUAL = 7  # SCMP_CMP_MASKED_EQ
WORD = 0xFFFFFFFF


class SyscallCondition(ctypes.Structure):
    """libseccomp's scmp_arg_cmp: argument `arg` against `a`, or under the mask `a` against `b`."""

    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class SyscallRule(NamedTuple):
    """A call allowed where one of its arguments compares so."""

    call: str
    compare: SyscallCondition


def why_not() -> str | None:
    """What this machine lacks to build filters."""
    if platform.system() != "Linux":
        return f"needs Linux, this is {platform.system()}"
    try:
        library()
    except OSError:
        return "libseccomp is missing: apt-get install libseccomp2 (Fedora, Arch: package libseccomp)"
    return None


def library() -> ctypes.CDLL:
    """libseccomp with the signatures used here; `OSError` where it is not installed."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(SyscallCondition),
    ]
    library.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_release.restype = None
    return library


def calls(profile: Profile) -> list[str]:
    """Those allowed whatever their arguments are."""
    return f"{FILES} {MEMORY} {SELF} {CLOCKS} {'' if profile == 'python' else EXEC} {CHILDREN if profile == 'compile' else ''}".split()


def rules(profile: Profile) -> list[SyscallRule]:
    """Threads but no processes, unless it compiles; no limits or memory of others; no way to let a pipe grow."""
    may_clone = (NEW_NAMESPACES, 0) if profile == "compile" else (NEW_NAMESPACES | CLONE_THREAD, CLONE_THREAD)
    return [
        SyscallRule("clone", SyscallCondition(0, MASKED_EQUAL, *may_clone)),
        SyscallRule("prlimit64", SyscallCondition(0, MASKED_EQUAL, WORD, 0)),
        *(SyscallRule("fcntl", SyscallCondition(1, MASKED_EQUAL, WORD, number)) for number in FCNTLS),
        *(SyscallRule("ioctl", SyscallCondition(1, MASKED_EQUAL, WORD, number)) for number in IOCTLS),
        *(SyscallRule("prctl", SyscallCondition(0, MASKED_EQUAL, WORD, number)) for number in PRCTLS),
    ]


def filter_of(profile: Profile) -> bytes:
    """The profile as an array of `struct sock_filter` for this machine's architecture."""
    lib = library()
    context = lib.seccomp_init(MISSING)
    try:
        lib.seccomp_attr_set(context, OPTIMIZE, 2)  # a binary tree; libseccomp before 2.5 has none and goes down the list
        for call in calls(profile):
            _allow(lib, context, call, None)
        for rule in rules(profile):
            _allow(lib, context, rule.call, rule.compare)
        return _export(lib, context)
    finally:
        lib.seccomp_release(context)


def _allow(lib: ctypes.CDLL, context: int, call: str, compare: SyscallCondition | None) -> None:
    number = lib.seccomp_syscall_resolve_name(call.encode())
    if number == -1:
        return  # not known to this libseccomp, so not to the programs of its time
    status = lib.seccomp_rule_add_array(context, ALLOW, number, compare is not None, ctypes.byref(compare) if compare else None)
    if status not in (0, -errno.EDOM):  # EDOM: a call this architecture does not have
        raise OSError(-status, f"libseccomp refuses a rule for {call}")


def _export(lib: ctypes.CDLL, context: int) -> bytes:
    file = os.memfd_create("filter")
    try:
        status = lib.seccomp_export_bpf(context, file)
        if status:
            raise OSError(-status, "libseccomp exports no filter")
        return os.pread(file, os.fstat(file).st_size, 0)
    finally:
        os.close(file)
