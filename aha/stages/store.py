"""What a sampling run has on disk: rows as they are kept, and at its end the folder that the next stage reads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from aha.durable import Disk, Place, Shards, remove_folder, trouble
from aha.errors import BadInput, BarFailed
from aha.redact import hide
from aha.rundir import RunDir
from aha.stages.funnel import ENDS, KEPT, Tally, report
from aha.tasks.examples import write_example
from aha.tasks.mixture import Mix, chosen
from aha.types import Example

ROWS, RAW = "rows", "raw"
BEFORE = {ROWS: "kept", RAW: "kept-raw"}  # where the rows are until the set is whole
AT_ONCE = 1_000


class Store:
    """Rows and what they were rewritten from, each in shards that hold what the last save knew of and no more."""

    def __init__(self, root: Path, per_shard: int, places: Mapping[str, int | float | str], disk: Disk) -> None:
        def there(name: str) -> Place:
            return Place(int(places.get(f"{name}_lines", 0)), int(places.get(f"{name}_bytes", 0)))

        self._shards = {name: Shards(root / folder, per_shard, there(name), disk) for name, folder in BEFORE.items()}

    def append(self, rows: Sequence[Example], raws: Sequence[Example]) -> None:
        """On the device when this returns, and there for good once `places` are saved."""
        for name, examples in ((ROWS, rows), (RAW, raws)):
            self._shards[name].append([hide(write_example(example)) for example in examples])

    @property
    def places(self) -> dict[str, int | float | str]:
        """How far the rows go."""
        found: dict[str, int | float | str] = {}
        for name, shards in self._shards.items():
            found |= {f"{name}_lines": shards.place.lines, f"{name}_bytes": shards.place.size}
        return found

    def texts(self) -> Iterator[tuple[str, str, str]]:
        """What was asked, thought and said, of every row that is there."""
        for line in Shards.read(self._shards[ROWS].folder):
            *before, last = json.loads(line)["messages"]
            yield "\n".join(message["content"] for message in before), last.get("reasoning_content", ""), last["content"]


def publish(rundir: RunDir, mix: Mix, seed: int, per_shard: int) -> dict[str, Any]:
    """The set, mixed, in the folder `rows`, which appears whole; what the run came to. BarFailed where there is no row, or no such mix."""
    root, disk, tally = rundir.root, rundir.disk, Tally.of(rundir.metrics())
    kept = tally.kept()
    if not kept:
        raise BarFailed(f"not one row was kept: {_why(tally)}; `aha show` prints the settings that decide")
    try:
        quotas = mix.quotas(kept)
    except BadInput as error:
        raise BarFailed(f"{error}. All rows are in {root / BEFORE[ROWS]}") from error
    if not (root / ROWS).exists():
        rows = _named(root / BEFORE[ROWS])
        picked = chosen(((name, domain) for name, domain, _ in rows), quotas, seed)
        _write(root / RAW, (line for name, _, line in _named(root / BEFORE[RAW]) if name.removesuffix("/raw") in picked), per_shard, disk)
        _write(root / ROWS, (line for name, _, line in _named(root / BEFORE[ROWS]) if name in picked), per_shard, disk)
    for folder in BEFORE.values():
        if (root / folder).exists():
            remove_folder(disk, root / folder)
    return {"rows": sum(quotas.values()), "domains": quotas, "funnel": report(tally, quotas)}


def _named(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Id, domain and line of each row."""
    for line in Shards.read(folder):
        row = json.loads(line)
        yield row["id"], row["domain"], line


def _write(folder: Path, lines: Iterable[str], per_shard: int, disk: Disk) -> None:
    """The folder appears whole, by one rename, and without checksums: a person may edit it. Nothing where there is no line."""
    waiting = iter(lines)
    first = list(islice(waiting, AT_ONCE))
    if not first or folder.exists():
        return

    beside = folder.with_name(f".{folder.name}.aside")
    with trouble(folder):
        if beside.exists():
            disk.remove(beside)
        shards, part = Shards(beside, per_shard, disk=disk), first
        while part:
            shards.append(part)
            part = list(islice(waiting, AT_ONCE))
        disk.fsync(beside)
        disk.rename(beside, folder)
        disk.fsync(folder.parent)


def _why(tally: Tally) -> str:
    """What most samples fell out by."""
    ends = Counter[str]()
    for (_, end), number in tally.counts.items():
        if end in ENDS and end != KEPT:
            ends[end] += number
    return ", ".join(f"{number:,} {end}" for end, number in ends.most_common(4)) or "nothing was asked"
