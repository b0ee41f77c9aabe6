"""JSON values over a socket, one a line, each with a limit of time.

What a worker is asked about, and what an answer may cost.
"""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aha.types import Latex, Number

CHUNK = 65_536


class ClosedWire(Exception):
    """The other side is gone."""


class Wire:
    """One end of a pair of sockets. Raises TimeoutError past the limit and Closed where the other end is closed or speaks no JSON."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self._read = b""

    def send(self, value: object, within_s: float, *, fd: int | None = None) -> None:
        """The value, and with its first byte a copy of the file descriptor `handing`."""
        line = json.dumps(value).encode() + b"\n"  # ASCII: a lone surrogate travels as its escape
        try:
            self.end.settimeout(within_s)
            if fd is not None:
                socket.send_fds(self.end, [line[:1]], [fd])
                line = line[1:]
            self.end.sendall(line)
        except TimeoutError:
            raise
        except OSError as error:
            raise ClosedWire(str(error)) from error

    def receive(self, within_s: float) -> Any:
        """The next value."""
        over = time.monotonic() + within_s
        while b"\n" not in self._read:
            self._read += self._more(over - time.monotonic())
        line, _, self._read = self._read.partition(b"\n")
        try:
            return json.loads(line)
        except ValueError as error:
            raise ClosedWire(f"not JSON: {line[:60]!r}") from error

    def _more(self, within_s: float) -> bytes:
        if within_s <= 0:
            raise TimeoutError
        try:
            self.end.settimeout(within_s)
            data = self.end.recv(CHUNK)
        except TimeoutError:
            raise
        except OSError as error:
            raise ClosedWire(str(error)) from error
        if not data:
            raise ClosedWire("closed")
        return data

    def hang_up(self) -> None:
        """Whoever waits at either end learns of it at once."""
        with suppress(OSError):  # the other side was first
            self.end.shutdown(socket.SHUT_RDWR)
        self.end.close()


Gold = Latex | Number


@dataclass(frozen=True)
class Bounds:
    """Of one answer: seconds of processor time, and the worker's memory in all."""

    cpu_s: float
    memory_mb: int
