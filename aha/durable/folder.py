"""Folders that are published by one rename, complete, with the sha256 of every file in them.

A folder has one owner at a time: a lock that the kernel releases when its owner dies, however it dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from safetensors import SafetensorError

from aha.durable.files import Disk, aside, disk_errors, seal, unseal
from aha.durable.reading import DOCUMENT, read_file
from aha.errors import AhaError, BadInput, DiskTrouble
from aha.json_text import parse_json

SUMS = "sha256.json"
HOLDS = frozenset({".safetensors", ".json", ".jsonl", ".txt", ".jinja", ".model"})  # file types that cannot run code when read


def publish_folder(disk: Disk, folder: Path, fill: Callable[[Path], None], size: int = 0, *, with_sums: bool = True) -> None:
    """Publish the files that `fill` writes at `folder` by one rename, with the sha256 of every file. `with_sums` False leaves the sums out,
    for a folder that a person may edit; then `fill` has to bring its files to the device itself."""
    beside = aside(folder)
    with disk_errors(folder, size):
        home = folder.parent.stat().st_ino
        try:
            if beside.exists():
                disk.remove(beside)
            disk.mkdir(beside)
            fill(beside)
            _settle(disk, beside) if with_sums else disk.fsync(beside)
            disk.rename(beside, folder)
        except (OSError, SafetensorError, AhaError):  # a half-written folder would only take space
            with suppress(OSError):
                disk.remove(beside)
            _unmake(folder.parent, home)
            raise
        disk.fsync(folder.parent)


def _unmake(parent: Path, home: int) -> None:
    """Remove the empty parents that a library recreated while it wrote into a folder, if the run was moved meanwhile."""
    with suppress(OSError):
        if parent.stat().st_ino != home:
            parent.rmdir()
            parent.parent.rmdir()


def remove_folder(disk: Disk, folder: Path) -> None:
    """Rename the folder before removing it, so that a crash never shows a part of it."""
    with disk_errors(folder):
        disk.rename(folder, aside(folder))
        disk.fsync(folder.parent)
        disk.remove(aside(folder))


def check_folder(folder: Path, *, whole: bool = True) -> str:
    """Return the problem of a published folder, naming the file; empty if every byte is as it was written. `whole` False compares only the
    presence and size of files, which is quick for large ones too."""
    with disk_errors(folder):
        if folder.is_symlink():
            return f"{folder}: refused: a link, not a folder"
        sums = _read_sums(folder / SUMS)
        if sums is None:
            return f"{folder / SUMS}: missing or damaged"
        files = {str(path.relative_to(folder)): path for path in _entries(folder)}
        problems = (_problem(folder, name, files.get(name), sums.get(name), whole) for name in sorted({*sums, *files} - {SUMS}))
        return next(filter(None, problems), "")


def folder_bytes(folder: Path) -> int:
    """Return the bytes that a published folder takes, by its own list."""
    return sum(size for size, _ in (_read_sums(folder / SUMS) or {}).values())


def _settle(disk: Disk, folder: Path) -> None:
    """Write the checksums of the folder, and flush every byte and name in it to the device."""
    entries = sorted(_entries(folder))
    for path in entries:
        refusal = _refusal(str(path.relative_to(folder))) or ("" if _is_plain(path) else "a link or a device")
        if refusal:
            raise ValueError(f"{path}: a checkpoint cannot hold it: {refusal}")
    files = {str(path.relative_to(folder)): {"size": path.stat().st_size, "sha256": _sha256(path)} for path in entries}
    disk.write(folder / SUMS, seal({"files": files}, indent=2))
    for path in [*entries, folder / SUMS]:
        disk.fsync(path)
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        disk.fsync(path)
    disk.fsync(folder)


def _problem(folder: Path, name: str, path: Path | None, entry: tuple[int, str] | None, whole: bool) -> str:
    if refusal := _refusal(name):
        return f"{folder}: refused: {name!r} is {refusal}"
    if path is None:
        return f"{folder / name}: missing"
    if not _is_plain(path):
        return f"{path}: refused: a link or a device, not a file"
    if entry is None:
        return f"{path}: refused: {SUMS} does not list it"
    size, sha256 = entry
    if path.stat().st_size != size:
        return f"{path}: damaged: {path.stat().st_size:,} bytes, {size:,} were written"
    return "" if not whole or _sha256(path) == sha256 else f"{path}: damaged: its sha256 is not the one that was written"


def _refusal(name: str) -> str:
    parts = PurePosixPath(name).parts
    if name.startswith("/") or "\\" in name or ".." in parts or "/".join(parts) != name:
        return "not a path inside the folder"
    return "" if PurePosixPath(name).suffix in HOLDS else f"none of {', '.join(sorted(HOLDS))}, and reading others may run code"


def _read_sums(path: Path) -> dict[str, tuple[int, str]] | None:
    if not path.is_file() or path.is_symlink():
        return None
    match unseal(read_file(path, DOCUMENT), indent=2):
        case {"files": dict() as files}:
            pass
        case _:
            return None
    sums = {
        name: (file["size"], file["sha256"]) for name, file in files.items() if isinstance(file, dict) and {"size", "sha256"} == file.keys()
    }
    whole = len(sums) == len(files) and all(isinstance(size, int) and isinstance(sha256, str) for size, sha256 in sums.values())
    return sums if whole else None


def _entries(folder: Path) -> list[Path]:
    """Return all entries of the folder but folders. A link to a folder is an entry, and is not followed."""
    return [
        Path(at) / name for at, folders, files in os.walk(folder) for name in [*files, *(n for n in folders if (Path(at) / n).is_symlink())]
    ]


def _is_plain(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


PATIENCE_S = 0.5
_descriptors: set[int] = set()


def _leave_to_the_parent() -> None:
    """Close the lock's descriptors in a forked worker, which must not keep the parent's lock if it outlives the parent."""
    for descriptor in _descriptors:
        os.close(descriptor)
    _descriptors.clear()


os.register_at_fork(after_in_child=_leave_to_the_parent)


class Lock:
    """The lock on a file, whose text names the process that holds it. BadInput, within a second, if another process holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        except BlockingIOError:
            os.close(self.descriptor)
            raise BadInput(f"{path.parent}: {_owner(path)} is at work in it; wait for it to end, or choose another directory") from None
        except OSError:
            os.close(self.descriptor)
            raise
        _descriptors.add(self.descriptor)

    def check(self) -> None:
        """Raise DiskTrouble if the file is no longer the locked one: the directory was moved, deleted or replaced."""
        try:
            is_same = os.path.samestat(os.fstat(self.descriptor), self.path.stat())
        except FileNotFoundError:
            is_same = False
        if not is_same:
            raise DiskTrouble(
                f"{self.path.parent}: it was moved or deleted while the run was on; put it back and run the same command again"
            )

    def release(self) -> None:
        """Release the lock. Further calls do nothing."""
        if self.descriptor in _descriptors:
            _descriptors.remove(self.descriptor)
            with suppress(OSError):  # the text is only for people; closing the file releases the lock
                os.ftruncate(self.descriptor, 0)
            os.close(self.descriptor)


def _owner(path: Path) -> str:
    """Return the process that holds the lock, by the lock file's text; wait a moment for a new owner to write it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        match _signature(path):
            case {"pid": int() as pid, "host": str() as host} if host != socket.gethostname() or is_running(pid):
                return f"process {pid} on {host}"
        time.sleep(0.02)
    return "another process"


def _signature(path: Path) -> object:
    try:
        return parse_json(path.read_text())
    except (OSError, ValueError):
        return None


def is_running(pid: int) -> bool:
    """Return True if a process of this number runs, whoever started it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
