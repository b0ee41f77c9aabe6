"""Cases from public reports, graded as `aha grade` grades them. They stand beside the folder that AHA_DATA names."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from aha.commands.corpus_judges import settings_of
from aha.tasks.corpora import pair_of
from aha.tasks.reading import DataRow
from aha.types import Abstained
from tests.graders import grade

KINDS = {"choice": "choice", "number": "number", "number_auto": "number", "maths": "latex"}
_HOW = re.compile(r"\((number|auto|latex)\)$")


def rows(name: str) -> list[dict[str, Any]]:
    file = Path(os.environ.get("AHA_DATA", "nowhere"), "..", "cases", f"{name}.jsonl")
    if not file.is_file():
        pytest.skip(f"AHA_DATA with ../cases/{name}.jsonl beside it is not set")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def verdict(name: str, row: dict[str, Any]) -> str:
    how = _HOW.search(row["source"])
    pair = pair_of(DataRow(name, name, row["input"]), how[1] if how else KINDS.get(name, "auto"))  # type: ignore[arg-type]
    assert not isinstance(pair.reference, Abstained), (row, pair.reference)
    return type(grade(pair.reference, pair.answer, settings_of(pair.flags))).__name__.lower()


@pytest.mark.parametrize("name", KINDS)
def test_every_case_of_a_public_report_is_graded_as_a_careful_reader_grades_it(name: str) -> None:
    apart = [(row["input"], found) for row in rows(name) if (found := verdict(name, row)) != row["right"]]
    assert apart == []
