"""What this machine reaches: a matrix product, a copy and a small operation, a few tenths of a second in all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

SIDE = 1_024  # of a square matrix: larger than a cache, and a tenth of a second on one core
COPY_BYTES = 64 << 20  # bytes
TRIES = 3


@dataclass(frozen=True)
class Speed:
    """`flops` a second by dtype, `bytes_s` read and written by a copy, `launch_s` of an operation on a few numbers."""

    flops: dict[str, float]
    bytes_s: float
    launch_s: float


def measure(device: torch.device) -> Speed:
    """The best of a few tries of each: whatever else the machine does only slows it down."""
    flops = {"float32": _products(device, torch.float32), "bfloat16": _products(device, torch.bfloat16)}
    source = torch.ones(COPY_BYTES // 4, device=device)
    target, small = torch.empty_like(source), torch.ones(8, device=device)
    copy_s = _best(lambda: target.copy_(source), device)
    launches = _best(lambda: [small.add_(1) for _ in range(100)], device) / 100
    return Speed(flops, 2 * COPY_BYTES / copy_s, launches)


def _products(device: torch.device, dtype: torch.dtype) -> float:
    side = SIDE if device.type == "cpu" else 4 * SIDE
    matrix = torch.ones(side, side, dtype=dtype, device=device)
    return 2 * side**3 / _best(lambda: matrix @ matrix, device)


def _best(work: Callable[[], object], device: torch.device) -> float:
    work()
    return min(_seconds(work, device) for _ in range(TRIES))


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return max(1e-9, time.perf_counter() - began)
