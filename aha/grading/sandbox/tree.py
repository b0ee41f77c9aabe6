"""The resources that a process and its descendants use together, read from /proc by the judge, which none of them can reach.

A limit of the kernel holds for one process only. A compiler is a handful of processes, and a program may be able to fork as many as it
likes, so their sum has to be watched.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

LOOK_S = 0.025  # between two looks; use in between can exceed the limit
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")

Excess = Literal["", "cpu", "memory"]


@dataclass(frozen=True)
class Use:
    """The use of all processes together: seconds of CPU time since they began, and bytes of memory that they hold now."""

    cpu_s: float
    memory_bytes: int

    def excess(self, cpu_s: float, memory_bytes: int) -> Excess:
        """Return the limit that is exceeded, or an empty text."""
        if self.memory_bytes > memory_bytes:
            return "memory"
        return "cpu" if self.cpu_s > cpu_s else ""


@dataclass(frozen=True)
class _Process:
    """A line of /proc/PID/stat (proc(5)), times in ticks, which include those of dead children that it has waited for."""

    parent: int
    ticks: int
    start: int
    memory_bytes: int

    @classmethod
    def of(cls, pid: int) -> _Process | None:
        """Read the line of a process; None if the process is gone or hidden from this user."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            return None
        return cls(int(fields[1]), sum(map(int, fields[11:15])), int(fields[19]), int(fields[21]) * PAGE)


class Tree:
    """The descendants of a process, and the process too if `itself`. A process once seen as a descendant stays one, whoever its parent
    becomes."""

    def __init__(self, root: int, *, itself: bool) -> None:
        self._root = root
        self._is_self = itself
        self._began: dict[int, int] = {}
        self._strangers: set[int] = set()
        self._cpu_s = 0.0

    def look(self) -> Use:
        """Return the current use. CPU time never falls, even if a process has ended without being waited for."""
        members = self._members()
        if not self._is_self:
            members.pop(self._root, None)
        self._cpu_s = max(self._cpu_s, sum(member.ticks for member in members.values()) / TICKS)
        return Use(self._cpu_s, sum(member.memory_bytes for member in members.values()))

    def _members(self) -> dict[int, _Process]:
        pids = {int(name) for name in (os.listdir("/proc") if os.path.isdir("/proc") else ()) if name.isdigit()}
        self._strangers &= pids
        candidates = {pid: process for pid in sorted(pids - self._strangers) if (process := _Process.of(pid))}
        members: dict[int, _Process] = {}
        size = -1
        while size < len(members):  # a child may have a smaller number than its parent, once the numbers have gone round
            size = len(members)
            members |= {pid: process for pid, process in candidates.items() if self._belongs(pid, process, members)}
        self._began = {pid: member.start for pid, member in members.items()}
        self._strangers |= candidates.keys() - members.keys()
        return members

    def _belongs(self, pid: int, process: _Process, members: dict[int, _Process]) -> bool:
        return pid == self._root or process.parent in members or self._began.get(pid) == process.start
