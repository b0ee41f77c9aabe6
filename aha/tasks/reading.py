"""Rows from files and data sets, each with its place. A row that cannot be read is returned as a value, never raised."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from pathlib import Path

from aha.durable import absence_of, missing_part, open_plain, read_file, read_lines, refuse_foreign_form, unpack_file
from aha.errors import BadInput
from aha.json_text import NotJson, parse_json
from aha.lazy import lazy_pattern
from aha.tasks.tables import read_table, refuse_columns, table_rows

LONGEST_LINE = 4_000_000  # bytes
HUB_S = 5  # seconds that a hub has to answer
FILES = (".jsonl", ".json", ".txt", ".csv", ".tsv", ".parquet", ".gz", ".zst")
LARGEST_CARD = 4 << 20
CARD_PATHS = ("data_files", "data_dir")
HUB_NAME = lazy_pattern(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?")
# errors that libraries raise over other people's data
OF_LIBRARIES = (OSError, ValueError, RuntimeError, ImportError, LookupError, TypeError, AttributeError, ArithmeticError)
LINES, TABLE, ARRAY = (".jsonl", ".jsonl.gz"), ".parquet", (".json",)
MOST_WEIGHT = 1_000
CARD, LONGEST_CARD = "README.md", 1 << 20
CELLS = {".csv": ",", ".tsv": "\t"}
KINDS_OF_FILES = (LINES, TABLE, tuple(CELLS), ARRAY)
WHOLE = "train"  # the default split
_CONFIGURATIONS = lazy_pattern(r"(?:available configs|Available): \[([^\]]*)\]")  # as `datasets` writes them
_SPLITS = lazy_pattern(r"Unknown split .* Should be one of \[([^\]]*)\]")
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation", "heldout", "holdout"), "test"),
}
KINDS = {type(None): "null", bool: "a truth value", str: "a text", list: "a list", **dict.fromkeys((int, float, Decimal), "a number")}
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class DataRow:
    """One record, its place (for people) and a unique name (for ids)."""

    place: str
    name: str
    fields: Mapping[str, object]


@dataclass(frozen=True)
class RefusedRow:
    """A row that cannot be used: its place and the reason."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True)
class SourceFile:
    """A file, folder or data set among several, and its weight."""

    place: str
    weight: float = 1.0


def sources_of(text: str) -> list[SourceFile]:
    """Return the sources that a text names: one, or several with commas between them, each optionally with its weight after `=`
    (`math.jsonl=2,code.jsonl=0.5`). A file of exactly that name takes precedence. BadInput for an invalid weight."""
    if Path(text).expanduser().exists() or not ("," in text or "=" in text):
        return [SourceFile(text)]
    sources = [_source_with_weight(part.strip(), text) for part in text.split(",")]
    places = [source.place for source in sources]
    if twice := [place for place in places if places.count(place) > 1]:
        raise BadInput(f"{text}: {twice[0]} is in it twice; give it a weight instead, {twice[0]}=2")
    return sources


def _source_with_weight(part: str, text: str) -> SourceFile:
    place, sign, weight = part.rpartition("=")
    if not sign or Path(part).expanduser().exists():
        place, weight = part, "1"
    if not place:
        raise BadInput(f"{text}: a source is missing between its commas: a.jsonl=2,b.jsonl is the form")
    try:
        number = float(weight)
    except ValueError:
        number = -1.0
    if not 0 < number <= MOST_WEIGHT:
        raise BadInput(f"{part}: {weight[:40]!r} is not a weight: a number above 0, at most {MOST_WEIGHT:,}, has to follow =")
    return SourceFile(place, number)


def rows_of(source: str, split: str, subset: str | None) -> Iterator[DataRow | RefusedRow]:
    """Return the rows of `source`: a file, a folder of files, a run's rows, or else a Hugging Face data set from the hub or a folder. Of a
    folder only the files of the split are read. BadInput if there is no such source."""
    path = Path(source).expanduser()
    if path.is_file():
        return _from_local(path)
    if path.is_dir():
        if files := shards_of(source, split):
            return (row for file in files for row in rows_of(str(file), split, subset))
        return _from_data_set(str(folder_of(source)), split, subset)
    if not is_hub_name(source):
        raise BadInput(
            f"{source or repr(source)} was not found: {absence_of(source)}; name a .jsonl file, or a data set such as openai/gsm8k"
        )
    return _from_data_set(source, split, subset)


