"""`aha regrade FILE`: published outputs in the forms that they come in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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


ASKED, BOXED = "What is the double of 21, in digits?", "It is \\boxed{42}."
LOGS: dict[str, dict[str, Any]] = {  # the forms in which other tools log one sample
    "lm-evaluation-harness": {"doc_id": 0, "doc": {"problem": ASKED, "answer": "42"}, "target": "42", "resps": [[BOXED]], "filter": "none"},
    "evalscope": {
        "index": 0,
        "input": f"**User**: \n{ASKED}",
        "target": "42",
        "sample_score": {"score": {"value": {"acc": 0.0}, "extracted_prediction": "?", "prediction": BOXED}},
    },
    "inspect": {
        "eval": {},
        "samples": [
            {
                "id": 1,
                "input": [{"role": "user", "content": ASKED}],
                "target": "42",
                "output": {"choices": [{"message": {"role": "assistant", "content": BOXED}, "stop_reason": "stop"}]},
            }
        ],
    },
    "verl": {
        "input": f"<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n",
        "output": BOXED,
        "gts": "42",
        "score": 0.0,
        "step": 1,
    },
    "open-r1": {"problem": ASKED, "answer": "42", "generations": [BOXED], "correctness_math_verify": [False]},
    "qwen": {"idx": 0, "question": ASKED, "gt": "42", "code": [BOXED], "pred": ["?"], "score": [False]},
}


def test_replies_to_one_question_are_samples_of_one_problem(tmp_path, capsys):
    log = written(tmp_path / "log.jsonl", LOGS["verl"], LOGS["verl"] | {"output": "\\boxed{41}"})
    result = regraded(capsys, log, "--benchmark", "math_500")
    assert (result["problems"], result["k"], result["pass@1"]) == (1, 2, 0.5)


def test_replies_that_a_data_set_brings_are_not_those_of_the_model(tmp_path, capsys):
    log = LOGS["lm-evaluation-harness"]
    row = log | {"doc": log["doc"] | {"generations": ["\\boxed{7}"], "text": "7"}, "filtered_resps": ["43"]}
    result = regraded(capsys, written(tmp_path / "log.jsonl", row), "--benchmark", "math_500")
    assert (result["problems"], result["pass@1"]) == (1, 1.0)
    named = regraded(capsys, written(tmp_path / "log.jsonl", row), "--benchmark", "math_500", "--reply", "filtered_resps")
    assert (named["problems"], named["pass@1"]) == (1, 0.0)


@pytest.mark.parametrize("tool", LOGS)
def test_logs_of_other_tools_are_graded_without_the_benchmarks_rows(tmp_path, capsys, tool):
    result = regraded(capsys, written(tmp_path / "log.jsonl", LOGS[tool]), "--benchmark", "math_500")
    assert (result["problems"], result["pass@1"], result["truncated"]) == (1, 1.0, 0.0)


def test_messages_are_matched_with_the_benchmarks_rows(tmp_path, capsys):
    said = [{"role": "user", "content": f"{ASKED}\nPlease reason step by step."}, {"role": "assistant", "content": BOXED}]
    cut = {"choices": [{"message": {"role": "assistant", "content": BOXED}, "stop_reason": "max_tokens"}]}
    data = written(
        tmp_path / "math.jsonl", {"problem": ASKED, "answer": "42"}, {"problem": "What is one half of 12, in digits?", "answer": "6"}
    )
    log = written(tmp_path / "log.jsonl", {"index": 0, "model_output": cut, "messages": said})
    result = regraded(capsys, log, "--benchmark", "math_500", "--data", data)
    assert (result["problems"], result["pass@1"], result["truncated"]) == (1, 0.0, 1.0)
