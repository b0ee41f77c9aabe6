"""Every benchmark by the name a person types. A new one is a file with a value, and a line here."""

from __future__ import annotations

from collections.abc import Sequence

from aha.errors import BadInput
from aha.evals.benchmark import Benchmark
from aha.evals.countdown import COUNTDOWN, COUNTDOWN_4
from aha.evals.exams import exam
from aha.settings import nearest

BENCHMARKS: dict[str, Benchmark] = {
    "countdown": COUNTDOWN,
    "countdown4": COUNTDOWN_4,
}


WORLD = "tiny-world"  # several domains at once, by `stages.world`
FROM_FILES = ("swe_bench_verified", "aider_polyglot")  # run elsewhere; their result files are read


def benchmark(name: str) -> Benchmark:
    """The benchmark of that name that a stage can ask. BadInput, naming those there are and the nearest, for any other."""
    if name not in BENCHMARKS:
        raise BadInput(f"{name}: no such benchmark; there are {', '.join(BENCHMARKS)}{nearest(name, list(BENCHMARKS))}")
    return BENCHMARKS[name]


def check_names(names: Sequence[str]) -> None:
    """BadInput for a name that is no benchmark's, with the nearest, and for ours beside others, which are asked in another way."""
    ours = [name for name in names if name in (*BENCHMARKS, WORLD)]
    if ours and len(names) > 1:
        raise BadInput(f"{ours[0]}: it is asked alone; leave out {', '.join(name for name in names if name != ours[0])}")
    for name in names:
        if name in FROM_FILES:
            raise BadInput(f"{name}: it runs elsewhere; read its results with aha eval {name} --results FILE")
        if name not in (*BENCHMARKS, WORLD):
            exam(name, (*BENCHMARKS, WORLD, *FROM_FILES))
