"""Journals that a release wrote, cut at every byte of their last three lines: whole records are read, and writing goes on cleanly."""

from __future__ import annotations

from pathlib import Path

import pytest

from aha.durable import append_journal, read_journal
from tests.faults import ForgetfulDisk

STORED = Path(__file__).parents[1] / "fixtures/0.1"
JOURNALS = [
    path
    for name in ("metrics.jsonl", "timings.jsonl", "generations.jsonl", "transcripts.jsonl", "trials.jsonl")
    for path in sorted(STORED.rglob(name))
    if "checkpoints" not in path.parts and read_journal(path).records
]


def cuts(path: Path, folder: Path, step: int) -> int:
    """How many places it was cut at; each of them is told and mended."""
    whole = path.read_bytes()
    lines, done = whole.splitlines(keepends=True), 0
    for size in range(len(whole) - sum(map(len, lines[-3:])), len(whole), step):
        cut = folder / "cut.jsonl"
        cut.write_bytes(whole[:size])
        journal = read_journal(cut)
        complete = whole[:size].count(b"\n")
        assert (len(journal.records), journal.damaged_lines) == (complete, ()), size
        assert journal.end + journal.torn_bytes == size and (journal.torn_bytes > 0) == (whole[:size][-1:] not in (b"\n", b""))
        disk = ForgetfulDisk()
        disk.truncate(cut, journal.end)
        append_journal(disk, cut, {"next": size})
        assert read_journal(cut).records == (*journal.records, {"next": size})
        done += 1
    return done


def test_there_are_journals_of_every_kind() -> None:
    assert {path.name for path in JOURNALS} >= {"metrics.jsonl", "timings.jsonl", "generations.jsonl", "transcripts.jsonl"}


def test_a_journal_cut_anywhere_is_read_up_to_its_last_whole_line_and_goes_on(tmp_path: Path) -> None:
    assert sum(cuts(path, tmp_path, step=41) for path in JOURNALS) > 100


@pytest.mark.long
def test_a_journal_cut_at_every_byte_of_its_last_three_lines(tmp_path: Path) -> None:
    done = sum(cuts(path, tmp_path, step=1) for path in JOURNALS)
    print(f"\nFIGURE {done:,} cuts of {len(JOURNALS)} journals: every whole record read, every torn end told, all gone on with")
    assert done > 5_000
