"""One owner at a time: a lock that the kernel gives back when its owner dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from aha.errors import BadInput, DiskTrouble
from aha.json_text import parse_json

PATIENCE_S = 0.5
_descriptors: set[int] = set()


def _leave_to_the_parent() -> None:
    """A forked worker that outlives its parent must not keep the parent's lock."""
    for descriptor in _descriptors:
        os.close(descriptor)
    _descriptors.clear()


os.register_at_fork(after_in_child=_leave_to_the_parent)


class Lock:
    """The lock on a file, whose text names the process that holds it. BadInput, within a second, where another one does."""

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
        """DiskTrouble where the file is no longer the one that was locked: the directory was moved, deleted or replaced."""
        try:
            is_same = os.path.samestat(os.fstat(self.descriptor), self.path.stat())
        except FileNotFoundError:
            is_same = False
        if not is_same:
            raise DiskTrouble(
                f"{self.path.parent}: it was moved or deleted while the run was on; put it back and run the same command again"
            )

    def release(self) -> None:
        """The next one may have it. More than once does no harm."""
        if self.descriptor in _descriptors:
            _descriptors.remove(self.descriptor)
            with suppress(OSError):  # the text is a courtesy; closing is what gives the lock back
                os.ftruncate(self.descriptor, 0)
            os.close(self.descriptor)


def _owner(path: Path) -> str:
    """Who wrote the lock file last; asked again for a moment while a new owner has not signed it yet."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        match _signature(path):
            case {"pid": int() as pid, "host": str() as host} if host != socket.gethostname() or _alive(pid):
                return f"process {pid} on {host}"
        time.sleep(0.02)
    return "another process"


def _signature(path: Path) -> object:
    try:
        return parse_json(path.read_text())
    except (OSError, ValueError):
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
