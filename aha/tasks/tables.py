"""Rows in Parquet files: ours, where the same rows give the same bytes, and other people's, read in a process with a memory limit."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from aha.durable.reading import table_answers
from aha.errors import BadInput

AT_ONCE = 1_000  # rows in a row group
TURN_FIELDS = {"role", "from", "value", "content", "human", "user"}
NOTES = {"version", "name", "description", "license", "url", "split", "dataset", "title", "author", "date"}  # texts about a whole table
TEXTS = ("id", "domain", "language")


def write_table(lines: Iterable[str]) -> Iterator[bytes]:
    """Yield a file of examples, from lines as `write_example` makes them, in pieces to be appended. The bytes depend only on the rows.
    BadInput for a row that no column can hold."""
    from pyarrow import parquet  # heavy, and only needed for tables

    sink, queue = io.BytesIO(), iter(lines)
    with parquet.ParquetWriter(sink, _schema(), compression="zstd", compression_level=3, write_page_checksum=True) as writer:
        while group := list(islice(queue, AT_ONCE)):
            writer.write_table(_table([json.loads(line) for line in group]))
            yield _take(sink)
    yield _take(sink)


def read_table(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """Yield every row with its number, from 1; a row that cannot be read is replaced by the reason. BadInput if the file is no Parquet, is
    damaged, or takes too much memory; it is read in a process of its own."""
    number = 0
    for answer in table_answers(path):
        match answer:
            case [None, reason, began]:
                place = f"{path}, from row {number + 1:,} on," if began else f"{path}"
                raise BadInput(f"{place} cannot be read: {reason}")
            case dict() | str():
                number += 1
                yield number, answer


def table_rows(path: Path) -> int:
    """Return the number of rows that a file says it has. BadInput if it is no Parquet."""
    match list(table_answers(path, count=True)):
        case [[int(rows)]] if rows >= 0:
            return rows
        case [[None, reason, _]]:
            raise BadInput(f"{path} cannot be read: {reason}")
    raise BadInput(f"{path} cannot be read: its number of rows is below 0")


# --- writing ----------------------------------------------------------------------------------------------------------


def _schema() -> Any:
    """Return the columns of an example."""
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
    """Return the bytes written since the last call."""
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def refuse_columns(path: Path, fields: Mapping[str, object]) -> None:
    """Raise BadInput if the only object of a file is a whole table: a list of its rows under a name, or a list or object for each of its
    columns, as pandas writes it."""
    lists = {name: value for name, value in fields.items() if isinstance(value, list) and value}
    by_number = [name for name, value in fields.items() if isinstance(value, dict) and value and all(key.isdigit() for key in value)]
    cells = [cell for value in lists.values() for cell in value]
    in_lists = len(lists) == len(fields) > 1 and len({len(value) for value in lists.values()}) == 1
    texts = in_lists and any(isinstance(cell, str) for cell in cells) and not any(isinstance(cell, dict) for cell in cells)
    if texts or len(by_number) == len(fields) > 1:
        raise BadInput(
            f"{path}: it is one object with a whole column in {next(iter(fields))!r}: write an object a row (orient='records', lines=True)"
        )
    for name, value in lists.items():
        rows = all(isinstance(row, dict) and not TURN_FIELDS & row.keys() for row in value)
        if rows and len(lists) == 1 and not any(isinstance(other, str) and key.lower() not in NOTES for key, other in fields.items()):
            raise BadInput(f"{path}: it is one object, with {len(value)} rows in a list under {name!r}: save that list alone")
