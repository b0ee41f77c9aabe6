"""Tables in Parquet files of anybody, read in a process of their own that the kernel holds to a size."""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from aha.durable.reading import BOMB_BYTES, BOMB_RATIO, open_file
from aha.errors import BadInput
from aha.json_text import NotJson, parse_json

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
