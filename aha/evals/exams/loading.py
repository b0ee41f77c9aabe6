"""From the user's copy of a benchmark, or a hub, to its items."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from aha.answers import gradable
from aha.errors import BadInput
from aha.evals.exams.exam import Exam, Item, WrongColumns
from aha.evals.files import data_folder, read_json, read_rows, read_table
from aha.tasks.reading import FILES, RefusedRow, Row, rows_of

TABLES = (".csv", ".tsv")


def items_of(exam: Exam, data: str | None) -> tuple[list[Item], str]:
    """All items, each with a name of its own, and what was read, for people. `data`: a file, a folder, a hub's name (with subset and
    split, where they are not the usual ones, as `owner/name:subset:split`), or None for $AHA_DATA and then the benchmark's own name on
    the hub. BadInput for what is not there or has other columns."""
    rows, read = _source(exam, data)
    return _items(exam, rows), read


def check_source(exam: Exam, data: str | None) -> None:
    """BadInput for a place that is not there; no row is read."""
    _source(exam, data)


def raw_rows(exam: Exam, data: str | None) -> Iterator[dict[str, Any]]:
    """Every row with all of its columns, as they were published."""
    rows, _ = _source(exam, data)
    return (fields for *_, fields in rows)


def _source(exam: Exam, data: str | None) -> tuple[Iterator[tuple[str, str, int, dict[str, Any]]], str]:
    """The rows and what is read, for people."""
    path = Path(data).expanduser() if data is not None else None
    if path is not None and path.is_file():
        return _rows([path], exam), str(path)
    if path is not None and not path.is_dir() and _looks_like_a_path(str(data)):
        raise BadInput(f"{data}: there is no such file or folder; --data names {exam.name}'s rows: {exam.source.columns}")
    folder = path if path is not None and path.is_dir() else data_folder(None) if data is None else None
    if folder is not None and (files := _find(exam, folder)):
        return _rows(files, exam), f"{files[0]}" + (f" and {len(files) - 1} more" if len(files) > 1 else "")
    if path is not None and path.is_dir():
        raise BadInput(f"{data}: nothing of {exam.name} in it; it should hold {' or '.join(exam.source.layouts)}")
    hub = _hub(exam, data)
    if hub is None:
        raise BadInput(f"{exam.name}: name its rows with --data PATH (or AHA_DATA); it should hold {' or '.join(exam.source.layouts)}")
    return _from_hub(exam, *hub), f"{hub[0]} ({hub[1] or 'default'}, {hub[2]}) of the hub"


def _hub(exam: Exam, data: str | None) -> tuple[str, str | None, str] | None:
    """What is loaded of which data set: `owner/name:subset:split`, the last two as the benchmark has them where they are left out."""
    if data is None:
        return exam.source.hub
    name, *parts = data.split(":")
    _, subset, split = exam.source.hub if exam.source.hub is not None and exam.source.hub[0] == name else (name, None, "test")
    return name, (parts[0] if parts else "") or subset, (parts[1] if len(parts) > 1 else "") or split


def _looks_like_a_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or Path(name).suffix in FILES + TABLES


def _find(exam: Exam, folder: Path) -> list[Path]:
    """Each pattern below the folder, then its last part alone, then its name in the folder itself."""
    for layout in exam.source.layouts:
        parts = layout.split("/")
        for start in range(len(parts)):
            if found := sorted(folder.glob("/".join(parts[start:]))):
                return [path for path in found if path.is_file()]
    return _tables(exam, folder)


def _tables(exam: Exam, folder: Path) -> list[Path]:
    """A data set as a hub keeps it: the tables of the benchmark's subset and split, as far as the names of files tell them apart."""
    found = sorted(folder.glob("**/*.parquet"))
    _, subset, split = exam.source.hub if exam.source.hub is not None else ("", None, "test")
    of_split = [path for path in found if split in path.stem or split in path.parent.name]
    of_subset = [path for path in of_split if subset is not None and subset in path.relative_to(folder).as_posix()]
    return of_subset or of_split or found


