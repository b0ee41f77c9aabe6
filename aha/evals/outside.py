"""Benchmarks that run in worlds of their own: what they wrote is read, and scored with an interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aha.errors import BadInput
from aha.evals.files import read_json
from aha.evals.intervals import mean_interval

ANSWERS = ".aider.results.json"


def read_swe_bench(path: Path) -> dict[str, object]:
    """A report of the harness: `total_instances`, and `resolved_ids` or `resolved_instances`; what was not submitted is not resolved."""
    found = read_json(path)
    if not isinstance(found, dict) or "total_instances" not in found or not {"resolved_ids", "resolved_instances"} & found.keys():
        has = ", ".join(found)[:200] if isinstance(found, dict) else str(found)[:60]
        raise BadInput(f"{path}: a report of SWE-bench has total_instances and resolved_ids (or resolved_instances), this one has {has}")
    total, ids = found["total_instances"], found.get("resolved_ids")
    resolved = len(ids) if isinstance(ids, list) else found.get("resolved_instances")
    if not isinstance(total, int) or not isinstance(resolved, int) or not 0 <= resolved <= total or total == 0:
        raise BadInput(f"{path}: {resolved} resolved of {total}: whole numbers are needed, the first at most the second")
    return _scored([True] * resolved + [False] * (total - resolved))


def read_aider(path: Path) -> dict[str, object]:
    """A folder of exercises, each with `.aider.results.json`, or a file with a list of those; right when a try passed all tests."""
    path = path.expanduser()
    rows = [read_json(each) for each in sorted(path.rglob(ANSWERS))] if path.is_dir() else read_json(path)
    rows = rows if isinstance(rows, list) else [rows]
    if not rows:
        raise BadInput(f"{path}: no {ANSWERS} below it; a folder of Aider's benchmark is needed")
    tries = [_tries(path, number, row) for number, row in enumerate(rows, start=1)]
    first = sum(each[:1] == [True] for each in tries) / len(tries)
    return _scored([any(each) for each in tries]) | {"pass_rate_1": first}


def _tries(path: Path, number: int, row: Any) -> list[bool]:
    tries = row.get("tests_outcomes") if isinstance(row, dict) else None
    if not isinstance(tries, list) or not all(isinstance(each, bool) for each in tries):
        raise BadInput(f"{path}, exercise {number}: no tests_outcomes with true and false in it")
    return tries


def _scored(right: Sequence[bool]) -> dict[str, object]:
    found = mean_interval([[verdict] for verdict in right])
    return {"pass@1": found.value, "ci95": [found.low, found.high], "problems": len(right)}


READERS: dict[str, Callable[[Path], dict[str, object]]] = {"swe_bench_verified": read_swe_bench, "aider_polyglot": read_aider}
