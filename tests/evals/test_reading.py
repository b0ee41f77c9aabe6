from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.evals.reading import FieldNames, completion_grader, read_sample_set, read_sample_sets
from aha.evals.result import result_of
from aha.evals.samples import GradedSample
from aha.grading.sandbox import tiers
from tests.graders import GRADERS


def short(sample: GradedSample) -> tuple[object, ...]:
    return (sample.right, sample.claim, *([] if sample.reward is None else [sample.reward]))


def written(tmp_path: Path, *records: object, name: str = "samples.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("\n".join(json.dumps(record) for record in records))
    return path


def test_a_record_a_sample_is_gathered_by_problem(tmp_path):
    rows = [{"problem": p, "right": right, "answer": answer} for p, right, answer in [("a", True, "7"), ("b", False, ""), ("a", 0, "8")]]
    read = read_sample_set(written(tmp_path, *rows))
    assert [(part.problem, *map(short, part.samples)) for part in read.problems] == [("a", (True, "7"), (False, "8")), ("b", (False, None))]
    assert (read.answers, read.rewards, read.texts, read.ends) == (True, False, False, False)


def test_a_record_a_problem_holds_a_list_in_each_field(tmp_path):
    row = {"idx": 3, "gt": "7", "answer": "7", "pred": ["7", "8"], "score": [True, False], "pred_score": [[1.5], [0.5]]}
    (part,) = read_sample_set(written(tmp_path, row)).problems
    assert part.problem == "3"
    assert [*map(short, part.samples)] == [(True, "7", 1.5), (False, "8", 0.5)]


def test_the_reference_is_not_taken_for_the_answer(tmp_path):
    read = read_sample_set(written(tmp_path, {"id": 1, "answer": "the reference", "is_correct": True}))
    assert not read.answers


def test_scored_generations_under_one_object(tmp_path):
    data = {"raw_scored_generations": {"s0": [True, False]}, "raw_generations": {"s0": ["f(1)", "f(2)"]}, "pass_at_1": 50.0}
    (part,) = read_sample_set(written(tmp_path, data, name="scored.json")).problems
    assert [*map(short, part.samples)] == [(True, "f(1)"), (False, "f(2)")]


def test_a_choice_is_right_when_the_letter_read_is_the_letter_wanted(tmp_path):
    rows = [{"question_id": i, "options": ["x"] * 10, "answer": "C", "pred": pred} for i, pred in enumerate(["C", "D", None])]
    read = read_sample_set(written(tmp_path, *rows))
    assert [part.samples[0].right for part in read.problems] == [True, False, False]
    assert [part.options for part in read.problems] == [10, 10, 10]


def test_fields_of_other_names_are_named_with_dots(tmp_path):
    row = {"question": "How many?", "model": {"solution": "Three.", "good": True}}
    read = read_sample_set(written(tmp_path, row), FieldNames(right="model.good", text="model.solution"))
    assert [*map(short, read.problems[0].samples)] == [(True, None)]
    assert read.texts


def test_truncated_and_refused_replies_are_told_apart(tmp_path):
    rows = [
        {"id": 1, "right": False, "finished": "length", "text": "<think>and so on"},
        {"id": 2, "right": False, "finished": "stop", "text": "<think>Hm.</think>I cannot answer that."},
        {"id": 3, "right": True, "finished": "stop", "text": "I cannot say it better: 7"},
    ]
    attempts = [part.samples[0] for part in read_sample_set(written(tmp_path, *rows)).problems]
    assert [(one.truncated, one.refused) for one in attempts] == [(True, False), (False, True), (False, False)]


def test_packed_files_are_read_as_they_are(tmp_path):
    line = b'{"id": 1, "right": true}\n'
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(line))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("inner.json", b"[" + line + b"]")
    assert read_sample_set(tmp_path / "a.jsonl.gz") == read_sample_set(tmp_path / "b.zip")


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([{"right": True}], "no field says which problem a sample belongs to (its fields are right); name it with --problem FIELD"),
        ([{"id": 1, "verdict": True}], "no field says whether a sample is right (its fields are id, verdict); name it with --right FIELD"),
        ([{"id": 1, "right": 0.5}], "record 1: the verdict is '0.5'"),
        ([{"id": 1, "right": True}, {"id": 2}], "record 2: no field right; there are id"),
        ([{"id": 1, "right": [True], "pred": ["a", "b"]}], "record 1: pred holds 2 for 1 verdicts"),
        ([{"id": 1, "right": True, "reward": "high"}], "record 1: the reward is 'high'"),
        ([[1, 2]], "where an object with named fields should be"),
        ([], "empty, where JSON is needed"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(tmp_path, records, says):
    with pytest.raises(BadInput) as caught:
        read_sample_set(written(tmp_path, *records))
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
    results = read_sample_sets(path)
    assert {name: [part.verdicts for part in read.problems] for name, read in results.items()} == {
        "strict": [[False], [False]],
        "flexible": [[True], [True]],
    }
    assert [part.samples[0].claim for read in results.values() for part in read.problems] == [None, None, "18", "18"]
    assert read_sample_set(path, filter_name="flexible") == results["flexible"]
    with pytest.raises(BadInput, match=r"2 results \(strict, flexible\); `aha score` takes one with --filter NAME"):
        read_sample_set(path)
    with pytest.raises(BadInput, match="no result of a filter loose; there are strict, flexible"):
        read_sample_set(path, filter_name="loose")


@pytest.mark.parametrize("in_turn", [False, True])
def test_filters_without_names_are_several_results_if_they_read_the_same_replies(tmp_path, in_turn):
    rows = [{key: value for key, value in row.items() if key != "filter"} for row in TWICE]
    rows = rows if in_turn else rows[::2] + rows[1::2]
    path = tmp_path / "samples_gsm8k.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    read = read_sample_sets(path)
    assert {name: [part.verdicts for part in sample_set.problems] for name, sample_set in read.items()} == {
        "filter 1": [[False], [False]],
        "filter 2": [[True], [True]],
    }
    path.write_text("\n".join(json.dumps(row | {"resps": [[f"so {number}"]]}) for number, row in enumerate(rows)))
    assert [len(part.verdicts) for part in read_sample_set(path).problems] == [2, 2]  # other replies: samples


def test_the_verdict_is_the_metric_that_the_harness_names(tmp_path):
    rows = [{"doc_id": 0, "filter": "none", "metrics": ["bleu", "inst_acc"], "bleu": 0.3, "inst_acc": True, "resps": [["x"]]}]
    path = tmp_path / "samples.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    assert read_sample_set(path).problems[0].verdicts == [True]


def test_evalplus_has_a_result_by_its_base_tests_and_one_by_all(tmp_path):
    path = tmp_path / "eval_results.json"
    samples = [
        {"base_status": "pass", "plus_status": "fail"},
        {"base_status": "pass", "plus_status": "pass"},
        {"base_status": "fail", "plus_status": "pass"},
    ]
    path.write_text(json.dumps({"date": "today", "eval": {"HumanEval/0": samples}}))
    assert {name: read.problems[0].verdicts for name, read in read_sample_sets(path).items()} == {
        "base": [True, True, False],
        "plus": [False, True, False],
    }
    for status in ("base_status", "status"):
        path.write_text(json.dumps({"eval": {"HumanEval/0": [{status: "pass"}]}}))
        assert read_sample_set(path).problems[0].verdicts == [True]
    path.write_text(json.dumps({"eval": {"HumanEval/0": [{"base_status": "pass"}]}}))
    assert read_sample_set(path).problems[0].verdicts == [True]


# --- completions that are run -------------------------------------------------------------------------------------------


@pytest.fixture
def sandbox() -> None:
    if all(reason is not None for reason in tiers().values()):
        pytest.skip("no sandbox works here")


@pytest.mark.usefixtures("sandbox")
def test_published_completions_are_run_and_half_of_them_are_right(published):
    """Six of one problem: one deletes files, one sleeps for ten seconds, one waits for input, three return 1."""
    grader = completion_grader(published("code/humaneval/example_problem.jsonl"), GRADERS)
    result = result_of(read_sample_set(published("code/humaneval/example_samples.jsonl"), grade_record=grader))
    assert (result.problems, result.k) == (1, 6)
    assert result.at("pass", 1) == 0.49999999999999994  # as stated, to the last bit


def test_a_sample_of_another_problem_is_named(tmp_path):
    (tmp_path / "problems.jsonl").write_text(json.dumps({"task_id": "t/0", "prompt": "def f():\n", "entry_point": "f", "test": ""}))
    (tmp_path / "samples.jsonl").write_text(json.dumps({"task_id": "t/1", "completion": "    return 1"}))
    with pytest.raises(BadInput, match="sample of t/1: .* has no problem with this task_id"):
        read_sample_set(tmp_path / "samples.jsonl", grade_record=completion_grader(tmp_path / "problems.jsonl", GRADERS))


def test_problems_with_other_columns_are_refused(tmp_path):
    (tmp_path / "problems.jsonl").write_text('{"id": 1, "question": "?"}')
    with pytest.raises(BadInput, match="no field task_id, prompt, entry_point, test"):
        completion_grader(tmp_path / "problems.jsonl", GRADERS)
