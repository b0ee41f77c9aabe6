"""One message over a local socket, with the descriptors that came along and the kernel's word on who sent it. Used on both ends, and
imports nothing of ours.

Python's own `recv_fds` passes no flags on before 3.12, so what it receives would outlive an exec.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST = 1 << 20  # bytes of a message
MOST = 4  # descriptors that come with one
CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group
ROOM = socket.CMSG_SPACE(MOST * array.array("i").itemsize) + socket.CMSG_SPACE(CREDENTIALS.size)


@dataclass(frozen=True)
class ChannelMessage:
    """`content` is empty where the other end is closed. `sender`: the process that wrote it, as the kernel tells an end that called
    `demand_sender`; 0 where it tells nothing."""

    content: bytes
    descriptors: tuple[int, ...] = ()
    sender: int = 0

    def refuse(self) -> None:
        """Close the descriptors that came with it."""
        for fd in self.descriptors:
            os.close(fd)


def demand_sender(end: socket.socket) -> None:
    """From now on the kernel notes with every message to this end which process wrote it. A process cannot name another than itself
    unless it may do anything in its namespace, which no program may (unix(7), SCM_CREDENTIALS)."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)


def receive(end: socket.socket) -> ChannelMessage:
    """The next message; its descriptors are closed by an exec from the moment they exist."""
    content, ancillary, _, _ = end.recvmsg(LONGEST, ROOM, socket.MSG_CMSG_CLOEXEC)
    descriptors, sender = array.array("i"), 0
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        elif (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            sender, _, _ = CREDENTIALS.unpack(data)
    return ChannelMessage(content, tuple(descriptors), sender)


def send(end: socket.socket, content: bytes, descriptors: Sequence[int] = ()) -> None:
    """A message, with copies of the descriptors."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    end.sendmsg([content], rights)
