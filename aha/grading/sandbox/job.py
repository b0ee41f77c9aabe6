"""What a sandbox is asked and what it answers. Inputs go in and bytes come out: what would be right never enters.

What happened to a program, as the kernel and the pipes tell it, turned into a verdict. Nothing the program says counts.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Literal, Protocol

Language = Literal["python", "cpp"]
Verdict = Literal["OK", "TLE", "MLE", "OLE", "RE", "CE", "INFRA"]  # WA is not a sandbox's to say; INFRA is never the program's fault
Tier = Literal["bwrap", "wasm", "remote", "unsafe"]


@dataclass(frozen=True)
class Limits:
    """Of one run: seconds of CPU time, which decide TLE; seconds by the clock, a backstop; memory; bytes of stdout and of stderr each."""

    cpu_s: float = 6.0
    wall_s: float = 30.0
    memory_mb: int = 512
    output_bytes: int = 1_000_000


@dataclass(frozen=True)
class Job:
    """A program and what it reads from stdin. A C++ program that was compiled once is not compiled again."""

    source: str
    stdin: bytes = b""
    language: Language = "python"
    limits: Limits = Limits()


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `OK`: it exited with code 0 within its limits, which says nothing of its output. `reason` is for people."""

    verdict: Verdict
    stdout: bytes
    stderr: bytes
    exit_code: int | None
    cpu_s: float
    wall_s: float
    memory_mb: float
    reason: str = ""


class Sandbox(Protocol):
    """A place in which a stranger's program can do no harm. `run` may be called from several threads at once and always returns."""

    @property
    def tier(self) -> Tier: ...

    def run(self, job: Job) -> Outcome: ...

    def close(self) -> None:
        """End every process and remove every file that this sandbox made."""
        ...


NEARLY = 0.9  # of the memory: a program that held so much failed for want of more
MEMORY_WORDS = (b"MemoryError", b"std::bad_alloc", b"out of memory")
LINE = 200


@dataclass(frozen=True)
class RunFacts:
    """Of one process, by `wait4`: `status` is its exit code or minus the signal that ended it; `stop_reason` who ended it, if we did;
    `has_entered` whether it was locked before it ran anything."""

    status: int
    cpu_s: float
    wall_s: float
    memory_mb: float
    stop_reason: Literal["", "asked", "cpu", "wall", "memory"]
    has_entered: bool


@dataclass(frozen=True)
class Streams:
    """What it wrote, cut to the limit, and whether there was more."""

    stdout: bytes
    stderr: bytes
    is_flooded: bool


def infrastructure(reason: str) -> Outcome:
    """The outcome where the program is not to blame."""
    return Outcome("INFRA", b"", b"", None, 0.0, 0.0, 0.0, reason)


def outcome_of_run(facts: RunFacts, streams: Streams, limits: Limits) -> Outcome:
    """The outcome of a program's run. CPU time decides TLE; the clock only where a program does nothing."""
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
    """The outcome where the compiler made no program of the source within its limits."""
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
    """For people: no control bytes, no more than a line."""
    lines = stderr[-2_000:].decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {''.join(character if character.isprintable() else '?' for character in last[:LINE])}" if last else ""
