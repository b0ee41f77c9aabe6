from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.evals.attempts import Attempt, Fields, read_attempts, read_results


def written(tmp_path: Path, *records: object, name: str = "samples.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("\n".join(json.dumps(record) for record in records))
    return path


def test_a_record_a_sample_is_gathered_by_problem(tmp_path):
    rows = [{"problem": p, "right": right, "answer": answer} for p, right, answer in [("a", True, "7"), ("b", False, ""), ("a", 0, "8")]]
    sheet = read_attempts(written(tmp_path, *rows))
    assert [(tried.problem, tried.attempts) for tried in sheet.problems] == [
        ("a", (Attempt(True, "7"), Attempt(False, "8"))),
        ("b", (Attempt(False, None),)),
    ]
    assert (sheet.answers, sheet.rewards, sheet.texts, sheet.ends) == (True, False, False, False)


def test_a_record_a_problem_holds_a_list_in_each_field(tmp_path):
    row = {"idx": 3, "gt": "7", "answer": "7", "pred": ["7", "8"], "score": [True, False], "pred_score": [[1.5], [0.5]]}
    (tried,) = read_attempts(written(tmp_path, row)).problems
    assert tried.problem == "3"
    assert tried.attempts == (Attempt(True, "7", 1.5), Attempt(False, "8", 0.5))


def test_the_reference_is_not_taken_for_the_answer(tmp_path):
    sheet = read_attempts(written(tmp_path, {"id": 1, "answer": "the reference", "is_correct": True}))
    assert not sheet.answers


def test_scored_generations_under_one_object(tmp_path):
    data = {"raw_scored_generations": {"s0": [True, False]}, "raw_generations": {"s0": ["f(1)", "f(2)"]}, "pass_at_1": 50.0}
    (tried,) = read_attempts(written(tmp_path, data, name="scored.json")).problems
    assert tried.attempts == (Attempt(True, "f(1)"), Attempt(False, "f(2)"))


def test_a_choice_is_right_when_the_letter_read_is_the_letter_wanted(tmp_path):
    rows = [{"question_id": i, "options": ["x"] * 10, "answer": "C", "pred": pred} for i, pred in enumerate(["C", "D", None])]
    sheet = read_attempts(written(tmp_path, *rows))
    assert [tried.attempts[0].right for tried in sheet.problems] == [True, False, False]
    assert [tried.options for tried in sheet.problems] == [10, 10, 10]


def test_fields_of_other_names_are_named_with_dots(tmp_path):
    row = {"question": "How many?", "model": {"solution": "Three.", "good": True}}
    sheet = read_attempts(written(tmp_path, row), Fields(right="model.good", text="model.solution"))
    assert sheet.problems[0].attempts == (Attempt(True),)
    assert sheet.texts


def test_truncated_and_refused_replies_are_told_apart(tmp_path):
    rows = [
        {"id": 1, "right": False, "finished": "length", "text": "<think>and so on"},
        {"id": 2, "right": False, "finished": "stop", "text": "<think>Hm.</think>I cannot answer that."},
        {"id": 3, "right": True, "finished": "stop", "text": "I cannot say it better: 7"},
    ]
    attempts = [tried.attempts[0] for tried in read_attempts(written(tmp_path, *rows)).problems]
    assert [(one.truncated, one.refused) for one in attempts] == [(True, False), (False, True), (False, False)]


def test_packed_files_are_read_as_they_are(tmp_path):
    line = b'{"id": 1, "right": true}\n'
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(line))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("inner.json", b"[" + line + b"]")
    assert read_attempts(tmp_path / "a.jsonl.gz") == read_attempts(tmp_path / "b.zip")


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([{"right": True}], "no field says which problem a sample belongs to (there are right); name it with --problem FIELD"),
        ([{"id": 1, "verdict": True}], "no field says whether a sample is right (there are id, verdict); name it with --right FIELD"),
        ([{"id": 1, "right": 0.5}], "record 1: the verdict is '0.5'"),
        ([{"id": 1, "right": True}, {"id": 2}], "record 2: no field right; there are id"),
        ([{"id": 1, "right": [True], "pred": ["a", "b"]}], "record 1: pred holds 2 for 1 verdicts"),
        ([{"id": 1, "right": True, "reward": "high"}], "record 1: the reward is 'high'"),
        ([[1, 2]], "where an object with named fields should stand"),
        ([], "not JSON"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(tmp_path, records, says):
    with pytest.raises(BadInput) as caught:
        read_attempts(written(tmp_path, *records))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def logged(doc: int, filter: str, read: str, right: float) -> dict:
    """A sample as lm-evaluation-harness logs it."""
    return {"doc_id": doc, "doc": {}, "target": "18", "resps": [["so 18"]], "filtered_resps": [read], "filter": filter,
            "metrics": ["exact_match"], "exact_match": right}  # fmt: skip


TWICE = [logged(doc, name, read, right) for doc in (0, 1) for name, read, right in (("strict", "[invalid]", 0.0), ("flexible", "18", 1.0))]


def test_two_filters_of_the_same_samples_are_two_results_and_not_two_samples(tmp_path):
    path = tmp_path / "samples_gsm8k.jsonl"
    path.write_text("\n".join(map(json.dumps, TWICE)))
    results = read_results(path)
    assert {name: [tried.verdicts for tried in sheet.problems] for name, sheet in results.items()} == {
        "strict": [[False], [False]],
        "flexible": [[True], [True]],
    }
    assert [tried.attempts[0].answer for sheet in results.values() for tried in sheet.problems] == [None, None, "18", "18"]
    assert read_attempts(path, filter="flexible") == results["flexible"]
    with pytest.raises(BadInput, match=r"2 results \(strict, flexible\); `aha score` takes one with --filter NAME"):
        read_attempts(path)
    with pytest.raises(BadInput, match="no result of a filter loose; there are strict, flexible"):
        read_attempts(path, filter="loose")


def test_the_verdict_is_the_metric_that_the_harness_names(tmp_path):
    rows = [{"doc_id": 0, "filter": "none", "metrics": ["bleu", "inst_acc"], "bleu": 0.3, "inst_acc": True, "resps": [["x"]]}]
    path = tmp_path / "samples.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    assert read_attempts(path).problems[0].verdicts == [True]


def test_evalplus_has_a_result_by_its_base_tests_and_one_by_all(tmp_path):
    path = tmp_path / "eval_results.json"
    samples = [
        {"base_status": "pass", "plus_status": "fail"},
        {"base_status": "pass", "plus_status": "pass"},
        {"base_status": "fail", "plus_status": "pass"},
    ]
    path.write_text(json.dumps({"date": "today", "eval": {"HumanEval/0": samples}}))
    assert {name: sheet.problems[0].verdicts for name, sheet in read_results(path).items()} == {
        "base": [True, True, False],
        "plus": [False, True, False],
    }
    for status in ("base_status", "status"):
        path.write_text(json.dumps({"eval": {"HumanEval/0": [{status: "pass"}]}}))
        assert read_attempts(path).problems[0].verdicts == [True]
    path.write_text(json.dumps({"eval": {"HumanEval/0": [{"base_status": "pass"}]}}))
    assert read_attempts(path).problems[0].verdicts == [True]
