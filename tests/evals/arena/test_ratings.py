from __future__ import annotations

import json
import time
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.errors import BadInput
from aha.evals.arena import Battle, read_battles, read_styles, scores_of, style_of
from aha.evals.arena.battles import Style
from aha.evals.arena.ratings import ELO, RatingTable, controlled_ratings, expected, fit, ratings

BATTLES = "arena_hard/v0.1/arena_hard_battles_gpt-4-1106-preview.jsonl"


def bradley_terry(battles: list[Battle]) -> dict[str, float]:
    """The same scores by the published method: a logistic fit of Elo points, read as win rates against the baseline."""
    table = RatingTable.of(battles)
    points = ELO * fit(table, penalty=1e-9, unit=log(10))
    return {model: expected(points[number] - points[0]) for number, model in enumerate(table.models) if number}


def test_a_score_is_wins_and_half_the_ties_over_battles():
    (rating,) = ratings([Battle("q1", "mine", 1.0), Battle("q1", "mine", 0.5), Battle("q2", "mine", 0.0)])
    assert (rating.score, rating.n) == (50.0, 3)


def test_four_hundred_points_are_ten_to_one():
    assert expected(0.0) == 50.0
    assert expected(400.0) == pytest.approx(100 * 10 / 11)


@given(st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=40))
def test_the_closed_form_is_the_bradley_terry_fit(fought):
    battles = [Battle("q", model, wins) for model, wins in fought]
    battles += [Battle("q", model, wins) for model in {model for model, _ in fought} for wins in (0.0, 1.0)]  # a bound for each
    fitted = bradley_terry(battles)
    assert {rating.model: pytest.approx(rating.score, abs=1e-5) for rating in ratings(battles, resamples=1)} == fitted


def test_questions_that_agree_with_themselves_make_the_honest_interval_wider():
    battles = [Battle(f"q{number}", "mine", float(number % 2)) for number in range(100) for _ in range(6)]
    (rating,) = ratings(battles)
    narrow, wide = rating.ci95[1] - rating.ci95[0], rating.ci95_questions[1] - rating.ci95_questions[0]
    assert narrow == pytest.approx(2 * 1.96 * 50 / 600**0.5, rel=0.12)
    assert wide == pytest.approx(2 * 1.96 * 50 / 100**0.5, rel=0.12)


def test_ten_questions_won_twice_each_are_not_certainly_won_for_ever():
    (rating,) = ratings([Battle(f"q{number}", "mine", 1.0) for number in range(10) for _ in range(2)])
    assert rating.ci95 == (100.0, 100.0)  # as published ones are made
    low, high = rating.ci95_questions
    assert low == pytest.approx(100 * 10 / 13.8415, abs=1e-2) and high == 100.0


def test_published_battles_give_the_published_scores(published):
    strong, weak = ratings(read_battles([published(BATTLES)]))
    assert (strong.model, round(strong.score, 2), strong.n) == ("gpt-4-0613", 37.90, 1_244)
    assert (weak.model, round(weak.score, 2), weak.n) == ("gpt-3.5-turbo-0125", 23.34, 1_414)
    assert strong.ci95 == pytest.approx((37.90 - 2.37, 37.90 + 2.54), abs=0.35)
    assert strong.ci95_questions == pytest.approx((37.90 - 3.76, 37.90 + 3.86), abs=0.5)


def test_published_battles_fitted_are_the_same(published):
    battles = read_battles([published(BATTLES)])
    assert {rating.model: pytest.approx(rating.score, abs=1e-6) for rating in ratings(battles, resamples=1)} == bradley_terry(battles)


# --- style ------------------------------------------------------------------------------------------------------------


def test_markdown_is_counted_outside_of_code():
    style = style_of("# One\n## Two\n- a\n* b\n1. c\n**bold** and __bold__\n```\n# no header\n- no list\n```\n")
    assert (style.headers, style.lists, style.bold) == (2, 3, 2)


def test_published_counts_are_ours(published):
    path = published("arena_hard/v2.0/model_answer/o3-mini-2025-01-31.jsonl")
    recorded = read_styles([path])
    rows = [json.loads(line) for line in path.read_text().split("\n") if line]
    assert len(rows) == 750
    for row in rows:
        counted, theirs = style_of(row["messages"][-1]["content"]["answer"]), recorded[row["model"], row["uid"]]
        assert (counted.headers, counted.lists, counted.bold) == (theirs.headers, theirs.lists, theirs.bold)


def fought(strength: float, longer: float) -> tuple[list[Battle], dict[tuple[str, str], Style]]:
    """Two hundred questions: the model wins where its answer is the longer one, more often by `strength`."""
    battles, styles = [], {}
    for number in range(200):
        question, is_longer = f"q{number}", number % 10 < longer * 10
        styles["gpt-4-0314", question] = Style(100, 1, 2, 3)
        styles["mine", question] = Style(300 if is_longer else 50, 1, 2, 3)
        battles.append(Battle(question, "mine", float(is_longer if number % 3 else number % 2 < strength)))
    return battles, styles


