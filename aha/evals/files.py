"""Published files in their usual forms: JSON arrays or lines, plain, gzipped or zipped; and found by name in a folder of data."""

from __future__ import annotations

import csv
import io
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from aha.durable.reading import LARGEST, LONGEST_LINE, Unpacks, open_file, open_plain, watch
from aha.errors import BadInput
from aha.json_text import MOST_MEMORY, NotJson, beyond_text, parse_json

DEEPEST = 4  # the most levels below the named folder
MOST_RECORDS, MOST_CELLS = 2_000_000, 2_000_000  # of a file that is read into memory: short ones take many times their bytes
_BOM = b"\xef\xbb\xbf"


def read_bytes(path: Path) -> bytes:
    """Return the content, unpacked by its first bytes: gzip, or a zip with one file in it. BadInput if there is no such file."""
    with _plain(path) as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise BadInput(f"{path}: more than {LARGEST:,} bytes, the most that is read as a whole; JSON lines may be longer")
    return data.removeprefix(_BOM)


def read_json(path: Path) -> Any:
    """Return one JSON value, or the list of the values of JSON lines. BadInput names a line that is not JSON."""
    with _plain(path) as file:
        first = file.readline(LONGEST_LINE + 1).removeprefix(_BOM)
        second = file.readline(LONGEST_LINE + 1)
        while second and not second.strip():
            second = file.readline(LONGEST_LINE + 1)
        if not second or not _is_json(first):
            return _whole(path)
    values, memory = list[Any](), 0
    for number, line, value in _records(path):
        values.append(value)
        memory += beyond_text(line)
        if memory > MOST_MEMORY:
            raise BadInput(f"{path}, line {number}: the records up to it would take more than {MOST_MEMORY >> 20} MiB beside their texts")
        if len(values) > MOST_RECORDS:
            raise BadInput(f"{path}, line {number}: more than {MOST_RECORDS:,} records, the most that is read as a whole")
    return values


def _whole(path: Path) -> Any:
    try:
        return parse_json(read_bytes(path))
    except NotJson as error:
        raise BadInput(f"{path}: {error}") from None


def _is_json(line: bytes) -> bool:
    try:
        parse_json(line)
    except NotJson:
        return False
    return True


def _records(path: Path) -> Iterator[tuple[int, bytes, Any]]:
    with _plain(path) as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise BadInput(f"{path}, line {number}: longer than {LONGEST_LINE:,} bytes")
            if line.strip():
                try:
                    yield number, line, parse_json(line)
                except NotJson as error:
                    raise BadInput(f"{path}, line {number}: {error}") from None


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file; a single object is one record. BadInput if there are none."""
    return as_records(path, read_json(path))


def as_records(path: Path, data: Any) -> list[dict[str, Any]]:
    """Return the records of a parsed file; a single object is one record. BadInput if there are none or one is not an object."""
    rows = data if isinstance(data, list) else [data]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise BadInput(f"{path}, record {number}: {str(row)[:60]!r} where an object with named fields should be")
    if not rows:
        raise BadInput(f"{path}: no record in it")
    return rows


def need_fields(path: Path, rows: Sequence[dict[str, Any]], names: Sequence[str], purpose: str) -> None:
    """Raise BadInput for the first record that lacks a field, naming those it has."""
    for number, row in enumerate(rows, start=1):
        if missing := [name for name in names if name not in row]:
            has = ", ".join(sorted(row)) or "nothing"
            raise BadInput(f"{path}, record {number}: no field {', '.join(missing)}; {purpose} has {', '.join(names)}, this one has {has}")


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file by the names in its first line. BadInput for too many cells: short rows are filled up."""
    rows, cells = list[dict[str, str]](), 0
    try:
        for row in csv.DictReader(io.StringIO(read_bytes(path).decode(), newline="")):
            rows.append(row)
            cells += len(row)
            if cells > MOST_CELLS:
                raise BadInput(f"{path}, row {len(rows):,}: more than {MOST_CELLS:,} cells, the most that is read as a whole")
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a CSV file in UTF-8: {error}") from None
    return rows


def data_folder(folder: Path | None) -> Path | None:
    """Return the named folder, else the one in $AHA_DATA. BadInput if it does not exist."""
    place = folder or (Path(os.environ["AHA_DATA"]) if os.environ.get("AHA_DATA") else None)
    if place is not None and not place.expanduser().is_dir():
        raise BadInput(f"{place}: there is no such folder; --data (or AHA_DATA) names the one with the benchmark's files")
    return place.expanduser() if place is not None else None


def find_file(folder: Path | None, *names: str, within: str = "") -> Path | None:
    """Return the file in the folder or a few levels below with the first possible of `names`; one below a folder `within` is preferred,
    then the nearest."""
    if folder is None:
        return None
    files: dict[str, list[Path]] = {}
    for path in _files(folder):
        if path.name in names:
            files.setdefault(path.name, []).append(path)
    for name in names:
        if paths := sorted(files.get(name, []), key=lambda path: (within not in path.parts if within else 0, len(path.parts), path)):
            return paths[0]
    return None


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        if len(Path(root).relative_to(folder).parts) >= DEEPEST:
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root) / name for name in names)


@contextmanager
def _plain(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file, decompressed if it is packed."""
    path = path.expanduser()
    if not path.exists():
        raise BadInput(f"{path}: there is no such file")
    with open_file(path) as file:
        start = file.peek(4)[:4]
        if start.startswith(b"PK\x03\x04"):
            with _only_member(path, file) as member:
                yield member
            return
    with open_plain(path, packed=start.startswith(b"\x1f\x8b")) as file:
        yield file


@contextmanager
def _only_member(path: Path, file: io.BufferedReader) -> Iterator[io.BufferedReader]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if not member.is_dir() and not member.filename.startswith("__MACOSX")]
            if len(members) != 1:
                raise BadInput(f"{path}: {len(members)} files in it; a zip has to hold exactly one")
            with archive.open(members[0]) as inner:
                yield watch(cast(Unpacks, inner), path)  # a ZipExtFile
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from None
