"""What an evaluation keeps in its folder: how it was asked, every generation, every grade, and the result."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from aha.answers import gradable
from aha.codec import check_fields, decode, encode
from aha.durable import Disk, append_journal, naming, read_document, read_journal, read_records, replace_file, trouble
from aha.errors import BadInput, DiskTrouble
from aha.evals.examined import Generation, Graded, line_of
from aha.evals.exams.exam import Item
from aha.redact import hide_tree
from aha.settings import differences
from aha.types import Count, Reference

SETTINGS, ITEMS, GENERATIONS, GRADES, RESULT = "settings.json", "items.jsonl.gz", "generations.jsonl", "grades.jsonl", "result.json"
Key = tuple[str, int]
Some = Annotated[int, range(1, 1 << 31)]
ASKED = {  # what is read again of a folder's settings
    "benchmark": str, "k": Some, "problems": Some | None, "seed": Count, "max_tokens": Some | None, "model": str | None, "data": str | None,
}  # fmt: skip


class Saved:
    """One benchmark's folder. Opening it drops what a crash left of a last line; every whole line stays, each sample once."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder, self.settings = folder, dict(settings)
        with trouble(folder):
            folder.mkdir(parents=True, exist_ok=True)
        known = read_settings(folder) if (folder / SETTINGS).exists() else None
        if known is not None and (apart := differences(known, self.settings)):
            raise BadInput(
                f"{folder}: it was begun with other settings ({'; '.join(apart[:3])}); choose another --out, or the same settings"
            )
        if known is None:
            replace_file(Disk(), folder / SETTINGS, json.dumps(self.settings, ensure_ascii=False, indent=2).encode())
        self.generations = self._read()

    def _read(self) -> dict[Key, Generation]:
        path = self.folder / GENERATIONS
        journal = read_journal(path)
        if journal.damaged:
            raise DiskTrouble(f"{path}: line {journal.damaged[0]} is damaged; delete that line and its samples are asked again")
        if journal.torn:
            with trouble(path):
                Disk().truncate(path, journal.end)
        return keyed(decode({name: value for name, value in each.items() if name != "crc"}, Generation) for each in journal.records)

    def add(self, said: Generation) -> None:
        """On the device when this returns; a sample that is there already stays as it is."""
        if (said.item, said.sample) not in self.generations:
            append_journal(Disk(), self.folder / GENERATIONS, hide_tree(encode(said, Generation)))
            self.generations[said.item, said.sample] = said

    def keep(self, items: Sequence[Item]) -> None:
        """The rows as they were asked, so that the folder can be graded again when they have moved; those of the first start stay."""
        if not (self.folder / ITEMS).exists():
            lines = (json.dumps({**vars(item), "reference": encode(item.reference, Reference)}, ensure_ascii=False) for item in items)
            replace_file(
                Disk(), self.folder / ITEMS, gzip.compress("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"), 6, mtime=0)
            )

    def write_grades(self, graded: Sequence[Graded], result: Mapping[str, Any]) -> None:
        """Beside the generations, whole or not at all."""
        write_grades(self.folder, graded, result)


def keyed(generations: Iterable[Generation]) -> dict[Key, Generation]:
    """By item and sample; the first of two counts."""
    found: dict[Key, Generation] = {}
    for each in generations:
        found.setdefault((each.item, each.sample), each)
    return found


def read_settings(folder: Path) -> dict[str, Any]:
    """How a folder's generations were asked. BadInput where it is no such folder."""
    path = folder / SETTINGS
    if not path.is_file():
        raise BadInput(f"{folder}: no {SETTINGS} in it; a folder that `aha eval --out` wrote is needed")
    found = read_document(path)
    with naming(path):
        return check_fields(found, ASKED, ("benchmark", "k"))


def asked_whole(folder: Path, items: Sequence[Item], k: int) -> int | None:
    """The limit of tokens with which a folder was asked in which every sample stands; None for any other."""
    if not (folder / SETTINGS).exists():
        return None
    keys = {(each.get("item"), each.get("sample")) for each in read_journal(folder / GENERATIONS).records}
    whole = all((item.id, number) in keys for item in items for number in range(k))
    most = read_settings(folder).get("max_tokens")
    return most if whole and isinstance(most, int) else None


def kept_items(folder: Path) -> list[Item] | None:
    """The rows that were kept with the generations; None where none were."""
    path = folder / ITEMS
    if not path.is_file():
        return None
    try:
        return [_item(row) for _, row in read_records(path)]
    except BadInput as error:
        raise DiskTrouble(f"{path}: damaged ({type(error).__name__}); delete it and name the benchmark's rows with --data") from None


def _item(row: Any) -> Item:
    item: Item = decode(row, Item)
    if not gradable(item.reference):
        raise BadInput(f"{item.id[:60]!r}: no reply could be compared with its answer")
    return item


def write_grades(folder: Path, graded: Sequence[Graded], result: Mapping[str, Any]) -> None:
    """`grades.jsonl`, which `aha score` reads, and `result.json`."""
    text = "".join(json.dumps(hide_tree(line_of(each)), ensure_ascii=False) + "\n" for each in graded)
    replace_file(Disk(), folder / GRADES, text.encode("utf-8", "backslashreplace"))
    replace_file(Disk(), folder / RESULT, (json.dumps(result, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "backslashreplace"))
