"""What a draw costs, by processor time and by memory: `python bench/draws.py [--threads 1] [--turns 20]`.

A token a row, for logits that are sharp as a trained model's and flat as an untrained one's, with and without a nucleus; and the memory
above the logits themselves for 512 rows of 151,936."""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from statistics import median

import torch

from aha.protocols import Sampling
from aha.sampling.draws import DrawSettings, draw

SHAPES = ((16, 151_936), (64, 49_152), (512, 1_632))
LOGITS = {"trained": 3.0, "flat": 1.0}  # their spread: a nucleus of 0.95 holds a hundred tokens or so, and three quarters of all


def milliseconds(work: Callable[[], object], turns: int) -> float:
    """The median of a few turns, in processor time."""
    work()
    taken = []
    for _ in range(turns):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return 1_000 * median(taken)


def drawing(logits: torch.Tensor, sampling: Sampling) -> Callable[[], object]:
    """One token a row."""
    rows = len(logits)
    seeds, places = torch.arange(rows), torch.zeros(rows, dtype=torch.long)
    return lambda: draw(logits, seeds, places, DrawSettings.repeat(sampling, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=20)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    for rows, vocabulary in SHAPES:
        for name, spread in LOGITS.items():
            logits = spread * torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(1))
            if name == "trained":
                logits[:, :200] += 9.0
            times = {top_p: milliseconds(drawing(logits, Sampling(0.8, top_p)), chosen.turns) for top_p in (1.0, 0.95)}
            ratio = times[0.95] / times[1.0]
            print(f"{rows:4} x {vocabulary:7,} {name:8} top_p 1: {times[1.0]:7.2f} ms   top_p 0.95: {times[0.95]:7.2f} ms   x{ratio:.2f}")
    logits = torch.randn(512, 151_936)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for top_p in (1.0, 0.95):
        drawing(logits, Sampling(1.0, top_p))()
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(f"512 x 151,936, top_p {top_p:g}: {more:.0f} MiB above the logits")


if __name__ == "__main__":
    main()