def is_hub_name(source: str) -> bool:
    """Return True if `source` can be the name of a data set on the hub: it has the form of a name, not of a file, and no file on this
    machine, such as a broken link or a pipe, is in its way."""
    path = Path(source)
    if not HUB_NAME.fullmatch(source) or path.suffix in FILES:
        return False
    first = Path(path.parts[0])
    return not os.path.lexists(first) or (first.is_dir() and not os.path.lexists(path))


def check_split(source: str, split: str, subset: str | None) -> None:
    """Raise BadInput if a split or a configuration is chosen for a single file, which has none."""
    if Path(source).expanduser().is_file() and (split != WHOLE or subset is not None):
        flag = f"--split {split}" if subset is None else f"--subset {subset}"
        raise BadInput(f"{flag}: {source} is one file, all rows of which are read; name another file, or the folder that holds the splits")


def folder_of(source: str) -> Path:
    """Return the folder that holds the rows of a set: for a run directory its folder `rows`."""
    place = Path(source).expanduser()
    return place / "rows" if (place / "rows").is_dir() else place


def shards_of(source: str, split: str = "train") -> list[Path]:
    """Return the files of a folder or run directory to read in order: JSON lines, Parquet, cells or JSON arrays, of this split if names
    tell splits. Return none if the folder has no such files, or others that only the library datasets can tell apart. BadInput for two
    kinds, one of which would be left out or count twice, and if the names do not say which files belong to the split."""
    folder = folder_of(source)
    files = sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []
    kinds = ([path for path in files if path.name.endswith(ends) and (ends != ARRAY or _may_hold_rows(path))] for ends in KINDS_OF_FILES)
    chosen = next(filter(None, kinds), [])
    if chosen and (strays := [path for path in files if path not in chosen and _may_hold_rows(path)]):
        raise BadInput(f"{folder} holds {chosen[0].name} and {strays[0].name}: which of the two is the set? Move the other away")
    if not chosen or _has_configurations(folder / CARD):
        return []
    shards = _of_split(folder, chosen, split)
    if missing := missing_part([path.name for path in shards]):
        raise BadInput(f"{folder}: {missing} is missing, by the names of the others; fetch it, or name the files that you want")
    return shards


def _may_hold_rows(path: Path) -> bool:
    return path.suffix in FILES and (path.suffix not in (".json", ".txt") or _starts(path).startswith(b"["))


def _has_configurations(card: Path) -> bool:
    """Return True if a data set's card defines its configurations."""
    if not card.is_file():
        return False
    with card.open("rb") as file:
        return b"\nconfigs:" in file.read(LONGEST_CARD)


def split_of(path: Path) -> str | None:
    """Return the split named in a file's name, or `None`."""
    words = re.split(r"[^a-z]+", path.name.lower())
    return next((SPLITS[word] for word in words if word in SPLITS), None)


def _of_split(folder: Path, files: list[Path], split: str) -> list[Path]:
    split_names = {path: split_of(path) for path in files}
    split_name = SPLITS.get(split.lower(), split)
    if not re.fullmatch(r"[\w-]+", split):
        raise BadInput(f"{folder}: a part of a split ({split}) is known of a hub's data sets; name the files, or the whole split")
    if not any(split_names.values()):
        return files
    of_split = [path for path in files if split_names[path] == split_name]
    if without_split := [path.name for path in files if split_names[path] is None]:
        raise BadInput(f"{folder} holds {without_split[0]}: whether it is of the split {split!r} cannot be told; name the file")
    if not of_split:
        names = sorted({str(name) for name in split_names.values()})
        raise BadInput(f"{folder} has no file of the split {split!r}: there is {', '.join(names)}; choose with --split, or name the file")
    return of_split


def count_rows(path: Path) -> int:
    """Return the number of rows of a file: from a table's metadata, or by counting lines."""
    if path.suffix == TABLE:
        return table_rows(path)
    return sum(1 for _, line in read_lines(path, LONGEST_LINE) if line.strip())


def _from_file(path: Path) -> Iterator[DataRow | RefusedRow]:
    if _starts(path).startswith(b"["):
        yield from _array(path, unpack_file(path))
        return
    lines = ((number, line.removeprefix(_BOM) if number == 1 else line) for number, line in read_lines(path, LONGEST_LINE))
    rows = (_line(line, f"{path}, line {number}", f"{path.name}:{number}") for number, line in lines if line.strip())
    ahead = list(islice(rows, 2))
    if len(ahead) == 1 and isinstance(ahead[0], DataRow):
        refuse_columns(path, ahead[0].fields)
    yield from ahead
    yield from rows


