"""Files and data sets to rows, each with the place it stands at. A row that cannot be read is a value, never an exception."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from aha.durable import open_unpacked, read_lines, unpack_file
from aha.errors import BadInput
from aha.json_text import NotJson, parse_json
from aha.tasks.tables import read_table, table_rows

LONGEST_LINE = 4_000_000  # bytes
FILES = (".jsonl", ".json", ".txt", ".csv", ".tsv", ".parquet", ".gz", ".zst")
LINES, TABLE = (".jsonl", ".jsonl.gz"), ".parquet"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Row:
    """One record, where it stands (for people) and a name that is its own (for ids)."""

    place: str
    name: str
    fields: Mapping[str, object]


@dataclass(frozen=True)
class RefusedRow:
    """A row that cannot be used: where it stands and why."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


def rows_of(source: str, split: str, subset: str | None) -> Iterator[Row | RefusedRow]:
    """The rows of a file where `source` is or looks like one, else of a Hugging Face data set, from the hub or a folder."""
    path = Path(source).expanduser()
    if path.is_file():
        return _from_table(path) if path.suffix == TABLE else _from_file(path)
    if path.is_dir():
        return _from_data_set(str(path), split, subset)
    if path.suffix in FILES or source.startswith((".", "/", "~")) or source.count("/") > 1:
        raise BadInput(f"{source} was not found: name a .jsonl file, or a Hugging Face data set such as openai/gsm8k")
    return _from_data_set(source, split, subset)


def folder_of(source: str) -> Path:
    """Where the rows of a set lie: of a run directory, in its folder `rows`."""
    place = Path(source).expanduser()
    return place / "rows" if (place / "rows").is_dir() else place


def shards_of(source: str) -> list[Path]:
    """The files of a folder or run directory that are read one after another: JSON lines, or Parquet with a number for a name, since other
    names tell splits apart. None where there are none. BadInput for a folder with both, whose rows might count twice."""
    folder = folder_of(source)
    files = sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []
    lines = [path for path in files if path.name.endswith(LINES)]
    tables = [path for path in files if path.suffix == TABLE and path.stem.isdecimal()]
    if lines and tables:
        raise BadInput(f"{folder} holds {lines[0].name} and {tables[0].name}: which of the two is the set? Move the other away")
    return lines or tables


def count_rows(path: Path) -> int:
    """How many rows a file has: what a table says of itself, or its lines."""
    if path.suffix == TABLE:
        return table_rows(path)
    return sum(1 for _, line in read_lines(path, LONGEST_LINE) if line.strip())


def _from_file(path: Path) -> Iterator[Row | RefusedRow]:
    with open_unpacked(path) as file:
        start = file.peek(4096)[:4096].removeprefix(_BOM).lstrip()
    if start.startswith(b"["):
        yield from _array(path, unpack_file(path))
        return
    for number, line in read_lines(path, LONGEST_LINE):
        bare = line.removeprefix(_BOM) if number == 1 else line
        if bare.strip():
            yield _line(bare, f"{path}, line {number}", f"{path.name}:{number}")


def _from_table(path: Path) -> Iterator[Row | RefusedRow]:
    for number, fields in read_table(path):
        place = f"{path}, row {number}"
        yield RefusedRow(place, fields) if isinstance(fields, str) else _row(fields, place, f"{path.name}:{number}")


def _line(line: bytes, place: str, name: str) -> Row | RefusedRow:
    if len(line) > LONGEST_LINE:
        return RefusedRow(place, f"longer than the {LONGEST_LINE:,} bytes of a line that are read")
    try:
        return _row(parse_json(line, number=Decimal), place, name)
    except NotJson as error:
        return RefusedRow(place, f"{error}: one JSON object a line is needed")


def _array(path: Path, text: bytes) -> Iterator[Row | RefusedRow]:
    """The objects of one JSON array, as some data sets are stored."""
    try:
        rows = parse_json(text, number=Decimal)
    except NotJson as error:
        raise BadInput(
            f"{path} starts as a JSON array and is not one ({error}): one array of objects, or one object a line, is needed"
        ) from None
    for number, fields in enumerate(rows, start=1):
        yield _row(fields, f"{path}, row {number}", f"{path.name}:{number}")


def _row(fields: object, place: str, name: str) -> Row | RefusedRow:
    if not isinstance(fields, dict):
        return RefusedRow(place, f'is {_kind(fields)}, not an object: {{"question": ..., "answer": ...}} is needed')
    return Row(place, name, fields)


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a truth value"
        case int() | float() | Decimal():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case dict():
            return "an object"
    return type(value).__name__


def _from_data_set(name: str, split: str, subset: str | None) -> Iterator[Row | RefusedRow]:
    """The rows of a data set's split; downloading and caching are the `datasets` library's."""
    from datasets import load_dataset  # heavy, and only needed here
    from datasets.exceptions import DatasetsError

    try:
        rows = load_dataset(name, subset, split=split)
    except (DatasetsError, OSError, ValueError, RuntimeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadInput(
            f"{name} (split {split!r}, subset {subset!r}) is neither a file nor a data set that loads: {first}; where there is no network, "
            "name a file or a folder of its rows"
        ) from error
    for number, fields in enumerate(rows, start=1):
        yield _row(fields, f"{name} {split}, row {number}", f"{Path(name).name}:{split}:{number}")
