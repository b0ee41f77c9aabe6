"""A disk that fails or dies at a chosen change, and forgets at a power cut what nobody asked it to keep."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from aha.durable import Disk

GROWING = ("write", "append", "mkdir")


class Killed(BaseException):
    """The process ends here: nothing catches it, and the disk takes nothing more from it."""


class ForgetfulDisk(Disk):
    """Knows which bytes and names were synced; `cut_power` undoes the others. Counts the changes."""

    def __init__(self, root: Path | None = None) -> None:
        """What stands under `root` already is on the device."""
        self.count = 0
        self.kept = {path.stat().st_ino: path.read_bytes() for path in files(root)}  # inode -> the bytes at its last fsync
        self.undo: list[tuple[Path, Callable[[], None]]] = []  # names that changed in a folder since its last fsync

    def step(self, name: str, path: Path, data: bytes = b"") -> None:
        self.count += 1

    def write(self, path: Path, data: bytes) -> None:
        self.step("write", path, data)
        new = not path.exists()
        super().write(path, data)
        if new:
            self.kept.pop(path.stat().st_ino, None)  # it was another file's, now gone

    def append(self, path: Path, data: bytes) -> None:
        self.step("append", path, data)
        super().append(path, data)

    def truncate(self, path: Path, size: int) -> None:
        self.step("truncate", path)
        super().truncate(path, size)

    def fsync(self, path: Path) -> None:
        """Remembers only: the real one would make thousands of runs slow, and no power is really cut."""
        self.step("fsync", path)
        if path.is_dir():
            self.undo = [entry for entry in self.undo if entry[0] != path]
        else:
            self.kept[path.stat().st_ino] = path.read_bytes()

    def rename(self, old: Path, new: Path) -> None:
        self.step("rename", old)
        before = new.read_bytes() if new.is_file() else None
        super().rename(old, new)
        self.undo.append((new.parent, lambda: self._back(old, new, before)))

    def mkdir(self, path: Path) -> None:
        self.step("mkdir", path)
        super().mkdir(path)
        self.undo.append((path.parent, lambda: shutil.rmtree(path, ignore_errors=True)))

    def remove(self, path: Path) -> None:
        self.step("remove", path)
        super().remove(path)

    def cut_power(self, root: Path) -> None:
        for _, undo in reversed(self.undo):
            undo()
        for path in files(root):
            path.write_bytes(self.kept.get(path.stat().st_ino, b""))

    def _back(self, old: Path, new: Path, before: bytes | None) -> None:
        if new.exists():
            os.rename(new, old)
        if before is not None:
            new.write_bytes(before)
            self.kept[new.stat().st_ino] = before


class KillingDisk(ForgetfulDisk):
    """Dies at the change number `at`; `torn`: half of it is done."""

    def __init__(self, at: int, *, torn: bool = False, root: Path | None = None) -> None:
        super().__init__(root)
        self.at, self.torn = at, torn

    def step(self, name: str, path: Path, data: bytes = b"") -> None:
        if self.count == self.at and self.torn:
            half_done(name, path, data)
        if self.count >= self.at:
            self.at = 0
            raise Killed
        super().step(name, path, data)


class FailingDisk(ForgetfulDisk):
    """Fails with an error at the change number `at`. A full disk stays full for all that grows, and takes half of the first."""

    def __init__(self, at: int, code: int) -> None:
        super().__init__()
        self.at, self.code, self.failed = at, code, False

    def step(self, name: str, path: Path, data: bytes = b"") -> None:
        full = self.code == errno.ENOSPC
        if (name in GROWING or not full) and (self.count == self.at or (full and self.count > self.at)):
            if not self.failed:
                half_done(name, path, data)
            self.failed = True
            self.count += 1
            raise OSError(self.code, os.strerror(self.code), str(path))
        super().step(name, path, data)


def files(root: Path | None) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()] if root else []


def half_done(name: str, path: Path, data: bytes) -> None:
    match name:
        case "write":
            path.write_bytes(data[: len(data) // 2])
        case "append":
            Disk().append(path, data[: len(data) // 2])
        case "remove" if path.is_dir():
            for child in [child for child in sorted(path.rglob("*")) if child.is_file()][:1]:  # an empty folder has none
                child.unlink()
