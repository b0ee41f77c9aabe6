"""Every benchmark by the name that a person types. A new one is a value in a file here, listed in that file's `BENCHMARKS`."""

from __future__ import annotations

from aha.errors import BadInput
from aha.evals.benchmark import Benchmark
from aha.evals.benchmarks import choices, code, maths, tiny, words
from aha.settings import nearest

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark for room in (tiny, maths, choices, code, words) for benchmark in room.BENCHMARKS
}
FROM_FILES = ("swe_bench_verified", "aider_polyglot")  # run elsewhere; their result files are read


def benchmark(name: str) -> Benchmark:
    """Return the benchmark of that name; `-` counts as `_`. BadInput, with the nearest names, for any other name."""
    if name in FROM_FILES:
        raise BadInput(f"{name}: it runs elsewhere; read its results with aha eval {name} --results FILE")
    plain = name.lower().replace(".", "")
    for spelling in (plain, plain.replace("-", "_"), plain.replace("_", "-")):
        if spelling in BENCHMARKS:
            return BENCHMARKS[spelling]
    every = [*BENCHMARKS, *FROM_FILES]
    raise BadInput(f"{name}: no such benchmark; there are {', '.join(every)}{nearest(name.lower(), every)}")
