"""Journals: append-only files of sealed lines.

Shards: append-only files of a fixed number of lines, cut back on opening to a position that is known to be complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.durable.files import Disk, disk_errors, seal, unseal
from aha.durable.reading import LONGEST_LINE, read_lines
from aha.errors import BadInput, DiskTrouble
from aha.redact import hide_bytes


@dataclass(frozen=True)
class Journal:
    """The content of a journal. `damaged_lines`: the numbers of lines whose checksum differs. `torn_bytes`: the bytes after the last line's
    end, left by a crash; `end`: the bytes before them."""

    records: tuple[dict[str, Any], ...]
    damaged_lines: tuple[int, ...]
    end: int
    torn_bytes: int


def read_journal(path: Path) -> Journal:
    """Read a journal; a line counts only with its newline."""
    if not path.exists():
        return Journal((), (), 0, 0)
    records, end, torn_bytes = list[dict[str, Any] | None](), 0, 0
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
    """Append one line per record: all are on the device, or, after a failure, the journal is unchanged."""
    line = b"".join(map(seal, records))
    before = path.stat().st_size if path.exists() else 0
    with disk_errors(path, len(line)):
        try:
            disk.append(path, line)
            disk.fsync(path)
            if before == 0:
                disk.fsync(path.parent)
        except OSError:
            with suppress(OSError):
                disk.truncate(path, before)
            raise


@dataclass(frozen=True)
class ShardPlace:
    """The number of lines in all shards, and the bytes of the last shard."""

    lines: int = 0
    size: int = 0


class Shards:
    """Files `00000.jsonl`, `00001.jsonl`, … with `per_shard` lines each, in one folder. Opening cuts off all data after `place`."""

    def __init__(self, folder: Path, per_shard: int, place: ShardPlace = ShardPlace(), disk: Disk | None = None) -> None:
        self.folder, self.per_shard, self.place = folder, per_shard, place
        self._disk = disk or Disk()
        with disk_errors(folder):
            if not folder.exists():
                self._disk.mkdir(folder)
                self._disk.fsync(folder.parent)
        self._cut()

    def append(self, lines: Sequence[str]) -> ShardPlace:
        """Write lines to the device, with secrets hidden, and return the position after them. A line holds no line break."""
        rest = [hide_bytes(f"{line}\n".encode("utf-8", "backslashreplace")) for line in lines]
        while rest:
            room = self.per_shard - self.place.lines % self.per_shard
            part, rest = b"".join(rest[:room]), rest[room:]
            path, new = self._path(self._last()), self.place.lines % self.per_shard == 0
            with disk_errors(path, len(part)):
                self._disk.append(path, part)
                self._disk.fsync(path)
                if new:
                    self._disk.fsync(self.folder)
            line_count = part.count(b"\n")
            self.place = ShardPlace(self.place.lines + line_count, len(part) + (0 if new else self.place.size))
        return self.place

    @staticmethod
    def read(folder: Path) -> Iterator[str]:
        """Yield the lines of all shards in a folder, in order, without their ends."""
        for path in sorted(folder.glob("[0-9]*.jsonl")):
            with disk_errors(path), path.open(encoding="utf-8", newline="\n") as file:
                for line in file:
                    yield line.removesuffix("\n")

    def _last(self) -> int:
        """Return the number of the shard that the next line goes into."""
        return self.place.lines // self.per_shard

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:05d}.jsonl"

    def _cut(self) -> None:
        """Remove all data after `place`. DiskTrouble if there is less than that: somebody has changed the files."""
        full, over = divmod(self.place.lines, self.per_shard)
        last = full if over else full - 1
        for path in sorted(self.folder.glob("[0-9]*.jsonl")):
            if int(path.stem) > last:
                with disk_errors(path):
                    self._disk.remove(path)
        if last < 0:
            return
        path = self._path(last)
        with disk_errors(path):
            size = path.stat().st_size
            if size < self.place.size:
                raise DiskTrouble(f"{path}: {size:,} bytes, and {self.place.size:,} were written; bring it back, or begin another run")
            if size > self.place.size:
                self._disk.truncate(path, self.place.size)
                self._disk.fsync(path)
