"""No isolation: a process with limits, a folder and a session of its own, and nothing that keeps it from the machine's files, network or
processes. It is never chosen by itself; a person who asks for it finds its name in the manifest."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import selectors
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

from aha.grading.sandbox.job import Job, Limits, Outcome, Tier, Verdict

LOOK_S = 0.02
COMPILING = Limits(cpu_s=30.0, wall_s=60.0, memory_mb=2048)
COOKIE = "AHA_PROGRAM"
_LAUNCH = (files(__package__) / "unsafe.txt").read_text(encoding="utf-8")


def why_not() -> str | None:
    """What this tier lacks here."""
    return None if hasattr(os, "waitid") else "it needs a POSIX system"


@dataclass
class _Ended:
    """What is known of a process when it and its session are gone."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    code: int | None = None
    cpu_s: float = 0.0
    wall_s: float = 0.0
    memory_mb: float = 0.0
    stopped: Verdict | None = None

    def outcome(self, limits: Limits) -> Outcome:
        verdict, reason = self._verdict(limits)
        said = (bytes(self.stdout[: limits.output_bytes]), bytes(self.stderr[: limits.output_bytes]))
        return Outcome(verdict, *said, self.code, self.cpu_s, self.wall_s, self.memory_mb, reason)

    def _verdict(self, limits: Limits) -> tuple[Verdict, str]:
        if self.stopped == "OLE":
            return "OLE", f"more than {limits.output_bytes:,} bytes of output"
        if self.code == -signal.SIGXCPU or self.cpu_s > limits.cpu_s - LOOK_S:
            return "TLE", f"{limits.cpu_s:g} s of processor time are used up"
        if self.stopped == "TLE":
            return "TLE", f"not done after {limits.wall_s:g} s by the clock"
        if self.code == 0:
            return "OK", ""
        if b"MemoryError" in self.stderr[-2000:] or b"bad_alloc" in self.stderr[-2000:]:
            return "MLE", f"more than {limits.memory_mb} MiB of memory"
        return "RE", f"exit code {self.code}" if self.code and self.code > 0 else f"killed by signal {-(self.code or 0)}"


class UnsafeSandbox:
    """Runs programs as this user, `workers` at once."""

    tier: Tier = "unsafe"

    def __init__(self, workers: int = 2) -> None:
        self._places = threading.BoundedSemaphore(workers)
        self._folder = Path(tempfile.mkdtemp(prefix="aha-unsafe-"))
        self._compiling = threading.Lock()

    def run(self, job: Job) -> Outcome:
        """INFRA where this machine fails the program: no compiler, no process, no room."""
        try:
            with self._places, tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as folder:
                return self._run(job, Path(folder))
        except OSError as error:
            return _infra(f"{type(error).__name__}: {error.strerror or error}")

    def _run(self, job: Job, folder: Path) -> Outcome:
        source = job.source.encode("utf-8", "replace")
        if job.language == "python":
            path = folder / "program.py"
            path.write_bytes(source)
            return _execute(["python", str(path)], job.stdin, job.limits, folder).outcome(job.limits)
        built = self._compiled(source)
        return built if isinstance(built, Outcome) else _execute(["run", str(built)], job.stdin, job.limits, folder).outcome(job.limits)

    def _compiled(self, source: bytes) -> Path | Outcome:
        compiler = shutil.which("g++") or shutil.which("clang++")
        if compiler is None:
            return _infra("no C++ compiler: install g++")
        program = self._folder / f"{hashlib.sha256(source).hexdigest()}.out"
        with self._compiling:
            if program.is_file():
                return program
            text, made = program.with_suffix(".cpp"), program.with_suffix(".new")
            text.write_bytes(source)
            words = [compiler, "-O2", "-std=c++17", "-o", str(made), str(text)]
            ended = _execute(["run", compiler, *words], b"", COMPILING, self._folder)
            if ended.code != 0 or not made.is_file():
                return replace(ended.outcome(COMPILING), verdict="CE", reason="it does not compile")
            made.replace(program)
        return program

    def close(self) -> None:
        """Removes the folder; programs have ended with their `run`."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _infra(reason: str) -> Outcome:
    return Outcome("INFRA", b"", b"", None, 0.0, 0.0, 0.0, reason)


def _execute(words: Sequence[str], stdin: bytes, limits: Limits, folder: Path) -> _Ended:
    """Starts, feeds and drains a process, and ends all of its session before it returns."""
    numbers = [str(math.ceil(limits.cpu_s)), str(limits.memory_mb)]
    arguments = [sys.executable, "-P", "-s", "-B", "-c", _LAUNCH, *words[:2], *numbers, *words[2:]]
    cookie = f"{folder.name}-{os.getpid()}"
    environment = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        COOKIE: cookie,
    }
    began, ended = time.monotonic(), _Ended()
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, cwd=folder, env=environment, start_new_session=True) as process:
        try:
            _drain(process, stdin, limits, began, ended)
        finally:
            _reap(process, cookie, ended)
    ended.wall_s = time.monotonic() - began
    return ended


def _drain(process: subprocess.Popen[bytes], stdin: bytes, limits: Limits, began: float, ended: _Ended) -> None:
    """Feeds stdin and keeps what is written, until the process ends or has to be ended."""
    with selectors.DefaultSelector() as selector:
        for pipe, work in ((process.stdout, ended.stdout), (process.stderr, ended.stderr), (process.stdin, memoryview(stdin))):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_WRITE if pipe is process.stdin else selectors.EVENT_READ, work)
        while ended.stopped is None:
            gone = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
            moved = _pump(selector, 0.0 if gone else LOOK_S)
            if max(len(ended.stdout), len(ended.stderr)) > limits.output_bytes:
                ended.stopped = "OLE"
            elif gone and not moved:
                return
            elif not gone and time.monotonic() - began > limits.wall_s:
                ended.stopped = "TLE"


def _pump(selector: selectors.BaseSelector, patience_s: float) -> bool:
    """Whether anything went through the pipes, each of which is served once."""
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


def _take(selector: selectors.BaseSelector, pipe: IO[bytes], kept: bytearray) -> None:
    try:
        some = os.read(pipe.fileno(), 1 << 16)
    except BlockingIOError:
        return
    kept += some
    if not some:
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


def _reap(process: subprocess.Popen[bytes], cookie: str, ended: _Ended) -> None:
    """Kills the session, takes the exit code and the usage, and looks for whoever left the session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = ended.code = os.waitstatus_to_exitcode(status)
    ended.cpu_s, ended.memory_mb = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{COOKIE}={cookie}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)
