"""What a draw costs, by processor time and by memory: `python bench/draws.py [--threads 1] [--turns 20]`.

A token a row, for logits that are sharp as a trained model's and flat as an untrained one's, with and without a nucleus, by PyTorch and by
the compiled steps; and the memory above the logits themselves for 512 rows of 151,936."""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from statistics import median

import torch

from aha.backends.native import steps_for
from aha.protocols import Sampling
from aha.sampling.draws import DrawSettings, DrawSteps, draw

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


def drawing(logits: torch.Tensor, sampling: Sampling, steps: DrawSteps | None = None) -> Callable[[], object]:
    """One token a row."""
    rows = len(logits)
    seeds, places = torch.arange(rows), torch.zeros(rows, dtype=torch.long)
    return lambda: draw(logits, seeds, places, DrawSettings.repeat(sampling, rows), steps)


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
            for way, steps in (("PyTorch", None), ("compiled", steps_for("auto", 64))):
                if way == "compiled" and steps is None:
                    continue
                whole, nucleus = (milliseconds(drawing(logits, Sampling(0.8, top_p), steps), chosen.turns) for top_p in (1.0, 0.95))
                shape = f"{rows:4} x {vocabulary:7,} {name:8} {way:8}"
                print(f"{shape} top_p 1: {whole:7.2f} ms   top_p 0.95: {nucleus:7.2f} ms   x{nucleus / whole:.2f}")
    logits = torch.randn(512, 151_936)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for top_p in (1.0, 0.95):
        drawing(logits, Sampling(1.0, top_p))()
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(f"512 x 151,936, top_p {top_p:g}: {more:.0f} MiB above the logits")


if __name__ == "__main__":
    main()
