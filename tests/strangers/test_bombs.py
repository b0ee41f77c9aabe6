"""Files that take many times their bytes: refused in one line by whoever reads them into memory."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.evals import files
from aha.evals.files import read_rows, read_table
from aha.tasks.corpora import corpus_of

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
