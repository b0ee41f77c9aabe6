from __future__ import annotations

import json

import pytest

from aha.errors import BadInput
from aha.evals.attempts import read_attempts
from aha.evals.completions import completion_judge
from aha.evals.scored import score
from aha.grading.sandbox import tiers


@pytest.fixture(autouse=True)
def sandbox() -> None:
    if all(reason is not None for reason in tiers().values()):
        pytest.skip("no sandbox works here")


def test_published_completions_are_run_and_half_of_them_are_right(published):
    """Six of one problem: one deletes files, one sleeps for ten seconds, one waits for input, three return 1."""
    judge = completion_judge(published("code/humaneval/example_problem.jsonl"))
    scored = score(read_attempts(published("code/humaneval/example_samples.jsonl"), judge=judge))
    assert (scored.problems, scored.k) == (1, 6)
    assert scored.at("pass", 1) == 0.49999999999999994  # as stated, to the last bit


def test_a_sample_of_another_problem_is_named(tmp_path):
    (tmp_path / "problems.jsonl").write_text(json.dumps({"task_id": "t/0", "prompt": "def f():\n", "entry_point": "f", "test": ""}))
    (tmp_path / "samples.jsonl").write_text(json.dumps({"task_id": "t/1", "completion": "    return 1"}))
    with pytest.raises(BadInput, match="sample of t/1: .* has no problem with this task_id"):
        read_attempts(tmp_path / "samples.jsonl", judge=completion_judge(tmp_path / "problems.jsonl"))


def test_problems_with_other_columns_are_refused(tmp_path):
    (tmp_path / "problems.jsonl").write_text('{"id": 1, "question": "?"}')
    with pytest.raises(BadInput, match="no field task_id, prompt, entry_point, test"):
        completion_judge(tmp_path / "problems.jsonl")
