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
            failed, worth = list(verdicts).index(True), contest.problems[problem]
            points += 1.0 if worth is None else max(0.0, worth - FAILED_TRY * failed)
            penalty += FAILED_TRY_PENALTY * failed if worth is None else 0.0
    ahead = sum((other.points, -other.penalty) > (points, -penalty) for other in contest.contestants)
    rating = solve_rating([other.rating for other in contest.contestants], 1 + ahead)
    return ContestPlace(contest.id, points, 1 + ahead, len(contest.contestants), rating)


def solve_rating(opponents: Sequence[float], rank: int) -> float:
    """The r with 1 + Σ 1 / (1 + 10^((r - opponent)/400)) = rank, between 0 and 100 above the best opponent."""
    others = np.asarray(opponents, dtype=np.float64)
    low, high = 0.0, float(others.max()) + ROOM
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if expected_rank(others, middle) < rank else (middle, high)
    return (low + high) / 2


def expected_rank(opponents: npt.NDArray[np.float64], rating: float) -> float:
    """The place that somebody of that rating takes on average."""
    return float(1 + (1 / (1 + 10 ** ((rating - opponents) / 400))).sum())


def percentile(rating: float, histogram: Mapping[str, int]) -> float:
    """How many of all users, in per cent, have a lower rating."""
    below = sum(users for other, users in histogram.items() if float(other) < rating)
    return 100 * below / sum(histogram.values())


def read_contest(standings: Path, changes: Path) -> Contest:
    """From the API's answers to contest.standings and contest.ratingChanges. Contestants without a change of rating are left out."""
    table, rated = _answer(standings), _answer(changes)
    if not isinstance(table, dict) or not {"problems", "rows"} <= table.keys() or not isinstance(rated, list):
        raise BadInput(f"{standings}, {changes}: contest.standings has problems and rows, contest.ratingChanges is a list")
    try:
        old = {each["handle"]: float(each["oldRating"]) for each in rated}
        contestants = tuple(_contestant(row, old) for row in table["rows"] if _handle(row) in old)
        problems = {f"{each['contestId']}{each['index']}": each.get("points") for each in table["problems"]}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadInput(f"{standings}, {changes}: not as the Codeforces API answers: {type(error).__name__} {error}") from None
    if not contestants or not problems:
        raise BadInput(f"{standings}: {len(problems)} problems and {len(contestants)} rated contestants; a rating needs both")
    return Contest(str(table["problems"][0]["contestId"]), problems, contestants)


def read_histogram(path: Path) -> dict[str, int]:
    """Users by rating."""
    found = read_json(path)
    if not isinstance(found, dict) or not found or not all(isinstance(users, int) for users in found.values()):
        raise BadInput(f"{path}: it has to say for each rating how many users have it")
    return found


def _answer(path: Path) -> Any:
    found = read_json(path)
    return found["result"] if isinstance(found, dict) and "result" in found else found


def _handle(row: Mapping[str, Any]) -> str:
    return str(row["party"]["members"][0]["handle"])


def _contestant(row: Mapping[str, Any], old: Mapping[str, float]) -> Contestant:
    return Contestant(float(row["points"]), float(row.get("penalty", 0)), old[_handle(row)])
