"""Every benchmark by the name a person types. A new one is a file with a value, and a line here."""

from __future__ import annotations

from aha.errors import BadInput
from aha.evals.benchmark import Benchmark
from aha.evals.countdown import COUNTDOWN, COUNTDOWN_4
from aha.settings import nearest

BENCHMARKS: dict[str, Benchmark] = {
    "countdown": COUNTDOWN,
    "countdown4": COUNTDOWN_4,
}


FROM_FILES = ("alpaca_eval", "arena_hard", "codeforces")  # scored from what is published of them, without a model


def benchmark(name: str) -> Benchmark:
    """The benchmark of that name. BadInput, naming those there are and the nearest, for any other."""
    if name in FROM_FILES:
        raise BadInput(f"{name}: it is scored from files, not by asking a model here; see aha eval --help")
    if name not in BENCHMARKS:
        every = [*BENCHMARKS, *FROM_FILES]
        raise BadInput(f"{name}: no such benchmark; there are {', '.join(every)}{nearest(name, every)}")
    return BENCHMARKS[name]
