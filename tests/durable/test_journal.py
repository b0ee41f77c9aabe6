"""Lines that say when they are not whole."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest

from aha.durable import Disk, append_journal, read_journal, seal, unseal
from aha.errors import DiskTrouble

RECORDS = tuple({"rollout": n, "reward": n / 7, "said": "你好\u2028\ud800"} for n in range(5))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    for record in RECORDS:
        append_journal(Disk(), tmp_path / "j.jsonl", record)
    return tmp_path / "j.jsonl"


def test_what_was_appended_is_read(journal: Path) -> None:
    assert read_journal(journal).records == RECORDS
    assert read_journal(journal).torn_bytes == 0


def test_a_journal_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "none.jsonl").records == ()


def test_each_line_is_json_as_it_stands(journal: Path) -> None:
    lines = journal.read_bytes().split(b"\n")
    assert [json.loads(line)["rollout"] for line in lines[:-1]] == [0, 1, 2, 3, 4]


def test_a_sealed_line_ends_with_the_crc32_of_the_bytes_before_it() -> None:
    assert seal({"a": 1}) == b'{"a":1,"crc":"%08x"}\n' % zlib.crc32(b'{"a":1')


def test_a_record_indented_for_a_person_is_sealed_too() -> None:
    sealed = seal({"a": {"b": []}}, indent=2)
    assert json.loads(sealed)["a"] == {"b": []}
    assert unseal(sealed, indent=2) == {"a": {"b": []}}


def test_every_flipped_bit_of_a_sealed_record_is_seen() -> None:
    for indent in (None, 2):
        sealed = seal({"a": 1.5, "b": {"c": "d"}}, indent)
        flipped = [bytes([*sealed[:at], sealed[at] ^ 1 << bit, *sealed[at + 1 :]]) for at in range(len(sealed)) for bit in range(8)]
        assert [unseal(each, indent) for each in flipped] == [None] * len(flipped)


def test_cut_at_every_byte_every_whole_line_is_read_and_the_torn_one_told(journal: Path) -> None:
    data = journal.read_bytes()
    for size in range(len(data)):
        journal.write_bytes(data[:size])
        found, whole = read_journal(journal), data[:size].count(b"\n")
        assert found.records == RECORDS[:whole]
        assert found.end + found.torn_bytes == size and found.damaged_lines == ()
        assert found.torn_bytes == len(data[:size].rpartition(b"\n")[2])


def test_a_damaged_line_in_the_middle_is_told_by_its_number(journal: Path) -> None:
    data = bytearray(journal.read_bytes())
    data[data.index(b'"rollout":2') + 10] ^= 1
    journal.write_bytes(data)
    assert read_journal(journal).damaged_lines == (3,)
    assert [record["rollout"] for record in read_journal(journal).records] == [0, 1, 3, 4]


class HalfDisk(Disk):
    """Full after half a line."""

    def append(self, path: Path, data: bytes) -> None:
        super().append(path, data[: len(data) // 2])
        raise OSError(28, "No space left on device")


def test_a_line_that_did_not_fit_leaves_nothing_behind(journal: Path) -> None:
    before = journal.read_bytes()
    with pytest.raises(DiskTrouble) as error:
        append_journal(HalfDisk(), journal, {"a": 1})
    assert journal.read_bytes() == before
    told = "the disk is full; free some space, then run the same command again: the last checkpoint is kept (25 bytes needed)"
    assert str(error.value) == f"{journal}: {told}"
