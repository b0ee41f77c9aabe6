"""Files that somebody else may have written: regular ones only, and no more of them in memory than was meant to be."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from aha.durable.files import trouble
from aha.errors import BadInput
from aha.json_text import NotJson, parse_json

LARGEST = 128 << 20  # bytes of a file that is read as a whole, or unpacked as a whole
DOCUMENT = 32 << 20  # bytes of a file of JSON
LONGEST_LINE = 64 << 20
PIECE = 1 << 20
BOMB_BYTES, BOMB_RATIO = 128 << 20, 200  # what unpacks to more bytes than the first, at more than the second, is no data that anyone wrote


class Unpacks(Protocol):
    """A file within another one."""

    def read1(self, n: int, /) -> bytes: ...


@contextmanager
def open_file(path: Path) -> Iterator[io.BufferedReader]:
    """The file, open for reading. BadInput where it is a folder, a pipe or a device, which might never end; DiskTrouble where it cannot be
    read."""
    with trouble(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except ValueError:  # a zero in the name, which a setting of JSON can hold
            raise BadInput(f"{str(path)[:200]!r}: it cannot be the name of a file") from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BadInput(f"{path}: it is not a file but a folder, a pipe or a device")
        with open(descriptor, "rb") as file:
            yield file


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """BadInput about what a file holds names the file."""
    try:
        yield
    except BadInput as error:
        raise BadInput(str(error) if str(path) in str(error) else f"{path}: {error}") from None


def read_file(path: Path, most: int = LARGEST) -> bytes:
    """All of it. BadInput where it has more than `most` bytes."""
    with open_file(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise BadInput(f"{path}: it has more than {most:,} bytes, the most that is read of such a file")
    return data


def read_document(path: Path, most: int = DOCUMENT) -> Any:
    """Its one JSON value. BadInput where it is none."""
    try:
        return parse_json(read_file(path, most))
    except NotJson as error:
        raise BadInput(f"{path}: {error}") from None


def unpack_file(path: Path, most: int = LARGEST) -> bytes:
    """All of a gzipped file. BadInput where it would unpack to more than `most` bytes, or is damaged."""
    pieces, size = list[bytes](), 0
    with open_plain(path) as file:
        while piece := file.read(PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise BadInput(f"{path}: it unpacks to more than {most:,} bytes, the most that is read of such a file")
    return b"".join(pieces)


@contextmanager
def open_plain(path: Path, packed: bool | None = None) -> Iterator[io.BufferedReader]:
    """The file, unpacked as it is read where it is `packed` (by default: named .gz). BadInput where it is damaged, or a bomb."""
    with open_file(path) as file:
        if not (path.suffix == ".gz" if packed is None else packed):
            yield file
            return
        with gzip.GzipFile(fileobj=file, mode="rb") as inner:
            yield watch(inner, path)


def watch(inner: Unpacks, path: Path) -> io.BufferedReader:
    """What is unpacked from the file at `path`, with an eye on how much it is."""
    return io.BufferedReader(_BombGuard(inner, path, path.stat().st_size), PIECE)


class _BombGuard(io.RawIOBase):
    """An unpacked stream that ends with BadInput where it turns out to be a bomb."""

    def __init__(self, inner: Unpacks, path: Path, size: int) -> None:
        self._inner, self._path, self._most, self._read = inner, path, max(BOMB_BYTES, BOMB_RATIO * size), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._inner.read1(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadInput(f"{self._path}: damaged: {error}") from None
        buffer[: len(data)] = data
        self._read += len(data)
        if self._read > self._most:
            raise BadInput(f"{self._path}: it unpacks to more than {BOMB_RATIO} times its size, which no data does that anyone wrote")
        return len(data)


def read_lines(path: Path, longest: int = LONGEST_LINE) -> Iterator[tuple[int, bytes]]:
    """Each line with its number, from 1, its end included. Of one that is longer, `longest` bytes and one more; its rest is passed over."""
    with open_plain(path) as file:
        number = 0
        while line := file.readline(longest + 1):
            number += 1
            whole = len(line) <= longest or line.endswith(b"\n")
            yield number, line
            while not whole:
                rest = file.readline(PIECE)
                whole = not rest or rest.endswith(b"\n")


def read_records(path: Path, longest: int = LONGEST_LINE) -> Iterator[tuple[int, Any]]:
    """The JSON value of each line that is not blank, with its number. BadInput names the line that is none."""
    for number, line in read_lines(path, longest):
        if len(line) > longest:
            raise BadInput(f"{path}, line {number}: longer than {longest:,} bytes")
        if line.strip():
            try:
                yield number, parse_json(line)
            except NotJson as error:
                raise BadInput(f"{path}, line {number}: {error}") from None
