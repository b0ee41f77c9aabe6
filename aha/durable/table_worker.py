"""The process that reads Parquet, one file after another, until its input ends. It is run by path and imports nothing of the package.

A file of a few kilobytes can unpack to terabytes in more ways than its headers admit: pages, dictionaries, prefixes that values share, null
values of a gigabyte each. So the kernel limits this process's memory; its user reports one line if that is not enough.

A request is a line of JSON with the `path` of a file. The answer is lines: an object for each row, a text in place of an unreadable row,
and last a list: the number of rows, or null, the reason why there are no more, and whether reading had begun. If memory ran out,
this is the last answer. A request may have more fields:

- `count`: only the last list, with the number of rows by the file's metadata.
- `arrays`: lists of 32-bit numbers are answered in base64 after the name of their type (`<f4:...`), to the bit. A row whose numbers are
  partly missing ends the answer.
- `only`: the name of a column of whole numbers and one of them: row groups that cannot hold it, by their statistics, are skipped.
- `longest`: the most bytes of a row.
"""

from __future__ import annotations

import base64
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
BYTES_AT_ONCE = 32 << 20  # of rows that are unpacked together, by the file's figures; at least one row is
CELLS_AT_ONCE = 200_000  # columns times rows
LONGEST_ROW = 4_000_000  # bytes of its JSON, as of a line
BUFFER = 1 << 20  # bytes of packed pages in memory
ARRAYS = (pyarrow.int32(), pyarrow.float32())
STRINGS, CONTAINERS = 16 << 20, 1 << 20  # of the footer
TROUBLE = (OSError, ValueError, pyarrow.ArrowException)  # ValueError: the name of a column that is no UTF-8


def answers(request: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the answer."""
    began, number = False, 0
    try:
        limits = {"thrift_string_size_limit": STRINGS, "thrift_container_size_limit": CONTAINERS}
        with parquet.ParquetFile(request["path"], page_checksum_verification=True, buffer_size=BUFFER, pre_buffer=False, **limits) as file:
            if request.get("count"):
                yield json.dumps([file.metadata.num_rows])
                return
            check_names(file.schema_arrow.names)
            began, longest, arrays = True, request.get("longest", LONGEST_ROW), request.get("arrays")
            groups = row_groups(file.metadata, *request.get("only", ("", 0)))
            for batch in file.iter_batches(rows_at_once(file.metadata), groups, use_threads=False):
                for line in array_lines(batch, longest) if arrays else lines_of(batch, longest):
                    number += 1
                    yield line
            count = sum(file.metadata.row_group(place).num_rows for place in groups)
            if number != count:  # a flipped bit in a page's header can end the reading early
                raise ValueError(f"its footer counts {count} rows, and {number} can be read")
        yield json.dumps([number])
    except MemoryError:
        yield json.dumps([None, "reading it takes more memory than any table should", began])
        raise
    except TROUBLE as error:
        yield json.dumps([None, (str(error).strip() or type(error).__name__).splitlines()[0], began])


def check_names(names: list[str]) -> None:
    """Refuse a table with two columns of one name, since a row can hold only one of them."""
    name, count = Counter(names).most_common(1)[0] if names else ("", 1)
    if count > 1:
        raise ValueError(f"column {name[:40]!r} is there twice")


def rows_at_once(metadata: parquet.FileMetaData) -> int:
    """Return the number of rows that are unpacked together: fewer if they are long or have many columns."""
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    longest = max((group.total_byte_size / max(1, group.num_rows) for group in groups), default=1.0)
    most = min(ROWS_AT_ONCE, BYTES_AT_ONCE / max(1.0, longest), CELLS_AT_ONCE / max(1, metadata.num_columns))
    return max(1, int(most))


def row_groups(metadata: parquet.FileMetaData, name: str, number: int) -> list[int]:
    """Return the row groups that may have a row with this number in the column of that name; all of them if no column is named."""
    places = range(metadata.num_row_groups)
    column = next((place for place in range(metadata.num_columns) if metadata.schema.column(place).path == name), None)
    if column is None:
        return list(places)
    statistics = {place: metadata.row_group(place).column(column).statistics for place in places}
    return [place for place, known in statistics.items() if known is None or not known.has_min_max or known.min <= number <= known.max]


def lines_of(batch: pyarrow.RecordBatch, longest: int) -> Iterator[str]:
    """Yield the line of each row; rows are converted one by one if the whole batch cannot be."""
    try:
        rows = batch.to_pylist()
    except ValueError:
        for place in range(batch.num_rows):
            yield line_of(batch.slice(place, 1), longest)
    else:
        yield from (row_line(row, longest) for row in rows)


def line_of(batch: pyarrow.RecordBatch, longest: int) -> str:
    """Return the line of the only row."""
    try:
        (row,) = batch.to_pylist()
    except ValueError as error:
        return json.dumps(f"cannot be read: {(str(error) or type(error).__name__).splitlines()[0]}")
    return row_line(row, longest)


def array_lines(batch: pyarrow.RecordBatch, longest: int) -> Iterator[str]:
    """Yield the line of each row, in which lists of 32-bit numbers are base64."""
    arrays = [field.name for field in batch.schema if pyarrow.types.is_list(field.type) and field.type.value_type in ARRAYS]
    others = batch.select([name for name in batch.schema.names if name not in arrays])
    for place in range(batch.num_rows):
        (row,) = others.slice(place, 1).to_pylist() if others.num_columns else ({},)
        yield row_line(row | {name: array_text(batch.column(name)[place].values) for name in arrays}, longest)


def array_text(values: pyarrow.Array | None) -> str | None:
    """Return numbers after the name of their type. ValueError if some are missing."""
    if values is None:
        return None
    numbers = values.to_numpy(zero_copy_only=True)
    return f"{numbers.dtype.str}:{base64.b64encode(numbers).decode()}"


def row_line(row: dict[str, Any], longest: int) -> str:
    """Return a row as JSON, or, for a row that is too long, the reason why not."""
    try:
        line = json.dumps(row, ensure_ascii=False, allow_nan=False, default=plain_value)
    except ValueError:
        line = json.dumps(finite(row), ensure_ascii=False, allow_nan=False, default=plain_value)
    if len(line) > longest // 4 and len(line.encode("utf-8", "replace")) > longest:
        return json.dumps(f"longer than the {longest:,} bytes of a row that are read")
    return line


def plain_value(value: Any) -> Any:
    """Return the JSON form of a value of another type: bytes become text if they are valid text, else null."""
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
    """Return the value with null for NaN, which tables write for a missing value, and infinity spelled out."""
    match value:
        case float() if not math.isfinite(value):
            return None if math.isnan(value) else str(value)
        case dict():
            return {name: finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [finite(inner) for inner in value]
    return value


def confine(memory: int) -> None:
    """Limit this process to so many bytes of memory; from now on it can write no file and open only a few."""
    for limit, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
    ):
        resource.setrlimit(limit, (most, most))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is for the parent; this process ends with its input


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
