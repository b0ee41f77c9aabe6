"""The origins of a row: the prompt, the model that answered it, the grader that passed it, and what all of these follow from."""

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
from aha.pipeline.fingerprint import Fingerprint, Input
from aha.pipeline.graph import LINEAGE, read_lineage
from aha.rundir import read_manifest
from aha.settings import nearest
from aha.tasks.reading import LINES, LONGEST_LINE, TABLE
from aha.tasks.tables import read_table
from aha.types import Origin

DEEPEST = 20  # generations of parents; a chain of rows is at most as long as its graph


@dataclass(frozen=True)
class Ancestor:
    """A run directory, the name of its stage, and its fingerprint."""

    stage: str
    root: Path
    fingerprint: Fingerprint

    @property
    def inputs(self) -> dict[str, tuple[Input, Path]]:
        """The input of each setting and its place now: run directories are side by side in a store, which may have been moved."""
        store = self.root.parent.parent
        return {
            path: (reference, Path(reference.place) if reference.stage is None else store / reference.place)
            for path, reference in self.fingerprint.inputs.items()
        }


@dataclass(frozen=True)
class LineageRow:
    """A line of a file, or a row of a table, counted from 1, with its fields unchanged."""

    path: Path
    number: int
    fields: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.fields.get("id", ""))

    @property
    def origin(self) -> Origin | None:
        """The origin of the row, or None. BadInput if it is damaged."""
        record = self.fields.get("origin")
        return None if record is None else decode(record, Origin)

    @property
    def versions(self) -> list[int]:
        """The versions of the weights that the completions of an RL group were sampled with; empty for any other row."""
        completions = self.fields.get("completions")
        versions = (
            [completion.get("version") for completion in completions if isinstance(completion, dict)]
            if isinstance(completions, list)
            else []
        )
        return sorted({version for version in versions if isinstance(version, int)})

    @property
    def question(self) -> str:
        """The last message of the user, or else the problem's question."""
        turns = self.fields.get("messages") or ()
        questions = [turn.get("content") for turn in turns if isinstance(turn, dict) and turn.get("role") == "user"]
        problem = self.fields.get("problem")
        return str(questions[-1] if questions else problem.get("question", "") if isinstance(problem, dict) else "")


@dataclass(frozen=True)
class Trace:
    """A row, the run directory that made it (None: a file from outside), the rows that it was made of, and the ids of those not found."""

    row: LineageRow
    maker: Ancestor | None
    parents: tuple[Trace, ...]
    lost: tuple[str, ...]


def trace_row(word: str) -> Trace:
    """Return the trace of `FILE:ROW`, where ROW is a row's number from 1 or its id. BadInput if there is no such row."""
    name, colon, row_name = word.rpartition(":")
    while colon and not Path(name).expanduser().is_file() and ":" in name:  # ids may contain colons too
        name, _, more = name.rpartition(":")
        row_name = f"{more}:{row_name}"
    path = Path(name).expanduser()
    if not colon or not path.is_file():
        raise BadInput(f"{word}: there is no such file; give FILE:ROW, such as runs/r1/rejection/KEY/rows/00000.jsonl:1")
    row = _row(path, row_name)
    return _trace(row, 0)


def ancestors(maker: Ancestor) -> list[Ancestor]:
    """Return all stages that it follows from, nearest first, each once."""
    ancestors_by_place: dict[Path, Ancestor] = {}
    queue = [maker]
    while queue:
        for source, place in queue.pop(0).inputs.values():
            root = run_directory(place) if source.stage is not None else None
            if root is not None and root not in ancestors_by_place and (root / LINEAGE).exists():
                ancestors_by_place[root] = Ancestor(read_lineage(root)[0], root, read_lineage(root)[1])
                queue.append(ancestors_by_place[root])
    return list(ancestors_by_place.values())


