from __future__ import annotations

import pytest

from aha.durable import ShardPlace, Shards
from aha.errors import DiskTrouble

LINES = [f"line {n}" for n in range(7)]


def contents(folder):
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_a_shard_holds_so_many_lines(tmp_path):
    shards = Shards(tmp_path / "s", 3)
    assert shards.append(LINES) == ShardPlace(7, len("line 6\n"))
    assert list(contents(tmp_path / "s")) == ["00000.jsonl", "00001.jsonl", "00002.jsonl"]
    assert list(Shards.read(tmp_path / "s")) == LINES


@pytest.mark.parametrize("cuts", [(0, 7), (2, 5), (3, 3), (1, 1, 1), (6, 1)])
def test_however_lines_are_handed_over_the_files_are_the_same(tmp_path, cuts):
    Shards(tmp_path / "whole", 3).append(LINES)
    shards, at = Shards(tmp_path / "parts", 3), 0
    for cut in (*cuts, 99):
        shards.append(LINES[at : at + cut])
        at += cut
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


@pytest.mark.parametrize("kept", range(8))
def test_what_was_written_after_a_place_is_cut_off_and_can_be_written_again(tmp_path, kept):
    shards = Shards(tmp_path / "s", 3)
    place = shards.append(LINES[:kept])
    shards.append(LINES[kept:])
    whole = contents(tmp_path / "s")
    with (tmp_path / "s/00002.jsonl").open("ab") as file:
        file.write(b'{"torn": "\xe4')
    again = Shards(tmp_path / "s", 3, place)
    assert list(Shards.read(tmp_path / "s")) == LINES[:kept]
    again.append(LINES[kept:])
    assert contents(tmp_path / "s") == whole


def test_a_shard_that_lost_bytes_is_named(tmp_path):
    place = Shards(tmp_path / "s", 3).append(LINES)
    (tmp_path / "s/00002.jsonl").write_text("li")
    with pytest.raises(DiskTrouble, match=r"00002\.jsonl: 2 bytes, and 7 were written"):
        Shards(tmp_path / "s", 3, place)


def test_lines_end_with_a_line_feed_alone(tmp_path):
    Shards(tmp_path / "s", 3).append(["a\u2028b", "c\x85d"])
    assert list(Shards.read(tmp_path / "s")) == ["a\u2028b", "c\x85d"]
