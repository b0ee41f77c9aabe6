"""The process that reads Parquet, one file after the other, until its input ends. Run by path; imports nothing of the package.

A file of a few kilobytes can unpack to terabytes in more ways than its headers admit: pages, dictionaries, prefixes that values share, null
values of a gigabyte each. So the kernel holds this process to a size, and whoever asks to one line where that is too little.

A request is a line of JSON, `{"path", "count"}`. The answer is lines: an object for each row, a text in place of one that cannot be read,
and last a list: the number of rows, or null, the reason why there are no more, and whether reading had begun. Where memory ran out, this is
the last answer.
"""

from __future__ import annotations

import json
import math
import resource
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from typing import Any

import pyarrow
from pyarrow import parquet

ROWS_AT_ONCE = 1_000
BYTES_AT_ONCE = 32 << 20  # of rows that are unpacked together, as the file says; at least one is
CELLS_AT_ONCE = 200_000  # columns times rows
LONGEST_ROW = 4_000_000  # bytes of its JSON, as of a line
BUFFER = 1 << 20  # bytes of packed pages in memory
STRINGS, CONTAINERS = 16 << 20, 1 << 20  # of the footer
TROUBLE = (OSError, ValueError, pyarrow.ArrowException)  # ValueError: the name of a column that is no UTF-8


def answers(request: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the answer."""
    began, number = False, 0
    try:
        limits = {"thrift_string_size_limit": STRINGS, "thrift_container_size_limit": CONTAINERS}
        with parquet.ParquetFile(request["path"], page_checksum_verification=True, buffer_size=BUFFER, pre_buffer=False, **limits) as file:
            if request["count"]:
                yield json.dumps([file.metadata.num_rows])
                return
            check_names(file.schema_arrow.names)
            began = True
            for batch in file.iter_batches(rows_at_once(file.metadata), use_threads=False):
                for line in lines_of(batch):
                    number += 1
                    yield line
        yield json.dumps([number])
    except MemoryError:
        yield json.dumps([None, "reading it takes more memory than any table should", began])
        raise
    except TROUBLE as error:
        yield json.dumps([None, (str(error).strip() or type(error).__name__).splitlines()[0], began])


def check_names(names: list[str]) -> None:
    """Refuse a table with two columns of one name: a row can hold one of the two."""
    name, count = Counter(names).most_common(1)[0] if names else ("", 1)
    if count > 1:
        raise ValueError(f"column {name[:40]!r} stands there twice")


def rows_at_once(metadata: parquet.FileMetaData) -> int:
    """Return how many rows are unpacked together: fewer where they are long or have many columns."""
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    longest = max((group.total_byte_size / max(1, group.num_rows) for group in groups), default=1.0)
    most = min(ROWS_AT_ONCE, BYTES_AT_ONCE / max(1.0, longest), CELLS_AT_ONCE / max(1, metadata.num_columns))
    return max(1, int(most))


def lines_of(batch: pyarrow.RecordBatch) -> Iterator[str]:
    """Yield the line of each row: one by one where the whole cannot be read."""
    try:
        rows = batch.to_pylist()
    except ValueError:
        for place in range(batch.num_rows):
            yield line_of(batch.slice(place, 1))
    else:
        yield from map(row_line, rows)


def line_of(batch: pyarrow.RecordBatch) -> str:
    """Return the line of the only row."""
    try:
        (row,) = batch.to_pylist()
    except ValueError as error:
        return json.dumps(f"cannot be read: {(str(error) or type(error).__name__).splitlines()[0]}")
    return row_line(row)


def row_line(row: dict[str, Any]) -> str:
    """Return a row as JSON; why not, where it is too long."""
    try:
        line = json.dumps(row, ensure_ascii=False, allow_nan=False, default=plain_value)
    except ValueError:
        line = json.dumps(finite(row), ensure_ascii=False, allow_nan=False, default=plain_value)
    if len(line) > LONGEST_ROW // 4 and len(line.encode("utf-8", "replace")) > LONGEST_ROW:
        return json.dumps(f"longer than the {LONGEST_ROW:,} bytes of a row that are read")
    return line


def plain_value(value: Any) -> Any:
    """Return what JSON has for a value that is none of its own: bytes are a text where they are one, else nothing."""
    match value:
        case bytes():
            try:
                return value.decode("utf-8")
            except UnicodeDecodeError:
                return None
        case Decimal():
            return (
                int(value) if value == value.to_integral_value() else float(value) if Decimal(repr(float(value))) == value else str(value)
            )
        case date() | time():
            return value.isoformat()
    return str(value)


def finite(value: Any) -> Any:
    """Return the value with nothing where it says NaN, which is what tables write for nothing, and infinity spelled out."""
    match value:
        case float() if not math.isfinite(value):
            return None if math.isnan(value) else str(value)
        case dict():
            return {name: finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [finite(inner) for inner in value]
    return value


def confine(memory: int) -> None:
    """Take so many bytes of memory at most, and write no file and open no more than a few from now on."""
    for limit, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
    ):
        resource.setrlimit(limit, (most, most))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is for whoever asks; this ends when its input does


def main() -> None:
    """Answer until the input ends."""
    confine(int(sys.argv[1]))
    for line in sys.stdin.buffer:
        try:
            for answer in answers(json.loads(line)):
                sys.stdout.buffer.write(answer.encode("utf-8", "replace") + b"\n")
        except MemoryError:
            break
        finally:
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