def run_directory(place: Path) -> Path | None:
    """Return the run directory that a file or folder belongs to, or None."""
    return next(
        (folder for folder in (place, *place.parents) if (folder / "manifest.json").is_file() and (folder / LINEAGE).is_file()), None
    )


def made_at(maker: Ancestor) -> str:
    """Return the commit and the creation time of the run directory."""
    manifest = read_manifest(maker.root / "manifest.json")
    return f"commit {(manifest.git_commit or 'unknown')[:12]}, {manifest.created}"


# --- rows -------------------------------------------------------------------------------------------------------------


def _trace(row: LineageRow, depth: int) -> Trace:
    root = run_directory(row.path.resolve())
    maker = None if root is None else Ancestor(read_lineage(root)[0], root, read_lineage(root)[1])
    parent_names = row.origin.parents if row.origin is not None and depth < DEEPEST else ()
    parent_rows = {name: _parent(name, row, maker) for name in parent_names}
    parents = tuple(_trace(parent, depth + 1) for parent in parent_rows.values() if parent is not None)
    return Trace(row, maker, parents, tuple(name for name, parent in parent_rows.items() if parent is None))


def _parent(name: str, row: LineageRow, maker: Ancestor | None) -> LineageRow | None:
    """Return the row with that id, from the same run directory or from its inputs; None if it is not found."""
    if maker is None:
        return None
    places = [place for _, place in maker.inputs.values()]
    files = [file for place in (*_shard_folders(maker.root), *places) for file in _shards(place)]
    candidates = (
        candidate
        for file in files
        for candidate in _rows(file, name)
        if (file.resolve(), candidate.number) != (row.path.resolve(), row.number)
    )
    return next((candidate for candidate in candidates if candidate.id == name), None)


def _shard_folders(root: Path) -> list[Path]:
    return sorted(folder for folder in root.iterdir() if folder.is_dir() and folder.name not in ("checkpoints", "groups"))


def _shards(place: Path) -> list[Path]:
    files = [place] if place.is_file() else sorted(place.iterdir()) if place.is_dir() else []
    return [path for path in files if path.name.endswith((*LINES, TABLE)) and not path.name.startswith(".")]


def _row(path: Path, row_name: str) -> LineageRow:
    if row_name.isdecimal():
        for row in _rows(path):
            if row.number == int(row_name):
                return row
        raise BadInput(f"{path}: it has {sum(1 for _ in _rows(path))} rows; there is no row {row_name}, counted from 1")
    matches = [row for row in _rows(path, row_name) if row.id == row_name]
    if not matches:
        raise BadInput(f"{path}: no row has the id {row_name!r}{nearest(row_name, [row.id for row in _rows(path)][:10_000])}")
    return matches[0]


def _rows(path: Path, row_name: str = "") -> Iterator[LineageRow]:
    """Yield the rows of a file; with `row_name`, only lines that contain it, to parse few of a long file, or a table's rows of that id."""
    if path.suffix == TABLE:
        yield from (row for row in _table(path) if row_name in ("", row.id))
        return
    needles = {row_name.encode("utf-8", "replace"), json.dumps(row_name)[1:-1].encode()}
    for number, line in read_lines(path, LONGEST_LINE):
        if line.strip() and any(needle in line for needle in needles):
            yield LineageRow(path, number, _fields(path, number, line))


def _table(path: Path) -> Iterator[LineageRow]:
    for number, fields in read_table(path):
        if isinstance(fields, str):
            raise BadInput(f"{path}, row {number}: {fields}")
        yield LineageRow(path, number, fields)


def _fields(path: Path, number: int, line: bytes) -> Mapping[str, Any]:
    try:
        fields = parse_json(line) if len(line) <= LONGEST_LINE else None
    except NotJson as error:
        raise BadInput(f"{path}, line {number}: {error}") from None
    if not isinstance(fields, dict):
        raise BadInput(f"{path}, line {number}: {str(fields)[:40]!r} where a row should be")
    return fields
