"""Where a row comes from: the prompt, whoever answered it, the grader that let it pass, and what all of them follow from in turn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.codec import decode
from aha.durable import read_lines
from aha.errors import BadInput
from aha.json_text import NotJson, parse_json
from aha.pipeline.graph import LINEAGE, read_lineage
from aha.pipeline.makings import Input, Makings
from aha.rundir import read_manifest
from aha.settings import nearest
from aha.tasks.reading import LINES, LONGEST_LINE, TABLE
from aha.tasks.tables import read_table
from aha.types import Origin

DEEPEST = 20  # parents of parents; a chain of rows is as long as a graph has stages


@dataclass(frozen=True)
class Ancestor:
    """A run directory, what its stage was called, and what it follows from."""

    stage: str
    root: Path
    makings: Makings

    @property
    def inputs(self) -> dict[str, tuple[Input, Path]]:
        """What each setting named, and where that is: run directories lie side by side in a store, which may have been moved."""
        store = self.root.parent.parent
        return {path: (each, Path(each.place) if each.stage is None else store / each.place) for path, each in self.makings.inputs.items()}


@dataclass(frozen=True)
class Row:
    """A line of a file, or a row of a table, counted from 1, as it stands there."""

    path: Path
    number: int
    fields: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.fields.get("id", ""))

    @property
    def origin(self) -> Origin | None:
        """BadInput where it is damaged."""
        found = self.fields.get("origin")
        return None if found is None else decode(found, Origin)

    @property
    def versions(self) -> list[int]:
        """Of a group of RL: the versions of the weights that its completions were sampled with."""
        found = self.fields.get("completions")
        said = [each.get("version") for each in found if isinstance(each, dict)] if isinstance(found, list) else []
        return sorted({version for version in said if isinstance(version, int)})

    @property
    def question(self) -> str:
        """What was asked last, or the problem's question."""
        turns = self.fields.get("messages") or ()
        asked = [turn.get("content") for turn in turns if isinstance(turn, dict) and turn.get("role") == "user"]
        problem = self.fields.get("problem")
        return str(asked[-1] if asked else problem.get("question", "") if isinstance(problem, dict) else "")


@dataclass(frozen=True)
class Trace:
    """A row, the run directory that made it (none: a file from outside), and the rows that it was made of."""

    row: Row
    maker: Ancestor | None
    parents: tuple[Trace, ...]
    lost: tuple[str, ...]


def trace(word: str) -> Trace:
    """`FILE:ROW`: a row's number, from 1, or a row's id. BadInput where there is no such row."""
    name, colon, which = word.rpartition(":")
    while colon and not Path(name).expanduser().is_file() and ":" in name:  # ids may have colons too
        name, _, more = name.rpartition(":")
        which = f"{more}:{which}"
    path = Path(name).expanduser()
    if not colon or not path.is_file():
        raise BadInput(f"{word}: there is no such file; give FILE:ROW, such as runs/r1/rejection/KEY/rows/00000.jsonl:1")
    row = _row(path, which)
    return _traced(row, 0)


def ancestors(maker: Ancestor) -> list[Ancestor]:
    """All stages that it follows from, nearest first, each once."""
    found: dict[Path, Ancestor] = {}
    waiting = [maker]
    while waiting:
        for each, place in waiting.pop(0).inputs.values():
            root = run_directory(place) if each.stage is not None else None
            if root is not None and root not in found and (root / LINEAGE).exists():
                found[root] = Ancestor(read_lineage(root)[0], root, read_lineage(root)[1])
                waiting.append(found[root])
    return list(found.values())


def run_directory(place: Path) -> Path | None:
    """The run directory that a file or folder belongs to."""
    return next(
        (folder for folder in (place, *place.parents) if (folder / "manifest.json").is_file() and (folder / LINEAGE).is_file()), None
    )


def made_at(maker: Ancestor) -> str:
    """The commit and the day."""
    manifest = read_manifest(maker.root / "manifest.json")
    return f"commit {(manifest.git_commit or 'unknown')[:12]}, {manifest.created}"


# --- rows -------------------------------------------------------------------------------------------------------------


def _traced(row: Row, depth: int) -> Trace:
    root = run_directory(row.path.resolve())
    maker = None if root is None else Ancestor(read_lineage(root)[0], root, read_lineage(root)[1])
    named = row.origin.parents if row.origin is not None and depth < DEEPEST else ()
    found = {name: _parent(name, row, maker) for name in named}
    parents = tuple(_traced(each, depth + 1) for each in found.values() if each is not None)
    return Trace(row, maker, parents, tuple(name for name, each in found.items() if each is None))


def _parent(name: str, row: Row, maker: Ancestor | None) -> Row | None:
    """The row of that id, in the same run directory or in what it was made from."""
    if maker is None:
        return None
    places = [place for _, place in maker.inputs.values()]
    files = [file for place in (*_shard_folders(maker.root), *places) for file in _shards(place)]
    candidates = (
        found for file in files for found in _rows(file, name) if (file.resolve(), found.number) != (row.path.resolve(), row.number)
    )
    return next((found for found in candidates if found.id == name), None)


def _shard_folders(root: Path) -> list[Path]:
    return sorted(folder for folder in root.iterdir() if folder.is_dir() and folder.name not in ("checkpoints", "groups"))


def _shards(place: Path) -> list[Path]:
    files = [place] if place.is_file() else sorted(place.iterdir()) if place.is_dir() else []
    return [path for path in files if path.name.endswith((*LINES, TABLE)) and not path.name.startswith(".")]


def _row(path: Path, which: str) -> Row:
    if which.isdecimal():
        for row in _rows(path):
            if row.number == int(which):
                return row
        raise BadInput(f"{path}: it has {sum(1 for _ in _rows(path))} rows; there is no row {which}, counted from 1")
    found = [row for row in _rows(path, which) if row.id == which]
    if not found:
        raise BadInput(f"{path}: no row has the id {which!r}{nearest(which, [row.id for row in _rows(path)][:10_000])}")
    return found[0]


def _rows(path: Path, holding: str = "") -> Iterator[Row]:
    """The rows of a file; only those with that text in them, so that a long file is not parsed for one row; of a table, that id's."""
    if path.suffix == TABLE:
        yield from (row for row in _table(path) if holding in ("", row.id))
        return
    sought = {holding.encode("utf-8", "replace"), json.dumps(holding)[1:-1].encode()}
    for number, line in read_lines(path, LONGEST_LINE):
        if line.strip() and any(each in line for each in sought):
            yield Row(path, number, _fields(path, number, line))


def _table(path: Path) -> Iterator[Row]:
    for number, fields in read_table(path):
        if isinstance(fields, str):
            raise BadInput(f"{path}, row {number}: {fields}")
        yield Row(path, number, fields)


def _fields(path: Path, number: int, line: bytes) -> Mapping[str, Any]:
    try:
        found = parse_json(line) if len(line) <= LONGEST_LINE else None
    except NotJson as error:
        raise BadInput(f"{path}, line {number}: {error}") from None
    if not isinstance(found, dict):
        raise BadInput(f"{path}, line {number}: {str(found)[:40]!r} where a row should stand")
    return found
