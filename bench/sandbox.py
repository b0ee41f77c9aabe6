"""Short Python programs a second in every tier that works here: their times, their cost in processor time, and memory over many.

    python bench/sandbox.py [--tiers bwrap wasm] [--programs 400] [--turns 3] [--workers 2] [--flat 0]

In turns: each tier, then each again. Shown are the best turn by the clock, because a machine that is busy with other things makes every
figure worse and none better, and the median of the processor's time a program costs on both sides, which hardly depends on that.
`--flat 10000` runs so many more programs in each tier and shows what the judge and the processes inside have grown by.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median, quantiles

import psutil

from aha.grading.sandbox import Job, Sandbox, Tier, open_sandbox, tiers

BATCH = 100
ADD = "import sys\na, b = map(int, sys.stdin.readline().split())\nprint(a + b)\n"


@dataclass(frozen=True)
class Turn:
    """What a number of programs took."""

    a_second: float
    p50_ms: float
    p95_ms: float
    cpu_ms: float


def one(sandbox: Sandbox, n: int) -> float:
    """Milliseconds for one program that adds; a wrong answer ends the benchmark."""
    started = time.perf_counter()
    outcome = sandbox.run(Job(ADD, f"{n} 1\n".encode()))
    if outcome.stdout != f"{n + 1}\n".encode():
        raise SystemExit(f"{sandbox.tier}: {n} + 1 gave {outcome}")
    return 1000 * (time.perf_counter() - started)


def spent() -> float:
    """Seconds of processor time of this process and of all below it, those that have ended included."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(sum(each.cpu_times()[:4]) for each in family)


def turn(sandbox: Sandbox, programs: int, workers: int) -> Turn:
    with ThreadPoolExecutor(workers) as pool:
        cpu, started = spent(), time.perf_counter()
        took = list(pool.map(lambda n: one(sandbox, n), range(programs)))
        wall = time.perf_counter() - started
    return Turn(programs / wall, median(took), quantiles(took, n=20)[-1], 1000 * (spent() - cpu) / programs)


def memory_mb() -> tuple[float, float]:
    """Of the judge, and of all below it."""
    inside = sum(each.memory_info().rss for each in psutil.Process().children(recursive=True))
    return psutil.Process().memory_info().rss / 2**20, inside / 2**20


def respawned_ms(sandbox: Sandbox) -> float:
    """For one program after all processes inside were killed, less what one takes anyway."""
    took = []
    for n in range(5):
        family = psutil.Process().children(recursive=True)
        for each in family:
            each.kill()
        psutil.wait_procs(family, timeout=5)
        took.append(one(sandbox, n) - one(sandbox, n))
    return median(took)


def flat(sandbox: Sandbox, programs: int, workers: int) -> None:
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda n: one(sandbox, n), range(BATCH)))  # every place is taken once
        before = memory_mb()
        for start in range(0, programs, BATCH):
            list(pool.map(lambda n: one(sandbox, n), range(start, start + BATCH)))
        after = memory_mb()
    grown = ", ".join(f"{who} +{b - a:.1f} MiB to {b:.0f}" for who, a, b in zip(("judge", "inside"), before, after, strict=True))
    print(f"{sandbox.tier:7} over {programs:,} programs: {grown}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    here = [tier for tier, reason in tiers().items() if reason is None]
    parser.add_argument("--tiers", nargs="+", default=here)
    parser.add_argument("--programs", type=int, default=400)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--flat", type=int, default=0)
    chosen = parser.parse_args()
    opened: dict[Tier, Sandbox] = {}
    try:
        for tier in chosen.tiers:
            opened[tier] = open_sandbox(tier, chosen.workers)
            turn(opened[tier], 5 * chosen.workers, chosen.workers)  # warm
        taken: dict[Tier, list[Turn]] = {tier: [] for tier in opened}
        for _ in range(chosen.turns):
            for tier, sandbox in opened.items():
                taken[tier].append(turn(sandbox, chosen.programs, chosen.workers))
        for tier, turns in taken.items():
            best = max(turns, key=lambda each: each.a_second)
            cpu_ms = median(each.cpu_ms for each in turns)
            print(
                f"{tier:7} {best.a_second:6.0f} programs/s, p50 {best.p50_ms:5.1f} ms, p95 {best.p95_ms:5.1f} ms, "
                f"{cpu_ms:5.2f} ms of processor a program: at most {1000 * chosen.workers / cpu_ms:,.0f}/s on {chosen.workers} free cores",
                flush=True,
            )
        for sandbox in opened.values():
            if chosen.flat:
                flat(sandbox, chosen.flat, chosen.workers)
        if "bwrap" in opened:
            print(f"bwrap   {respawned_ms(opened['bwrap']):6.0f} ms to replace what was killed", flush=True)
    finally:
        for sandbox in opened.values():
            sandbox.close()


if __name__ == "__main__":
    main()
