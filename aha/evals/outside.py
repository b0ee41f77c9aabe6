"""Benchmarks that run in environments of their own: their result files are read, and scored with an interval.

The Codeforces rating is the one at which the model's place in each contest would have been the expected place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aha.errors import BadInput
from aha.evals.files import read_json
from aha.evals.intervals import mean_interval
from aha.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = LazyModule("numpy")

ANSWERS = ".aider.results.json"


def read_swe_bench(path: Path) -> dict[str, object]:
    """Read a report of the harness: `total_instances`, and `resolved_ids` or `resolved_instances`; instances that were not submitted are
    not resolved."""
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
    """Read a folder of exercises, each with `.aider.results.json`, or a file with a list of those; an exercise is right if a try passed all
    tests."""
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


FAILED_TRY = 50  # points
FAILED_TRY_PENALTY = 10  # penalty, if problems have no points
ROOM = 100  # the most points above the best contestant
HALVINGS = 60
HISTOGRAM = "ratings_2024.json"


@dataclass(frozen=True)
class Contestant:
    """A rated contestant: the result, and the rating before."""

    points: float
    penalty: float
    rating: float


@dataclass(frozen=True)
class Contest:
    """A contest. `problems`: the points of each by its name, contest and letter as in `1971A`; `None` if every problem counts one."""

    id: str
    problems: Mapping[str, float | None]
    contestants: tuple[Contestant, ...]


@dataclass(frozen=True)
class ContestPlace:
    """A model's result in a contest, and the rating that fits it."""

    contest: str
    points: float
    rank: int
    contestants: int
    rating: float


def place_in(contest: Contest, tries: Mapping[str, Sequence[bool]]) -> ContestPlace:
    """Return the model's place. `tries`: the verdicts of each problem's submissions, in order; those after the first right one do not
    count."""
    points, penalty = 0.0, 0.0
    for problem, verdicts in tries.items():
        if problem in contest.problems and any(verdicts):
            failures, worth = list(verdicts).index(True), contest.problems[problem]
            points += 1.0 if worth is None else max(0.0, worth - FAILED_TRY * failures)
            penalty += FAILED_TRY_PENALTY * failures if worth is None else 0.0
    ahead = sum((rival.points, -rival.penalty) > (points, -penalty) for rival in contest.contestants)
    rating = solve_rating([rival.rating for rival in contest.contestants], 1 + ahead)
    return ContestPlace(contest.id, points, 1 + ahead, len(contest.contestants), rating)


def solve_rating(opponents: Sequence[float], rank: int) -> float:
    """Return the r with 1 + Σ 1 / (1 + 10^((r - opponent)/400)) = rank, between 0 and 100 above the best opponent."""
    ratings = np.asarray(opponents, dtype=np.float64)
    low, high = 0.0, float(ratings.max()) + ROOM
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if expected_rank(ratings, middle) < rank else (middle, high)
    return (low + high) / 2


def expected_rank(opponents: npt.NDArray[np.float64], rating: float) -> float:
    """Return the average place of a contestant of that rating."""
    return float(1 + (1 / (1 + 10 ** ((rating - opponents) / 400))).sum())


def percentile(rating: float, histogram: Mapping[str, int]) -> float:
    """Return the share of all users, in per cent, with a lower rating."""
    below = sum(users for bound, users in histogram.items() if float(bound) < rating)
    return 100 * below / sum(histogram.values())


def read_contest(standings: Path, changes: Path) -> Contest:
    """Read a contest from the API's answers to contest.standings and contest.ratingChanges. Contestants without a change of rating are left
    out."""
    table, rating_changes = _answer(standings), _answer(changes)
    if not isinstance(table, dict) or not {"problems", "rows"} <= table.keys() or not isinstance(rating_changes, list):
        raise BadInput(f"{standings}, {changes}: contest.standings has problems and rows, contest.ratingChanges is a list")
    try:
        old = {change["handle"]: float(change["oldRating"]) for change in rating_changes}
        contestants = tuple(_contestant(row, old) for row in table["rows"] if _handle(row) in old)
        problems = {f"{entry['contestId']}{entry['index']}": entry.get("points") for entry in table["problems"]}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadInput(f"{standings}, {changes}: not as the Codeforces API answers: {type(error).__name__} {error}") from None
    if not contestants or not problems:
        raise BadInput(f"{standings}: {len(problems)} problems and {len(contestants)} rated contestants; a rating needs both")
    return Contest(str(table["problems"][0]["contestId"]), problems, contestants)


def read_histogram(path: Path) -> dict[str, int]:
    """Return the number of users by rating."""
    record = read_json(path)
    if not isinstance(record, dict) or not record or not all(isinstance(users, int) for users in record.values()):
        raise BadInput(f"{path}: it has to say for each rating how many users have it")
    return record


def _answer(path: Path) -> Any:
    record = read_json(path)
    return record["result"] if isinstance(record, dict) and "result" in record else record


def _handle(row: Mapping[str, Any]) -> str:
    return str(row["party"]["members"][0]["handle"])


def _contestant(row: Mapping[str, Any], old: Mapping[str, float]) -> Contestant:
    return Contestant(float(row["points"]), float(row.get("penalty", 0)), old[_handle(row)])
