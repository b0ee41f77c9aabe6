"""Messages over a local socket, with file descriptors and the kernel's word on who sent them. Both ends use it, so it imports nothing of
the package.

Python's own `recv_fds` passes no flags on before 3.12, so the descriptors it receives would survive an exec.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST = 1 << 20  # bytes of a message
MOST = 4  # descriptors of a message
CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group
ROOM = socket.CMSG_SPACE(MOST * array.array("i").itemsize) + socket.CMSG_SPACE(CREDENTIALS.size)


@dataclass(frozen=True)
class ChannelMessage:
    """A received message. `content` is empty if the other end is closed. `sender` is the process that wrote it, as the kernel tells an end
    that called `demand_sender`, else 0."""

    content: bytes
    descriptors: tuple[int, ...] = ()
    sender: int = 0

    def refuse(self) -> None:
        """Close the descriptors that came with the message."""
        for fd in self.descriptors:
            os.close(fd)


def demand_sender(end: socket.socket) -> None:
    """Make the kernel tell this end which process wrote each message. A process cannot name another one unless it has all privileges in its
    namespace, and no program has (unix(7), SCM_CREDENTIALS)."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)


def receive(end: socket.socket) -> ChannelMessage:
    """Return the next message; its descriptors are closed on exec from the start."""
    content, ancillary, _, _ = end.recvmsg(LONGEST, ROOM, socket.MSG_CMSG_CLOEXEC)
    descriptors, sender = array.array("i"), 0
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        elif (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            sender, _, _ = CREDENTIALS.unpack(data)
    return ChannelMessage(content, tuple(descriptors), sender)


def send(end: socket.socket, content: bytes, descriptors: Sequence[int] = ()) -> None:
    """Send a message with copies of the descriptors."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    end.sendmsg([content], rights)
