"""`aha bench-reward`: a grader or a reward over answers whose grade is known."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from tests.commands.conftest import Aha

DATA = os.environ.get("AHA_DATA", "nowhere")


def corpus(folder: Path, *cases: tuple[str, str, object]) -> str:
    path = folder / "cases.jsonl"
    path.write_text("".join(json.dumps({"gold": gold, "answer": answer, "expected": expected}) + "\n" for gold, answer, expected in cases))
    return str(path)


SUMS = (("4", "\\boxed{4}", "right"), ("4", "\\boxed{5}", "wrong"), ("4", "4 or 5", 0), ("\\frac{1}{2}", "0.5", 1))


def test_a_grader_that_agrees_passes(aha: Aha, tmp_path: Path) -> None:
    said = aha("bench-reward", corpus(tmp_path, *SUMS))
    assert said.code == 0
    assert "cases.jsonl: grade agrees on 4 of 4 answers" in said.out


def test_a_label_that_is_not_met_fails_and_is_shown_with_its_line(aha: Aha, tmp_path: Path) -> None:
    said = aha("bench-reward", corpus(tmp_path, *SUMS, ("4", "four and a half", "right")))
    assert said.code == 1
    assert "line 5: expected right, got wrong" in said.out
    assert aha("bench-reward", corpus(tmp_path, *SUMS, ("4", "four and a half", "right")), "--at-most-misses", "1").code == 0


def test_paying_a_wrong_answer_fails_whatever_is_let_pass(aha: Aha, tmp_path: Path) -> None:
    said = aha("bench-reward", corpus(tmp_path, *SUMS, ("4", "4", "wrong")), "--at-most-misses", "9", "--json")
    told = json.loads(said.out)
    assert (said.code, told["false_positives"], told["misses"], told["agreed"], told["cases"]) == (1, 1, 0, 4, 5)
    assert told["disagreements"][0]["place"].endswith("line 5")
    assert told["median_ms"] <= told["p95_ms"] <= told["max_ms"]


GENEROUS = """
from aha.types import Abstained

def pays_all(problem, replies):
    return [1.0 for _ in replies]

def sees(problem, replies):
    return [float(reply.answer == problem.reference.value and reply.text != "") for reply in replies]

def breaks(problem, replies):
    raise KeyError("no such thing")

def equal(reference, answer):
    return reference.value == answer
"""


def test_a_reward_of_ones_own_is_judged_like_ours(aha: Aha, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(GENEROUS)
    cases = corpus(tmp_path, ("4", "4", "right"), ("4", "5", "wrong"))

    def found(*words: str) -> tuple[int, int, int]:
        said = aha("bench-reward", cases, *words, "--json")
        told = json.loads(said.out)
        return said.code, told["false_positives"], told["misses"]

    assert found("--reward", f"{tmp_path}/mine.py:pays_all") == (1, 1, 0)
    assert found("--reward", f"{tmp_path}/mine.py:sees") == (0, 0, 0)
    assert found("--reward", "accuracy") == (0, 0, 0)
    assert found("--reward", "aha.rewards:Accuracy") == (0, 0, 0)
    assert found("--reward", "aha.rewards.rules:Format") == (1, 1, 0)
    assert found("--grader", f"{tmp_path}/mine.py:equal") == (0, 0, 0)
    assert found("--reward", f"{tmp_path}/mine.py:breaks") == (1, 0, 2)
    assert "raised KeyError" in aha("bench-reward", cases, "--reward", f"{tmp_path}/mine.py:breaks").out


NONSENSE = """
def text(problem, replies):
    return "right"

def infinite(problem, replies):
    return [float("inf")]

def nothing(problem, replies):
    return None

def two(problem, replies):
    return [1.0, 0.0]

class Settings:
    def __init__(self, scale):
        self.scale = scale
