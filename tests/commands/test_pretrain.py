"""The base model made anew, by a recipe a thousandth as long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.conftest import Aha

SMALL = ("--narrow.chunks", 2, "--wide.chunks", 1, "--narrow.chunk_documents", 20, "--wide.chunk_documents", 20)


@pytest.mark.long
def test_the_base_is_made_in_three_stages_and_only_once(aha: Aha, tmp_path: Path) -> None:
    first = aha("pretrain", "tiny", "--out", "base", *SMALL)
    assert first.code == 0, first.err
    weights = "*/checkpoints/*/model.safetensors"
    made = [list((tmp_path / "base" / name).glob(weights)) for name in ("narrow", "awake", "wide")]
    assert all(made) and (tmp_path / "base-fresh" / "tokenizer.json").is_file()
    before = {path: path.stat().st_mtime_ns for found in made for path in found}
    again = aha("pretrain", "tiny", "--out", "base", *SMALL)
    assert again.code == 0 and "nothing to do" in again.err
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_no_more_than_all_can_be_read_of_other_things(aha: Aha, tmp_path: Path) -> None:
    refused = aha("pretrain", "tiny", "--out", "base", *SMALL, "--wide.others", 1.5)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "others is 1.5" in refused.err and not (tmp_path / "base").exists()