def _starts(path: Path) -> bytes:
    with open_plain(path) as file:
        return file.peek(4096)[:4096].removeprefix(_BOM).lstrip()


def _from_table(path: Path) -> Iterator[DataRow | RefusedRow]:
    for number, fields in read_table(path):
        place = f"{path}, row {number}"
        yield RefusedRow(place, fields) if isinstance(fields, str) else _row(fields, place, f"{path.name}:{number}")


def _from_cells(path: Path) -> Iterator[DataRow | RefusedRow]:
    """Yield the rows of a CSV or TSV file whose first line names its columns; every value is a text, and an empty cell is None."""
    csv.field_size_limit(LONGEST_LINE)
    names: list[str] = []
    number, records = 0, enumerate(csv.reader(_text_lines(path), delimiter=CELLS[path.suffix], strict=True), start=1)
    try:
        for number, cells in records:
            place = f"{path}, record {number}"
            if number == 1:
                names, other = cells, "\t" if path.suffix == ".csv" else ","
                if len(names) == 1 and (sign := next((sign for sign in (";", other) if sign in names[0]), "")):
                    raise BadInput(f"{place}: its cells are parted by {sign!r}, and those of a {path.suffix} by {CELLS[path.suffix]!r}")
                if twice := [name for name, times in Counter(names).items() if times > 1]:
                    raise BadInput(f"{place}: two columns are called {twice[0][:60]!r}, and one would hide the other")
                if odd := next((name for name in names if name != name.strip()), ""):
                    raise BadInput(f"{place}: the column {odd[:60]!r} has blanks around its name, as its cells may: take them away")
            elif len(cells) != len(names):
                yield RefusedRow(place, f"has {len(cells)} cells, and the first line names {len(names)} columns")
            else:
                yield _row({name: cell or None for name, cell in zip(names, cells, strict=True)}, place, f"{path.name}:{number}")
    except csv.Error as error:
        raise BadInput(f"{path}, record {number + 1}: it is not a text table ({error})") from None


def _text_lines(path: Path) -> Iterator[str]:
    for number, line in read_lines(path, LONGEST_LINE):
        if len(line) > LONGEST_LINE:
            raise BadInput(f"{path}, line {number}: longer than the {LONGEST_LINE:,} bytes of a line that are read")
        try:
            yield (line.removeprefix(_BOM) if number == 1 else line).decode()
        except UnicodeDecodeError as error:
            raise BadInput(f"{path}, line {number}: it is not UTF-8 (byte {error.start + 1}): save it as UTF-8") from None


def _line(line: bytes, place: str, name: str) -> DataRow | RefusedRow:
    if len(line) > LONGEST_LINE:
        return RefusedRow(place, f"longer than the {LONGEST_LINE:,} bytes of a line that are read")
    try:
        return _row(parse_json(line, number=Decimal), place, name)
    except NotJson as error:
        return RefusedRow(place, f"{error}: one JSON object a line is needed")


def _array(path: Path, text: bytes) -> Iterator[DataRow | RefusedRow]:
    """Yield the objects of one JSON array, as some data sets are stored."""
    try:
        rows = parse_json(text, number=Decimal)
    except NotJson as error:
        raise BadInput(
            f"{path} starts as a JSON array and is not one ({error}): one array of objects, or one object a line, is needed"
        ) from None
    for number, fields in enumerate(rows, start=1):
        yield _row(fields, f"{path}, row {number}", f"{path.name}:{number}")


def _row(fields: object, place: str, name: str) -> DataRow | RefusedRow:
    if not isinstance(fields, dict):
        kind = KINDS.get(type(fields), type(fields).__name__)
        return RefusedRow(place, f'is {kind}, not an object: {{"question": ..., "answer": ...}} is needed')
    return DataRow(place, name, fields)


