from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aha.paper import published_numbers, tables


def test_r1_on_aime_is_in_table_4_on_page_13():
    (r1,) = [each for each in published_numbers("AIME 2024", "Pass@1") if each.model == "DeepSeek-R1"]
    assert (r1.value, r1.table, r1.page) == (79.8, "Table 4", 13)


def test_spellings_of_one_benchmark_are_one():
    assert {each.model for each in published_numbers("Codeforces", "rating")} >= {"DeepSeek-R1", "DeepSeek-R1-Zero", "QwQ-32B-Preview"}


def test_a_dash_is_no_number():
    assert tables()["table4"].value("OpenAI o1-1217", "MMLU-Pro", "EM") is None
    assert "OpenAI-o1-1217" not in {each.model for each in published_numbers("MMLU-Pro", "EM")}


def test_what_the_figure_alone_prints_is_found_there():
    (small,) = [each for each in published_numbers("MMLU", "Pass@1") if each.model == "DeepSeek-R1-Distill-Qwen-32B"]
    assert (small.value, small.table, small.page) == (87.4, "Figure 1", 1)


def test_a_cell_that_is_not_there_is_an_error():
    with pytest.raises(KeyError, match="Table 6 has no MMLU"):
        tables()["table6"].value("QwQ-32B-Preview", "MMLU", "Pass@1")


def test_every_cell_is_the_transcribed_one():
    if "AHA_DATA" not in os.environ:
        pytest.skip("AHA_DATA is not set: the folder with paper/tables.json")
    path = Path(os.environ["AHA_DATA"]) / "paper/tables.json"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    theirs = json.loads(path.read_text())
    cells = 0
    assert theirs.keys() == tables().keys()
    for key, table in tables().items():
        assert table.page == theirs[key]["page"]
        assert [row.model for row in table.rows] == list(theirs[key]["cells"])
        for row in table.rows:
            assert list(row.values) == list(theirs[key]["cells"][row.model].values())
            cells += len(row.values)
        if key != "figure2":
            assert [column.benchmark for column in table.columns] == list(theirs[key]["benchmark"].values())
            assert [column.metric for column in table.columns] == list(theirs[key]["metric"].values())
    assert cells == 249 + 3
