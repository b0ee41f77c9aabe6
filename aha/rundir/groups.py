"""The groups of a rollout as one file: a table, or, in earlier versions, compressed lines of JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from aha.durable import Disk, PiecewiseFile, open_file
from aha.rundir.group_table import GroupTable, is_whole_outside, read_group_lines, read_table
from aha.types import Group

GROUPS_KEY = "groups_sha256"  # in a rollout's line of metrics, of its file of groups
TABLE, LINES = ".parquet", ".jsonl.gz"
OUTER_DAMAGE = "{}: damaged: its size or its footer is not the one that was written"


def groups_files(root: Path) -> dict[int, Path]:
    """Return the file of groups of each rollout that has one."""
    paths = [path for kind in (LINES, TABLE) for path in (root / "groups").glob(f"*{kind}")]
    return {int(number): path for path in sorted(paths) if (number := path.name.partition(".")[0]).isdecimal()}


def groups_paths(root: Path, rollouts: Iterable[int]) -> dict[int, Path]:
    """Return the path of the groups of each rollout, present or not: tables, but for the first ones of a run that an earlier version
    began."""
    files = groups_files(root)
    last_lines = max((rollout for rollout, path in files.items() if path.suffix != TABLE), default=-1)
    kinds = {rollout: LINES if rollout < last_lines else TABLE for rollout in rollouts}
    return {rollout: files.get(rollout, root / "groups" / f"{rollout:06d}{kind}") for rollout, kind in kinds.items()}


def read_groups(path: Path, only: int | None = None) -> Iterator[Group]:
    """Yield the groups of a file, or only number `only`, equal to the written ones, to the bit. BadInput if it is damaged."""
    if path.suffix == TABLE:
        yield from read_table(path, only)
    else:
        yield from (group for number, group in enumerate(read_group_lines(path)) if only in (None, number))


class GroupWriter:
    """A writer of a rollout's groups, one by one; the file appears when the last one is written."""

    def __init__(self, disk: Disk, root: Path, rollout: int) -> None:
        self._file, self._table = PiecewiseFile(disk, root / "groups" / f"{rollout:06d}{TABLE}"), GroupTable()

    @property
    def groups(self) -> int:
        """The number of groups added so far."""
        return self._table.groups

    def add(self, group: Group) -> None:
        """Write a group after the previous ones."""
        if piece := self._table.add(group):
            self._file.append(piece)

    def finish(self) -> str:
        """Complete the file and return its sha256."""
        self._file.append(self._table.end())
        self._file.finish()
        return self._file.sha256


def damage(path: Path, sha256: str | None) -> str:
    """Return the problem of a file of groups, every byte compared with the checksum; empty if it is intact."""
    if not path.exists():
        return f"{path}: missing"
    if path.suffix == TABLE and not is_whole_outside(path):  # seen at once, however much was put behind it
        return OUTER_DAMAGE.format(path)
    with open_file(path) as file:
        is_equal = hashlib.file_digest(file, "sha256").hexdigest() == sha256
    return "" if is_equal else f"{path}: damaged: its sha256 is not the one in metrics.jsonl"


def outer_damage(path: Path, sha256: str | None) -> str:
    """Return the problem of a file of groups by its size and its footer, quick for any size. Lines of JSON have no footer and are compared
    as a whole."""
    if path.suffix != TABLE or not path.exists():
        return damage(path, sha256)
    return "" if is_whole_outside(path) else OUTER_DAMAGE.format(path)
