from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aha.cli import main


@pytest.fixture
def data() -> Path:
    if "AHA_DATA" not in os.environ:
        pytest.skip("AHA_DATA is not set: the folder with alpaca_eval, arena_hard and code")
    return Path(os.environ["AHA_DATA"])


def said(capsys, *words: object) -> tuple[int, list[dict], str]:
    code = main([*map(str, words), "--json"])
    heard = capsys.readouterr()
    return code, [json.loads(line) for line in heard.out.splitlines()], heard.err


def test_alpaca_eval_is_one_line(data, capsys):
    code, (result,), err = said(
        capsys, "eval", "alpaca_eval", "--annotations", data / "alpaca_eval/annotations/claude.json", "--data", data
    )
    assert code == 0
    assert list(result) == ["win_rate", "lc_win_rate", "lc_standard_error", "discrete_win_rate", "n"]
    assert result["win_rate"] == pytest.approx(16.98534361, abs=1e-4)
    assert result["lc_win_rate"] == pytest.approx(27.289504, abs=0.11)
    assert "matched by instruction" in err
    assert "805 preferences recomputed" in err


def test_arena_hard_is_one_line_a_model(data, tmp_path, capsys):
    battles = data / "arena_hard/v0.1/arena_hard_battles_gpt-4-1106-preview.jsonl"
    _, both, _ = said(capsys, "eval", "arena_hard", "--judgments", battles)
    assert [(each["model"], round(each["score"], 2), each["n"]) for each in both] == [
        ("gpt-4-0613", 37.90, 1_244),
        ("gpt-3.5-turbo-0125", 23.34, 1_414),
        ("gpt-4-0314", 50.0, 0),  # the baseline, by definition
    ]
    one = tmp_path / "one.jsonl"
    one.write_text("\n".join(line for line in battles.read_text().splitlines() if "gpt-4-0613" in line))
    _, (alone,), _ = said(capsys, "eval", "arena_hard", "--judgments", one)
    assert list(alone) == ["score", "ci95", "n", "ci95_questions"]
    assert alone["score"] == both[0]["score"]


def test_arena_hard_with_answers_says_the_score_without_style(data, capsys):
    folder = data / "arena_hard/v0.1"
    answers = sorted((folder / "model_answer").glob("*.jsonl"))
    battles = folder / "arena_hard_battles_gpt-4-1106-preview.jsonl"
    _, both, err = said(capsys, "eval", "arena_hard", "--judgments", battles, "--answers", *answers)
    assert all(abs(each["score_style_control"] - each["score"]) < 3 for each in both)
    assert "protocol: unverified" in err


def test_a_record_with_one_game_and_a_game_without_verdict_are_left_out_and_counted(tmp_path, capsys):
    games = [[{"score": "B>A"}, {"score": "A>B"}], [{"score": "B>A"}], [{"score": None}, {"score": "B>A"}], []]
    rows = [{"question_id": f"q{place}", "model": "mine", "judge": "gpt-4", "games": each} for place, each in enumerate(games)]
    path = tmp_path / "judgments.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    _, (result,), err = said(capsys, "eval", "arena_hard", "--judgments", path)
    assert (result["score"], result["n"]) == (pytest.approx(200 / 3), 3)
    assert "left out: 2 records that do not have two games, 1 games that have no verdict" in err


def test_the_second_version_is_known_by_its_questions_and_scores_its_parts_apart(data, tmp_path, capsys):
    questions = [json.loads(row) for row in (data / "arena_hard/v2.0/question.jsonl").read_text().split("\n") if row]
    games = [{"score": "B>A"}, {"score": "A>B"}]
    rows = [{"question_id": row["uid"], "model": "mine", "judge": "gpt-4.1", "games": games} for row in questions]
    path = tmp_path / "judgments.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    _, parts, err = said(capsys, "eval", "arena_hard", "--judgments", path, "--data", data)
    assert [(each["category"], each["score"], each["n"]) for each in parts] == [
        ("hard_prompt", 100.0, 1_000),
        ("creative_writing", 100.0, 500),
    ]
    assert "v2.0" in err


@pytest.mark.parametrize(("rating", "percentile"), [(2029, 96.4), (2061, 96.7), (1820, 93.3)])
def test_codeforces_percentile_of_a_rating(data, capsys, rating, percentile):
    _, (result,), _ = said(capsys, "eval", "codeforces", "--rating", rating, "--data", data)
    assert result["percentile"] == percentile


def test_codeforces_rating_from_results_and_the_apis_files(tmp_path, capsys):
    rows = [{"party": {"members": [{"handle": str(n)}]}, "points": 500 * n, "penalty": 0} for n in range(3)]
    problems = [{"contestId": 7, "index": "A", "points": 500}]
    (tmp_path / "standings.json").write_text(json.dumps({"problems": problems, "rows": rows}))
    (tmp_path / "changes.json").write_text(json.dumps([{"handle": str(n), "oldRating": 1500} for n in range(3)]))
    (tmp_path / "samples.jsonl").write_text('{"problem": "7A", "right": false}')
    (tmp_path / "ratings_2024.json").write_text('{"1000": 60, "1500": 30, "2000": 10}')
    files = ("--results", tmp_path / "samples.jsonl", "--standings", tmp_path / "standings.json", "--changes", tmp_path / "changes.json")
    _, (result,), err = said(capsys, "eval", "codeforces", *files, "--data", tmp_path)
    assert result == {
        "rating": 1500 - round(120.41),
        "percentile": 60.0,
        "n": 1,
    }  # behind two of three equals: each wins two times in three
    assert "place 3 of 3" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("eval alpaca_eval", "alpaca_eval: give one model's annotations with --annotations FILE"),
        ("eval alpaca_eval --annotations nowhere.json", "nowhere.json: there is no such file"),
        ("eval alpaca_eval --annotations x --model tiny", "it is scored from files"),
        ("eval arena_hard --judgments nowhere.jsonl", "nowhere.jsonl: there is no such file"),
        ("eval arena_hard --judgments x --kk 3", "--kk: arena_hard takes no such setting"),
        ("eval arena_hrad", "arena_hrad: no such benchmark"),
        ("eval codeforces --data nowhere", "nowhere: there is no such folder"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, words, says):
    code, out, err = said(capsys, *words.split())
    assert (code, out) == (2, [])
    assert err.count("\n") == 1
    assert says in err
