"""A Codeforces rating: the one at which the place a model took in each contest would have been the expected place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aha.errors import BadInput
from aha.evals.files import read_json

FAILED_TRY = 50  # points
FAILED_TRY_PENALTY = 10  # where problems have no points
ROOM = 100  # above the best contestant
HALVINGS = 60
HISTOGRAM = "ratings_2024.json"


@dataclass(frozen=True)
class Contestant:
    """A rated one: the result, and the rating before."""

    points: float
    penalty: float
    rating: float


@dataclass(frozen=True)
class Contest:
    """`problems`: the points of each by its name, contest and letter as in `1971A`; `None` where every problem counts one."""

    id: str
    problems: Mapping[str, float | None]
    contestants: tuple[Contestant, ...]


@dataclass(frozen=True)
class ContestPlace:
    """What a model reached in a contest, and the rating that fits."""

    contest: str
    points: float
    rank: int
    contestants: int
    rating: float


def place_in(contest: Contest, tries: Mapping[str, Sequence[bool]]) -> ContestPlace:
    """`tries`: the verdicts of each problem's submissions, in order; those after the first right one are not made."""
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
    """The r with 1 + Σ 1 / (1 + 10^((r - opponent)/400)) = rank, between 0 and 100 above the best opponent."""
    ratings = np.asarray(opponents, dtype=np.float64)
    low, high = 0.0, float(ratings.max()) + ROOM
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if expected_rank(ratings, middle) < rank else (middle, high)
    return (low + high) / 2


def expected_rank(opponents: npt.NDArray[np.float64], rating: float) -> float:
    """The place that somebody of that rating takes on average."""
    return float(1 + (1 / (1 + 10 ** ((rating - opponents) / 400))).sum())


def percentile(rating: float, histogram: Mapping[str, int]) -> float:
    """How many of all users, in per cent, have a lower rating."""
    below = sum(users for bound, users in histogram.items() if float(bound) < rating)
    return 100 * below / sum(histogram.values())


def read_contest(standings: Path, changes: Path) -> Contest:
    """From the API's answers to contest.standings and contest.ratingChanges. Contestants without a change of rating are left out."""
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
    """Users by rating."""
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
