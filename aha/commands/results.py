"""How a benchmark's result is told: to a program, or to a person beside the paper's numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aha.commands.terminal import Terminal
from aha.evals.exams.exam import Exam
from aha.evals.rivals import in_words
from aha.paper import published_numbers


def protocol(exam: Exam) -> dict[str, str]:
    """Whether its prompt was checked against its source: part of every result."""
    return {"protocol": "verified" if exam.verified else "unverified"}


def tell(exam: Exam, result: Mapping[str, Any], terminal: Terminal) -> None:
    """One line of JSON, or a line a value and the paper's numbers."""
    paper = {each.model: each.value for each in published_numbers(*exam.published)} if exam.published else {}
    if terminal.json:
        print(json.dumps({**result, **protocol(exam), "published": paper}, ensure_ascii=False), flush=True)
        return
    for name, value in {**result, **protocol(exam)}.items():
        if name not in ("categories", "against"):
            terminal.say(f"{name:16}{f'{value:.4g}' if isinstance(value, float) else value}")
    for name, value in result.get("categories", {}).items():
        terminal.say(f"  {name:38}{100 * value:6.1f} %")
    if beside := result.get("against"):
        terminal.say(in_words(str(result["model"]), beside))
    if paper:
        terminal.say(f"published ({exam.published[1] if exam.published else ''}): " + ", ".join(f"{k} {v:g}" for k, v in paper.items()))