def _from_data_set(name: str, split: str, subset: str | None) -> Iterator[DataRow | RefusedRow]:
    """Yield the rows of a data set's split; the library datasets downloads and caches it. A folder's tables and lines are read within our
    limits, which the library does not have."""
    from datasets import disable_progress_bars, load_dataset, load_dataset_builder  # heavy, and only needed here
    from datasets.exceptions import DatasetsError

    disable_progress_bars()
    number, files = 0, list[Path]()
    try:
        if Path(name).is_dir():
            refuse_foreign_form(Path(name))
            _check_card(Path(name))
            files = [Path(file) for file in (load_dataset_builder(name, subset).config.data_files or {}).get(split, ())]
        if files and all(file.name.endswith((*LINES, TABLE)) and file.is_file() for file in files):
            for number, row in enumerate((row for file in files for row in _from_local(file)), start=1):
                yield replace(row, name=f"{Path(name).name}:{split}:{number}") if isinstance(row, DataRow) else row
            return
        with _hub(asked=not Path(name).is_dir()):
            rows = load_dataset(name, subset, split=split)
        for number, fields in enumerate(rows, start=1):
            yield _row(fields, f"{name} {split}, row {number}", f"{Path(name).name}:{split}:{number}")
    except BadInput:
        raise
    except (DatasetsError, *OF_LIBRARIES) as error:
        cause = error.__cause__ if isinstance(error, DatasetsError) and error.__cause__ is not None else error
        reason = str(cause).strip() or type(cause).__name__
        raise BadInput(_refusal(name, split, subset, reason if not number else f"after row {number}: {reason}")) from error


@contextmanager
def _hub(asked: bool) -> Iterator[None]:
    """Let the library use its cache if the hub does not answer one quick request, instead of trying six times for half a minute."""
    from datasets import config
    from huggingface_hub import constants

    before = config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    if asked and not any(before) and not _answers(constants.ENDPOINT):
        config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before


def _answers(address: str) -> bool:
    """Return True if a server answers at the address, even with an error; certificates are left to the library to check."""
    from http.client import HTTPException
    from ssl import SSLError
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        urlopen(Request(address, method="HEAD"), timeout=HUB_S).close()
    except (OSError, HTTPException) as error:
        return isinstance(error, HTTPError) or isinstance(getattr(error, "reason", None), SSLError)
    return True


def _from_local(path: Path) -> Iterator[DataRow | RefusedRow]:
    refuse_foreign_form(path)
    return _from_table(path) if path.suffix == TABLE else _from_cells(path) if path.suffix in CELLS else _from_file(path)


def _check_card(folder: Path) -> None:
    """Refuse a folder whose README names data files elsewhere: an untrusted one could have any file here or in a network read as rows."""
    import yaml  # of the `datasets` library, and only needed here

    card = folder / "README.md"
    text = read_file(card, LARGEST_CARD).decode("utf-8", "replace") if card.exists() else ""
    try:  # a mark of byte order may stand before the first dashes
        record = yaml.safe_load(text.partition("---")[2].partition("\n---")[0])
    except (yaml.YAMLError, *OF_LIBRARIES) as error:
        raise BadInput(f"{card}: the description of its data is not YAML ({' '.join(str(error).split())[:200]})") from None
    for place in _paths_in(record if isinstance(record, dict) else {}):
        if "://" in place or "::" in place or Path(place).is_absolute() or ".." in Path(place).parts:
            raise BadInput(f"{card}: it names data outside of its folder, {place[:200]!r}; name that file itself where it is meant")


def _paths_in(record: Mapping[str, object]) -> Iterator[str]:
    """Yield the texts in a card's entries on data files; each value once, however often the text refers to it."""
    configurations = record.get("configs")
    level: list[object] = (
        [value for entry in configurations if isinstance(entry, dict) for name, value in entry.items() if name in CARD_PATHS]
        if isinstance(configurations, list)
        else []
    )
    numbers = set[int]()
    while level:
        value = level.pop()
        if id(value) in numbers:
            continue
        numbers.add(id(value))
        match value:
            case str():
                yield value
            case dict():
                level += value.values()
            case list():
                level += value


def _refusal(name: str, split: str, subset: str | None, reason: str) -> str:
    """Return the library's reason in one line, with the flag that chooses a valid value."""
    words = " ".join(reason.split())
    if match := _CONFIGURATIONS.search(words):
        return f"{name} has the configurations {match[1]}: choose one with --subset NAME (subset is {subset!r})"
    if match := _SPLITS.search(words):
        return f"{name} has the splits {match[1]}: choose one with --split NAME (split is {split!r})"
    if "data files found" in words and (Path(name) / "README.md").exists():
        return f"{name}/README.md: none of the files that it names is there; correct its `configs`, or name a file of rows"
    return (
        f"{name} (split {split!r}, subset {subset!r}) is neither a file nor a data set that loads: {reason.splitlines()[0]}; where there "
        "is no network, name a file or a folder of its rows"
    )
