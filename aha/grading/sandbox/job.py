"""The job that a sandbox is given and the outcome it returns. Inputs go in and bytes come out: expected outputs never enter.

The outcome is decided by what the kernel and the pipes report; nothing that the program says about itself counts.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Literal, Protocol

Language = Literal["python", "cpp"]
Verdict = Literal["OK", "TLE", "MLE", "OLE", "RE", "CE", "INFRA"]  # a sandbox never says WA; INFRA is never the program's fault
Tier = Literal["bwrap", "wasm", "remote", "unsafe"]


@dataclass(frozen=True)
class Limits:
    """The limits of one run: seconds of CPU time (decides TLE) and of wall-clock time (a backstop), MiB of memory, bytes of stdout and
    stderr each."""

    cpu_s: float = 6.0
    wall_s: float = 30.0
    memory_mb: int = 512
    output_bytes: int = 1_000_000


@dataclass(frozen=True)
class Job:
    """A program and its standard input. A C++ program is compiled once and then cached."""

    source: str
    stdin: bytes = b""
    language: Language = "python"
    limits: Limits = Limits()


@dataclass(frozen=True)
class Outcome:
    """The result of a run. `OK` means exit code 0 within the limits and says nothing about the output. `reason` is for people."""

    verdict: Verdict
    stdout: bytes
    stderr: bytes
    exit_code: int | None
    cpu_s: float
    wall_s: float
    memory_mb: float
    reason: str = ""


class Sandbox(Protocol):
    """A place where an untrusted program can do no harm. `run` may be called from several threads at once and always returns."""

    @property
    def tier(self) -> Tier: ...

    def run(self, job: Job) -> Outcome: ...

    def close(self) -> None:
        """End every process and remove every file that this sandbox made."""
        ...


NEARLY = 0.9  # share of the memory limit: a failed program that held more than this was out of memory
MEMORY_WORDS = (b"MemoryError", b"std::bad_alloc", b"out of memory")
LINE = 200


@dataclass(frozen=True)
class RunFacts:
    """The facts of one process, from `wait4`. `status` is its exit code or minus the signal that ended it; `stop_reason` says why we ended
    it, empty if we did not; `has_entered` says whether it was locked before it ran anything."""

    status: int
    cpu_s: float
    wall_s: float
    memory_mb: float
    stop_reason: Literal["", "asked", "cpu", "wall", "memory"]
    has_entered: bool


@dataclass(frozen=True)
class Streams:
    """The output of a process, cut to the limit; `is_flooded` says whether there was more."""

    stdout: bytes
    stderr: bytes
    is_flooded: bool


def infrastructure(reason: str, wall_s: float = 0.0) -> Outcome:
    """Return the outcome INFRA with this reason: the program is not to blame."""
    return Outcome("INFRA", b"", b"", None, 0.0, wall_s, 0.0, reason)


def outcome_of_run(facts: RunFacts, streams: Streams, limits: Limits) -> Outcome:
    """Return the outcome of a program's run. CPU time decides TLE; the wall clock only ends a program that waits."""
    if not facts.has_entered:
        return infrastructure(f"the program was never started (status {facts.status})")
    if streams.is_flooded:
        return _outcome("OLE", facts, streams, f"more than {limits.output_bytes} bytes of output")
    if facts.cpu_s > limits.cpu_s or facts.stop_reason == "cpu":
        return _outcome("TLE", facts, streams, f"{facts.cpu_s:.2f} s of CPU time, the limit is {limits.cpu_s:g} s")
    if facts.stop_reason:
        return _outcome("TLE", facts, streams, f"still there after {facts.wall_s:.2f} s by the clock")
    if facts.status == 0:
        return _outcome("OK", facts, streams, "")
    if facts.memory_mb > NEARLY * limits.memory_mb or any(word in streams.stderr[-2_000:] for word in MEMORY_WORDS):
        return _outcome("MLE", facts, streams, f"out of memory at {facts.memory_mb:.0f} MiB, the limit is {limits.memory_mb} MiB")
    return _outcome("RE", facts, streams, f"{_describe_status(facts.status)}{_last_line(streams.stderr)}")


def outcome_of_compile(facts: RunFacts, streams: Streams, limits: Limits) -> Outcome:
    """Return the outcome of a compilation that produced no program within its limits."""
    if not facts.has_entered:
        return infrastructure(f"the compiler was never started (status {facts.status})")
    match facts.stop_reason:
        case "cpu":
            why = f"the compiler took more than {limits.cpu_s:g} s of processor time"
        case "memory":
            why = f"the compiler took more than {limits.memory_mb} MiB of memory"
        case "wall":
            why = f"the compiler was still there after {facts.wall_s:.0f} s by the clock"
        case _:
            why = f"the compiler ended with {_describe_status(facts.status)}"
    return _outcome("CE", facts, streams, why)


def _outcome(verdict: Literal["OK", "TLE", "MLE", "OLE", "RE", "CE"], facts: RunFacts, streams: Streams, reason: str) -> Outcome:
    code = facts.status if facts.status >= 0 else None
    return Outcome(verdict, streams.stdout, streams.stderr, code, facts.cpu_s, facts.wall_s, facts.memory_mb, reason)


def _describe_status(status: int) -> str:
    if status >= 0:
        return f"exit code {status}"
    return f"killed by {signal.Signals(-status).name if -status in {member.value for member in signal.Signals} else f'signal {-status}'}"


def _last_line(stderr: bytes) -> str:
    """Return the last line of stderr for people: without control characters, at most `LINE` characters, empty if there is none."""
    lines = stderr[-2_000:].decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {''.join(character if character.isprintable() else '?' for character in last[:LINE])}" if last else ""
