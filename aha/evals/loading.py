"""The examples of a benchmark, read from the user's copy of its rows or from a hub, or generated."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from aha.answers import gradable
from aha.errors import BadInput
from aha.evals.benchmark import Benchmark, BenchmarkExample, WrongColumns
from aha.evals.files import data_folder, read_json, read_rows, read_table
from aha.tasks.reading import FILES, DataRow, RefusedRow, is_hub_name, rows_of

TABLES = (".csv", ".tsv")


def select_examples(
    benchmark: Benchmark, data: str | None = None, problems: int | None = None, prompts: int | None = None, seed: int = 0
) -> tuple[list[BenchmarkExample], str]:
    """Return the examples to use, and their source, for people: all, or the first `problems`; of generated ones `problems` per domain and
    `prompts` per kind of general prompt (None: the benchmark's default). BadInput if there are too few or no rows."""
    generator = benchmark.generator
    if prompts and (generator is None or not generator.prompts):
        raise BadInput(f"prompts is {prompts}: {benchmark.name} has no general prompts")
    if generator is None:
        examples, source = load_examples(benchmark, data)
        if problems is not None and problems > len(examples):
            raise BadInput(f"problems is {problems}: {benchmark.name} has {len(examples)} in {source}")
        return examples[:problems], source
    if data is not None:
        raise BadInput(f"{benchmark.name}: its problems are generated; --data names the rows of a published benchmark")
    try:
        return generator.examples(problems or generator.problems, prompts or generator.prompts, seed), "generated"
    except ValueError as error:
        seen_settings = f"problems is {problems or generator.problems}" + (
            f", prompts is {prompts or generator.prompts}" if generator.prompts else ""
        )
        raise BadInput(f"{seen_settings}: {benchmark.name} holds out fewer") from error


def load_examples(benchmark: Benchmark, data: str | None) -> tuple[list[BenchmarkExample], str]:
    """Return all examples of a benchmark's rows, each with a unique name, and their source, for people. `data`: a file, a folder, a hub's
    name (`owner/name:subset:split`, subset and split only if not the usual ones), or None for $AHA_DATA and then the benchmark's own name
    on the hub. BadInput for a missing source or other columns."""
    rows, read = _source(benchmark, data)
    return _examples(benchmark, rows), read


def examples_of(benchmark: Benchmark, rows: Sequence[dict[str, Any]], path: Path) -> list[BenchmarkExample]:
    """Return the examples of a benchmark's rows that were read from a file; BadInput for other columns."""
    stem = path.name.split(".")[0]
    return _examples(benchmark, ((f"{path}, record {number}", stem, number, row) for number, row in enumerate(rows, start=1)))


def check_source(benchmark: Benchmark, data: str | None) -> None:
    """Raise BadInput for a source that does not exist; no row is read."""
    _source(benchmark, data)


def raw_rows(benchmark: Benchmark, data: str | None) -> Iterator[dict[str, Any]]:
    """Return every row with all of its columns, as published."""
    rows, _ = _source(benchmark, data)
    return (fields for *_, fields in rows)


def files_at_hand(benchmark: Benchmark) -> list[Path]:
    """Return the files of a benchmark in the folder of AHA_DATA: in the published layout, or with names that match it. The list is empty if
    there are none; no hub is asked."""
    folder = data_folder(None)
    layouts = [layout for layout in benchmark.source.layouts if "/" in layout or benchmark.name[:3] in layout.lower()]
    files_by_layout = [] if folder is None else [sorted(path for path in folder.glob(layout) if path.is_file()) for layout in layouts]
    return next((files for files in files_by_layout if files), [])


def raw_rows_of(benchmark: Benchmark, files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Return every row of these files with all of its columns."""
    return (fields for *_, fields in _rows(files, benchmark))


def _source(benchmark: Benchmark, data: str | None) -> tuple[Iterator[tuple[str, str, int, dict[str, Any]]], str]:
    """Return the rows and their source, for people."""
    path = Path(data).expanduser() if data is not None else None
    if path is not None and path.is_file():
        return _rows([path], benchmark), str(path)
    if path is not None and not path.is_dir() and _looks_like_a_path(str(data)):
        raise BadInput(f"{data}: there is no such file or folder; --data names {benchmark.name}'s rows: {benchmark.source.columns}")
    folder = path if path is not None and path.is_dir() else data_folder(None) if data is None else None
    if folder is not None and (files := _find(benchmark, folder)):
        return _rows(files, benchmark), f"{files[0]}" + (f" and {len(files) - 1} more" if len(files) > 1 else "")
    if path is not None and path.is_dir():
        raise BadInput(f"{data}: nothing of {benchmark.name} in it; it should hold {' or '.join(benchmark.source.layouts)}")
    hub = _hub(benchmark, data)
    if hub is None:
        raise BadInput(
            f"{benchmark.name}: name its rows with --data PATH (or AHA_DATA); it should hold {' or '.join(benchmark.source.layouts)}"
        )
    return _from_hub(benchmark, *hub), f"{hub[0]} ({hub[1] or 'default'}, {hub[2]}) of the hub"


def _hub(benchmark: Benchmark, data: str | None) -> tuple[str, str | None, str] | None:
    """Return (name, subset, split) of `owner/name:subset:split`, with the benchmark's defaults for the last two."""
    if data is None:
        return benchmark.source.hub
    name, *parts = data.split(":")
    _, subset, split = (
        benchmark.source.hub if benchmark.source.hub is not None and benchmark.source.hub[0] == name else (name, None, "test")
    )
    return name, (parts[0] if parts else "") or subset, (parts[1] if len(parts) > 1 else "") or split


def _looks_like_a_path(name: str) -> bool:
    set_name, *parts = name.split(":")
    return not is_hub_name(set_name) or any("/" in part for part in parts) or Path(name).suffix in FILES + TABLES


def _find(benchmark: Benchmark, folder: Path) -> list[Path]:
    """Return the files of each pattern below the folder, then of its last parts, down to its name in the folder itself."""
    for layout in benchmark.source.layouts:
        parts = layout.split("/")
        for start in range(len(parts)):
            if files := sorted(folder.glob("/".join(parts[start:]))):
                return [path for path in files if path.is_file()]
    return _tables(benchmark, folder)


def _tables(benchmark: Benchmark, folder: Path) -> list[Path]:
    """Return the tables of a data set as a hub keeps it: those of the benchmark's subset and split, by the names of files."""
    files = sorted(folder.glob("**/*.parquet"))
    _, subset, split = benchmark.source.hub if benchmark.source.hub is not None else ("", None, "test")
    of_split = [path for path in files if split in path.stem or split in path.parent.name]
    of_subset = [path for path in of_split if subset is not None and subset in path.relative_to(folder).as_posix()]
    return of_subset or of_split or files


def _rows(files: Sequence[Path], benchmark: Benchmark) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """Yield place, stem, number and fields of every row."""
    for path in files:
        _refuse_encryption(benchmark, path)
        rows: list[dict[str, Any]]
        if path.suffix in TABLES:
            rows = list(read_table(path))
        elif path.suffix == ".parquet":
            rows = [_fields_of(row) for row in rows_of(str(path), "train", None)]
        else:
            rows = read_rows(path)
            if benchmark.source.wrapped and len(rows) == 1 and all(isinstance(value, dict) for value in rows[0].values()):
                rows = [{"key": key, **value} for key, value in rows[0].items()]
        if not rows:
            raise BadInput(f"{path}: no row in it")
        if benchmark.source.names and (path.parent / benchmark.source.names).is_file():
            rows = _with_names(rows, path.parent / benchmark.source.names)
        for number, row in enumerate(rows, start=1):
            yield f"{path}, record {number}", path.name.split(".")[0], number, row


def _fields_of(row: DataRow | RefusedRow) -> dict[str, Any]:
    """Return the fields of a row. BadInput for an unreadable row: without it the benchmark would be another."""
    if isinstance(row, RefusedRow):
        raise BadInput(str(row))
    return dict(row.fields)


def _with_names(rows: list[dict[str, Any]], path: Path) -> list[dict[str, Any]]:
    """Return the rows with the names in a file of their own; a list of another length belongs to another set and is ignored."""
    names = read_json(path)
    if not isinstance(names, list) or len(names) != len(rows):
        return rows
    return [{"id": str(name), **row} for name, row in zip(names, rows, strict=True)]


def _from_hub(benchmark: Benchmark, name: str, subset: str | None, split: str) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    try:
        rows = list(rows_of(name, split, subset))
    except BadInput as error:
        raise BadInput(f"{benchmark.name}: {error}: --data PATH, or the folder that AHA_DATA names") from None
    for number, row in enumerate(rows, start=1):
        if isinstance(row, RefusedRow):
            raise BadInput(f"{benchmark.name}: {row}")
        yield row.place, name.rpartition("/")[2], number, dict(row.fields)


def _examples(benchmark: Benchmark, source: Iterator[tuple[str, str, int, dict[str, Any]]]) -> list[BenchmarkExample]:
    examples: dict[str, BenchmarkExample] = {}
    rows = list(source)
    for place, stem, number, fields in rows:
        try:
            assert benchmark.read is not None, f"{benchmark.name}: its problems are generated"
            example = benchmark.read(fields, stem, number)
        except WrongColumns as missing:
            has = ", ".join(map(str, fields))[:200] or "nothing"
            raise BadInput(f"{place}: no {missing}; a row of {benchmark.name} has {benchmark.source.columns}, this one has {has}") from None
        except BadInput as error:  # a row with content that cannot be checked
            raise BadInput(f"{place}: {error}") from None
        if benchmark.keep is not None and not benchmark.keep(example):
            continue
        if not gradable(example.reference):
            raise BadInput(
                f"{place}: its answer is {_reference_text(example)!r}, which no reply could be compared with; {benchmark.name} has "
                f"{benchmark.source.columns}"
            )
        examples[_own_name(example.id, examples)] = example
    if not examples:
        raise BadInput(f"{benchmark.name}: no row of it is used; a row has {benchmark.source.columns}")
    about = {"rows": len(rows)} if benchmark.permute is not None else {}
    return [replace(example, id=name, about={**example.about, **about}) for name, example in examples.items()]


def _reference_text(example: BenchmarkExample) -> str:
    return str(getattr(example.reference, "value", example.reference))[:60]


def _own_name(name: str, examples: dict[str, BenchmarkExample]) -> str:
    return name if name not in examples else next(f"{name}#{turn}" for turn in count(2) if f"{name}#{turn}" not in examples)


def _refuse_encryption(benchmark: Benchmark, path: Path) -> None:
    """Raise BadInput for an archive with a password, and for a binary file in place of a table."""
    try:
        with path.open("rb") as file:
            start = file.read(65_536)
        is_locked = start.startswith(b"PK") and any(member.flag_bits & 1 for member in zipfile.ZipFile(path).infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from None
    cipher = start.startswith((b"Salted__", b"gAAAAA", b"-----BEGIN PGP", b"age-encryption"))
    if is_locked or cipher or (path.suffix in TABLES and b"\0" in start) or (benchmark.name == "gpqa_diamond" and not _is_text(start)):
        raise BadInput(
            f"{path}: it is still encrypted: unpack it with the password that its authors give beside it; "
            f"{benchmark.name} reads {benchmark.source.columns}"
        )


def _is_text(start: bytes) -> bool:
    if start.startswith((b"PK", b"\x1f\x8b")):
        return True
    try:
        start.decode()
    except UnicodeDecodeError as error:
        return len(start) == 65_536 and error.start > len(start) - 4  # a letter cut by the end of the piece
    return True
