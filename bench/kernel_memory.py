"""What a process keeps of every new shape that it multiplies in bfloat16 on a CPU, with oneDNN's own cache sizes and with ours.

python bench/kernel_memory.py
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import torch

SHAPES, PRODUCTS = 240, 3
NAMES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()


class Heap(ctypes.Structure):
    """glibc's `struct mallinfo2`."""

    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS]


def in_use_mib() -> float:
    """What malloc has given out and not got back."""
    mallinfo2 = ctypes.CDLL("libc.so.6").mallinfo2
    mallinfo2.restype = Heap
    return float(mallinfo2().uordblks) / 2**20


def grown_mib(dtype: torch.dtype) -> float:
    """After a product forward and two backward for each of many lengths."""
    weight, before = torch.ones(96, 256, dtype=dtype), in_use_mib()
    for number in range(SHAPES):
        rows = torch.ones(1_000 + 7 * number, 96, dtype=dtype)
        out = rows @ weight
        _ = rows.T @ out, out @ weight.T
        del rows, out, _
    return in_use_mib() - before


def main() -> None:
    if len(sys.argv) > 1:
        print(f"{grown_mib(getattr(torch, sys.argv[1])):.1f}")
        return
    for dtype in ("float32", "bfloat16"):
        for capacity in ("1024", "128", "64"):
            environment = {**os.environ, **dict.fromkeys(NAMES, capacity)}
            command = [sys.executable, __file__, dtype]
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=600)
            grown = done.stdout.strip()
            print(f"{dtype}, {capacity:>4} kernels a cache: {grown:>6} MiB more after {SHAPES * PRODUCTS} products of new shapes")


if __name__ == "__main__":
    main()
