"""Golden corpora in our own form and in those of published outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.tasks.corpora import Case, corpus_of
from aha.types import Asserts, Choice, Latex, Number, Text


def written(path: Path, *rows: dict[str, object]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def only(source: str) -> Case:
    (case,) = corpus_of(source).cases
    return case


def test_a_row_of_ours_says_gold_answer_expected_and_tag(tmp_path: Path) -> None:
    case = only(written(tmp_path / "mine.jsonl", {"gold": "1/2", "answer": "<think>?</think>0.5", "expected": "right", "tag": "halves"}))
    assert (case.reference, case.answer, case.expected, case.tag) == (Latex("1/2"), "0.5", "right", "halves")
    assert case.reply == "<think>?</think>0.5"


def test_flags_and_labels_of_another_name_are_shown_and_not_counted(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"gold": "1", "pred": "1", "expected": 1},
        {"gold": "1", "pred": "1", "expected": True, "precision": 6},
        {"gold": "1", "pred": "2", "result": 0},
        {"pred": "A", "expected": ["A", "A"]},
    ]
    corpus = corpus_of(written(tmp_path / "cases.jsonl", *rows))
    assert [(case.expected, case.counted) for case in corpus.cases] == [("right", True), ("right", False), ("wrong", False)]
    assert [str(row).rpartition("line ")[2] for row in corpus.left_out] == ["4: no gold"]


def test_solutions_of_several_models_are_a_case_each(tmp_path: Path) -> None:
    row: dict[str, object] = {
        "question": "1 + 1?",
        "ground_truth": "It is 2.\nA: 2",
        "small": {"solution": "A: 3", "is_correct": False},
        "large": {"solution": "A: 2", "is_correct": True},
    }
    small, large = corpus_of(written(tmp_path / "models.jsonl", row)).cases
    assert (small.tag, small.expected, small.reference) == ("small", "wrong", Number("2"))
    assert (large.tag, large.expected, large.question) == ("large", "right", "1 + 1?")


def test_samples_with_scores_are_a_case_each(tmp_path: Path) -> None:
    row: dict[str, object] = {"question": "q", "answer": "2", "code": ["\\boxed{2}", "\\boxed{3}"], "score": [True, False]}
    assert [case.expected for case in corpus_of(written(tmp_path / "samples.jsonl", row)).cases] == ["right", "wrong"]


def result(name: str, identity: int = 7) -> dict[str, object]:
    return {"id": identity, "instruction": "Do it.", "answer": f"Answer: {name}", "is_correct": True}


def test_results_are_joined_with_the_benchmark_that_lies_beside_them(tmp_path: Path) -> None:
    written(tmp_path / "benches" / "mmlu.jsonl", {"id": 7, "options": {"A": "x", "B": "y"}, "target": "B"})
    written(tmp_path / "benches" / "mgsm.jsonl", {"id": 7, "target": "20"})
    written(tmp_path / "benches" / "mbpp.jsonl", {"id": 7, "prompt": "Add.", "test": "assert f() == 1"})
    written(tmp_path / "benches" / "humaneval.jsonl", {"id": 7, "prompt": "def f():", "entry_point": "f", "test": "def check(f): ..."})
    found = {
        name: only(written(tmp_path / "results" / name / "model.jsonl", result("B"))).reference
        for name in ("mmlu", "mgsm", "mbpp", "humaneval")
    }
    assert found["mmlu"] == Choice("B", ("x", "y"))
    assert found["mgsm"] == Number("20")
    assert found["mbpp"] == Asserts("f", "assert f() == 1")
    assert found["humaneval"] == Asserts("f", "def check(f): ...", "def f():")


def test_a_result_whose_question_is_not_there_is_left_out(tmp_path: Path) -> None:
    written(tmp_path / "benches" / "mgsm.jsonl", {"id": 7, "target": "20"})
    corpus = corpus_of(written(tmp_path / "results" / "mgsm" / "model.jsonl", result("20"), result("20", 8)))
    assert (len(corpus.cases), str(corpus.left_out[0]).rpartition(": ")[2]) == (1, "id 8 is not in its benchmark")


def test_outputs_of_mmlu_pro_are_held_against_their_letters(tmp_path: Path) -> None:
    corpus = corpus_of(written(tmp_path / "pro.jsonl", {"model_outputs": "The answer is (C).", "pred": "C", "options": ["a", "b", "c"]}))
    assert (corpus.chain, corpus.cases[0].reference) == ("mmlu-pro", Text(("C",), exact=True))


def test_a_folder_is_all_its_files_and_an_empty_one_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path / f"{name}.jsonl", {"gold": name, "answer": name, "expected": "right", "kind": "text"})
    assert len(corpus_of(str(tmp_path)).cases) == 2
    (tmp_path / "none").mkdir()
    for nothing in (tmp_path / "none", tmp_path / "nowhere.zip", tmp_path / "nowhere.jsonl"):
        with pytest.raises(BadInput):
            corpus_of(str(nothing))
