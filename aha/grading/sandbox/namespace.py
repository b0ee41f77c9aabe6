"""The command line of bubblewrap: what a program inside can see, and how root and an ordinary user make the namespaces.

The system calls that a program may make are compiled to the kernel's filters by libseccomp. Any other call is answered as unknown.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import pwd
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

from aha.errors import BadInput

PACKAGES = ("numpy", "scipy", "pandas", "sympy", "mpmath", "networkx", "sortedcontainers")  # visible inside if they are installed beside us
LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
FILES = ("/etc/alternatives", "/etc/ld.so.cache")
DEVICES = ("null", "zero", "full", "random", "urandom")
HOME = "/python"  # where an interpreter from outside /usr is mounted, so that its path does not tell whose it is
FIRST_FREE_UID = 1_879_048_192  # the first of the uids that nobody may allot
FIRST_FREE_UID_OF_SMALL_MAP = 61_000  # the same where only 65,536 are mapped
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONIOENCODING": "utf-8",
    "MALLOC_ARENA_MAX": "2",  # each arena takes 64 MiB of addresses, and addresses are what the memory limit counts
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
ABOUT = "import json, sys; print(json.dumps([sys.executable, sys.base_prefix, '%d.%d' % sys.version_info[:2]]))"


@dataclass(frozen=True)
class SandboxUser:
    """The user who makes the namespaces. `inside`: the uid that programs drop to there; `outside`: the uid that bubblewrap starts as, if it
    is not ours; `proc`: whether the kernel lets us mount a /proc there."""

    root: bool
    inside: int | None = None
    outside: int | None = None
    proc: bool = True

    @property
    def owner(self) -> int | None:
        """The uid of programs as seen from outside; `None` if it is our own."""
        return self.inside if self.root else self.outside


@dataclass(frozen=True)
class Interpreter:
    """A Python outside the sandbox: its real file, its prefix, its version as `3.11`, and folders of packages by their names."""

    file: str
    prefix: str
    version: str
    packages: tuple[tuple[str, str], ...] = ()

    @property
    def in_usr(self) -> bool:
        return Path(self.prefix).is_relative_to("/usr")

    @property
    def inside(self) -> str:
        return self.file if self.in_usr else f"{HOME}/{Path(self.file).relative_to(self.prefix)}"

    def mounts(self) -> list[str]:
        """Return the arguments that mount its library and itself, without the packages installed beside it, and then the packages that we
        want."""
        paths = (
            [] if self.in_usr else [path for part in ("bin", "lib", "lib64") for path in _bind(f"{self.prefix}/{part}", f"{HOME}/{part}")]
        )
        for outside, inside in self._sites():
            if Path(outside).is_dir():
                paths += ["--tmpfs", inside, "--remount-ro", inside]
        for name, folder in self.packages:
            paths += ["--ro-bind", folder, f"/site/{name}"]
        return paths if self.in_usr else [*paths, "--setenv", "LD_LIBRARY_PATH", f"{HOME}/lib"]

    def _sites(self) -> list[tuple[str, str]]:
        common = ["/usr/lib/python3/dist-packages", *(f"/usr/local/lib/python{self.version}/{kind}-packages" for kind in ("dist", "site"))]
        folders = [f"{lib}/python{self.version}/site-packages" for lib in ("lib", "lib64")]
        if self.in_usr:
            common += [f"{self.prefix}/{folder}" for folder in folders if f"{self.prefix}/{folder}" not in common]
            return [(folder, folder) for folder in common]
        return [(path, path) for path in common] + [(f"{self.prefix}/{path}", f"{HOME}/{path}") for path in folders]


def interpreter(python: Path | None) -> Interpreter:
    """Return the interpreter `python` without packages, or the one that runs this with its packages. `BadInput` if it does not run."""
    if python is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        prefix = os.path.realpath(sys.base_prefix)
        return Interpreter(_runs_from(sys.executable, prefix), prefix, version, _packages())
    try:
        output = subprocess.run([python, "-I", "-S", "-c", ABOUT], capture_output=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise BadInput(f"the interpreter for programs is {python}: it does not run ({error})") from error
    file, prefix, version = json.loads(output)
    return Interpreter(os.path.realpath(file), os.path.realpath(prefix), version)


def _runs_from(executable: str, prefix: str) -> str:
    """Return the real file of the running interpreter; if a virtual environment holds a copy, the file that was copied."""
    file = os.path.realpath(executable)
    return file if Path(file).is_relative_to(prefix) else os.path.realpath(getattr(sys, "_base_executable", file))


@cache
def _packages() -> tuple[tuple[str, str], ...]:
    binds = {}
    for name in PACKAGES:
        spec = find_spec(name)
        for folder in (spec and spec.submodule_search_locations) or ():
            binds[name] = folder
            libraries = f"{folder}.libs"  # where wheels keep the shared libraries that they bring
            if Path(libraries).is_dir():
                binds[f"{name}.libs"] = libraries
    return tuple(binds.items())


def ways(slot: int) -> list[SandboxUser]:
    """Return the users to try for a slot, the best first."""
    uid = unused_uid(slot) if os.geteuid() == 0 else None
    makers = [SandboxUser(root=False)] if uid is None else [SandboxUser(root=True, inside=uid), SandboxUser(root=False, outside=uid)]
    return [*makers, *(SandboxUser(maker.root, maker.inside, maker.outside, proc=False) for maker in makers)]


def unused_uid(slot: int) -> int | None:
    """Return a uid that no account has, different for each process and slot; `None` if only root is mapped."""
    ranges = [line.split() for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()]
    end = max(int(start) + int(count) for start, _, count in ranges)
    uid = (
        FIRST_FREE_UID + os.getpid() % (1 << 20) * 64 + slot % 64
        if end > FIRST_FREE_UID + (1 << 27)
        else FIRST_FREE_UID_OF_SMALL_MAP + (os.getpid() * 8 + slot) % 3000
    )
    uids = {entry.pw_uid for entry in pwd.getpwall()}
    while uid in uids:
        uid += 1
    return uid if uid < end else None


def command(bwrap: str, way: SandboxUser, python: Interpreter, files: dict[str, int]) -> list[str]:
    """Return the command line of bubblewrap. `files`: the descriptors of the files in /sandbox, by name."""
    powers = ["SYS_ADMIN", *(("SETUID", "SETGID", "KILL") if way.root else ())]  # SYS_ADMIN: to mount a new scratch after each program
    arguments = [bwrap, *([] if way.root else ["--unshare-user", "--uid", "1000", "--gid", "1000"])]
    arguments += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
    arguments += [
        "--die-with-parent",
        "--as-pid-1",
        "--cap-drop",
        "ALL",
        *(word for power in powers for word in ("--cap-add", f"CAP_{power}")),
    ]
    arguments += [word for folder in (HOME, "/site", "/etc") for word in ("--dir", folder)]  # else only root could look into them
    arguments += ["--ro-bind", "/usr", "/usr", *(word for link in LINKS for word in _bind(link, link))]
    arguments += [word for file in FILES for word in ("--ro-bind-try", file, file)]
    arguments += python.mounts()
    arguments += [word for name, fd in files.items() for word in ("--perms", "0444", "--ro-bind-data", str(fd), f"/sandbox/{name}")]
    arguments += _devices() + (["--proc", "/proc"] if way.proc else []) + ["--dir", "/tmp", "--remount-ro", "/", "--chdir", "/"]
    return [*arguments, "--", python.inside, "-S", "-s", "-B", "-P", "/sandbox/program.py"]


def _devices() -> list[str]:
    """Return the arguments for a read-only /dev with five harmless devices and the links to the program's own streams."""
    arguments = ["--tmpfs", "/dev", *(word for name in DEVICES for word in ("--dev-bind", f"/dev/{name}", f"/dev/{name}"))]
    arguments += ["--symlink", "/proc/self/fd", "/dev/fd"]
    arguments += [
        word for fd, name in enumerate(("stdin", "stdout", "stderr")) for word in ("--symlink", f"/proc/self/fd/{fd}", f"/dev/{name}")
    ]
    return [*arguments, "--remount-ro", "/dev"]


