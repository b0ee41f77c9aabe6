"""What a worker is asked about, and what an answer may cost."""

from __future__ import annotations

from dataclasses import dataclass

from aha.types import Latex, Number

Gold = Latex | Number


@dataclass(frozen=True)
class Bounds:
    """Of one answer: seconds of processor time, and the worker's memory in all."""

    cpu_s: float
    memory_mb: int
