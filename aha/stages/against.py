"""What rows are compared with, so that no evaluation is learned: benchmarks by name, and files."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from aha.durable import Disk, replace_file
from aha.errors import BadInput, DiskTrouble
from aha.evals.benchmark import Benchmark
from aha.evals.benchmarks import BENCHMARKS, benchmark
from aha.evals.loading import files_at_hand, raw_rows, raw_rows_of, select_examples
from aha.settings import nearest
from aha.tasks.filters import GramIndex
from aha.tasks.reading import RefusedRow, rows_of

AT_HAND = "at-hand"  # every published benchmark whose rows lie in the folder that AHA_DATA names
MODEL_COLUMNS = frozenset({"model_outputs", "output", "outputs", "response", "responses", "prediction", "pred"})  # of rows of benchmarks
CACHE = Path("~/.cache/aha/grams")
MOST_NAMES = 4  # benchmarks that a line names


@lru_cache(maxsize=2)
def seen_of(names: tuple[str, ...], words: int) -> GramIndex:
    """Questions and solutions of all of them. BadInput for a name that is neither a benchmark's nor a file's."""
    seen = GramIndex(words)
    for name in expand_names(names):
        _add(seen, name)
    return seen


def expand_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names with those of the benchmarks at hand in the place of `at-hand`."""
    if AT_HAND not in names:
        return names
    at_hand = tuple(name for name, bench in BENCHMARKS.items() if bench.generator is None and files_at_hand(bench))
    return tuple(dict.fromkeys(member for name in names for member in (at_hand if name == AT_HAND else (name,))))


def comparison_text(names: tuple[str, ...], rows: int, left_out: int) -> str:
    """Return what problems were compared with, and how many fell out, for a person."""
    if not (members := expand_names(names)):
        return "nothing to compare the problems with: AHA_DATA names no folder with rows of benchmarks, and --against names none"
    name_list = ", ".join(members[:MOST_NAMES]) + (f" and {len(members) - MOST_NAMES} more" if len(members) > MOST_NAMES else "")
    return f"{left_out:,} of {rows:,} problems share a run of words with {name_list} and are left out"


def all_shared(names: tuple[str, ...]) -> str:
    """Return why no problem is left where each stands in what it was compared with."""
    return f"each shares a run of words with {', '.join(expand_names(names)[:MOST_NAMES])}; --against '' keeps them"


def _add(seen: GramIndex, name: str) -> None:
    if Path(name).expanduser().is_file():
        for row in rows_of(name, "test", None):
            if isinstance(row, RefusedRow):
                raise BadInput(str(row))
            seen.add_row(row.fields)
        return
    if name.startswith((".", "/", "~")) or Path(name).suffix:
        raise BadInput(f"against {name}: there is no such file")
    try:
        chosen = benchmark(name)
    except BadInput:
        raise BadInput(f"against {name}: no benchmark has this name, and no file is there{nearest(name, list(BENCHMARKS))}") from None
    if chosen.generator is None:
        _add_benchmark(seen, chosen)
        return
    for example in select_examples(chosen)[0]:
        seen.add(example.prompt, question=True)


def _add_benchmark(seen: GramIndex, bench: Benchmark) -> None:
    """The rows of a benchmark; what was made of files at hand is kept, since many take half a minute."""
    files = files_at_hand(bench)
    stamp = "|".join(f"{path.resolve()} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files)
    cache_path = CACHE.expanduser() / f"{bench.name}-{seen.n}-{hashlib.sha256(stamp.encode()).hexdigest()[:16]}"
    if files and cache_path.is_file() and seen.unpack(cache_path.read_bytes()):
        return
    benchmark_index = GramIndex(seen.n)
    for fields in raw_rows_of(bench, files) if files else raw_rows(bench, None):
        benchmark_index.add_row({name: value for name, value in fields.items() if name not in MODEL_COLUMNS})
    if files:
        with suppress(DiskTrouble):  # only a help
            cache_path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(Disk(), cache_path, benchmark_index.pack())
    seen.unpack(benchmark_index.pack())
