from __future__ import annotations

import json

import pytest

from aha.errors import BadInput
from aha.evals.outside import Contest, Contestant, percentile, place_in, read_contest, read_histogram, solve_rating


def contest(*rows: tuple[float, float], problems: dict | None = None) -> Contest:
    contestants = tuple(Contestant(points, 0.0, rating) for points, rating in rows)
    return Contest("1", problems or {"1A": 500.0, "1B": 1000.0}, contestants)


def test_the_middle_of_equals_has_their_rating():
    assert solve_rating([1500.0, 1500.0], 2) == pytest.approx(1500.0)


def test_half_a_place_ahead_of_one_opponent_is_that_opponents_rating():
    assert solve_rating([1200.0, 1800.0], 2) == pytest.approx(1500.0)


def test_one_of_eleven_equals_and_a_champion_ahead_is_four_hundred_points_above():
    assert solve_rating([1500.0] * 11 + [4000.0], 3) == pytest.approx(1900.0, abs=0.01)  # each of the eleven wins with 1/11


def test_the_winner_is_as_high_as_the_search_goes_and_the_last_at_zero():
    assert solve_rating([1500.0] * 3, 1) == pytest.approx(1600.0)
    assert solve_rating([1500.0] * 3, 4) == pytest.approx(0.0)


def test_each_failed_try_costs_fifty_points_of_the_problem():
    place = place_in(contest((2000, 1900), (700, 1500), (300, 1100)), {"1A": [False, False, True, True], "1B": [False], "9Z": [True]})
    assert (place.points, place.rank) == (400.0, 3)


def test_a_problem_never_costs_more_than_it_is_worth():
    assert place_in(contest((100, 1500)), {"1A": [False] * 11 + [True]}).points == 0.0


def test_equal_points_share_the_better_place():
    assert place_in(contest((500, 1900), (500, 1500), (600, 1700)), {"1A": [True]}).rank == 2


def test_problems_without_points_count_one_and_failures_are_penalty():
    contestants = (Contestant(1, 5, 1900.0), Contestant(1, 20, 1500.0), Contestant(2, 90, 2100.0))
    place = place_in(Contest("1", {"1A": None}, contestants), {"1A": [False, True]})
    assert (place.points, place.rank) == (1.0, 3)


@pytest.fixture
def api(tmp_path):
    """A contest of three rated contestants and one who is not, as the API answers."""

    def row(handle: str, points: float) -> dict:
        return {"party": {"members": [{"handle": handle}]}, "points": points, "penalty": 0}

    problems = [{"contestId": 7, "index": letter, "points": points} for letter, points in (("A", 500.0), ("B", 1000.0))]
    rows = [row("first", 1500), row("guest", 1500), row("second", 950), row("third", 450)]
    changes = [{"contestId": 7, "handle": handle, "oldRating": old} for handle, old in (("first", 2000), ("second", 1500), ("third", 1000))]
    (tmp_path / "standings.json").write_text(json.dumps({"status": "OK", "result": {"problems": problems, "rows": rows}}))
    (tmp_path / "changes.json").write_text(json.dumps({"status": "OK", "result": changes}))
    return tmp_path / "standings.json", tmp_path / "changes.json"


def test_the_apis_answers_are_a_contest(api):
    found = read_contest(*api)
    assert (found.id, found.problems) == ("7", {"7A": 500.0, "7B": 1000.0})
    assert [each.rating for each in found.contestants] == [2000.0, 1500.0, 1000.0]
    assert place_in(found, {"7B": [True]}).rank == 2


def test_files_the_wrong_way_about_are_refused(api):
    with pytest.raises(BadInput, match=r"contest.standings has problems and rows"):
        read_contest(*reversed(api))


def test_percentile_is_the_share_with_a_lower_rating():
    assert percentile(1500, {"1000": 3, "1500": 5, "2000": 2}) == 30.0


@pytest.mark.parametrize(("rating", "expected"), [(2029, 96.4), (2061, 96.7), (1820, 93.3)])
def test_published_percentiles(published, rating, expected):
    histogram = read_histogram(published("code/codeforces/ratings_2024.json"))
    assert round(percentile(rating, histogram), 1) == expected
