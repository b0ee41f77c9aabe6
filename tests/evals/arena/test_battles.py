from __future__ import annotations

import json
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.evals.arena import Battle, read_battles, verdict


def written(path: Path, *rows: dict) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def judged(first: str | None, second: str | None, question: str = "q1", model: str = "mine", judge: str = "gpt-4") -> dict:
    return {"question_id": question, "model": model, "judge": judge, "games": [{"score": first, "judgment": "…"}, {"score": second}]}


def wins(path: Path, **settings) -> list[float]:
    return [battle.wins for battle in read_battles([path], **settings)]


@pytest.mark.parametrize(
    ("judgment", "label"),
    [
        ("My final verdict is tie: [[A=B]].", "A=B"),
        ("[[A>B]] at first, but then [[b>>a]]", "B>>A"),
        ("Verdict: [A>B]", "A>B"),
        ("[A>B], no: [[B>A]]", "B>A"),
        ("No verdict [[here]].", None),
    ],
)
def test_the_last_label_in_double_brackets_is_the_verdict(judgment, label):
    assert verdict(judgment) == label


def test_the_baseline_stands_first_in_the_first_game(tmp_path):
    assert wins(written(tmp_path / "j", judged("A>B", "A>B"))) == [0.0, 1.0]
    assert wins(written(tmp_path / "j", judged("B>A", "A=B"))) == [1.0, 0.5]


def test_a_clear_verdict_is_three_battles(tmp_path):
    assert wins(written(tmp_path / "j", judged("B>>A", "B>A"))) == [1.0, 1.0, 1.0, 0.0]


def test_a_game_without_verdict_is_dropped_and_in_the_second_version_its_question_too(tmp_path):
    path = written(tmp_path / "j", judged(None, "A>B"), judged("B>A", "A>B", "q2"))
    assert wins(path) == [1.0, 1.0, 1.0]
    assert wins(path, version="v2.0") == [1.0, 1.0]


def test_battles_are_read_from_either_side(tmp_path):
    rows = [("gpt-4-0314", "mine", "model_b"), ("mine", "gpt-4-0314", "model_b"), ("gpt-4-0314", "mine", "tie")]
    path = written(tmp_path / "b", *({"question_id": "q", "model_a": a, "model_b": b, "winner": w} for a, b, w in rows))
    assert read_battles([path]) == [Battle("q", "mine", 1.0), Battle("q", "mine", 0.0), Battle("q", "mine", 0.5)]


def test_the_baseline_is_the_model_that_is_always_first(tmp_path):
    rows = [{"question_id": "q", "model_a": "base", "model_b": model, "winner": "model_a"} for model in ("mine", "yours")]
    assert {battle.model for battle in read_battles([written(tmp_path / "b", *rows)])} == {"mine", "yours"}


def test_several_files_are_one_table(tmp_path):
    paths = [written(tmp_path / model, judged("A>B", "B>A", model=model)) for model in ("mine", "yours")]
    assert [battle.model for battle in read_battles(paths)] == ["mine", "mine", "yours", "yours"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"question": "q", "answer": "a"}], "this one has question, answer"),
        ([judged("A", "A>B")], "the score is 'A'; it is one of A>>B"),
        ([judged("A>B", "A>B") | {"games": [{"label": "A>B"}]}], "games are two, each with a score"),
        ([judged("A>B", "A>B") | {"games": [{"score": "A>B"}]}], "no game has a verdict (1 records have other than two games)"),
        ([judged("A>B", "A>B"), judged("A>B", "A>B")], "question q1 of mine is judged 2 times"),
        ([judged("A>B", "A>B"), judged("A>B", "A>B", "q2", judge="gpt-5")], "2 judges (gpt-4, gpt-5)"),
        ([judged(None, None)], "no game has a verdict"),
        ([{"question_id": "q", "model_a": "a", "model_b": "b", "winner": "a"}], "winner is 'a'; it is model_a, model_b or tie"),
        (
            [
                {"question_id": "q", "model_a": a, "model_b": b, "winner": "tie"}
                for a, b in [("one", "two"), ("two", "three"), ("three", "one")]
            ],
            "name it with --baseline MODEL",
        ),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_line(tmp_path, rows, says):
    with pytest.raises(BadInput) as caught:
        read_battles([written(tmp_path / "rows", *rows)])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
