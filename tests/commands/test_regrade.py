"""`aha regrade FILE`: published outputs in the forms that they come in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aha.cli import main

PRO = {"question_id": 7, "question": "Which?", "options": ["red", "green", "blue"], "answer": "B", "answer_index": 1, "category": "law"}
GSM = [{"question": f"Ann has {n} apples and eats none. How many has she?", "answer": f"She has {n}.\n#### {n}"} for n in (3, 4)]


def written(path: Path, *rows: dict) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def regraded(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    code = main(["regrade", *words, "--json"])
    heard = capsys.readouterr()
    assert code == 0, heard.err
    return json.loads(heard.out)


@pytest.mark.parametrize("field", ["generated_text", "model_outputs", "model_output", "response", "completion"])
def test_the_usual_names_of_a_reply_are_known(tmp_path, capsys, field):
    path = written(tmp_path / "outputs.jsonl", PRO | {field: "The answer is (B)."}, PRO | {"question_id": 8, field: "The answer is (C)."})
    result = regraded(capsys, path, "--benchmark", "mmlu_pro")
    assert (result["value"], result["samples"]) == (0.5, 2)


def test_samples_of_the_harness_are_graded_once_and_not_once_a_filter(tmp_path, capsys):
    rows = [
        {
            "doc_id": place,
            "doc": doc,
            "target": "?",
            "resps": [[f"So\n#### {place + 3}", "No idea"]],
            "filter": name,
            "filtered_resps": ["?"],
        }
        for place, doc in enumerate(GSM)
        for name in ("strict-match", "flexible-extract")
    ]
    path, data = written(tmp_path / "samples.jsonl", *rows), written(tmp_path / "gsm.jsonl", *GSM)
    result = regraded(capsys, path, "--benchmark", "gsm8k", "--data", data)
    assert (result["problems"], result["k"], result["pass@1"]) == (2, 2, 0.5)


def test_a_sample_whose_question_stands_at_another_place_is_refused(tmp_path, capsys):
    path = written(tmp_path / "samples.jsonl", {"doc_id": 1, "doc": GSM[0], "resps": [["#### 3"]], "filter": "none"})
    assert main(["regrade", path, "--benchmark", "gsm8k", "--data", written(tmp_path / "gsm.jsonl", *GSM)]) == 2
    assert "record 1: none of its" in capsys.readouterr().err


def test_what_was_cut_is_wrong_here_too(tmp_path, capsys):
    row = PRO | {"response": "The answer is (B).", "finish_reason": "length"}
    result = regraded(capsys, written(tmp_path / "outputs.jsonl", row), "--benchmark", "mmlu_pro")
    assert (result["value"], result["truncated"]) == (0.0, 1.0)
