"""One file: replaced at once, and sealed."""

from __future__ import annotations

import hashlib
import json
import stat
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aha.durable.disk import Disk, trouble
from aha.errors import BadInput
from aha.json_text import NotJson, parse_json
from aha.redact import hide, hide_bytes, hide_tree

_LINE_END = b',"crc":"%08x"}\n'
_INDENTED_END = b',\n  "crc": "%08x"\n}\n'


def replace_file(disk: Disk, path: Path, data: bytes) -> None:
    """The file holds `data`, in which what is secret is hidden, or, after a failure or a crash, what it held before."""
    data = hide_bytes(data)
    if not path.name:
        raise BadInput(f"{path}: it names no file")
    if is_special(path):
        raise BadInput(f"{path}: it is a pipe, a socket or a device, which a file would take the place of; name a file")
    file = PiecewiseFile(disk, path)
    file.append(data)
    file.finish()


class PiecewiseFile:
    """A file that is written in pieces, aside, and appears whole at `path` when the last one is there. Who makes the pieces hides what is
    secret: a packed piece does not show it."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self.path, self.size = path, 0
        self._disk, self._digest = disk, hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of the pieces so far."""
        return self._digest.hexdigest()

    def append(self, piece: bytes) -> None:
        """Write a piece behind those before; the first one begins the file anew."""
        with trouble(self.path, len(piece)), self._removal_on_failure():
            (self._disk.append if self.size else self._disk.write)(aside(self.path), piece)
        self.size += len(piece)
        self._digest.update(piece)

    def finish(self) -> None:
        """All pieces are on the device, and the file has its name."""
        with trouble(self.path, self.size):
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
    """Whether something stands there that is neither a file nor a folder."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_aside(path: Path) -> bool:
    """Whether this is what a crash left half-written or half-removed."""
    return path.name.startswith(".") and path.name.endswith(".aside")


def aside(path: Path) -> Path:
    """Where a file or folder is while it is half there."""
    return path.with_name(f".{path.name}.aside")


def seal(record: Mapping[str, Any], indent: int | None = None) -> bytes:
    """JSON that ends with the CRC-32 of all its bytes before: one line, or indented for a person. `record` is not empty; what is secret in
    it is hidden."""
    separators = None if indent else (",", ":")
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    if hide(text) != text:
        text = json.dumps(hide_tree(record), ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    body = text.removesuffix("}").rstrip("\n").encode("utf-8", "backslashreplace")
    return body + (_INDENTED_END if indent else _LINE_END) % zlib.crc32(body)


def unseal(data: bytes, indent: int | None = None) -> dict[str, Any] | None:
    """The record that was sealed; None where a byte differs."""
    end = _INDENTED_END if indent else _LINE_END
    body = data[: -len(end % 0)]
    if data != body + end % zlib.crc32(body):
        return None
    try:
        record = parse_json(body + b"}")
    except NotJson:  # a checksum over something that never was ours
        return None
    return record if isinstance(record, dict) else None
