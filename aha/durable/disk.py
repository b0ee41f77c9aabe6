"""The primitives, and what is said when one fails."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from aha.errors import BadInput, DiskTrouble


class Disk:
    """Every way a run changes a disk. Raises OSError."""

    def write(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)

    def append(self, path: Path, data: bytes) -> None:
        with path.open("ab") as file:
            file.write(data)

    def truncate(self, path: Path, size: int) -> None:
        os.truncate(path, size)

    def fsync(self, path: Path) -> None:
        """What stands in the file, or the names in the folder, is on the device."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        os.rename(old, new)

    def mkdir(self, path: Path) -> None:
        path.mkdir()

    def remove(self, path: Path) -> None:
        """A file, a link or a folder with all that is in it."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def free(self, path: Path) -> int:
        """The bytes that may still be written there."""
        figures = os.statvfs(path)
        return figures.f_bavail * figures.f_frsize


AGAIN = "then run the same command again: the last checkpoint is kept"
REASONS = {
    errno.ENOSPC: f"the disk is full; free some space, {AGAIN}",
    errno.EDQUOT: f"the disk quota is used up; free some space, {AGAIN}",
    errno.EROFS: f"the disk is read-only; make it writable, {AGAIN}",
    errno.EACCES: f"no permission; allow it, {AGAIN}",
    errno.EPERM: f"no permission; allow it, {AGAIN}",
    errno.EIO: f"the device failed (EIO); check the disk, {AGAIN}",
    errno.ENOENT: "it is gone; was the run directory moved or deleted? Put it back and run the same command again",
    errno.ENOTDIR: "a file stands where a folder should; move it away and run the same command again",
}
NO_NAME = {  # what is wrong with a name, whatever the disk does
    errno.ENAMETOOLONG: "no file can have so long a name",
    errno.ELOOP: "a link that leads back to itself",
}


@contextmanager
def trouble(path: Path, size: int = 0) -> Iterator[None]:
    """A failed write or read in it leaves as DiskTrouble: one line with the path, and the bytes needed where they are known. BadInput
    where there can be no such file."""
    try:
        yield
    except OSError as error:
        check_name(error, path)
        raise DiskTrouble(_line(path, error.errno or 0, str(error.strerror or error), size)) from error
    except SafetensorError as error:
        code = re.search(r"os error (\d+)", str(error))
        raise DiskTrouble(_line(path, int(code[1]) if code else 0, str(error), size)) from error


def check_name(error: OSError, path: object) -> None:
    """BadInput where the name itself is what is wrong."""
    if error.errno in NO_NAME:
        raise BadInput(f"{str(path)[:80]}{'…' * (len(str(path)) > 80)}: {NO_NAME[error.errno]}") from None


def _line(path: Path, code: int, text: str, size: int) -> str:
    need = f" ({size:,} bytes needed)" if size else ""
    return f"{path}: {REASONS.get(code, ' '.join(text.split()))}{need}"
