"""Reading of files that may come from strangers: regular files only, and within a limit of memory.

Parquet tables from outside are read in a process of their own, whose memory the kernel limits.
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

LARGEST = 128 << 20  # the most bytes of a file that is read or decompressed as a whole
DOCUMENT = 32 << 20  # the most bytes of a JSON file
LONGEST_LINE = 64 << 20
PIECE = 1 << 20
LONGEST_HEADER = 1 << 16  # the most bytes of a name or comment in a gzip header
BOMB_BYTES, BOMB_RATIO = 128 << 20, 200  # a file that exceeds both this size and this ratio when decompressed is a bomb


class Unpacks(Protocol):
    """A stream that decompresses a file as it is read."""

    def read1(self, n: int, /) -> bytes: ...


@contextmanager
def open_file(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading. BadInput for a folder, a pipe or a device, which might never end; DiskTrouble if it cannot be read."""
    with disk_errors(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except ValueError:  # a zero byte in the name, which a JSON setting can hold
            raise BadInput(f"{str(path)[:200]!r}: it cannot be the name of a file") from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BadInput(f"{path}: it is not a file but a folder, a pipe or a device")
        with open(descriptor, "rb") as file:
            yield file


FOREIGN_FORMS = (  # the first bytes of files that hold no text, and what to do about them
    (b"version https://git-lfs", "it is a pointer of Git LFS and not the file itself: fetch it with git lfs pull"),
    (b"\x28\xb5\x2f\xfd", "it is packed with zstd: unpack it (zstd -d)"),
    (b"\xfd7zXZ", "it is packed with xz: unpack it (xz -d)"),
    (b"BZh91AY&SY", "it is packed with bzip2: unpack it (bzip2 -d)"),
    (b"7z\xbc\xaf", "it is a 7z archive: unpack it"),
    (b"PK\x03\x04", "it is a zip archive, or a workbook of Excel: unpack it, or save it as .csv"),
    (b"\xff\xfe", "it is UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "it is UTF-16: save it as UTF-8"),
    (b"ARROW1", "it is an Arrow file of the library `datasets`: write its rows with to_parquet or to_json"),
    (b"\xff\xff\xff\xff", "it is an Arrow file of the library `datasets`: write its rows with to_parquet or to_json"),
    (b"SQLite format 3", "it is a database of SQLite: export its rows as .csv or .jsonl"),
    (b"\x80\x04\x95", "it is a pickle, which may run code: write its rows as .jsonl or .parquet"),
    (b"PAR1", "it is a Parquet table: give it the ending .parquet"),
    (b"\x1f\x8b", "it is gzipped: JSON lines are read so if their name ends with .gz; unpack others"),
    (b"<!doctype html", "it is a web page, of an error or a login perhaps, and not the file itself: fetch it again"),
    (b"<html", "it is a web page, of an error or a login perhaps, and not the file itself: fetch it again"),
)


def refuse_foreign_form(path: Path) -> None:
    """Raise BadInput if the first bytes of a file of rows say that it holds something else than its name promises, or if a folder has what
    other folders than those of rows have."""
    if path.is_dir():
        if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
            raise BadInput(f"{path}: the library `datasets` saved it for itself: write its rows with to_parquet or to_json, and name those")
        if (path / "config.json").is_file() and (path / "tokenizer.json").is_file():
            raise BadInput(f"{path}: it holds a model (config.json, tokenizer.json) and no rows")
        return
    promise = {".parquet": b"PAR1", ".gz": b"\x1f\x8b"}.get(path.suffix, b"")
    if path.suffix == ".gz" and Path(path.stem).suffix in (".csv", ".tsv", ".parquet"):
        raise BadInput(f"{path}: of gzipped files only JSON lines are read: unpack it")
    with open_file(path) as file:
        start = file.peek(512)[:512]
    for begin, advice in FOREIGN_FORMS:
        if begin != promise and start.lstrip().lower().startswith(begin.lower()):
            raise BadInput(f"{path}{', line 1' * begin.isascii()}: {advice}")
    if start[257:262] == b"ustar":
        raise BadInput(f"{path}: it is a tar archive: unpack it")


def absence_of(text: str) -> str:
    """Return why no file or folder can be read under a name that a person gave."""
    path = Path(text).expanduser()
    if not text.strip():
        return "the name is empty, as a variable that is not set"
    if "://" in text:
        return "it is an address, and files are read from this machine: fetch it first"
    if path.exists():
        return "it is a pipe or a device, and rows are read more than once: write them to a file"
    if path.is_symlink():
        return f"it is a link to {os.readlink(path)}, where nothing is"
    if set("*?[") & set(text):
        return "patterns are not read here: name a folder, or files with commas between them"
    return "there is no such file or folder"


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Add the file's name to a BadInput about its content."""
    try:
        yield
    except BadInput as error:
        raise BadInput(str(error) if str(path) in str(error) else f"{path}: {error}") from None


def read_file(path: Path, most: int = LARGEST) -> bytes:
    """Return the file's bytes. BadInput if there are more than `most`."""
    with open_file(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise BadInput(f"{path}: it has more than {most:,} bytes, the most that is read of such a file")
    return data


def read_document(path: Path, most: int = DOCUMENT) -> Any:
    """Return the JSON value of a file. BadInput if it is not valid JSON."""
    try:
        return parse_json(read_file(path, most))
    except NotJson as error:
        raise BadInput(f"{path}: {error}") from None


def unpack_file(path: Path) -> bytes:
    """Return all data of a gzipped file. BadInput if it is damaged or unpacks to more than LARGEST bytes."""
    pieces, size = list[bytes](), 0
    with open_plain(path) as file:
        while piece := file.read(PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST:
                raise BadInput(f"{path}: it unpacks to more than {LARGEST:,} bytes, the most that is read of such a file")
    return b"".join(pieces)


@contextmanager
def open_plain(path: Path, packed: bool | None = None) -> Iterator[io.BufferedReader]:
    """Open a file, decompressed as it is read if `packed` (by default: named .gz). BadInput if it is damaged, or a bomb."""
    with open_file(path) as file:
        if not (path.suffix == ".gz" if packed is None else packed):
            yield file
            return
        with gzip.GzipFile(fileobj=_HeaderGuard(file, path), mode="rb") as inner:
            yield watch(inner, path)


class _HeaderGuard:
    """A gzipped file that refuses overlong headers, which gzip reads a byte at a time."""

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
    """Return the decompressed stream of the file at `path`, which raises BadInput for a decompression bomb."""
    return io.BufferedReader(_BombGuard(inner, path, path.stat().st_size), PIECE)


class _BombGuard(io.RawIOBase):
    """A decompressed stream that raises BadInput if it turns out to be a bomb."""

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
            raise BadInput(f"{self._path}: it unpacks to more than {BOMB_RATIO} times its size, as no real data does")
        return len(data)


def read_lines(path: Path, longest: int = LONGEST_LINE) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its number, from 1, its end included. A longer line gives its first `longest` + 1 bytes; the rest is skipped."""
    with open_plain(path) as file:
        number = 0
        while line := file.readline(longest + 1):
            number += 1
            whole = len(line) <= longest or line.endswith(b"\n")
            yield number, line
            while not whole:
                rest = file.readline(PIECE)
                whole = not rest or rest.endswith(b"\n")


def read_records(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the JSON value of each line that is not blank, with its number. BadInput names a line that is not JSON."""
    for number, line in read_lines(path, LONGEST_LINE):
        if len(line) > LONGEST_LINE:
            raise BadInput(f"{path}, line {number}: longer than {LONGEST_LINE:,} bytes")
        if line.strip():
            try:
                yield number, parse_json(line)
            except NotJson as error:
                raise BadInput(f"{path}, line {number}: {error}") from None


WORKER = Path(__file__).with_name("table_worker.py")
MEMORY = 384 << 20  # bytes of the reading process, a third of which it takes from the start
SILENT_S = 120.0
ENDING_S = 5.0


class TableReader:
    """A process that reads tables, one after another."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", str(WORKER), str(MEMORY)]
        environment = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, env=environment, cwd="/", **pipes)  # type: ignore[call-overload]

    def answers(self, request: dict[str, Any]) -> Iterator[bytes]:
        """Yield the lines of an answer; the last of them begins with a bracket. EOFError if the process ends, TimeoutError if it is silent
        for long."""
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        pieces = list[bytes]()  # of a line whose end has not arrived: joined once, however long it is
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
        """Return True if the process can take a request: it has not ended and has not closed its end of the pipe."""
        return self._process.poll() is None and not select.select([self._process.stdout], [], [], 0.0)[0]

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):  # requests that it has not read
                pipe.close()
        self._process.wait(timeout=ENDING_S)


def table_answers(path: Path, **request: Any) -> Iterator[Any]:
    """Yield the process's answers about a file, as values: rows, and last a list that says how it ended. `request`: see `table_worker`. A
    process that has answered completely is kept for the next file. BadInput for a file that unpacks to too much."""
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
                raise BadInput(f"{path}: it unpacks to more than {BOMB_RATIO} times its size, as no real data does")
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
    """Return the idle readers of a process: a forked process begins without any."""
    idle = list[TableReader]()
    atexit.register(close_readers, idle)
    return idle


def close_readers(readers: list[TableReader]) -> None:
    """End these processes."""
    while readers:
        readers.pop().close()
