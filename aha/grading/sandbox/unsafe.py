"""The tier without isolation: a process with limits, a folder and a session of its own, which can reach the machine's files, network and
processes. It is never chosen automatically; a person who asks for it finds its name in the manifest."""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import IO

from aha.grading.sandbox.compiled import BUILD, COMPILE_LIMITS, CompileCache
from aha.grading.sandbox.job import Job, Limits, Outcome, Tier, Verdict, infrastructure
from aha.grading.sandbox.slot import memory_file
from aha.grading.sandbox.tree import LOOK_S, Tree

PATIENCE_S = 600.0  # to wait for another thread that compiles the same source
COOKIE = "AHA_PROGRAM"
_LAUNCH = (files(__package__) / "guest" / "unsafe.py").read_text(encoding="utf-8")


def why_not() -> str | None:
    """Return what this tier lacks here, or None."""
    return None if hasattr(os, "waitid") else "it needs a POSIX system"


@dataclass
class _ProcessOutput:
    """The output, exit code and use of a process, complete when it and its session are gone."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    code: int | None = None
    cpu_s: float = 0.0
    together_s: float = 0.0  # processor time, all descendants included
    wall_s: float = 0.0
    memory_mb: float = 0.0
    stop_reason: Verdict | None = None

    def look(self, tree: Tree, limits: Limits) -> None:
        """Measure the process and its descendants; set `stop_reason` if they use too much."""
        use = tree.look()
        self.together_s = use.cpu_s
        if excess := use.excess(limits.cpu_s, limits.memory_mb << 20):
            self.stop_reason = "MLE" if excess == "memory" else "TLE"

    def outcome(self, limits: Limits) -> Outcome:
        verdict, reason = self._verdict(limits)
        streams = (bytes(self.stdout[: limits.output_bytes]), bytes(self.stderr[: limits.output_bytes]))
        return Outcome(verdict, *streams, self.code, self.cpu_s, self.wall_s, self.memory_mb, reason)

    def _verdict(self, limits: Limits) -> tuple[Verdict, str]:
        if self.stop_reason == "OLE":
            return "OLE", f"more than {limits.output_bytes:,} bytes of output"
        if self.code == -signal.SIGXCPU or max(self.cpu_s, self.together_s) > limits.cpu_s - LOOK_S:
            return "TLE", f"{limits.cpu_s:g} s of processor time are used up"
        if self.stop_reason == "TLE":
            return "TLE", f"not done after {limits.wall_s:g} s by the clock"
        if self.stop_reason == "MLE":
            return "MLE", f"more than {limits.memory_mb} MiB of memory in all its processes"
        if self.code == 0:
            return "OK", ""
        if b"MemoryError" in self.stderr[-2000:] or b"bad_alloc" in self.stderr[-2000:]:
            return "MLE", f"more than {limits.memory_mb} MiB of memory"
        return "RE", f"exit code {self.code}" if self.code and self.code > 0 else f"killed by signal {-(self.code or 0)}"


class UnsafeSandbox:
    """A sandbox that runs programs as this user, `workers` at once."""

    tier: Tier = "unsafe"

    def __init__(self, workers: int = 2) -> None:
        self._places = threading.BoundedSemaphore(workers)
        self._folder = Path(tempfile.mkdtemp(prefix="aha-unsafe-"))
        self._cache = CompileCache()

    def run(self, job: Job) -> Outcome:
        """Run a program; INFRA if this machine fails it: no compiler, no process, no room."""
        try:
            with self._places, tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as folder:
                return self._run(job, Path(folder))
        except OSError as error:
            return infrastructure(f"{type(error).__name__}: {error.strerror or error}")

    def _run(self, job: Job, folder: Path) -> Outcome:
        source = job.source.encode("utf-8", "replace")
        if job.language == "python":
            path = folder / "program.py"
            path.write_bytes(source)
            return _execute(["python", str(path)], job.stdin, job.limits, folder).outcome(job.limits)
        program = self._cache.get(job.source, lambda: _compile(source, folder), PATIENCE_S)
        if not isinstance(program, int):
            return program or infrastructure("another thread compiles this program and does not come to an end")
        try:
            return _execute(["run", _start(program, folder)], job.stdin, job.limits, folder, (program,)).outcome(job.limits)
        finally:
            os.close(program)

    def close(self) -> None:
        """Remove the folder; programs have ended with their `run`."""
        self._cache.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _compile(source: bytes, folder: Path) -> int | Outcome:
    """Return the program as a file in memory, if the system has such files, so that no other program can replace it; or the failed
    outcome."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        return infrastructure("no C++ compiler: install g++")
    text, program = folder / "main.cpp", folder / "main"
    text.write_bytes(source)
    execution = _execute(["run", "/bin/sh", "sh", "-c", BUILD.format(shlex.quote(compiler))], b"", COMPILE_LIMITS, folder)
    if execution.code == 0 and execution.stop_reason is None and program.is_file():
        return memory_file(program.read_bytes()) if hasattr(os, "memfd_create") else os.open(program, os.O_RDONLY)
    failure = execution.outcome(COMPILE_LIMITS)
    return replace(
        failure, verdict="CE", reason="it does not compile" if execution.stop_reason is None else f"the compiler: {failure.reason}"
    )


