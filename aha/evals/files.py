"""Published files, read as they come: JSON arrays or lines, plain, gzipped or zipped; and found by name in a folder of data."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aha.errors import BadInput

DEEPEST = 4  # folders below the one that is named
BIGGEST = 2_000_000_000  # bytes unpacked


def read_bytes(path: Path) -> bytes:
    """The content, unpacked by its first bytes: gzip, or a zip with one file in it. BadInput where there is none to read."""
    try:
        data = path.expanduser().read_bytes()
        if data.startswith(b"\x1f\x8b"):
            with gzip.open(io.BytesIO(data)) as packed:
                data = packed.read(BIGGEST)
        elif data.startswith(b"PK\x03\x04"):
            data = _only_member(path, data)
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from None
    return data.removeprefix(b"\xef\xbb\xbf")


def read_json(path: Path) -> Any:
    """One JSON value, or the list of the values of JSON lines. BadInput names the line that is none."""
    try:
        text = read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8: {error}") from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as whole:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        if len(lines) < 2:
            raise BadInput(f"{path}: not JSON: {whole or 'it is empty'}") from None
    return [_line(path, number, line) for number, line in lines]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The records of a file; a single object is one record. BadInput where there are none."""
    found = read_json(path)
    rows = found if isinstance(found, list) else [found]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise BadInput(f"{path}, record {number}: {str(row)[:60]!r} where an object with named fields should stand")
    if not rows:
        raise BadInput(f"{path}: no record in it")
    return rows


def need_fields(path: Path, rows: Sequence[dict[str, Any]], names: Sequence[str], what: str) -> None:
    """BadInput for the first record that lacks a field, naming those it has."""
    for number, row in enumerate(rows, start=1):
        if missing := [name for name in names if name not in row]:
            has = ", ".join(sorted(row)) or "nothing"
            raise BadInput(f"{path}, record {number}: no field {', '.join(missing)}; {what} has {', '.join(names)}, this one has {has}")


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by the names in its first line."""
    try:
        return list(csv.DictReader(io.StringIO(read_bytes(path).decode(), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a CSV file in UTF-8: {error}") from None


def data_folder(given: Path | None) -> Path | None:
    """The folder that was named, else the one that $AHA_DATA names. BadInput for one that is not there."""
    named = given or (Path(os.environ["AHA_DATA"]) if os.environ.get("AHA_DATA") else None)
    if named is not None and not named.expanduser().is_dir():
        raise BadInput(f"{named}: there is no such folder; --data (or AHA_DATA) names the one with the benchmark's files")
    return named.expanduser() if named is not None else None


def find_file(folder: Path | None, *names: str, within: str = "") -> Path | None:
    """The first of `names` that stands in the folder or a few levels below, the nearest; one below a folder called `within` first."""
    if folder is None:
        return None
    found: dict[str, list[Path]] = {}
    for path in _files(folder):
        if path.name in names:
            found.setdefault(path.name, []).append(path)
    for name in names:
        if paths := sorted(found.get(name, []), key=lambda path: (within not in path.parts if within else 0, len(path.parts), path)):
            return paths[0]
    return None


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        if len(Path(root).relative_to(folder).parts) >= DEEPEST:
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root) / name for name in names)


def _only_member(path: Path, data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [member for member in archive.infolist() if not member.is_dir() and not member.filename.startswith("__MACOSX")]
        if len(members) != 1 or members[0].file_size > BIGGEST:
            raise BadInput(f"{path}: {len(members)} files in it; a zip is read where it holds one")
        return archive.read(members[0])


def _line(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}, line {number}: not JSON: {error}") from None
