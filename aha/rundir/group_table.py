"""Groups as a table in a Parquet file, one reply per row: all that engine, grader and learner knew of it, to the bit.

Token ids are int32 and log-probabilities float32; texts have columns of their own. The problem and the prompt of a group are in the row of
its first reply. A group that does not fit the columns (numbers of 64 bits, text that is not Unicode, a secret to be hidden) is a line of
JSON in the column `line`, the form of all groups in earlier versions.

The same lines of JSON are read from old files and printed.
"""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from aha.codec import check_fields, decode, encode
from aha.durable import read_records
from aha.durable.reading import LARGEST, LONGEST_LINE, PIECE, open_file, table_answers
from aha.errors import BadInput
from aha.json_text import NotJson, parse_json
from aha.redact import hide
from aha.types import Completion, Count, FinishReason, Group, NumberArray, Problem, Reply, Score


def read_group_lines(path: Path) -> Iterator[Group]:
    """Yield the groups of a file of lines. BadInput names a line that is not a group."""
    for number, line in read_records(path):
        try:
            yield group_of_line(line)
        except BadInput as error:
            raise BadInput(f"{path}, line {number}: {error}") from None


def group_of_line(line: object) -> Group:
    """Return the group of a line's value. BadInput names the part that is not valid."""
    group: Group = decode(line, Group)
    return group


def line_of(group: Group) -> str:
    """Return a group as JSON. Known secrets in texts are hidden, and the tokens that spell them are zeros."""
    line = json_of(group, Group)
    if hide(line) == line:
        return line
    completions = tuple(_without_pieces(completion, reply.text) for completion, reply in zip(group.completions, group.replies, strict=True))
    words = "\n".join([*(message.content for message in group.problem.turns), group.problem.question])
    is_plain = hide(words) == words
    hidden = replace(group, prompt=group.prompt if is_plain else (0,) * len(group.prompt), completions=completions)
    return hide(json_of(hidden, Group))