def _start(program: int, folder: Path) -> str:
    """Return a path by which the program can be started."""
    path = f"/proc/self/fd/{program}"
    if os.path.exists(path):
        return path
    copy = folder / "main"
    copy.write_bytes(os.pread(program, os.fstat(program).st_size, 0))
    copy.chmod(0o700)
    return str(copy)


def _execute(words: Sequence[str], stdin: bytes, limits: Limits, folder: Path, keep: Sequence[int] = ()) -> _ProcessOutput:
    """Start, feed and drain a process, and end its whole session before returning. `keep`: descriptors that the launcher needs and closes
    before the program runs."""
    numbers = [str(math.ceil(limits.cpu_s)), str(limits.memory_mb)]
    arguments = [sys.executable, "-P", "-s", "-B", "-c", _LAUNCH, *words[:2], *numbers, *words[2:]]
    cookie = f"{folder.name}-{os.getpid()}"
    environment = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        COOKIE: cookie,
    }
    began, execution = time.monotonic(), _ProcessOutput()
    pipe = subprocess.PIPE
    with subprocess.Popen(
        arguments, stdin=pipe, stdout=pipe, stderr=pipe, cwd=folder, env=environment, start_new_session=True, pass_fds=keep
    ) as process:
        try:
            _drain(process, stdin, limits, began, execution)
        finally:
            _reap(process, cookie, execution)
    execution.wall_s = time.monotonic() - began
    return execution


def _drain(process: subprocess.Popen[bytes], stdin: bytes, limits: Limits, began: float, execution: _ProcessOutput) -> None:
    """Feed stdin and collect the output until the process ends or has to be ended. It may fork, so its descendants are watched too."""
    tree = Tree(process.pid, itself=True)
    due = began + 2 * LOOK_S
    with selectors.DefaultSelector() as selector:
        for pipe, work in ((process.stdout, execution.stdout), (process.stderr, execution.stderr), (process.stdin, memoryview(stdin))):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_WRITE if pipe is process.stdin else selectors.EVENT_READ, work)
        while execution.stop_reason is None:
            has_ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
            has_moved = _pump(selector, 0.0 if has_ended else LOOK_S)
            if max(len(execution.stdout), len(execution.stderr)) > limits.output_bytes:
                execution.stop_reason = "OLE"
            elif has_ended and not has_moved:
                return
            elif not has_ended and time.monotonic() - began > limits.wall_s:
                execution.stop_reason = "TLE"
            elif time.monotonic() > due:
                due = time.monotonic() + LOOK_S
                execution.look(tree, limits)


def _pump(selector: selectors.BaseSelector, patience_s: float) -> bool:
    """Serve each ready pipe once; return True if any was ready."""
    if not selector.get_map():
        time.sleep(patience_s / 10)
        return False
    ready = selector.select(patience_s)
    for key, _ in ready:
        pipe: IO[bytes] = key.fileobj  # type: ignore[assignment]
        if isinstance(key.data, bytearray):
            _take(selector, pipe, key.data)
        else:
            _give(selector, pipe, key.data)
    return bool(ready)


def _take(selector: selectors.BaseSelector, pipe: IO[bytes], buffer: bytearray) -> None:
    try:
        data = os.read(pipe.fileno(), 1 << 16)
    except BlockingIOError:
        return
    buffer += data
    if not data:
        selector.unregister(pipe)


def _give(selector: selectors.BaseSelector, pipe: IO[bytes], rest: memoryview) -> None:
    try:
        rest = rest[os.write(pipe.fileno(), rest[: 1 << 16]) :] if rest else rest
    except BlockingIOError:
        return
    except BrokenPipeError:
        rest = rest[:0]
    if rest:
        selector.modify(pipe, selectors.EVENT_WRITE, rest)
    else:
        selector.unregister(pipe)
        pipe.close()


def _reap(process: subprocess.Popen[bytes], cookie: str, execution: _ProcessOutput) -> None:
    """Kill the session, collect the exit code and the usage, and kill processes that left the session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = execution.code = os.waitstatus_to_exitcode(status)
    execution.cpu_s, execution.memory_mb = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{COOKIE}={cookie}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)
