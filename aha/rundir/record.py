"""A run as it is read."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.codec import check_fields, decode
from aha.durable import DOCUMENT, SUMS, check_folder, naming_file, open_file, read_file, read_journal, unseal
from aha.errors import BadInput, DiskTrouble
from aha.json_text import NotJson, parse_json
from aha.rundir.groups import unpack
from aha.rundir.manifest import Manifest
from aha.rundir.old_names import with_new_names
from aha.rundir.result import check_result
from aha.types import Count, Group

GROUPS_KEY = "groups_sha256"
METRICS, TIMINGS, PROGRESS = "metrics.jsonl", "timings.jsonl", "progress.json"
JOURNALS = (METRICS, TIMINGS)
LINE = {"rollout": Count, GROUPS_KEY: str}


@dataclass(frozen=True)
class Checkpoint:
    """The state after a rollout, in Hugging Face format."""

    rollout: int
    folder: Path

    def copy(self, folder: Path) -> None:
        """The learner's files once more: a `save` for a commit that goes back to this checkpoint. DiskTrouble where it is damaged."""
        if problem := check_folder(self.folder):
            raise DiskTrouble(problem)
        shutil.copytree(self.folder, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(SUMS, METRICS, PROGRESS))


class Record:
    """A run as anyone may read it, also while it is at work. Raises DiskTrouble where a file is damaged, naming file and line."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def manifest(self) -> Manifest:
        return read_manifest(self.root / "manifest.json")

    def metrics(self) -> list[dict[str, float]]:
        """One of each rollout, `rollout` included. What a crash left half-written at the end is not there."""
        return self._numbers(METRICS)

    def timings(self) -> list[dict[str, float]]:
        """One of each rollout: `rollout`, `at` (seconds since 1970), and what was measured."""
        return self._numbers(TIMINGS)

    def _numbers(self, name: str) -> list[dict[str, float]]:
        with naming_file(self.root / name):
            lines = self._journal(name)
            return [decode({key: value for key, value in line.items() if key != GROUPS_KEY}, dict[str, float]) for line in lines]

    def groups(self, rollout: int) -> list[Group]:
        """What was asked, said and judged, to the bit."""
        path = self._groups_path(rollout)
        sums = {line["rollout"]: line.get(GROUPS_KEY) for line in self._journal(METRICS)}
        if problem := self._groups_problem(rollout, sums.get(rollout)):
            raise DiskTrouble(problem)
        return unpack(path)

    def checkpoints(self) -> list[Checkpoint]:
        """Oldest first; not yet checked (`durable.check_folder` does)."""
        folders = [path for path in (self.root / "checkpoints").glob("*") if path.name.isdecimal()]
        return sorted((Checkpoint(int(folder.name), folder) for folder in folders), key=lambda checkpoint: checkpoint.rollout)

    def checkpoint(self, rollout: int) -> Checkpoint:
        """The one after that rollout. DiskTrouble where it is gone."""
        for checkpoint in self.checkpoints():
            if checkpoint.rollout == rollout:
                return checkpoint
        raise DiskTrouble(f"{self.root}: there is no checkpoint after rollout {rollout}; bring it back")

    def problems(self) -> list[str]:
        """Every byte checked: one line for each file that is not as it was written. Empty for a sound run."""
        metrics = read_journal(self.root / METRICS).records
        sums = {line["rollout"]: line[GROUPS_KEY] for line in metrics if GROUPS_KEY in line}
        problems = [_said_by(read) for read in (self.manifest, self.metrics, self.timings, lambda: self.finished)]
        problems += [self._groups_problem(rollout, sha256) for rollout, sha256 in sums.items()]
        problems += [check_folder(checkpoint.folder) for checkpoint in self.checkpoints()]
        problems += [f"{self.root / name}: its end is torn" for name in JOURNALS if read_journal(self.root / name).torn_bytes]
        return list(filter(None, problems))

    @property
    def finished(self) -> bool:
        """Whether there is a result. DiskTrouble where it is damaged."""
        return (self.root / "result.json").exists() and bool(self.result)

    @property
    def result(self) -> dict[str, Any]:
        """What `finish` was given."""
        path = self.root / "result.json"
        record = unseal(read_file(path, DOCUMENT), indent=2)
        if record is None:
            raise DiskTrouble(f"{path}: damaged: its checksum differs; delete it and run the same command again")
        with naming_file(path):
            return check_result(record)

    def _journal(self, name: str) -> tuple[dict[str, Any], ...]:
        journal = read_journal(self.root / name)
        if journal.damaged_lines:
            raise DiskTrouble(f"{self.root / name}, line {journal.damaged_lines[0]}: damaged: its checksum differs")
        with naming_file(self.root / name):
            return tuple(check_fields(line, LINE, ("rollout",)) for line in journal.records)

    def _groups_path(self, rollout: int) -> Path:
        return self.root / "groups" / f"{rollout:06d}.jsonl.gz"

    def _groups_problem(self, rollout: int, sha256: str | None) -> str:
        path = self._groups_path(rollout)
        if not path.exists():
            return f"{path}: missing"
        with open_file(path) as file:
            is_equal = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        return "" if is_equal else f"{path}: damaged: its sha256 is not the one in metrics.jsonl"


def read_manifest(path: Path) -> Manifest:
    """A run's manifest. One without its `crc` line, written by a person, is taken as it is."""
    data = read_file(path, DOCUMENT)
    record = unseal(data, indent=2) or _by_hand(path, data)
    with naming_file(path):
        manifest: Manifest = decode(record, Manifest)
    return with_new_names(manifest)


def _said_by(read: Callable[[], object]) -> str:
    try:
        read()
    except (BadInput, DiskTrouble) as error:
        return str(error)
    return ""


def _by_hand(path: Path, data: bytes) -> Any:
    try:
        record = parse_json(data)
    except NotJson as error:
        raise BadInput(f"{path}: {error}") from None
    if isinstance(record, dict) and "crc" in record:
        raise BadInput(f'{path}: it was edited or damaged: its checksum differs; undo that, or delete its "crc" line to take it as it is')
    return record