def test_a_model_that_wins_by_length_alone_falls_when_length_is_taken_out():
    battles, styles = fought(strength=1.0, longer=0.9)
    (plain,) = ratings(battles, resamples=10)
    (controlled,) = controlled_ratings(battles, styles, resamples=20)
    assert plain.score > 75
    assert controlled.interval[0] < controlled.score < controlled.interval[1]
    assert controlled.level == 95


def test_answers_of_one_style_leave_the_score_almost_as_it_is():
    battles = [Battle(f"q{number}", "mine", float(number % 4 == 0)) for number in range(400)]
    styles = {(model, battle.question): Style(100, 0, 0, 0) for battle in battles for model in ("mine", "o3-mini-2025-01-31")}
    (controlled,) = controlled_ratings(battles, styles, "v2.0", resamples=200)
    assert controlled.score == pytest.approx(25.0, abs=0.7)
    assert controlled.level == 90


def test_published_answers_move_published_scores_a_little(published):
    models = ("gpt-4-0314", "gpt-4-0613", "gpt-3.5-turbo-0125")
    styles = read_styles([published(f"arena_hard/v0.1/model_answer/{model}.jsonl") for model in models])
    scores = {each.model: each.score for each in controlled_ratings(read_battles([published(BATTLES)]), styles, resamples=5)}
    assert scores["gpt-4-0613"] == pytest.approx(37.9, abs=3)
    assert scores["gpt-3.5-turbo-0125"] == pytest.approx(23.3, abs=3)


def random_style(draw: np.random.Generator, most: int) -> Style:
    length, headers, lists, bold = map(float, draw.integers(1, most, 4))
    return Style(length, headers, lists, bold)


def crowd(models: int, battles: int, seed: int = 0) -> tuple[list[Battle], dict[tuple[str, str], Style]]:
    """A made-up table: models of many strengths and styles, whose longer answers win more often than they should."""
    draw = np.random.default_rng(seed)
    questions = [f"q{number}" for number in range(battles // 2)]
    styles = {("gpt-4-0314", question): random_style(draw, 400) for question in questions}
    fought = []
    for number in range(models):
        for question in questions:
            own = styles[f"m{number}", question] = random_style(draw, 200 + 10 * number)
            longer = own.length > styles["gpt-4-0314", question].length
            chance = 1 / (1 + np.exp(number / 20 - 2 + (0.5 if not longer else -0.5)))
            fought += [
                Battle(question, f"m{number}", win) for win in draw.choice((0.0, 0.5, 1.0), 2, p=(0.9 - 0.8 * chance, 0.1, 0.8 * chance))
            ]
    return fought, styles


def test_sums_over_models_fit_what_a_column_for_each_model_fits():
    fought, _ = crowd(5, 60)
    table = RatingTable.of(fought, "gpt-4-0314", np.random.default_rng(1).normal(size=(len(fought), 4)))
    columns = np.zeros((len(fought), 6))
    columns[:, 0], columns[np.arange(len(fought)), table.number] = -2.0, 2.0
    rows = np.column_stack([columns, table.styles])
    weights = fit(table, penalty=0.5, unit=2.0, counts=3.0)
    missed = 3.0 * (1 / (1 + np.exp(-rows @ weights)) - table.wins)
    assert np.abs(rows.T @ missed + 0.5 * weights).max() < 1e-8  # no slope in any direction


def test_a_table_as_large_as_the_published_one_is_fitted_in_seconds():
    fought, styles = crowd(72, 200)
    beats: list[tuple[int, int]] = []
    start = time.process_time()
    rated = controlled_ratings(fought, styles, resamples=10, heartbeat=lambda done, of: beats.append((done, of)))
    assert time.process_time() - start < 4  # with a column for each model it was 1 s a fit
    assert len(rated) == 72
    assert beats == [(done, 10) for done in range(1, 11)]


def test_the_baselines_own_row_is_fifty_whatever_its_own_battles_say():
    battles = [Battle(f"q{number}", model, 1.0) for number in range(4) for model in ("mine", "yours", "gpt-4-0314")]
    styles = {
        (model, battle.question): Style(number, 1, 2, 3)
        for number, battle in enumerate(battles)
        for model in ("mine", "yours", "gpt-4-0314")
    }
    for some in (battles, [battle for battle in battles if battle.model == "gpt-4-0314"]):
        own = scores_of(some, "v0.1", styles)[-1]
        assert (own["model"], own["score"], own["ci95"], own["n"]) == ("gpt-4-0314", 50.0, [50.0, 50.0], 4)
        assert (own["score_style_control"], own["ci95_style_control"]) == (50.0, [50.0, 50.0])


def test_one_model_has_one_row():
    assert [row["model"] for row in scores_of([Battle("q", "mine", 1.0)], "v0.1")] == ["mine"]


def test_an_answer_that_is_missing_is_named():
    with pytest.raises(BadInput, match="no answer of mine to question q0"):
        controlled_ratings([Battle("q0", "mine", 1.0)], {})
