"""Sealed lines, only ever appended."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.durable.disk import Disk, trouble
from aha.durable.files import seal, unseal


@dataclass(frozen=True)
class Journal:
    """What a journal holds. `end`: bytes up to the last whole line; `damaged`: the numbers of lines before it whose checksum differs;
    `torn`: the bytes after it, which a crash left."""

    records: tuple[dict[str, Any], ...]
    end: int
    damaged: tuple[int, ...]
    torn: int


def read_journal(path: Path) -> Journal:
    """A line counts once its newline is there."""
    if not path.exists():
        return Journal((), 0, (), 0)
    with trouble(path):
        data = path.read_bytes()
    records, bad, last, end, position = [], [], 0, 0, 0
    for number, line in enumerate(re.findall(rb"[^\n]*\n|[^\n]+", data), start=1):
        position += len(line)
        if (record := unseal(line)) is None:
            bad.append(number)
        else:
            records.append(record)
            last, end = number, position
    return Journal(tuple(records), end, tuple(number for number in bad if number < last), len(data) - end)


def append_journal(disk: Disk, path: Path, record: Mapping[str, Any]) -> None:
    """The line is on the device, or, after a failure, the journal is as it was."""
    line = seal(record)
    before = path.stat().st_size if path.exists() else None
    with trouble(path, len(line)):
        try:
            disk.append(path, line)
            disk.fsync(path)
            if before is None:
                disk.fsync(path.parent)
        except OSError:
            if before is not None:
                with suppress(OSError):
                    disk.truncate(path, before)
            raise
