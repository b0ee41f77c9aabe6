"""Every benchmark by the name a person types. A new one is a file with a value, and a line here."""

from __future__ import annotations

from aha.errors import BadInput
from aha.evals.benchmark import Benchmark
from aha.evals.countdown import COUNTDOWN, COUNTDOWN_4

BENCHMARKS: dict[str, Benchmark] = {
    "countdown": COUNTDOWN,
    "countdown4": COUNTDOWN_4,
}


def benchmark(name: str) -> Benchmark:
    """The benchmark of that name. BadInput, naming those there are, for any other."""
    if name not in BENCHMARKS:
        raise BadInput(f"{name}: no such benchmark; there are {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]