"""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("text", "returned right: a list with one value for each reply is needed"),
        ("infinite", "returned inf: a grade, a truth or a finite number is needed"),
        ("nothing", "returned None: a list with one value for each reply is needed"),
        ("two", "returned [1.0, 0.0]: a list with one value for each reply is needed"),
    ],
)
def test_a_reward_that_returns_nonsense_is_one_line(aha: Aha, tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "mine.py").write_text(NONSENSE)
    said = aha("bench-reward", corpus(tmp_path, *SUMS * 3), "--reward", f"{tmp_path}/mine.py:{name}")
    assert (said.code, said.out.count(says), said.out.count("12 times, first")) == (1, 1, 1)


def test_a_file_that_raises_and_a_class_that_needs_settings_are_one_line(aha: Aha, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(NONSENSE)
    (tmp_path / "broken.py").write_text("scale = 1 / 0\n\ndef pays(problem, replies):\n    return [1.0]\n")
    said = aha("bench-reward", corpus(tmp_path, *SUMS), "--reward", f"{tmp_path}/mine.py:Settings")
    assert said.code == 2
    assert "Settings cannot be made without settings: TypeError" in said.err
    said = aha("bench-reward", corpus(tmp_path, *SUMS), "--reward", f"{tmp_path}/broken.py:pays")
    assert said.code == 2
    assert "broken.py, line 1: ZeroDivisionError: division by zero" in said.err


@pytest.mark.parametrize(
    "words", [("show", "ends.py"), ("bench-reward", "--reward", "ends.py:pays"), ("bench-reward", "--grader", "ends.py:pays")]
)
def test_a_file_that_ends_the_program_is_one_line_and_no_success(aha: Aha, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "ends.py").write_text("import sys\nsys.exit(0)\n")
    said = aha(*(word.replace("ends.py", str(tmp_path / "ends.py")) for word in words))
    assert said.code == 2
    assert said.err == f"aha: {tmp_path}/ends.py, line 2: SystemExit: 0\n"


WRONG = [
    (("--reward", "accuracy", "--chain", "gpqa"), "exclude each other"),
    (("--reward", "accurcy"), "module:name or file.py:name is needed"),
    (("--reward", "nowhere.py:f"), "nowhere.py: there is no such file"),
    (("--grader", "aha.grading:nothing"), "there is nothing to call by the name nothing"),
    (("--grader", "aha.nothing:f"), "aha.nothing cannot be loaded"),
    (("--chain", "mmlu_pro"), "--chain mmlu_pro: there are gpqa, mmlu, mmlu-pro"),
    (("--threads", "0"), "--threads: 0: it takes a whole number of 1 or more"),
    (("--generated", "-1"), "--generated: -1: it takes a whole number of 0 or more"),
    (("--generated", "9", "--chain", "gpqa"), "a chain reads letters alone"),
]


@pytest.mark.parametrize(("words", "says"), WRONG, ids=lambda each: str(each)[:30])
def test_what_cannot_judge_is_said(aha: Aha, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    said = aha("bench-reward", corpus(tmp_path, *SUMS), *words)
    assert said.code == 2
    assert says in said.err


def test_a_row_without_a_label_is_named(aha: Aha, tmp_path: Path) -> None:
    said = aha("bench-reward", corpus(tmp_path, ("4", "4", "perhaps")))
    assert said.code == 2
    assert "line 1: expected is 'perhaps'" in said.err


def test_a_chain_reads_letters(aha: Aha, tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    rows = [{"gold": "B", "answer": "Answer: B\nAnswer: C", "expected": 1}, {"gold": "C", "answer": "Answer: B\nAnswer: C", "expected": 0}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert aha("bench-reward", path, "--chain", "gpqa").code == 0


def test_outputs_of_mmlu_pro_in_a_zip_are_held_against_their_stored_letters(aha: Aha, tmp_path: Path) -> None:
    rows = [
        {"model_outputs": "The answer is (C).", "pred": "C", "category": "law"},
        {"model_outputs": "I cannot say", "pred": "I", "category": "law"},
        {"model_outputs": "none", "pred": None, "category": "law"},
        {"model_outputs": "The answer is (A).", "pred": "B", "category": "law"},
    ]
    with zipfile.ZipFile(tmp_path / "outputs.zip", "w") as packed:
        packed.writestr("outputs.json", json.dumps(rows))
    said = aha("bench-reward", tmp_path / "outputs.zip")
    assert said.code == 1
    assert "outputs.zip: chain mmlu-pro agrees on 3 of 4 answers" in said.out
    assert "row 4: expected right, got wrong (takes A, not B)" in said.out


def pays(aha: Aha, folder: Path, reward: str, *words: str) -> tuple[int, dict[str, int]]:
    (folder / "mine.py").write_text(GENEROUS)
    said = aha("bench-reward", corpus(folder, ("4", "4", "right")), "--reward", f"{folder}/mine.py:{reward}", *words, "--json")
    return said.code, json.loads(said.out).get("generated", {})


def test_claims_made_by_rules_show_where_a_reward_can_be_cheated(aha: Aha, tmp_path: Path) -> None:
    code, told = pays(aha, tmp_path, "pays_all", "--generated", "820", "--seed", "3")
    assert (code, told["seed"], told["right"] + told["wrong"], told["false_positives"]) == (1, 3, 820, told["wrong"])
    assert told["missed"] == 0


def test_a_file_is_run_alone_unless_a_count_is_given(aha: Aha, tmp_path: Path) -> None:
    assert pays(aha, tmp_path, "pays_all") == (0, {})


def test_what_is_paid_wrongly_is_shown_by_kind_and_rule(aha: Aha, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(GENEROUS)
    said = aha("bench-reward", corpus(tmp_path, SUMS[0]), "--reward", f"{tmp_path}/mine.py:pays_all", "--generated", "410")
    assert "made by rules (seed 0): reward" in said.out
    assert "over 410 claims about 42 kinds of answer" in said.out
    assert "PAID WRONGLY: whole number, " in said.out
    assert "more rules" in said.out


PUBLISHED = {
    "mmlu_pro/model_outputs_gemini-1.5-pro-002_5shots.zip": (12_020, 12_020),
    "outputs/gsm8k_example_solutions/example_model_solutions.jsonl": (2_640, 2_640),
}


@pytest.mark.parametrize(("name", "agreed"), PUBLISHED.items())
def test_published_outputs_are_judged_as_published(aha: Aha, name: str, agreed: tuple[int, int]) -> None:
    if not Path(DATA, name).is_file():
        pytest.skip(f"AHA_DATA with {name} is not set")
    told = json.loads(aha("bench-reward", Path(DATA, name), "--json").out)
    assert (told["agreed"], told["cases"], told["false_positives"]) == (*agreed, 0)
    assert told["seconds"] < 60
