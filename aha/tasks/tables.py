"""Rows in Parquet files: ours, where the same rows are the same bytes, and anybody's, read in a process that is held to a size."""

from __future__ import annotations

import atexit
import io
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from aha.durable import open_file
from aha.durable.reading import BOMB_BYTES, BOMB_RATIO
from aha.errors import BadInput
from aha.json_text import NotJson, parse_json

AT_ONCE = 1_000  # rows in a row group
WORKER = Path(__file__).with_name("table_worker.py")
MEMORY = 384 << 20  # bytes of the process that reads, of which it has a third from the start
SILENT_S = 120.0
ENDING_S = 5.0
TEXTS = ("id", "domain", "language")


def write_table(lines: Iterable[str]) -> Iterator[bytes]:
    """A file of examples, whose lines are those of `write_example`, in pieces to be appended. Nothing in it depends on when or how often it
    is written. BadInput for a row that no column can hold."""
    from pyarrow import parquet  # heavy, and only needed for tables

    sink, queue = io.BytesIO(), iter(lines)
    with parquet.ParquetWriter(sink, _schema(), compression="zstd", compression_level=3, write_page_checksum=True) as writer:
        while group := list(islice(queue, AT_ONCE)):
            writer.write_table(_table([json.loads(line) for line in group]))
            yield _take(sink)
    yield _take(sink)


def read_table(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """Yield every row with its number, from 1; in place of one that cannot be read, why. BadInput where the file is no Parquet, is damaged,
    or takes more memory than a table should: it is read in a process of its own."""
    number = 0
    for answer in _answers(path, count=False):
        match answer:
            case [None, reason, began]:
                place = f"{path}, from row {number + 1:,} on," if began else f"{path}"
                raise BadInput(f"{place} cannot be read: {reason}")
            case dict() | str():
                number += 1
                yield number, answer


def table_rows(path: Path) -> int:
    """Return how many rows a file says it has. BadInput where it is no Parquet."""
    match list(_answers(path, count=True)):
        case [[int(rows)]] if rows >= 0:
            return rows
        case [[None, reason, _]]:
            raise BadInput(f"{path} cannot be read: {reason}")
    raise BadInput(f"{path} cannot be read: it says that it has fewer rows than none")


# --- writing ----------------------------------------------------------------------------------------------------------


def _schema() -> Any:
    """The columns of an example."""
    import pyarrow as pa

    text, texts = pa.string(), pa.list_(pa.string())
    message = pa.struct([("role", text), ("content", text), ("reasoning_content", text)])
    origin_fields = [(name, text) for name in ("stage", "problem", "sampler")]
    origin = pa.struct([*origin_fields, ("seed", pa.int64()), ("grader", text), ("template", text), ("parents", texts)])
    return pa.schema([*((name, text) for name in TEXTS), ("messages", pa.list_(message)), ("origin", origin)])


def _table(rows: Sequence[Mapping[str, Any]]) -> Any:
    import pyarrow as pa

    try:
        return pa.Table.from_pylist(rows, _schema())
    except (ValueError, OverflowError, pa.ArrowException) as error:
        if len(rows) == 1:
            raise BadInput(f"row {rows[0].get('id')} does not fit into Parquet ({_first_line(error)}); --shards jsonl holds it") from error
        for row in rows:
            _table([row])
        raise BadInput(f"the rows do not fit into Parquet together: {_first_line(error)}") from error


def _take(sink: io.BytesIO) -> bytes:
    """What was written since the last time."""
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece


# --- reading ----------------------------------------------------------------------------------------------------------


class TableReader:
    """A process that reads tables, one after the other."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", str(WORKER), str(MEMORY)]
        environment = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, env=environment, cwd="/", **pipes)  # type: ignore[call-overload]
        self._rest = b""

    def answers(self, request: dict[str, Any]) -> Iterator[bytes]:
        """Yield the lines of an answer; the last of them begins with a bracket. EOFError where the process ends, TimeoutError where it says
        nothing for long."""
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        while True:
            *lines, self._rest = (self._rest + self._piece()).split(b"\n")
            yield from lines
            if lines and lines[-1].startswith(b"["):
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


def _answers(path: Path, count: bool) -> Iterator[Any]:
    """Yield what a process answers about a file, as values. It is kept for the next file where it has answered all."""
    with open_file(path) as file:
        most = max(BOMB_BYTES, BOMB_RATIO * os.fstat(file.fileno()).st_size)
    idle = _idle(os.getpid())
    while idle and not idle[-1].alive:
        idle.pop().close()
    reader, size, whole = idle.pop() if idle else TableReader(), 0, False
    try:
        for line in reader.answers({"path": os.path.abspath(path), "count": count}):
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
def _idle(process: int) -> list[TableReader]:
    """The readers of a process that have nothing to do: one that was forked has none yet."""
    idle = list[TableReader]()
    atexit.register(_close_readers, idle)
    return idle


def _close_readers(readers: list[TableReader]) -> None:
    while readers:
        readers.pop().close()


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