def json_of(value: object, hint: Any) -> str:
    """Return a value as JSON without blanks."""
    return json.dumps(encode(value, hint), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _without_pieces(completion: Completion, text: str) -> Completion:
    return completion if hide(text) == text else replace(completion, tokens=(0,) * len(completion.tokens))


TOKENS_AT_ONCE = 1 << 20  # tokens of a row group, about: the unit of writing, and the least unit of reading
A_ROW = 1_000  # bytes of a reply beside its texts and numbers
LEVEL = 3  # the zstd compression level
TAIL = 8  # bytes at the end of a table: the size of its metadata, and a magic word
MAGIC, SIZE = b"AHA1", struct.Struct("<Q")  # the seal before the metadata: the size of the file, and the CRC-32 of that and the footer
SEAL = len(MAGIC) + SIZE.size + 4
NAMES = {"i": "<i4", "f": "<f4"}  # names of the arrays' types in the reading process
OF_A_REPLY = {
    "tokens": str,
    "logprobs": str,
    "versions": list[dict[str, Any]],
    "finished": FinishReason,
    "score": str,
    "text": str,
    "thought": str | None,
    "answer": str | None,
}
OF_A_SPAN = {"start": Count, "version": Count}
TEXTS = ("problem", "finished", "text", "thought", "answer", "score", "line")
NUMBERS = ("tokens.list.element", "logprobs.list.element", "prompt.list.element")  # the first byte of all of them, then the second


# --- writing ----------------------------------------------------------------------------------------------------------


class GroupTable:
    """A writer of a table's bytes, piece by piece: the same groups give the same bytes, without secrets that a model was shown or wrote."""

    def __init__(self) -> None:
        from pyarrow import parquet  # heavy, and only needed for writing groups

        self.groups = 0
        self._rows, self._tokens, self._sink, self._written = list[dict[str, Any]](), 0, io.BytesIO(), 0
        self._writer = parquet.ParquetWriter(
            self._sink,
            _schema(),
            compression="zstd",
            compression_level=LEVEL,
            use_dictionary=["group", "finished"],
            column_encoding=dict.fromkeys(NUMBERS, "BYTE_STREAM_SPLIT"),
            write_statistics=["group"],
            write_page_checksum=True,
            store_schema=False,
        )

    def add(self, group: Group) -> bytes:
        """Add a group and return the bytes to write now, often none."""
        self._rows += _rows(group, self.groups)
        self._tokens += len(group.prompt) + sum(len(completion.tokens) for completion in group.completions)
        self.groups += 1
        return self._row_group() if self._tokens >= TOKENS_AT_ONCE else b""

    def end(self) -> bytes:
        """Return the rest of the table."""
        piece = self._row_group() if self._rows else b""
        self._writer.close()
        return piece + self._with_seal(self._take())

    def _with_seal(self, footer: bytes) -> bytes:
        """Return the footer after a seal, in a place that no reader of Parquet reads, since it belongs to no column."""
        start = len(footer) - TAIL - _footer_size(footer)
        size = SIZE.pack(self._written + SEAL)
        return footer[:start] + MAGIC + size + zlib.crc32(size + footer[start:]).to_bytes(4, "little") + footer[start:]

    def _row_group(self) -> bytes:
        self._writer.write_table(_table(self._rows), row_group_size=len(self._rows))
        self._rows, self._tokens = [], 0
        return self._take()

    def _take(self) -> bytes:
        """Return the bytes written since the last call."""
        piece = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        self._written += len(piece)
        return piece


def _schema() -> Any:
    import pyarrow as pa

    span = pa.struct([pa.field("start", pa.int32(), nullable=False), pa.field("version", pa.int64(), nullable=False)])
    kinds = {"prompt": pa.int32(), "tokens": pa.int32(), "logprobs": pa.float32(), "versions": span}
    lists = [pa.field(name, pa.list_(pa.field("element", kind, nullable=False)), nullable=False) for name, kind in kinds.items()]
    return pa.schema([pa.field("group", pa.int32(), nullable=False), *lists, *(pa.field(name, pa.string()) for name in TEXTS)])


def _table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return the rows as a table, made of buffers: `pyarrow.array` would import pandas, 36 MiB that each run would carry."""
    import numpy as np
    import pyarrow as pa

    def numbers(values: Any, kind: Any) -> Any:
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])

    def offsets(sizes: Iterable[int]) -> Any:
        return np.fromiter(accumulate(sizes, initial=0), np.int32)

    def texts(values: Sequence[str | None]) -> Any:
        parts, valid = [(value or "").encode() for value in values], [value is not None for value in values]
        bits = None if all(valid) else pa.py_buffer(np.packbits(valid, bitorder="little"))
        return pa.StringArray.from_buffers(len(parts), pa.py_buffer(offsets(map(len, parts))), pa.py_buffer(b"".join(parts)), bits)

    def column(field: Any) -> Any:
        values = [row.get(field.name) for row in rows]
        if pa.types.is_string(field.type):
            return texts(values)
        if not pa.types.is_list(field.type):
            return numbers(np.array(values, field.type.to_pandas_dtype()), field.type)
        parts, kind = [value if value is not None else () for value in values], field.type.value_type
        if pa.types.is_struct(kind):
            fields = [kind.field(number) for number in range(kind.num_fields)]
            flat = [span for part in parts for span in part]
            columns = [numbers(np.array([span[own.name] for span in flat], own.type.to_pandas_dtype()), own.type) for own in fields]
            elements = pa.StructArray.from_arrays(columns, fields=fields)
        else:
            elements = numbers(np.concatenate([np.asarray(part, kind.to_pandas_dtype()) for part in parts]), kind)
        return pa.ListArray.from_arrays(numbers(offsets(map(len, parts)), pa.int32()), elements, field.type)

    schema = _schema()
    return pa.Table.from_arrays([column(field) for field in schema], schema=schema)


def _rows(group: Group, number: int) -> list[dict[str, Any]]:
    """Return the rows of a group, or one row with a line of JSON if columns cannot hold it or something must be hidden."""
    texts = json_of(Group(group.problem, (), (), group.replies, group.scores), Group)
    if hide(texts) != texts or not _fits(group, texts):
        return [{"group": number, "line": line_of(group).encode("utf-8", "backslashreplace").decode()}]
    rows = []
    for completion, reply, score in zip(group.completions, group.replies, group.scores, strict=True):
        versions = [{"start": span.start, "version": span.version} for span in completion.version_spans]
        rows.append(
            {
                "group": number,
                "tokens": completion.tokens.values,  # type: ignore[attr-defined]  # an array, which a completion makes of any sequence
                "logprobs": completion.logprobs.values,  # type: ignore[attr-defined]
                "versions": versions,
                "finished": completion.finished,
                "text": reply.text,
                "thought": reply.thought,
                "answer": reply.answer,
                "score": json_of(score, Score),
            }
        )
    rows[0] |= {"problem": json_of(group.problem, Problem), "prompt": array("i", group.prompt)}
    return rows


def _fits(group: Group, texts: str) -> bool:
    """Return True if columns can hold the group: 32-bit numbers, Unicode text, and equal lengths and ends in replies and completions."""
    if not len(group.completions) == len(group.replies) == len(group.scores) > 0:
        return False
    try:
        texts.encode()
        array("i", group.prompt)
    except (UnicodeEncodeError, OverflowError):
        return False
    return all(
        (_letter(completion.tokens), _letter(completion.logprobs)) == ("i", "f")
        and len(completion.tokens) == len(completion.logprobs) == reply.tokens
        and completion.finished == reply.finished
        for completion, reply in zip(group.completions, group.replies, strict=True)
    )


def _letter(numbers: Sequence[Any]) -> str:
    """Return the type of an array."""
    return numbers.values.typecode if isinstance(numbers, NumberArray) else ""


# --- size and footer --------------------------------------------------------------------------------------------------


def is_whole_outside(path: Path) -> bool:
    """Return True if a table has the size and the footer that were written, without reading the data between."""
    with open_file(path) as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL))
        start = size - TAIL - _footer_size(file.read(TAIL)) - SEAL
        if start < 0:
            return False
        file.seek(start)
        seal = file.read(SEAL)
        crc = zlib.crc32(seal[len(MAGIC) : -4])
        while piece := file.read(PIECE):  # a damaged size may make the whole file its footer
            crc = zlib.crc32(piece, crc)
    return seal == MAGIC + SIZE.pack(size) + crc.to_bytes(4, "little")


def _footer_size(data: bytes) -> int:
    """Return the number of bytes of metadata before the last eight, by these."""
    return int.from_bytes(data[-TAIL:-4], "little")


# --- reading ----------------------------------------------------------------------------------------------------------


def read_table(path: Path, only: int | None = None) -> Iterator[Group]:
    """Yield the groups of a table, or only number `only`, equal to the written ones, to the bit. BadInput if it is not a table, is damaged,
    or takes too much memory: it is read in a process of its own."""
    rows, size = list[Mapping[str, Any]](), 0
    for number, row in enumerate(_rows_of(path, only), start=1):
        try:
            if row.get("line") is not None or row.get("problem") is not None:
                yield from _group(rows)
                rows, size = [], 0
            rows.append(row)
            size += A_ROW + sum(len(value) for value in row.values() if isinstance(value, str))
            if size > LARGEST:
                raise BadInput(f"it takes more than {LARGEST:,} bytes, the most that is read of one group")
        except BadInput as error:
            raise BadInput(f"{path}, the group that ends before row {number:,}: {error}") from None
    try:
        yield from _group(rows)
    except BadInput as error:
        raise BadInput(f"{path}, the last group: {error}") from None


def _rows_of(path: Path, only: int | None) -> Iterator[Mapping[str, Any]]:
    request: dict[str, Any] = {} if only is None else {"only": ("group", only)}
    for answer in table_answers(path, arrays=True, longest=LONGEST_LINE, **request):
        match answer:
            case [None, reason, _]:
                raise BadInput(f"{path} cannot be read: {reason}")
            case str():
                raise BadInput(f"{path}: a row is {answer}")
            case dict() if only is None or answer.get("group") == only:
                yield answer


def _group(rows: Sequence[Mapping[str, Any]]) -> Iterator[Group]:
    """Yield the group of these rows; nothing for no rows."""
    if not rows:
        return
    first = check_fields(rows[0], {"line": str | None, "problem": str | None, "prompt": str})
    if first.get("line") is not None:
        yield group_of_line(_json(first["line"]))
        return
    if first.get("problem") is None:
        raise BadInput("its first row has no problem")
    rows = [check_fields(row, OF_A_REPLY, OF_A_REPLY) for row in rows]
    completions = tuple(map(_completion, rows))
    replies = tuple(
        Reply(row["text"], row["thought"], row["answer"], len(completion.tokens), completion.finished)
        for row, completion in zip(rows, completions, strict=True)
    )
    scores = tuple(decode(_json(row["score"]), Score) for row in rows)
    yield Group(decode(_json(first["problem"]), Problem), tuple(_numbers(first.get("prompt", ""), "i")), completions, replies, scores)


def _completion(row: Mapping[str, Any]) -> Completion:
    tokens, logprobs = _numbers(row["tokens"], "i"), _numbers(row["logprobs"], "f")
    if len(tokens) != len(logprobs):
        raise BadInput(f"{len(logprobs)} log-probabilities for {len(tokens)} tokens")
    spans = tuple((span["start"], span["version"]) for span in (check_fields(span, OF_A_SPAN, OF_A_SPAN) for span in row["versions"]))
    try:
        return Completion(tokens, logprobs, row["finished"], spans[0][1] if len(spans) == 1 and spans[0][0] == 0 else spans)
    except ValueError as error:
        raise BadInput(str(error)) from None


def _numbers(text: str, letter: str) -> array[Any]:
    """Return the array that the reading process sent as text."""
    name, _, body = text.partition(":")
    if name != NAMES[letter]:
        raise BadInput(f"numbers of the kind {name[:9]!r} where {NAMES[letter]} should be")
    return array(letter, base64.b64decode(body))


def _json(text: str) -> Any:
    try:
        return parse_json(text)
    except NotJson as error:
        raise BadInput(str(error)) from None
