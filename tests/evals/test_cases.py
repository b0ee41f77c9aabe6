"""Situations that people reported of benchmarks and judges, kept beside the data as facts: each is decided as its checker decides it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aha.errors import BadInput
from aha.evals.alpaca import preference
from aha.evals.arena import verdict
from aha.evals.benchmark import BenchmarkExample
from aha.evals.benchmarks import benchmark
from aha.evals.intervals import pass_at_k
from aha.evals.judged.facts import read_verdict as read_fact
from aha.grading.instructions import follows
from aha.rewards.judge import read as read_verdict
from aha.types import Reply, Text
from tests.graders import GRADERS


def cases(name: str) -> list[dict[str, Any]]:
    path = Path(os.environ.get("AHA_DATA", "")) / "../cases" / f"{name}.jsonl"
    if "AHA_DATA" not in os.environ or not path.is_file():
        pytest.skip(f"AHA_DATA is not set, or has no cases/{name}.jsonl beside it")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def kept(case: dict[str, Any]) -> bool | str:
    try:
        return follows(case["instruction"], case["kwargs"], case["reply"])
    except BadInput:
        return "error"


READERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "reward_judge": lambda case: type(read_verdict(case["text"])).__name__,
    "simpleqa_judge": lambda case: read_fact(case["text"]),
    "arena_verdict": lambda case: verdict(case["text"]),
    "ifeval": kept,
}


@pytest.mark.parametrize("name", READERS)
def test_every_reported_case_is_decided_as_its_checker_decides_it(name: str) -> None:
    apart = [(case["input"], case["right"]) for case in cases(name) if READERS[name](case["input"]) != case["right"]]
    assert apart == []


def test_drop_scores_every_reported_answer() -> None:
    apart = []
    for case in cases("drop"):
        item = BenchmarkExample("q", "?", "en", Text(tuple(case["input"]["ref"].split("|"))))
        text = case["input"]["reply"]
        measures = benchmark("drop").grade(item, Reply(text, None, text, 1, "stop"), GRADERS).measures
        apart += [(case["input"], name, measures[name]) for name, value in case["right"].items() if value not in (None, measures[name])]
    assert apart == []


def test_pass_at_k_is_refused_where_it_is_undefined() -> None:
    for case in cases("pass_k"):
        given, right = case["input"], case["right"]
        if isinstance(right, float):
            assert pass_at_k(given["n"], given["c"], given["k"]) == pytest.approx(right, abs=1e-4)
        else:
            fewest = min(given["n"]) if isinstance(given["n"], list) else given["n"]
            with pytest.raises(BadInput, match="undefined"):
                pass_at_k(fewest, 0, given["k"])


def test_a_preference_is_what_the_log_probabilities_say() -> None:
    top = [{"token": "M", "logprob": -0.017597131}, {"token": "m", "logprob": -4.048847}]
    values = [preference(top, reverse) for reverse in (False, True)]
    assert values == [pytest.approx(case["right"]) for case in cases("alpaca_pref")]
