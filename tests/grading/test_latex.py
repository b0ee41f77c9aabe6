"""LaTeX answers: right on equality, wrong where that is certain, and otherwise left to a judge of equivalence."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from aha.answers.claims import boxed
from aha.grading import grade
from aha.types import Abstained, Latex, Open, Right, Wrong

RIGHT = [
    ("\\frac{\\pi}{2}", "\\boxed{\\dfrac{\\pi}{2}}"),
    ("\\frac{\\pi}{2}", "$\\frac \\pi 2$ is what I get: \\boxed{ \\frac{\\pi}{2} }."),
    ("\\left( 3, \\frac{\\pi}{2} \\right)", "\\boxed{(3,\\frac{\\pi}2)}"),
    ("9\\pi", "\\boxed{9\\pi \\text{ cm}^2}"),
    ("100\\text{ square units}", "\\boxed{100}"),
    ("100", "\\boxed{100\\text{ square units}}"),
    ("\\text{Evelyn}", "\\boxed{Evelyn}"),
    ("\\text{even}", "Even"),
    ("C", "\\boxed{\\text{(C)}}"),
    ("\\frac12", "\\boxed{0.5}"),
    ("5\\sqrt2", "\\boxed{5\\sqrt{2}}"),
    ("x^{2}+1", "\\boxed{x^2 + 1}"),
    ("3", "\\boxed{x = 3}"),
    ("\\{1,2\\}", "\\boxed{\\{1, 2\\}}"),
    ("90^\\circ", "\\boxed{90}"),
    ("-\\frac{1}{2}", "The answer is -1/2."),
    ("10,\\!000", "10000"),
    ("5", "So there are 5 ways."),
]
WRONG = [
    ("72", "\\boxed{71}"),
    ("\\frac12", "\\boxed{1}"),
    ("\\text{even}", "odd"),
    ("\\frac{\\pi}{2}", "I do not know"),
    ("\\frac{\\pi}{2}", "\\boxed{}"),
    ("5", "\\boxed{4 \\text{ or } 5}"),
    ("12", "\\boxed{1 2}"),
]
UNDECIDED = [
    ("\\frac{\\pi}{2}", "\\boxed{0.5\\pi}"),
    ("3", "\\boxed{\\sqrt{9}}"),
    ("x+1", "1+x"),
    ("(1,2)", "\\boxed{(2,1)}"),
    ("9", "\\boxed{9\\pi}"),
]


@pytest.mark.parametrize(("gold", "answer"), RIGHT)
def test_the_same_answer_written_otherwise_is_right(gold: str, answer: str) -> None:
    assert grade(Latex(gold), answer) == Right()


@pytest.mark.parametrize(("gold", "answer"), WRONG)
def test_a_different_number_different_words_or_no_mathematics_are_wrong(gold: str, answer: str) -> None:
    assert isinstance(grade(Latex(gold), answer), Wrong)


@pytest.mark.parametrize(("gold", "answer"), UNDECIDED)
def test_different_mathematics_is_left_to_a_judge_of_equivalence(gold: str, answer: str) -> None:
    said = grade(Latex(gold), answer)
    assert isinstance(said, Abstained) and said.reason.endswith("needs mathematical equivalence")


MEGABYTE = ["\\ " * 500_000, "~" * 1_000_000, "\\boxed{" + " " * 19_980 + "}", "\\frac{1}{" * 100_000, "\\text{" * 160_000, "x=" * 500_000]


@pytest.mark.parametrize("gold", ["72", "\\frac{\\pi}{2}"])
@pytest.mark.parametrize("text", MEGABYTE, ids=lambda text: text[:8])
def test_a_megabyte_is_judged_in_half_a_second(gold: str, text: str) -> None:
    start = time.process_time()
    assert isinstance(grade(Latex(gold), text), Wrong)
    assert time.process_time() - start < 0.5


def test_a_reply_without_an_answer_is_wrong_and_never_abstained() -> None:
    assert grade(Latex("\\pi"), None) == Wrong("no answer: the reply broke the template")


def test_an_open_question_has_nothing_to_compare_with() -> None:
    assert isinstance(grade(Open(), "anything"), Abstained)


def test_every_gold_solution_of_math_is_right() -> None:
    folder = os.environ.get("AHA_DATA")
    if folder is None or not (file := Path(folder, "math/math/test.json")).is_file():
        pytest.skip("AHA_DATA with math/math/test.json is not set")
    solutions = [json.loads(line)["solution"] for line in file.read_text(encoding="utf-8").splitlines()]
    assert [grade(Latex(boxed(solution) or ""), solution) for solution in solutions] == [Right()] * 5000


def test_800_samples_on_math_are_judged_as_math_experts_marked_them_but_for_nine() -> None:
    """The nine say `4:30 p.m.` and `10,000` as the reference does, and were marked wrong; one more is abstained from."""
    folder = os.environ.get("AHA_DATA")
    if folder is None or not (file := Path(folder, "outputs/qwen25_math_cot_100/math_cot_100.jsonl")).is_file():
        pytest.skip("AHA_DATA with outputs/qwen25_math_cot_100 is not set")
    counts = {(kind, mark): 0 for kind in (Right, Wrong, Abstained) for mark in (True, False)}
    for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        for said, mark in zip(row["code"], row["score"], strict=True):
            counts[type(grade(Latex(row["answer"]), said)), mark] += 1
    assert list(counts.values()) == [728, 9, 0, 62, 0, 1]
