"""Files that somebody else may have written: regular ones only, and no more of them in memory than was meant to be.

Tables in Parquet files of anybody, read in a process of their own that the kernel holds to a size.
"""

from __future__ import annotations

import atexit
import gzip
import io
import json
import os
import select
import stat
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from aha.durable.files import disk_errors
from aha.errors import BadInput
from aha.json_text import NotJson, parse_json

LARGEST = 128 << 20  # bytes of a file that is read as a whole, or unpacked as a whole
DOCUMENT = 32 << 20  # bytes of a file of JSON
LONGEST_LINE = 64 << 20
PIECE = 1 << 20
LONGEST_HEADER = 1 << 16  # bytes of a name or comment in a gzip header
BOMB_BYTES, BOMB_RATIO = 128 << 20, 200  # what unpacks to more bytes than the first, at more than the second, is no data that anyone wrote


class Unpacks(Protocol):
    """A file within another one."""

    def read1(self, n: int, /) -> bytes: ...


@contextmanager
def open_file(path: Path) -> Iterator[io.BufferedReader]:
    """The file, open for reading. BadInput where it is a folder, a pipe or a device, which might never end; DiskTrouble where it cannot be
    read."""
    with disk_errors(path):
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
        with gzip.GzipFile(fileobj=_HeaderGuard(file, path), mode="rb") as inner:
            yield watch(inner, path)


class _HeaderGuard:
    """A gzipped file whose headers are read a byte at a time, as gzip does, and no longer than anybody writes them."""

    def __init__(self, file: io.BufferedReader, path: Path) -> None:
        self._file, self._path, self._single_bytes = file, path, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        self._single_bytes = self._single_bytes + 1 if size == 1 else 0
        if self._single_bytes > LONGEST_HEADER:
            raise BadInput(f"{self._path}: the name in its gzip header is longer than {LONGEST_HEADER:,} bytes")
        return self._file.read(size)


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


WORKER = Path(__file__).with_name("table_worker.py")
MEMORY = 384 << 20  # bytes of the process that reads, of which it has a third from the start
SILENT_S = 120.0
ENDING_S = 5.0


class TableReader:
    """A process that reads tables, one after the other."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", str(WORKER), str(MEMORY)]
        environment = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, env=environment, cwd="/", **pipes)  # type: ignore[call-overload]

    def answers(self, request: dict[str, Any]) -> Iterator[bytes]:
        """Yield the lines of an answer; the last of them begins with a bracket. EOFError where the process ends, TimeoutError where it says
        nothing for long."""
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        pieces = list[bytes]()  # of a line whose end has not come: joined once, however long it is
        while True:
            first, *lines = self._piece().split(b"\n")
            pieces.append(first)
            if lines:
                whole_lines = [b"".join(pieces), *lines[:-1]]
                pieces = lines[-1:]
                yield from whole_lines
                if whole_lines[-1].startswith(b"["):
                    return

    def _piece(self) -> bytes:
        place = self._process.stdout.fileno()
        if not select.select([place], [], [], SILENT_S)[0]:
            raise TimeoutError
        if not (piece := os.read(place, 1 << 20)):
            raise EOFError
        return piece

    @property
    def alive(self) -> bool:
        """Whether it can be asked: it has not ended, and is not about to, which closes its end of the pipe."""
        return self._process.poll() is None and not select.select([self._process.stdout], [], [], 0.0)[0]

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):  # what was still to be said to it
                pipe.close()
        self._process.wait(timeout=ENDING_S)


def table_answers(path: Path, **request: Any) -> Iterator[Any]:
    """Yield what a process answers about a file, as values: rows, and last a list that says how it ended. `request`: see `table_worker`.
    The process is kept for the next file where it has answered all. BadInput for what unpacks to too much."""
    with open_file(path) as file:
        most = max(BOMB_BYTES, BOMB_RATIO * os.fstat(file.fileno()).st_size)
    idle = idle_readers(os.getpid())
    while idle and not idle[-1].alive:
        idle.pop().close()
    reader, size, whole = idle.pop() if idle else TableReader(), 0, False
    try:
        for line in reader.answers({"path": os.path.abspath(path), **request}):
            size += len(line)
            if size > most:
                raise BadInput(f"{path}: it unpacks to more than {BOMB_RATIO} times its size, which no data does that anyone wrote")
            answer = parse_json(line)
            whole = isinstance(answer, list)
            yield answer
    except (EOFError, BrokenPipeError):
        yield [None, "the process that reads it broke down: it is damaged, or takes more memory than any table should", True]
    except TimeoutError:
        yield [None, f"nothing came of it in {SILENT_S:g} s", True]
    except NotJson as error:
        raise BadInput(f"{path}: a row of it is no JSON ({error})") from None
    finally:
        if whole:
            idle.append(reader)
        else:
            reader.close()


@cache
def idle_readers(process: int) -> list[TableReader]:
    """The readers of a process that have nothing to do: one that was forked has none yet."""
    idle = list[TableReader]()
    atexit.register(close_readers, idle)
    return idle


def close_readers(readers: list[TableReader]) -> None:
    """End these processes."""
    while readers:
        readers.pop().close()
