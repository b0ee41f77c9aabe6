"""Peak memory and processor time of every reader over what is meant to hurt it: `python bench/readers.py [NAME ...]`.

Each runs in a process of its own. Memory is what the process takes above what it held before it read, and what its own helper process
took in all; a limit that holds ends in one line, which is printed.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aha.errors import AhaError
from aha.redact import clip

MOST_MIB = 512


@dataclass(frozen=True)
class Case:
    """What is written to a file, who reads it, and the limit that is meant to hold."""

    limit: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]


def gzipped(path: Path, begin: bytes, piece: bytes, pieces: int) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(begin)
        for _ in range(pieces):
            file.write(piece)


def zipped(path: Path, piece: bytes, pieces: int) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed,
        packed.open("rows.json", "w", force_zip64=True) as file,
    ):
        for _ in range(pieces):
            file.write(piece)


def table(path: Path, kind: str) -> None:
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    zeros = np.zeros(100_000_000 if kind == "list" else 100_000, np.int8)
    columns = {
        "value": lambda: {"q": pa.DictionaryArray.from_arrays(pa.array(zeros), pa.array(["x" * 3_000_000]))},
        "page": lambda: {"q": [bytes(1 << 30)]},
        "list": lambda: {"q": pa.ListArray.from_arrays(pa.array([0, len(zeros)], pa.int32()), pa.array(zeros))},
        "wide": lambda: {f"c{number}": pa.nulls(1_000, pa.int32()) for number in range(20_000)},
    }[kind]()
    more = {"dictionary_pagesize_limit": 1 << 28} if kind == "value" else {"use_dictionary": kind != "page"}
    parquet.write_table(pa.table(columns), path, compression="zstd", **more)


def read_table(path: Path) -> None:
    from aha.durable import reading as table_readers
    from aha.tasks import tables

    try:
        for _ in tables.read_table(path):
            pass
    finally:
        table_readers.close_readers(table_readers.idle_readers(os.getpid()))


def read_rows(path: Path) -> None:
    from aha.tasks.reading import RefusedRow, rows_of

    for row in rows_of(str(path), "train", None):
        if isinstance(row, RefusedRow):
            raise AhaError(str(row))


def call(module: str, name: str, *more: object, text: bool = False) -> Callable[[Path], object]:
    """Call a function of the package with the path, made only in the process that measures."""

    def read(path: Path) -> object:
        import importlib

        result = getattr(importlib.import_module(module), name)(str(path) if text else path, *more)
        return list(result) if hasattr(result, "__next__") else result

    return read


def checkpoint(path: Path) -> None:
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": 8, "num_attention_heads": 2}))
    header = b"{" + b'"a":{},' * 4_000_000
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)


def read_checkpoint(path: Path) -> None:
    import torch

    from aha.backends.hf import load_model

    load_model(str(path), torch.device("cpu"), torch.float32)


def read_template(path: Path) -> None:
    from aha.backends.rendering import Renderer

    renderer = Renderer()
    try:
        renderer.render(path.read_text(), {"messages": []})
    finally:
        renderer.close()


def read_body(path: Path) -> None:
    from aha.serving import Refusal
    from aha.serving.access import parse_body

    try:
        parse_body(path.read_bytes())
    except Refusal as refusal:
        raise AhaError(refusal.message) from None


OBJECTS = b"[" + b"{}," * 10_000_000 + b"{}]"
DEEP = b"[" * 10_000_000
CASES = {
    "JSON document, many objects": Case(
        "32 MiB, 256 MiB of values", lambda path: path.write_bytes(OBJECTS[: 31 << 20]), call("aha.durable", "read_document")
    ),
    "JSON document, deep": Case("64 levels", lambda path: path.write_bytes(DEEP), call("aha.durable", "read_document")),
    "gzip read whole": Case("128 MiB", lambda path: gzipped(path, b"", bytes(1 << 20), 2_000), call("aha.durable", "unpack_file")),
    "line of gzipped JSON lines": Case(
        "64 MiB a line", lambda path: gzipped(path, b"[", b" " * (1 << 20), 2_000), call("aha.durable", "read_records")
    ),
    "row of gzipped JSON lines": Case("4,000,000 bytes", lambda path: gzipped(path, b"{", b" " * (1 << 20), 2_000), read_rows),
    "rows as one JSON array": Case("128 MiB, 256 MiB of values", lambda path: path.write_bytes(OBJECTS), read_rows),
    "Parquet, one long value in many rows": Case("384 MiB, a process", lambda path: table(path, "value"), read_table),
    "Parquet, a page of 1 GiB": Case("384 MiB, a process", lambda path: table(path, "page"), read_table),
    "Parquet, a list of many zeros": Case("384 MiB, a process", lambda path: table(path, "list"), read_table),
    "Parquet, 20,000 columns": Case("384 MiB, a process", lambda path: table(path, "wide"), read_table),
    "CSV, short rows of many columns": Case(
        "2,000,000 cells",
        lambda path: path.write_text(",".join(map(str, range(100_000))) + "\n" + "x\n" * 50_000),
        call("aha.evals.files", "read_table"),
    ),
    "benchmark as JSON lines": Case(
        "2,000,000 records", lambda path: path.write_bytes(b"{}\n" * 3_000_000), call("aha.evals.files", "read_rows")
    ),
    "benchmark in a zip": Case("128 MiB", lambda path: zipped(path, b" " * (1 << 20), 2_000), call("aha.evals.files", "read_rows")),
    "answers in a zip": Case(
        "128 MiB", lambda path: zipped(path, b" " * (1 << 20), 2_000), call("aha.tasks.corpora", "corpus_of", text=True)
    ),
    "header of safetensors": Case("16 MiB", checkpoint, read_checkpoint),
    "chat template, memory": Case(
        "256 MiB, 2 s, 1,000,000 letters", lambda path: path.write_text("{% set x = 'a' * 10**9 %}{{ x }}"), read_template
    ),
    "chat template, a loop": Case(
        "256 MiB, 2 s, 1,000,000 letters",
        lambda path: path.write_text("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"),
        read_template,
    ),
    "HTTP request, many objects": Case("4 MiB, 192 MiB of values", lambda path: path.write_bytes(b'{"a":' + OBJECTS[: 4 << 20]), read_body),
}


def kib(name: str) -> int:
    """KiB of this process."""
    return int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1])  # type: ignore[index]


def measure(case: Case, path: Path) -> dict[str, object]:
    """Read a file that is there, once all that reading loads is loaded by a file that is not."""
    with suppress(AhaError, OSError):
        case.read(path.with_name("absent.jsonl.gz"))
    Path("/proc/self/clear_refs").write_text("5")
    before, began, line = kib("VmRSS"), time.process_time(), "read"
    try:
        case.read(path)
    except AhaError as error:
        line = clip(str(error).replace(str(path), "FILE"), 160)
    own = (kib("VmHWM") - before) >> 10
    helpers = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"MiB": own, "helper": helpers.ru_maxrss >> 10, "s": time.process_time() - began + helpers.ru_utime, "line": line}


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(CASES[sys.argv[2]], Path(sys.argv[3]))))
        return
    over = []
    for name in sys.argv[1:] or CASES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / (
                "file.csv"
                if name.startswith("CSV")
                else "file.jsonl.gz"
                if "gzip" in name
                else "file.zip"
                if "zip" in name
                else "file.json"
            )
            CASES[name].write(path)
            done = subprocess.run(
                [sys.executable, __file__, "--one", name, str(path)], capture_output=True, text=True, timeout=600, check=False
            )
        if done.returncode:
            print(f"{name}: {done.stderr[-500:]}")
            over.append(name)
            continue
        row = json.loads(done.stdout)
        print(f"| {name} | {CASES[name].limit} | {row['MiB']} | {row['helper'] or ''} | {row['s']:.1f} | {row['line']} |", flush=True)
        over += [name] if row["MiB"] > MOST_MIB or row["helper"] > MOST_MIB else []
    sys.exit(f"above {MOST_MIB} MiB or ended in another way: {', '.join(over)}" if over else 0)


if __name__ == "__main__":
    main()
