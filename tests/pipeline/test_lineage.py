"""Which prompt, sampler, grader and checkpoint made a row."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from aha.commands.lineage import lines_of, record_of
from aha.errors import BadInput
from aha.pipeline.lineage import ancestors, trace_row
from aha.protocols import Stage
from aha.tasks.tables import write_table
from aha.versions import grader_version
from tests.pipeline.test_graph import work
from tests.pipeline.toys import Tells, Trains

STAGES: tuple[tuple[str, Stage], ...] = (
    ("zero", Trains("base")),
    ("first", Tells("@zero", "first")),
    ("sft", Trains("base", data="@first")),
    ("second", Tells("@sft", "second", "@first")),
)


@pytest.fixture
def row(tmp_path: Path) -> str:
    """The only row of the last stage."""
    work(tmp_path / "store", STAGES)
    return f"{next(tmp_path.glob('store/second/*/rows/00000.jsonl'))}:1"


def test_a_row_names_its_prompt_its_sampler_s_checkpoint_its_seed_and_its_grader(row: str) -> None:
    found = record_of(trace_row(row))
    assert (found["problem"], found["prompt"], found["seed"]) == ("sum-0", "1 + 0 = ?", 7)
    assert found["grader"] == {"version": grader_version(), "installed": grader_version()}
    assert found["sampler"]["stage"] == "sft"
    assert found["sampler"]["checkpoint"].endswith("checkpoints/000003") and found["sampler"]["there"]
    assert found["made_by"]["inputs"]["model"]["given"] == "@sft"


def test_it_leads_back_through_every_stage_and_every_row_that_it_was_made_of(row: str) -> None:
    found = trace_row(row)
    assert found.maker is not None
    assert [each.stage for each in ancestors(found.maker)] == ["sft", "first", "zero"]
    assert [parent.row.id for parent in found.parents] == ["second/0/raw", "first/0"]
    assert [parent.row.id for parent in found.parents[1].parents] == ["first/0/raw"]


def test_a_row_is_found_by_its_id(row: str) -> None:
    file = row.rpartition(":")[0]
    assert trace_row(f"{file}:second/0").row == trace_row(row).row


def test_a_store_that_was_moved_is_still_whole(row: str, tmp_path: Path) -> None:
    shutil.move(tmp_path / "store", tmp_path / "moved")
    found = trace_row(row.replace("/store/", "/moved/"))
    assert found.maker is not None and len(ancestors(found.maker)) == 3
    assert record_of(found)["sampler"]["there"]


def test_a_checkpoint_that_is_gone_and_another_grader_are_said(row: str, tmp_path: Path) -> None:
    shutil.rmtree(next(tmp_path.glob("store/sft/*/checkpoints/000003")))
    file = Path(row.rpartition(":")[0])
    file.write_text(file.read_text().replace(grader_version(), "0123456789ab"))
    lines = "\n".join(lines_of(trace_row(row)))
    assert "checkpoints/000003, which no longer exists), seed 7" in lines
    assert f"0123456789ab; the one installed now is {grader_version()}" in lines


def test_a_file_from_outside_says_what_it_can(tmp_path: Path) -> None:
    file = tmp_path / "chats.jsonl"
    file.write_text(json.dumps({"messages": [{"role": "user", "content": "hello"}]}) + "\n")
    assert list(lines_of(trace_row(f"{file}:1"))) == [f"row 1 of {file}", "  prompt    hello", "  origin    unknown: the row does not say"]


def as_tables(store: Path) -> None:
    """Every shard of lines becomes one of Parquet."""
    for shard in store.glob("*/*/r*/*.jsonl"):
        shard.with_suffix(".parquet").write_bytes(b"".join(write_table(shard.read_text().splitlines())))
        shard.unlink()


def test_a_row_of_a_table_leads_back_as_that_of_a_line_does(row: str, tmp_path: Path) -> None:
    lines = "\n".join(lines_of(trace_row(row)))
    as_tables(tmp_path / "store")
    table = row.replace(".jsonl:", ".parquet:")
    assert "\n".join(lines_of(trace_row(table))) == lines.replace(".jsonl", ".parquet")
    assert trace_row(f"{table.rpartition(':')[0]}:second/0").row == trace_row(table).row
    with pytest.raises(BadInput, match=r"00000\.parquet: it has 1 rows; there is no row 2"):
        trace_row(table[:-1] + "2")
    Path(table[:-2]).write_bytes(b"PAR1")
    with pytest.raises(BadInput, match=r"00000\.parquet cannot be read: "):
        trace_row(table)


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("nowhere.jsonl:1", r"^nowhere.jsonl:1: there is no such file; give FILE:ROW"),
        ("FILE", r"there is no such file; give FILE:ROW"),
        ("FILE:2", r"it has 1 rows; there is no row 2, counted from 1$"),
        ("FILE:secnd/0", r"no row has the id 'secnd/0'; did you mean second/0\?$"),
    ],
)
def test_what_is_no_row_is_refused_in_a_line(word: str, complaint: str, row: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        trace_row(word.replace("FILE", row.rpartition(":")[0]))
