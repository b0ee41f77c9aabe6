"""`aha check DIR`: every checksum of a run, a graph or a result."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from aha.commands.command import Command, refuse_rest
from aha.commands.terminal import Terminal
from aha.errors import DiskTrouble
from aha.rundir.check import Checked, check

SHOWN = 5


def flags(parser: ArgumentParser) -> None:
    """One directory."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="of a run, of a graph of stages, or what `aha eval --out` wrote")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Say what was compared and name every file that differs; the exit code is then 74."""
    refuse_rest(rest)
    checked = check(arguments.folder)
    terminal.tell("checked", sound=checked.sound, bytes=checked.size, problems=checked.problems, bare=[str(path) for path in checked.bare])
    for problem in checked.problems:
        terminal.note(problem)
    for line in summary(checked):
        terminal.say(line)
    if checked.problems:
        raise DiskTrouble(
            f"{arguments.folder}: {len(checked.problems)} of its files are not as they were written; bring them back from a copy"
        )
    return 0


def summary(checked: Checked) -> list[str]:
    """What was compared, and what could not be."""
    lines = [f"{checked.sound} files, {checked.size:,} bytes: as they were written"]
    if checked.bare:
        some = ", ".join(map(str, checked.bare[:SHOWN])) + (", …" if len(checked.bare) > SHOWN else "")
        lines.append(f"{len(checked.bare)} files carry no checksum: {some}")
    return lines


COMMAND = Command("compare every file of a run or result with its checksum", "inspect", flags, run)
