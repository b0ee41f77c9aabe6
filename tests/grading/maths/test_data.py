"""The grader on published pairs and on the references of public sets."""

from __future__ import annotations

import json
import os
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from aha.answers import gradable
from aha.answers.claims import boxed
from aha.grading.maths import DEFAULT, Settings, quick
from aha.types import Grade, Latex, Number, Right, Wrong


def data(name: str) -> list[dict[str, Any]]:
    folder = os.environ.get("AHA_DATA")
    if folder is None or not Path(folder, name).is_file():
        pytest.skip(f"AHA_DATA with {name} is not set")
    text = Path(folder, name).read_text(encoding="utf-8")
    return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]


def flags(row: dict[str, Any]) -> Settings:
    return Settings(
        precision=row.get("precision"), strict=row.get("strict", True), relations=row.get("allow_set_relation_comp", DEFAULT.relations)
    )


def test_the_cases_of_math_verify_are_graded_as_labelled_flagged_ones_included() -> None:
    rows = [row for row in data("outputs/math_verify_tests/cases.jsonl") if "gold" in row]
    right = [isinstance(quick(Latex(row["gold"]), row["pred"], flags(row)), Right) for row in rows]
    assert [row["pred"] for row, found in zip(rows, right, strict=True) if found != bool(row.get("expected", row.get("result")))] == []
    assert len(rows) == 136


@pytest.mark.parametrize("kind", [Number, Latex])
def test_2640_solutions_of_four_models_are_judged_as_their_publisher_judged_them(kind: type[Number | Latex]) -> None:
    agree = total = 0
    for row in data("outputs/gsm8k_example_solutions/example_model_solutions.jsonl"):
        gold = kind(row["ground_truth"].rpartition("A:")[2].strip())
        for said in (value for value in row.values() if isinstance(value, dict)):
            agree += isinstance(quick(gold, said["solution"]), Right) == said["is_correct"]
            total += 1
    assert (agree, total) == (2640, 2640)


def test_800_samples_on_math_are_judged_as_they_were_marked_but_for_nine() -> None:
    """The nine say `4:30 p.m.` and `10000` as the reference does, and were marked wrong."""
    counts = Counter[tuple[type[Grade | None], bool]]()
    for row in data("outputs/qwen25_math_cot_100/math_cot_100.jsonl"):
        for said, mark in zip(row["code"], row["score"], strict=True):
            counts[type(quick(Latex(row["answer"]), said)), mark] += 1
    assert counts == {(Right, True): 728, (Right, False): 9, (Wrong, False): 63}


def test_an_answer_by_another_model_is_judged_as_a_judge_did_but_for_a_dropped_degree() -> None:
    targets = {str(row["id"]): row["target"] for row in data("outputs/simple_evals_ru/benches/math.jsonl")}
    apart = []
    for row in data("outputs/simple_evals_ru/results/math/16_deepseek_v3.jsonl"):
        gold = targets[str(row["id"])]
        if isinstance(quick(Latex(gold), str(row["pred"])), Right) != row["is_correct"]:
            apart.append((gold, row["pred"]))
    assert apart == [("90^\\circ", "90")]


GOLDS = {
    "math/math500/test.jsonl": lambda row: [row["answer"]],
    "math/olympiadbench/test.jsonl": lambda row: row["final_answer"],
    "math/minerva_math/test.jsonl": lambda row: [boxed(row["solution"])],
    "math/gaokao_math_cloze/test.jsonl": lambda row: [row["answer"]],
    "math/cmath/test.jsonl": lambda row: [str(row["answer"])],
    "math/aime24/test.jsonl": lambda row: [str(row["answer"])],
    "math/amc23/test.jsonl": lambda row: [str(row["answer"])],
}


def golds(name: str) -> list[str]:
    return sorted({gold for row in data(name) for gold in GOLDS[name](row)})


@pytest.mark.parametrize("name", GOLDS)
def test_every_reference_of_a_public_set_can_be_graded_and_equals_itself(name: str) -> None:
    for gold in golds(name):
        assert gradable(Latex(gold)), gold
        assert quick(Latex(gold), f"Hence \\boxed{{{gold.replace('$', '')}}}." if gold.count("$") in (0, 2) else gold) == Right(), gold


def test_references_of_two_problems_are_rarely_equal_and_never_by_mistake() -> None:
    everything = [gold for name in GOLDS for gold in golds(name) if not re.fullmatch(r"-?[0-9]+", gold)]
    draw = random.Random(0)
    pairs = [draw.sample(everything, 2) for _ in range(1000)]
    equal = {(one, other) for one, other in pairs if quick(Latex(one), other) == Right()}
    assert len(equal) < 30 and all(_value(one) == _value(other) for one, other in equal), equal


def _value(text: str) -> str:
    """Without what may differ in equal references, and halves as decimals."""
    bare = re.sub(r"\\(?:left|right|text|mbox|mathrm|quad)|[\s${}\\]|dfrac|tfrac|frac", "", text)
    return {"12": "0.5", "14": "0.25", "25": "0.4", "110": "0.1"}.get(bare, bare)
