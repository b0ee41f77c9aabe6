"""The outcome of every sample: each has exactly one end, and the ends add up to the samples asked (the last line is the paper's Table 5).
The origin of a row: names that stay the same for the same model, grader and template, and change with them.
The files of a sampling run: rows as they are kept, and at the end the folder that the next stage reads."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from aha.durable import Disk, ShardPlace, Shards, disk_errors, publish_folder, remove_folder
from aha.errors import BadInput, FailedBar
from aha.json_text import parse_json
from aha.redact import mask
from aha.rewards import Accuracy, Judge
from aha.rundir import RunDir
from aha.settings import flatten
from aha.tasks.examples import write_example
from aha.tasks.mixture import Mix, chosen
from aha.tasks.tables import write_table
from aha.template import Template
from aha.types import Example
from aha.versions import grader_version, template_version

PREFIX = "funnel"
ROW_COUNT = "kept"
PROMPTS = "prompts"
TOKENS = "tokens"  # of the rows that were kept
LEFT_OUT = ("repeated prompt", "contaminated prompt", "uncheckable prompt")  # ends of prompts, which are never asked
FORM_ENDS = ("no reply", "cut", "form")
NOT_RIGHT = ("unjudged", "wrong")
NOT_READABLE = ("mixed language", "long paragraph", "code block", "repetition", "length")
NOT_REWRITTEN = ("not rewritten", "unfaithful", "rewritten unreadable")
NOT_NEW = ("over the cap", "duplicate", "contaminated")
ENDS = (*FORM_ENDS, *NOT_RIGHT, *NOT_READABLE, *NOT_REWRITTEN, *NOT_NEW, ROW_COUNT)
STEPS = (("formed", FORM_ENDS), ("right", NOT_RIGHT), ("readable", NOT_READABLE), ("rewritten", NOT_REWRITTEN), (ROW_COUNT, NOT_NEW))


@dataclass
class Tally:
    """Counts by (domain, end)."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, domain: str, end: str, number: int = 1) -> None:
        self.counts[domain, end] += number

    def metrics(self) -> dict[str, float]:
        """Return the counts as `funnel/domain/end`, as the run's metrics hold them for a chunk."""
        return {f"{PREFIX}/{domain}/{end}": float(number) for (domain, end), number in sorted(self.counts.items())}

    def rates(self) -> dict[str, float]:
        """Return the figures to show during the run: shares of all samples, and the number of rows kept."""
        ends = Counter[str]()
        for (_, end), number in self.counts.items():
            ends[end] += number
        total = sum(ends[end] for end in ENDS)
        if not total:
            return {"rows": float(ends[ROW_COUNT])}
        in_form = total - sum(ends[end] for end in FORM_ENDS)
        right = in_form - sum(ends[end] for end in NOT_RIGHT)
        return {"format": in_form / total, "accuracy": right / total, "truncated": ends["cut"] / total, "rows": float(ends[ROW_COUNT])}

    @classmethod
    def of(cls, metrics: Iterable[Mapping[str, float]]) -> Tally:
        """Return the sum of the counts of several chunks."""
        tally = cls()
        for line in metrics:
            for name, number in line.items():
                prefix, _, rest = name.partition("/")
                if prefix == PREFIX:
                    domain, _, end = rest.rpartition("/")
                    tally.add(domain, end, int(number))
        return tally

    def rows_by_domain(self) -> dict[str, int]:
        """Return the number of rows by domain, sorted by domain; domains without rows are left out."""
        return {domain: number for domain in self.domains() if (number := self.counts[domain, ROW_COUNT])}

    def domains(self) -> list[str]:
        return sorted({domain for domain, _ in self.counts})

    def sample_count(self, domain: str) -> int:
        """Return the number of a domain's samples, all of which have an end."""
        return sum(self.counts[domain, end] for end in ENDS)

    def line(self, domain: str, rows: int) -> dict[str, float]:
        """Return one line of the report: from prompts to the rows of the set."""
        funnel: dict[str, float] = {PROMPTS: self.counts[domain, PROMPTS], "asked": self.sample_count(domain)}
        remainder = self.sample_count(domain)
        for name, ends in STEPS:
            remainder -= sum(self.counts[domain, end] for end in ends)
            funnel[name] = remainder
        row_count = self.counts[domain, ROW_COUNT]
        return {**funnel, "rows": rows, "mean tokens": round(self.counts[domain, TOKENS] / row_count, 1) if row_count else 0.0}


def report(tally: Tally, rows: Mapping[str, int]) -> dict[str, object]:
    """Return the funnel by domain and in all, and the counts of dropped samples by reason. `rows`: the rows of each domain in the mix."""
    lines = {domain: tally.line(domain, rows.get(domain, 0)) for domain in tally.domains()}
    whole = Tally()
    for (_, end), number in tally.counts.items():
        whole.add("all", end, number)
    lines["all"] = whole.line("all", sum(rows.values()))
    drops = {
        domain: {end: tally.counts[domain, end] for end in (*LEFT_OUT, *ENDS[:-1]) if tally.counts[domain, end]}
        for domain in tally.domains()
    }
    return {"domains": lines, "dropped": drops}


