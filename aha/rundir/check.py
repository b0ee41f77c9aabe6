"""The check of a result: every byte is compared with the checksum that was written with it.

Most files have their own: checkpoints a `sha256.json`, journals and documents a CRC in each line or at their end, groups a sha256 in the
line of their rollout. Files without one are listed in `checksums.json` when a run is finished.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aha.durable import SUMS, Disk, check_folder, disk_errors, is_aside, read_journal, replace_file, seal, unseal
from aha.errors import BadInput
from aha.rundir.record import Record
from aha.rundir.retention import METRICS

LIST, MANIFEST = "checksums.json", "manifest.json"
WITH_CHECKSUM = (
    MANIFEST,
    "metrics.jsonl",
    "timings.jsonl",
    "result.json",
    "lineage.json",
    "graph.json",
)  # files of a run, known by these names in its directory
PAGES = (".html", ".png")  # pages, which can be drawn anew from the other files
TEMPORARY = ("lock", "done.json", "digests.json", "tracked")  # files for the running process only
TRACKER_FOLDERS = frozenset({"tensorboard", "wandb"})  # folders of trackers that read the run
AFTER_A_FAULT = ("crash-", "stall-")
TAIL = 64  # bytes at a document's end, which include its CRC
DAMAGE = "damaged: its sha256 is not the one that was written"


@dataclass
class CheckReport:
    """The outcome of a check: `sound` files, `size` bytes in all, are as written; `problems` names the others; `bare` files have no
    checksum."""

    sound: int = 0
    size: int = 0
    problems: list[str] = field(default_factory=list)
    bare: list[Path] = field(default_factory=list)

    def note(self, path: Path, problem: str) -> None:
        """Add the problem of a compared file, or, if there is none, count it as sound."""
        if problem:
            self.problems.append(problem)
        else:
            self.sound, self.size = self.sound + 1, self.size + path.stat().st_size


def check(root: Path) -> CheckReport:
    """Compare every file of a run, a graph or a result with its checksum. BadInput if there is no such directory."""
    if not root.is_dir():
        raise BadInput(f"{root}: there is no such directory; give that of a run, of a graph or of a result")
    report, checksums, published_folders = CheckReport(), dict[Path, Any](), _published_files(root)
    for folder in published_folders:
        problem = check_folder(folder)
        report.problems += [problem] if problem else []
        report.sound += 0 if problem else sum(path.is_file() for path in folder.rglob("*"))
        report.size += 0 if problem else sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    for path in sorted(root.rglob(LIST)):
        problem = _sealed_problem(path)
        report.note(path, problem)
        checksums |= {} if problem else {path.parent / name: entry for name, entry in _record(path)["files"].items()}
    for folder in (journal.parent for journal in sorted(root.rglob(METRICS))):
        report.problems += [] if folder in published_folders or (folder / MANIFEST).is_file() else [f"{folder / MANIFEST}: missing"]
        checksums |= Record(folder).groups_sums() if (folder / "groups").is_dir() else {}
    for path, entry in checksums.items():
        report.note(path, _listed_problem(path, entry))
    for path in (path for path in _loose(root) if path not in checksums and path.name != LIST):
        if path.parent.name == "groups":
            report.problems.append(f"{path}: no whole line of metrics.jsonl has its sha256")
        elif _seals_itself(path):
            report.note(path, _sealed_problem(path))
        else:
            report.bare.append(path)
    return report


def write_checksums(root: Path, disk: Disk) -> None:
    """List every file of a run that has no checksum of its own; write no list if there is no such file."""
    bare = [path for path in _loose(root) if path.name != LIST and path.parent.name != "groups" and not _seals_itself(path)]
    files = {str(path.relative_to(root)): {"size": path.stat().st_size, "sha256": _sha256(path)} for path in bare}
    if files:
        replace_file(disk, root / LIST, seal({"files": files}, indent=2))


def _published_files(root: Path) -> list[Path]:
    """Return the folders that list all their files."""
    return sorted(path.parent for path in root.rglob(SUMS))


def _loose(root: Path) -> Iterator[Path]:
    """Yield the files outside of published folders that matter to people."""
    files = set(_published_files(root))
    for path in sorted(path for path in root.rglob("*") if path.is_file() and files.isdisjoint(path.parents)):
        if not TRACKER_FOLDERS.isdisjoint(path.relative_to(root).parts):
            continue
        if path.suffix not in PAGES and path.name not in TEMPORARY and not path.name.startswith(AFTER_A_FAULT) and not is_aside(path):
            yield path


def _seals_itself(path: Path) -> bool:
    """Return True for a journal or a document with a CRC, by its name in a run or by its end."""
    if path.name in WITH_CHECKSUM and (path.parent / MANIFEST).exists():
        return True
    if path.suffix not in (".json", ".jsonl"):
        return False
    with disk_errors(path), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        return b'"crc":' in file.read()


def _sealed_problem(path: Path) -> str:
    if path.suffix == ".jsonl":
        journal = read_journal(path)
        if journal.damaged_lines:
            return f"{path}, line {journal.damaged_lines[0]}: damaged: its checksum differs"
        return f"{path}: its end is torn" if journal.torn_bytes else ""
    return "" if _record(path) is not None else f"{path}: damaged: its checksum differs"


def _record(path: Path) -> Any:
    with disk_errors(path):
        return unseal(path.read_bytes(), indent=2)


def _listed_problem(path: Path, entry: Any) -> str:
    """Return the problem of a listed file. `entry`: the sha256, alone or with the size."""
    if not path.is_file():
        return f"{path}: missing"
    sha256 = entry.get("sha256") if isinstance(entry, dict) else entry
    note = " (rows may be edited where they are; then this is no damage)" if path.parent.name in ("rows", "raw") else ""
    return "" if _sha256(path) == sha256 else f"{path}: {DAMAGE}{note}"


def _sha256(path: Path) -> str:
    with disk_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