def _rows(files: Sequence[Path], exam: Exam) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """Place, stem, number and fields of every row."""
    for path in files:
        _refuse_encrypted(exam, path)
        rows: list[dict[str, Any]]
        if path.suffix in TABLES:
            rows = list(read_table(path))
        elif path.suffix == ".parquet":
            rows = [_taken(each) for each in rows_of(str(path), "train", None)]
        else:
            rows = read_rows(path)
            if exam.source.wrapped and len(rows) == 1 and all(isinstance(value, dict) for value in rows[0].values()):
                rows = [{"key": key, **value} for key, value in rows[0].items()]
        if not rows:
            raise BadInput(f"{path}: no row in it")
        if exam.source.names and (path.parent / exam.source.names).is_file():
            rows = _called(rows, path.parent / exam.source.names)
        for number, row in enumerate(rows, start=1):
            yield f"{path}, record {number}", path.name.split(".")[0], number, row


def _taken(row: Row | RefusedRow) -> dict[str, Any]:
    """BadInput for a row that cannot be read: without it the benchmark would be another."""
    if isinstance(row, RefusedRow):
        raise BadInput(str(row))
    return dict(row.fields)


def _called(rows: list[dict[str, Any]], path: Path) -> list[dict[str, Any]]:
    """The rows with the names that stand in a file of their own; rows that it does not count are another set's."""
    names = read_json(path)
    if not isinstance(names, list) or len(names) != len(rows):
        return rows
    return [{"id": str(name), **row} for name, row in zip(names, rows, strict=True)]


def _from_hub(exam: Exam, name: str, subset: str | None, split: str) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    try:
        rows = list(rows_of(name, split, subset))
    except BadInput as error:
        raise BadInput(f"{exam.name}: {error}: --data PATH, or the folder that AHA_DATA names") from None
    for number, row in enumerate(rows, start=1):
        if isinstance(row, RefusedRow):
            raise BadInput(f"{exam.name}: {row}")
        yield row.place, name.rpartition("/")[2], number, dict(row.fields)


def _items(exam: Exam, source: Iterator[tuple[str, str, int, dict[str, Any]]]) -> list[Item]:
    items: dict[str, Item] = {}
    rows = list(source)
    for place, stem, number, fields in rows:
        try:
            item = exam.read(fields, stem, number)
        except WrongColumns as missing:
            has = ", ".join(map(str, fields))[:200] or "nothing"
            raise BadInput(f"{place}: no {missing}; a row of {exam.name} has {exam.source.columns}, this one has {has}") from None
        if exam.keep is not None and not exam.keep(item):
            continue
        if not gradable(item.reference):
            raise BadInput(
                f"{place}: its answer is {_told(item)!r}, which no reply could be compared with; {exam.name} has {exam.source.columns}"
            )
        items[_own_name(item.id, items)] = item
    if not items:
        raise BadInput(f"{exam.name}: no row of it is used; a row has {exam.source.columns}")
    about = {"rows": len(rows)} if exam.turn is not None else {}
    return [replace(item, id=name, about={**item.about, **about}) for name, item in items.items()]


def _told(item: Item) -> str:
    return str(getattr(item.reference, "value", item.reference))[:60]


def _own_name(name: str, taken: dict[str, Item]) -> str:
    return name if name not in taken else next(f"{name}#{turn}" for turn in count(2) if f"{name}#{turn}" not in taken)


def _refuse_encrypted(exam: Exam, path: Path) -> None:
    """BadInput for an archive with a password, and for what is no text where a table should be."""
    try:
        with path.open("rb") as file:
            start = file.read(65_536)
        locked = start.startswith(b"PK") and any(member.flag_bits & 1 for member in zipfile.ZipFile(path).infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from None
    cipher = start.startswith((b"Salted__", b"gAAAAA", b"-----BEGIN PGP", b"age-encryption"))
    if locked or cipher or (path.suffix in TABLES and b"\0" in start) or (exam.name == "gpqa_diamond" and not _is_text(start)):
        raise BadInput(
            f"{path}: it is still encrypted: unpack it with the password that its authors give beside it; "
            f"{exam.name} reads {exam.source.columns}"
        )


def _is_text(start: bytes) -> bool:
    if start.startswith((b"PK", b"\x1f\x8b")):
        return True
    try:
        start.decode()
    except UnicodeDecodeError as error:
        return len(start) == 65_536 and error.start > len(start) - 4  # a letter that the end of the piece cut
    return True
