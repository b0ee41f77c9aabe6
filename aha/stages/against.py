"""What rows are compared with, so that no evaluation is learned: benchmarks by name, and files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from aha.errors import BadInput
from aha.evals.benchmarks import BENCHMARKS, benchmark
from aha.evals.loading import raw_rows, select_examples
from aha.settings import nearest
from aha.tasks.decontamination import GramIndex
from aha.tasks.reading import RefusedRow, rows_of


@lru_cache(maxsize=2)
def seen_of(names: tuple[str, ...], words: int) -> GramIndex:
    """Questions and solutions of all of them. BadInput for a name that is neither a benchmark's nor a file's."""
    seen = GramIndex(words)
    for name in names:
        _add(seen, name)
    return seen


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
    if chosen.generated is None:
        for fields in raw_rows(chosen, None):
            seen.add_row(fields)
        return
    for example in select_examples(chosen)[0]:
        seen.add(example.prompt, question=True)
