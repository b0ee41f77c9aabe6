"""Files that take many times their bytes: refused in one line by whoever reads them into memory."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aha.errors import BadInput
from aha.evals import files
from aha.evals.files import read_rows, read_table
from aha.tasks import corpora
from aha.tasks.corpora import corpus_of, pairs_of

COLUMNS = 100_000


def zipped(path: Path, *parts: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("rows.json", "w", force_zip64=True) as member:
        for part in parts:
            member.write(part)
    return path


def test_a_table_whose_short_rows_have_all_columns_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{number}" for number in range(COLUMNS)) + "\n" + "x\n" * 10_000)
    with pytest.raises(BadInput, match=r"wide\.csv, row 21: more than 2,000,000 cells") as refused:
        read_table(path)
    assert "\n" not in str(refused.value)


def test_a_table_of_many_empty_cells_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + ",\n" * 1_100_000)
    with pytest.raises(BadInput, match=r"more than 2,000,000 cells"):
        read_table(path)


def test_more_records_than_memory_should_hold_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_RECORDS", 1_000)
    (tmp_path / "many.jsonl").write_text("{}\n" * 1_001)
    with pytest.raises(BadInput, match=r"many\.jsonl, line 1001: more than 1,000 records"):
        read_rows(tmp_path / "many.jsonl")


def test_records_that_take_many_times_their_bytes_are_one_line_before_memory_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_MEMORY", 1 << 20)
    (tmp_path / "short.jsonl").write_text('{"a": [[], []]}\n' * 4_000)
    with pytest.raises(BadInput, match=r"short\.jsonl, line 1\d{3}: the records up to it would take more than 1 MiB beside their texts"):
        read_rows(tmp_path / "short.jsonl")
    text = "a long text, with commas, and [brackets] and {braces}, " * 1_000
    (tmp_path / "long.jsonl").write_text(f'{{"a": "{text}"}}\n' * 200)  # 11 MB, which is what its author wrote
    assert len(read_rows(tmp_path / "long.jsonl")) == 200


@pytest.mark.parametrize("read", [pairs_of, corpus_of])
def test_more_pairs_than_are_held_at_once_are_one_line(
    read: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpora, "MOST_ROWS", 100)
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"gold": "1", "pred": "1", "expected": 1}\n' * 101)
    with pytest.raises(BadInput, match=r"pairs\.jsonl: it has more than 100 rows") as refused:
        read(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"question": "q", "ground_truth": "1", "m": {"solution": "1", "is_correct": True}}, {"question": "q", "m": {}}),
        (
            {"question": "q", "ground_truth": "1", "m": {"solution": "1", "is_correct": True}},
            {"ground_truth": "1", "question": "q", "m": {}},
        ),
        ({"code": ["1"], "score": [True], "answer": "1"}, {"code": 5, "score": [True], "answer": "1"}),
        ({"code": ["1"], "score": [True], "answer": "1"}, {"code": ["1", "2"], "score": [True], "answer": "1"}),
        ({"code": ["1"], "score": [True], "answer": "1"}, {"code": [5], "score": [True], "answer": "1"}),
        ({"model_outputs": "A", "pred": "A"}, {"pred": "A"}),
        ({"model_outputs": "A", "pred": "A"}, {"model_outputs": [], "pred": "A"}),
        ({"gold": "1", "pred": "1", "expected": 1}, {"gold": "1", "pred": "1", "expected": [1]}),
    ],
)
def test_a_row_in_another_form_than_the_first_is_one_line(first: dict[str, Any], second: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n")
    with pytest.raises(BadInput, match="pairs.jsonl, line 2") as refused:
        corpus_of(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "parts",
    [
        [b"[", *[b" " * (1 << 20)] * 140, b"]"],
        [b"[" + b"{}," * 3_000_000 + b"{}]"],
        [b"[" * 100_000],
        [b'[{"a": 1, "a": 2}]'],
    ],
)
def test_a_zip_of_answers_that_unpacks_to_too_much_is_one_line(parts: list[bytes], tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        corpus_of(str(zipped(tmp_path / "answers.zip", *parts)))
    assert "\n" not in str(refused.value) and "answers.zip" in str(refused.value)