def table(funnel: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """Return the report as lines for a terminal."""
    names = [PROMPTS, "asked", *(name for name, _ in STEPS), "rows", "mean tokens"]
    widths = [max(len(name), 8) + 2 for name in names]
    wide = max(map(len, funnel["domains"]))
    lines = [" " * wide + "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))]
    for domain, line in funnel["domains"].items():
        lines.append(f"{domain:{wide}}" + "".join(f"{line[name]:>{width},.6g}" for name, width in zip(names, widths, strict=True)))
    for domain, ends in funnel["dropped"].items():
        if ends:
            lines.append(f"{domain}: {', '.join(f'{number:,.0f} {end}' for end, number in ends.items())}")
    return lines


DIGITS = 16


def sampler_of(model: str) -> str:
    """Return a folder's name with a digest of its weights; a server's or a hub's name as it is written, without secrets."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return mask(model)
    seen = hashlib.sha256()
    with disk_errors(folder):
        for path in sorted(folder.glob("*.safetensors")):
            if path.stem not in ("optimizer", "reference"):
                with path.open("rb") as file:
                    seen.update(hashlib.file_digest(file, "sha256").digest())
    return f"{folder.name}@{seen.hexdigest()[:DIGITS]}"


def grader_of(truth: Accuracy | Judge) -> str:
    """Return the version of the rules, with the judge's name if a judge decides."""
    return grader_version() if isinstance(truth, Accuracy) else f"{grader_version()} and {mask(truth.model)}"


def template_of(template: Template) -> str:
    """Return the template's class, the version of the grammar and a digest of its settings."""
    settings = json.dumps(flatten({"template": template}), ensure_ascii=False, sort_keys=True)
    return f"{type(template).__name__}@{template_version()}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"


ROWS, RAW = "rows", "raw"
BEFORE = {ROWS: "kept", RAW: "kept-raw"}  # the folders of the rows until the set is complete
AT_ONCE = 1_000
Form = Literal["jsonl", "parquet"]


class Store:
    """Rows and the samples they were rewritten from, each in shards that hold exactly what the last save recorded."""

    def __init__(self, root: Path, per_shard: int, places: Mapping[str, int | float | str], disk: Disk) -> None:
        def place_of(name: str) -> ShardPlace:
            return ShardPlace(int(places.get(f"{name}_lines", 0)), int(places.get(f"{name}_bytes", 0)))

        self._shards = {name: Shards(root / folder, per_shard, place_of(name), disk) for name, folder in BEFORE.items()}

    def append(self, rows: Sequence[Example], raws: Sequence[Example]) -> None:
        """Append the rows. They are on disk when this returns, and are kept for good once `places` is saved."""
        for name, examples in ((ROWS, rows), (RAW, raws)):
            self._shards[name].append([write_example(example) for example in examples])

    @property
    def places(self) -> dict[str, int | float | str]:
        """The lines and bytes of the shards so far, to be saved with the progress."""
        place: dict[str, int | float | str] = {}
        for name, shards in self._shards.items():
            place |= {f"{name}_lines": shards.place.lines, f"{name}_bytes": shards.place.size}
        return place

    def texts(self) -> Iterator[tuple[str, str, str]]:
        """Yield the question, thought and answer of every row."""
        for line in Shards.read(self._shards[ROWS].folder):
            *before, last = parse_json(line)["messages"]
            yield "\n".join(message["content"] for message in before), last.get("reasoning_content", ""), last["content"]


def publish(rundir: RunDir, mix: Mix, seed: int, per_shard: int, form: Form = "jsonl", why: str = "") -> dict[str, Any]:
    """Write the mixed set to the folder `rows`, which appears whole, and return the run's result. FailedBar if there is no row, if the mix
    is not possible, or if the file format cannot hold a row. `why`: a server's reason for the replies that are missing."""
    root, disk, tally = rundir.root, rundir.disk, Tally.of(rundir.metrics())
    counts = tally.rows_by_domain()
    if not counts:
        raise FailedBar(f"not one row was kept: {_why(tally)}{why and f' ({mask(why)})'}; `aha show` prints the settings that decide")
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
    """Yield the id, domain and line of each row."""
    for line in Shards.read(folder):
        row = parse_json(line)
        yield row["id"], row["domain"], line


def _write(folder: Path, lines: Iterable[str], per_shard: int, disk: Disk, form: Form) -> None:
    """Write the folder, which appears whole by one rename, without checksums, since a person may edit it. No lines: no folder."""
    queue = iter(lines)
    first = next(queue, None)
    if first is None or folder.exists():
        return
    fill = _tables if form == "parquet" else _lines
    publish_folder(disk, folder, lambda beside: fill(beside, chain([first], queue), per_shard, disk), with_sums=False)


def _lines(folder: Path, lines: Iterator[str], per_shard: int, disk: Disk) -> None:
    shards = Shards(folder, per_shard, disk=disk)
    while part := list(islice(lines, AT_ONCE)):
        shards.append(part)


def _tables(folder: Path, lines: Iterator[str], per_shard: int, disk: Disk) -> None:
    for number, first in enumerate(lines):
        path = folder / f"{number:05d}.parquet"
        for piece in write_table(chain([first], islice(lines, per_shard - 1))):
            disk.append(path, piece)
        disk.fsync(path)


def _why(tally: Tally) -> str:
    """Return the most frequent reasons why samples were dropped, in words."""
    ends = Counter[str]()
    for (_, end), number in tally.counts.items():
        if end in ENDS and end != ROW_COUNT:
            ends[end] += number
    return ", ".join(f"{number:,} {end}" for end, number in ends.most_common(4)) or "nothing was asked"