def _bind(outside: str, inside: str) -> list[str]:
    if os.path.islink(outside) and outside in LINKS:
        return ["--symlink", os.readlink(outside), inside]
    return ["--ro-bind", outside, inside] if os.path.isdir(outside) else []


Profile = Literal["python", "native", "compile"]

FILE_CALLS = """read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 open openat creat close close_range lseek stat
    lstat fstat newfstatat fstatat64 statx statfs fstatfs access faccessat faccessat2 readlink readlinkat getcwd chdir fchdir getdents
    getdents64 mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat chmod fchmod fchmodat umask
    utime utimes utimensat futimesat truncate ftruncate fallocate fsync fdatasync sync_file_range fadvise64 flock sendfile
    copy_file_range dup dup2 dup3 pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
    epoll_pwait2 eventfd eventfd2"""
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
    """A system call that is allowed if one of its arguments meets a condition."""

    call: str
    compare: SyscallCondition


def seccomp_why_not() -> str | None:
    """Return what this machine lacks to build filters, or None."""
    if platform.system() != "Linux":
        return f"needs Linux, this is {platform.system()}"
    try:
        library()
    except OSError:
        return "libseccomp is missing: apt-get install libseccomp2 (Fedora, Arch: package libseccomp)"
    return None


def library() -> ctypes.CDLL:
    """Return libseccomp with the signatures used here; `OSError` if it is not installed."""
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
    """Return the system calls that are allowed with any arguments."""
    return f"{FILE_CALLS} {MEMORY} {SELF} {CLOCKS} {'' if profile == 'python' else EXEC} {CHILDREN if profile == 'compile' else ''}".split()


def rules(profile: Profile) -> list[SyscallRule]:
    """Return the conditional rules: threads but no processes, unless it compiles; no limits or memory of others; no larger pipes."""
    may_clone = (NEW_NAMESPACES, 0) if profile == "compile" else (NEW_NAMESPACES | CLONE_THREAD, CLONE_THREAD)
    return [
        SyscallRule("clone", SyscallCondition(0, MASKED_EQUAL, *may_clone)),
        SyscallRule("prlimit64", SyscallCondition(0, MASKED_EQUAL, WORD, 0)),
        *(SyscallRule("fcntl", SyscallCondition(1, MASKED_EQUAL, WORD, number)) for number in FCNTLS),
        *(SyscallRule("ioctl", SyscallCondition(1, MASKED_EQUAL, WORD, number)) for number in IOCTLS),
        *(SyscallRule("prctl", SyscallCondition(0, MASKED_EQUAL, WORD, number)) for number in PRCTLS),
    ]


def filter_of(profile: Profile) -> bytes:
    """Return the profile as an array of `struct sock_filter` for this machine's architecture."""
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
