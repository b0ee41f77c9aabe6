"""What a sampling run has on disk: rows as they are kept, and at its end the folder that the next stage reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from aha.durable import Disk, ShardPlace, Shards, remove_folder, trouble
from aha.errors import BadInput, FailedBar
from aha.json_text import parse_json
from aha.rundir import RunDir
from aha.stages.funnel import ENDS, ROW_COUNT, Tally, report
from aha.tasks.examples import write_example
from aha.tasks.mixture import Mix, chosen
from aha.tasks.tables import write_table
from aha.types import Example

ROWS, RAW = "rows", "raw"
BEFORE = {ROWS: "kept", RAW: "kept-raw"}  # where the rows are until the set is whole
AT_ONCE = 1_000
Form = Literal["jsonl", "parquet"]


class Store:
    """Rows and what they were rewritten from, each in shards that hold what the last save knew of and no more."""

    def __init__(self, root: Path, per_shard: int, places: Mapping[str, int | float | str], disk: Disk) -> None:
        def place_of(name: str) -> ShardPlace:
            return ShardPlace(int(places.get(f"{name}_lines", 0)), int(places.get(f"{name}_bytes", 0)))

        self._shards = {name: Shards(root / folder, per_shard, place_of(name), disk) for name, folder in BEFORE.items()}

    def append(self, rows: Sequence[Example], raws: Sequence[Example]) -> None:
        """On the device when this returns, and there for good once `places` are saved."""
        for name, examples in ((ROWS, rows), (RAW, raws)):
            self._shards[name].append([write_example(example) for example in examples])

    @property
    def places(self) -> dict[str, int | float | str]:
        """How far the rows go."""
        place: dict[str, int | float | str] = {}
        for name, shards in self._shards.items():
            place |= {f"{name}_lines": shards.place.lines, f"{name}_bytes": shards.place.size}
        return place

    def texts(self) -> Iterator[tuple[str, str, str]]:
        """What was asked, thought and said, of every row that is there."""
        for line in Shards.read(self._shards[ROWS].folder):
            *before, last = parse_json(line)["messages"]
            yield "\n".join(message["content"] for message in before), last.get("reasoning_content", ""), last["content"]


def publish(rundir: RunDir, mix: Mix, seed: int, per_shard: int, form: Form = "jsonl") -> dict[str, Any]:
    """The set, mixed, in the folder `rows`, which appears whole; what the run came to. FailedBar where there is no row, or no such mix, or
    a row that the form cannot hold."""
    root, disk, tally = rundir.root, rundir.disk, Tally.of(rundir.metrics())
    counts = tally.rows_by_domain()
    if not counts:
        raise FailedBar(f"not one row was kept: {_why(tally)}; `aha show` prints the settings that decide")
    try:
        quotas = mix.quotas(counts)
    except BadInput as error:
        raise FailedBar(f"{error}. All rows are in {root / BEFORE[ROWS]}") from error
    if not (root / ROWS).exists():
        rows = _rows_with_names(root / BEFORE[ROWS])
        ids = chosen(((name, domain) for name, domain, _ in rows), quotas, seed)
        for name in (RAW, ROWS):
            lines = (
                line
                for row_name, _, line in _rows_with_names(root / BEFORE[name])
                if row_name.removesuffix("/raw" if name == RAW else "") in ids
            )
            try:
                _write(root / name, lines, per_shard, disk, form)
            except BadInput as error:
                raise FailedBar(f"{error}. All rows are in {root / BEFORE[ROWS]}") from error
    for folder in BEFORE.values():
        if (root / folder).exists():
            remove_folder(disk, root / folder)
    return {"rows": sum(quotas.values()), "domains": quotas, "funnel": report(tally, quotas)}


def _rows_with_names(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Id, domain and line of each row."""
    for line in Shards.read(folder):
        row = parse_json(line)
        yield row["id"], row["domain"], line


def _write(folder: Path, lines: Iterable[str], per_shard: int, disk: Disk, form: Form) -> None:
    """The folder appears whole, by one rename, and without checksums: a person may edit it. Nothing where there is no line."""
    queue = iter(lines)
    first = next(queue, None)
    if first is None or folder.exists():
        return
    beside = folder.with_name(f".{folder.name}.aside")
    with trouble(folder):
        if beside.exists():
            disk.remove(beside)
        (_tables if form == "parquet" else _lines)(beside, chain([first], queue), per_shard, disk)
        disk.fsync(beside)
        disk.rename(beside, folder)
        disk.fsync(folder.parent)


def _lines(folder: Path, lines: Iterator[str], per_shard: int, disk: Disk) -> None:
    shards = Shards(folder, per_shard, disk=disk)
    while part := list(islice(lines, AT_ONCE)):
        shards.append(part)


def _tables(folder: Path, lines: Iterator[str], per_shard: int, disk: Disk) -> None:
    disk.mkdir(folder)
    for number, first in enumerate(lines):
        path = folder / f"{number:05d}.parquet"
        for piece in write_table(chain([first], islice(lines, per_shard - 1))):
            disk.append(path, piece)
        disk.fsync(path)


def _why(tally: Tally) -> str:
    """What most samples fell out by."""
    ends = Counter[str]()
    for (_, end), number in tally.counts.items():
        if end in ENDS and end != ROW_COUNT:
            ends[end] += number
    return ", ".join(f"{number:,} {end}" for end, number in ends.most_common(4)) or "nothing was asked"
