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
    record = read_json(path)
    if not isinstance(record, dict) or "total_instances" not in record or not {"resolved_ids", "resolved_instances"} & record.keys():
        has = ", ".join(record)[:200] if isinstance(record, dict) else str(record)[:60]
        raise BadInput(f"{path}: a report of SWE-bench has total_instances and resolved_ids (or resolved_instances), this one has {has}")
    total, ids = record["total_instances"], record.get("resolved_ids")
    solutions = len(ids) if isinstance(ids, list) else record.get("resolved_instances")
    if not isinstance(total, int) or not isinstance(solutions, int) or not 0 <= solutions <= total or total == 0:
        raise BadInput(f"{path}: {solutions} resolved of {total}: whole numbers are needed, the first at most the second")
    return _score([True] * solutions + [False] * (total - solutions))


def read_aider(path: Path) -> dict[str, object]:
    """A folder of exercises, each with `.aider.results.json`, or a file with a list of those; right when a try passed all tests."""
    path = path.expanduser()
    rows = [read_json(file) for file in sorted(path.rglob(ANSWERS))] if path.is_dir() else read_json(path)
    rows = rows if isinstance(rows, list) else [rows]
    if not rows:
        raise BadInput(f"{path}: no {ANSWERS} below it; a folder of Aider's benchmark is needed")
    tries = [_tries(path, number, row) for number, row in enumerate(rows, start=1)]
    first = sum(verdicts[:1] == [True] for verdicts in tries) / len(tries)
    return _score([any(verdicts) for verdicts in tries]) | {"pass_rate_1": first}


def _tries(path: Path, number: int, row: Any) -> list[bool]:
    tries = row.get("tests_outcomes") if isinstance(row, dict) else None
    if not isinstance(tries, list) or not all(isinstance(verdict, bool) for verdict in tries):
        raise BadInput(f"{path}, exercise {number}: no tests_outcomes with true and false in it")
    return tries


def _score(right: Sequence[bool]) -> dict[str, object]:
    interval = mean_interval([[verdict] for verdict in right])
    return {"pass@1": interval.value, "ci95": [interval.low, interval.high], "problems": len(right)}


READERS: dict[str, Callable[[Path], dict[str, object]]] = {"swe_bench_verified": read_swe_bench, "aider_polyglot": read_aider}
