"""Completions of published code problems without a verdict: judged by running the problem's own tests, in the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aha.errors import BadInput
from aha.evals.attempts import Judge
from aha.evals.files import need_fields, read_rows
from aha.grading import grade
from aha.types import Abstained, Asserts, Grade

SECONDS = (
    1.5  # of processor time, and five times that by the clock: the benchmark's own limit is 3 by the clock, which a busy machine breaks
)


def completion_judge(problems: Path) -> Judge:
    """Judges records with `task_id` and `completion` by the problems of a file in HumanEval's form."""
    rows = read_rows(problems)
    need_fields(problems, rows, ("task_id", "prompt", "entry_point", "test"), "a code problem")
    references = {str(row["task_id"]): Asserts(row["entry_point"], row["test"], row["prompt"], seconds=SECONDS) for row in rows}

    def judge(record: Mapping[str, Any]) -> Grade:
        task, completion = record.get("task_id"), record.get("completion")
        if not isinstance(completion, str):
            raise BadInput(f"sample of {task}: no field completion with a program in it; there are {', '.join(map(str, record))}")
        if str(task) not in references:
            raise BadInput(f"sample of {task}: {problems} has no problem with this task_id")
        judged = grade(references[str(task)], completion)
        if isinstance(judged, Abstained):
            raise BadInput(f"sample of {task}: it cannot be run here: {judged.reason}")
        return judged

    return judge
