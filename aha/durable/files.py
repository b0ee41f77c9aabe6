"""Writing of files such that a crash leaves the old content or the new one: disk primitives, atomic replacement, and sealing."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import re
import shutil
import stat
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from aha.errors import BadInput, DiskTrouble
from aha.json_text import NotJson, parse_json
from aha.lazy import lazy_pattern
from aha.redact import hide, hide_bytes, hide_tree

_PART = lazy_pattern(r"(?P<before>.+)-(?P<part>[0-9]{1,6})-of-(?P<count>[0-9]{1,6})(?P<after>\..+)")


class Disk:
    """The operations with which a run changes a disk. They raise OSError."""

    def write(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)

    def append(self, path: Path, data: bytes) -> None:
        with path.open("ab") as file:
            file.write(data)

    def truncate(self, path: Path, size: int) -> None:
        os.truncate(path, size)

    def fsync(self, path: Path) -> None:
        """Flush the file's data, or the folder's names, to the device."""
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
        """Remove a file, a link, or a folder with all its contents."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def free(self, path: Path) -> int:
        """Return the free bytes on the disk of that path."""
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
NO_NAME = {  # errors of the name itself, on any disk
    errno.ENAMETOOLONG: "no file can have so long a name",
    errno.ELOOP: "a link that leads back to itself",
}


@contextmanager
def disk_errors(path: Path, size: int = 0) -> Iterator[None]:
    """Turn a failed write or read in this context into DiskTrouble: one line with the path, and the bytes needed if known. BadInput for a
    path that no file can have."""
    try:
        yield
    except OSError as error:
        check_name(error, path)
        raise DiskTrouble(_line(path, error.errno or _number_in(error), str(error.strerror or error), size)) from error
    except SafetensorError as error:
        raise DiskTrouble(_line(path, _number_in(error), str(error), size)) from error


def _number_in(error: Exception) -> int:
    """Return the errno of a failure, if need be from the text of another error; 0 if there is none."""
    number = re.search(r"(?:os error |\[Errno )(\d+)", str(error))
    return int(number[1]) if number else 0


def check_name(error: OSError, path: object) -> None:
    """Raise BadInput if the name itself is the problem."""
    if error.errno in NO_NAME:
        raise BadInput(f"{str(path)[:80]}{'…' * (len(str(path)) > 80)}: {NO_NAME[error.errno]}") from None


def _line(path: Path, code: int, text: str, size: int) -> str:
    need = f" ({size:,} bytes needed)" if size else ""
    return f"{path}: {REASONS.get(code, ' '.join(text.split()))}{need}"


_LINE_END = b',"crc":"%08x"}\n'
_INDENTED_END = b',\n  "crc": "%08x"\n}\n'


def replace_file(disk: Disk, path: Path, data: bytes) -> None:
    """Replace the file by `data`, with secrets hidden; after a failure or a crash it has its old content."""
    data = hide_bytes(data)
    if not path.name:
        raise BadInput(f"{path}: it names no file")
    if is_special(path):
        raise BadInput(f"{path}: it is a pipe, a socket or a device, which a file would take the place of; name a file")
    file = PiecewiseFile(disk, path)
    file.append(data)
    file.finish()


class PiecewiseFile:
    """A file that is written in pieces under a temporary name and renamed to `path` when complete. The caller hides secrets: they cannot be
    recognized in a compressed piece."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self.path, self.size = path, 0
        self._disk, self._digest = disk, hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The sha256 of the pieces so far."""
        return self._digest.hexdigest()

    def append(self, piece: bytes) -> None:
        """Append a piece; the first one begins the file anew."""
        with disk_errors(self.path, len(piece)), self._removal_on_failure():
            (self._disk.append if self.size else self._disk.write)(aside(self.path), piece)
        self.size += len(piece)
        self._digest.update(piece)

    def finish(self) -> None:
        """Flush all pieces to the device and give the file its name."""
        with disk_errors(self.path, self.size):
            with self._removal_on_failure():
                self._disk.fsync(aside(self.path))
                self._disk.rename(aside(self.path), self.path)
            self._disk.fsync(self.path.parent)

    @contextmanager
    def _removal_on_failure(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            with suppress(OSError):
                self._disk.remove(aside(self.path))
            raise


def is_special(path: Path) -> bool:
    """Return True if the path is neither a file nor a folder but exists."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_aside(path: Path) -> bool:
    """Return True for a name that a crash leaves for a half-written or half-removed file or folder."""
    return path.name.startswith(".") and path.name.endswith(".aside")


def aside(path: Path) -> Path:
    """Return the temporary path of a file or folder until it is complete."""
    return path.with_name(f".{path.name}.aside")


def seal(record: Mapping[str, Any], indent: int | None = None) -> bytes:
    """Return a record as JSON that ends with the CRC-32 of all bytes before: one line, or indented for a person. `record` is not empty;
    secrets in it are hidden."""
    separators = None if indent else (",", ":")
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    if hide(text) != text:
        text = json.dumps(hide_tree(record), ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    body = text.removesuffix("}").rstrip("\n").encode("utf-8", "backslashreplace")
    return body + (_INDENTED_END if indent else _LINE_END) % zlib.crc32(body)


def unseal(data: bytes, indent: int | None = None) -> dict[str, Any] | None:
    """Return the record of sealed bytes; None if a byte differs."""
    end = _INDENTED_END if indent else _LINE_END
    body = data[: -len(end % 0)]
    if data != body + end % zlib.crc32(body):
        return None
    try:
        record = parse_json(body + b"}")
    except NotJson:  # a valid checksum over data that no run wrote
        return None
    return record if isinstance(record, dict) else None


def missing_part(names: Sequence[str]) -> str | None:
    """Return the first missing name, if names number the parts of a whole from 0 or 1 (`train-00001-of-00003.parquet`), else `None`."""
    wholes: dict[tuple[str, str, str], dict[int, str]] = {}
    for match in filter(None, map(_PART.fullmatch, names)):
        wholes.setdefault((match["before"], match["count"], match["after"]), {})[int(match["part"])] = match["part"]
    for (before, count, after), parts in wholes.items():
        first = 0 if 0 in parts else 1
        if missing := next((number for number in range(first, first + int(count)) if number not in parts), None):
            return f"{before}-{missing:0{len(count)}}-of-{count}{after}"
    return None


def cache_folder() -> Path:
    """Return the user's cache directory for Aha; one of this user's for temporary files if that cannot be written."""
    temporary = Path(tempfile.gettempdir(), f"aha-{os.getuid()}")
    with suppress(RuntimeError):  # a user without a home directory, as in some containers
        own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aha"
        if _is_ours(own):
            return own
    if _is_ours(temporary):
        return temporary
    raise OSError("no directory for files that can be made again")


def _is_ours(folder: Path) -> bool:
    """Make the folder, and return True if this user owns it and may write to it: others may write to the place of temporary files."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder.stat().st_uid == os.getuid() and os.access(folder, os.W_OK)
    return False


def processor_abilities() -> str:
    """Return the model and the abilities of the processor, by which a compiler chooses instructions."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(errors="replace").split("\n\n")[0].splitlines()
        return "\n".join(line for line in lines if line.startswith(("model", "cpu family", "flags", "Features", "CPU ")))
    return platform.processor()
