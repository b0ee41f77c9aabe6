"""Sealed lines, only ever appended."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.durable.disk import Disk, trouble
from aha.durable.files import seal, unseal
from aha.durable.reading import LONGEST_LINE, read_lines
from aha.errors import BadInput


@dataclass(frozen=True)
class Journal:
    """What a journal holds. `damaged`: the numbers of the lines whose checksum differs. `torn`: the bytes after the last line's end, which
    a crash left; `end`: those before."""

    records: tuple[dict[str, Any], ...]
    damaged_lines: tuple[int, ...]
    end: int
    torn_bytes: int


def read_journal(path: Path) -> Journal:
    """A line counts once its newline is there."""
    if not path.exists():
        return Journal((), (), 0, 0)
    records: list[dict[str, Any] | None] = []
    end, torn_bytes = 0, 0
    for number, line in read_lines(path):
        if len(line) > LONGEST_LINE:
            raise BadInput(f"{path}, line {number}: longer than {LONGEST_LINE:,} bytes")
        if line.endswith(b"\n"):
            records.append(unseal(line))
            end += len(line)
        else:
            torn_bytes = len(line)
    damaged_lines = tuple(number for number, record in enumerate(records, start=1) if record is None)
    return Journal(tuple(filter(None, records)), damaged_lines, end, torn_bytes)


def append_journal(disk: Disk, path: Path, *records: Mapping[str, Any]) -> None:
    """Append a line a record: all of them are on the device, or, after a failure, the journal is as it was."""
    line = b"".join(map(seal, records))
    before = path.stat().st_size if path.exists() else 0
    with trouble(path, len(line)):
        try:
            disk.append(path, line)
            disk.fsync(path)
            if before == 0:
                disk.fsync(path.parent)
        except OSError:
            with suppress(OSError):
                disk.truncate(path, before)
            raise
