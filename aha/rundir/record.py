"""A run as it is read."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.codec import decode
from aha.durable import read_journal, trouble, unseal
from aha.errors import BadInput, DiskTrouble
from aha.rundir.manifest import Manifest
from aha.types import Group

GROUPS_KEY = "groups_sha256"


@dataclass(frozen=True)
class Checkpoint:
    """The state after a rollout, in Hugging Face format."""

    rollout: int
    folder: Path


class Record:
    """A run as anyone may read it, also while it is at work. Raises DiskTrouble where a file is damaged, naming file and line."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def manifest(self) -> Manifest:
        return read_manifest(self.root / "manifest.json")

    def metrics(self) -> list[dict[str, float]]:
        """One of each rollout, `rollout` included. What a crash left half-written at the end is not there."""
        lines = self._journal("metrics.jsonl")
        return [decode({key: value for key, value in line.items() if key != GROUPS_KEY}, dict[str, float]) for line in lines]

    def timings(self) -> list[dict[str, float]]:
        """One of each rollout: `rollout`, `at` (seconds since 1970), and what was measured."""
        return [decode(line, dict[str, float]) for line in self._journal("timings.jsonl")]

    def groups(self, rollout: int) -> list[Group]:
        path = self._groups_path(rollout)
        if problem := self._groups_problem(rollout):
            raise DiskTrouble(problem)
        with trouble(path):
            lines = gzip.decompress(path.read_bytes()).splitlines()  # of bytes: text has other line ends
        return [decode(json.loads(line), Group) for line in lines]

    def checkpoints(self) -> list[Checkpoint]:
        """Oldest first; not yet checked (`durable.check_folder` does)."""
        folders = [path for path in (self.root / "checkpoints").glob("*") if path.name.isdecimal()]
        return sorted((Checkpoint(int(folder.name), folder) for folder in folders), key=lambda found: found.rollout)

    @property
    def finished(self) -> bool:
        return (self.root / "result.json").exists()

    def result(self) -> dict[str, Any]:
        path = self.root / "result.json"
        with trouble(path):
            record = unseal(path.read_bytes(), indent=2)
        if record is None:
            raise DiskTrouble(f"{path}: damaged: its checksum differs; delete it and run the same command again")
        return record

    def _journal(self, name: str) -> tuple[dict[str, Any], ...]:
        journal = read_journal(self.root / name)
        if journal.damaged:
            raise DiskTrouble(f"{self.root / name}, line {journal.damaged[0]}: damaged: its checksum differs")
        return journal.records

    def _groups_path(self, rollout: int) -> Path:
        return self.root / "groups" / f"{rollout:06d}.jsonl.gz"

    def _groups_problem(self, rollout: int) -> str:
        path = self._groups_path(rollout)
        sums = {line["rollout"]: line.get(GROUPS_KEY) for line in read_journal(self.root / "metrics.jsonl").records}
        if not path.exists():
            return f"{path}: missing"
        with trouble(path):
            same = hashlib.sha256(path.read_bytes()).hexdigest() == sums.get(rollout)
        return "" if same else f"{path}: damaged: its sha256 is not the one in metrics.jsonl"


def read_manifest(path: Path) -> Manifest:
    """A run's manifest. One without its `crc` line, written by a person, is taken as it is."""
    with trouble(path):
        data = path.read_bytes()
    record = unseal(data, indent=2) or _by_hand(path, data)
    try:
        manifest: Manifest = decode(record, Manifest)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    return manifest


def _by_hand(path: Path, data: bytes) -> Any:
    try:
        record = json.loads(data)
    except ValueError as error:
        raise BadInput(f"{path}: not JSON: {error}") from None
    if isinstance(record, dict) and "crc" in record:
        raise BadInput(f'{path}: it was edited or damaged: its checksum differs; undo that, or delete its "crc" line to take it as it is')
    return record
