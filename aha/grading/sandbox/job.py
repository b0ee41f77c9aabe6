"""What a sandbox is asked and what it answers. Inputs go in and bytes come out: what would be right never enters."""

from __future__ import annotations

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
