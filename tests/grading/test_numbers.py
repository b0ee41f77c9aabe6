"""Numeric answers: the final claim, read as people write numbers, compared exactly."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from aha.types import Grade, Number, Right, Wrong
from tests.graders import grade

CLIPS = [
    "72",
    "72.",
    "72.0",
    "７２",
    "+72",
    "144/2",
    "72 clips",
    "$72",
    "72%",
    "**72**",
    "共72个",
    "72 cm^2",
    "The answer is 72.",
    "答案是72。",
    "Answer: 72\nHope this helps with your 3 questions!",
    "48 + 24 = 72",
    "48 in April and 24 in May, so 72 clips in total.",
    "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\n#### 72",
    "First \\boxed{48}, and then finally \\boxed{72} clips, in 2 months.",
    "\\boxed{72}",
    "\\boxed{ 72 \\text{ clips} }",
    "\\boxed{\\$72}",
    "\\boxed{x = 72}",
    "\\boxed 72",
    "\\fbox{72}",
    "72 or 72",
    "seventy-two",
    "72^\\circ",
    "7.2e1",
    "7.2\\times10^1",
    "72_{10}",
    "8 * 9 = <<8*9=72>>72 clips",
    "\\boxed{\\frac{144}{2}}",
]
NOT_CLIPS = {
    "71": "equals 71, not 72",
    "-72": "equals -72, not 72",
    "\u221272": "equals -72, not 72",
    "1,072": "equals 1072, not 72",
    "72.5": "equals 145/2, not 72",
    "0.72": "equals 18/25, not 72",
    "7 or 72": "several different numbers",
    "72 or 7": "several different numbers",
    "71, 72": "several different numbers",
    "7\n72": "several different numbers",
    "7、72": "several different numbers",
    "7或72": "several different numbers",
    "70, 71, 72 or 72": "several different numbers",
    "x = 7 or x = 72": "several different numbers",
    "\\boxed{7} or \\boxed{72}": "several boxes with different content",
    "\\boxed{72}, \\boxed{7}": "several boxes with different content",
    "\\boxed{7 \\text{ or } 72}": "several different numbers",
    "\\pm 72": "stands for two numbers at once",
    "48 + 24": "a calculation, not a number",
    "36 * 2": "a calculation, not a number",
    "72 - x": "a calculation, not a number",
    "72x": "a calculation, not a number",
    "72\\pi": "a calculation, not a number",
    "\\sqrt{72}": "a calculation, not a number",
    "\\frac{\\sqrt 3}{72}": "a calculation, not a number",
    "72/0": "the last number divides by zero",
    "not 72": "a bound or a denial, not a number",
    "at least 72": "a bound or a denial, not a number",
    "\\ge 72": "a bound or a denial, not a number",
    "72 or more": "a bound or a denial, not a number",
    "至少72": "a bound or a denial, not a number",
    "x^72": "no number in the answer",
    "": "no number in the answer",
    "\u0667\u0662": "no number in the answer",
}


@pytest.mark.parametrize("answer", CLIPS)
def test_72_in_its_many_forms_is_right(answer: str) -> None:
    assert grade(Number("72"), answer) == Right()


@pytest.mark.parametrize(("answer", "reason"), NOT_CLIPS.items())
def test_what_is_not_72_is_wrong(answer: str, reason: str) -> None:
    assert isinstance(grade(Number("72"), answer), Wrong), reason


EQUAL = [
    ("1,234.5", "$1,234.50"),
    ("1234.5", "2469/2"),
    ("3/4", "0.75"),
    ("3/4", "\\frac34"),
    ("-1/2", "-\\dfrac{1}{2}"),
    ("1.5", "1 1/2"),
    ("1.5", "1\\frac{1}{2}"),
    ("-5", "- 5"),
    ("-5", "-$5"),
    ("-5", "$-5"),
    ("10000", "10{,}000"),
    ("10000", "10\\,000"),
    ("0.25", "25%"),
    ("25%", "0.25"),
    ("25", "25\\%"),
    ("0.1", ".1"),
    ("0.30000000000000004", "0.30000000000000004"),
]
DIFFERENT = [("0.3", "0.30000000000000004"), ("1/3", "0.333"), ("1234", "1,23,4"), ("25", "0.25"), ("2", "25 cm^2"), ("9", "3^2")]


@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_equal_rationals_are_right_however_they_are_written(gold: str, answer: str) -> None:
    assert grade(Number(gold), answer) == Right()


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_rationals_that_differ_are_wrong_by_however_little(gold: str, answer: str) -> None:
    assert isinstance(grade(Number(gold), answer), Wrong)


def test_a_reference_that_is_no_number_is_our_mistake_and_raises() -> None:
    with pytest.raises(ValueError, match="reference 'many' is not a number"):
        grade(Number("many"), "72")


MEGABYTE = ["123," * 250_000, "1," * 500_000, "-" * 1_000_000, "9" * 1_000_000, "\\boxed{" * 140_000, "{" * 1_000_000, "\\frac" * 200_000]
MEGABYTE += [
    "answer is " * 100_000,
    "**a" * 300_000,
    "1 or " * 200_000,
    "\\text{" * 160_000,
    " " * 1_000_000,
    "1/" * 500_000,
    "\\boxed{1}" * 110_000,
]


@pytest.mark.parametrize("text", MEGABYTE, ids=lambda text: text[:8])
def test_a_megabyte_is_judged_in_half_a_second(text: str) -> None:
    start = time.process_time()
    assert isinstance(grade(Number("72"), text), Wrong)
    assert time.process_time() - start < 0.5


def data(name: str) -> list[dict[str, object]]:
    folder = os.environ.get("AHA_DATA")
    if folder is None or not Path(folder, name).is_file():
        pytest.skip(f"AHA_DATA with {name} is not set")
    return [json.loads(line) for line in Path(folder, name).read_text(encoding="utf-8").splitlines()]


def test_every_gold_solution_of_gsm8k_is_right_and_one_more_is_wrong() -> None:
    graded: list[Grade] = []
    for row in data("math/gsm8k/train.jsonl"):
        solution = str(row["answer"])
        gold = solution.rpartition("####")[2].strip()
        graded.append(grade(Number(gold), solution))
        assert isinstance(grade(Number(gold), f"{int(gold.replace(',', '')) + 1}"), Wrong)
    assert graded == [Right()] * 7473


def test_2640_solutions_of_four_models_are_judged_as_their_publisher_judged_them() -> None:
    agree = total = 0
    for row in data("outputs/gsm8k_example_solutions/example_model_solutions.jsonl"):
        gold = Number(str(row["ground_truth"]).rpartition("A:")[2].strip())
        for said in (value for value in row.values() if isinstance(value, dict)):
            agree += isinstance(grade(gold, said["solution"]), Right) == said["is_correct"]
            total += 1
    assert (agree, total) == (2640, 2640)
