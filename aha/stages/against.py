"""What rows are compared with, so that no evaluation is learned: benchmarks by name, and files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from aha.errors import BadInput
from aha.evals.benchmarks import BENCHMARKS, WORLD
from aha.evals.exams import EXAMS, exam
from aha.evals.exams.loading import raw_rows
from aha.evals.tiny_world import PROBLEMS, PROMPTS, held_out
from aha.settings import nearest
from aha.tasks.decontamination import GramIndex
from aha.tasks.reading import RefusedRow, rows_of

OURS = 500  # problems of a benchmark that writes its own: those that `aha eval` asks


@lru_cache(maxsize=2)
def seen_of(names: tuple[str, ...], words: int) -> GramIndex:
    """Questions and solutions of all of them. BadInput for a name that is neither a benchmark's nor a file's."""
    seen = GramIndex(words)
    for name in names:
        _add(seen, name)
    return seen


def _add(seen: GramIndex, name: str) -> None:
    if name == WORLD:
        for problem in held_out(PROBLEMS, PROMPTS, 0):
            seen.add(problem.question, question=True)
        return
    if name in BENCHMARKS:
        for problem in BENCHMARKS[name].problems.all(OURS, 0):
            seen.add(problem.question, question=True)
        return
    if Path(name).expanduser().is_file():
        for row in rows_of(name, "test", None):
            if isinstance(row, RefusedRow):
                raise BadInput(str(row))
            seen.add_row(row.fields)
        return
    if name.startswith((".", "/", "~")) or Path(name).suffix:
        raise BadInput(f"against {name}: there is no such file")
    known = [*BENCHMARKS, WORLD, *EXAMS]
    if name.lower().replace("-", "_") not in known:
        raise BadInput(f"against {name}: no benchmark has this name, and no file is there{nearest(name, known)}")
    for fields in raw_rows(exam(name), None):
        seen.add_row(fields)
