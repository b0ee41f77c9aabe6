"""`aha check DIR`: every checksum of a run, a graph or a result."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from aha.commands.command import Command, refuse_rest
from aha.commands.terminal import Terminal
from aha.errors import DiskTrouble
from aha.rundir.check import CheckReport, check

MOST_NAMES = 5


def flags(parser: ArgumentParser) -> None:
    """One directory."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="of a run, of a graph of stages, or what `aha eval --out` wrote")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Say what was compared and name every file that differs; the exit code is then 74."""
    refuse_rest(rest)
    report = check(arguments.folder)
    terminal.tell("checked", sound=report.sound, bytes=report.size, problems=report.problems, bare=[str(path) for path in report.bare])
    for problem in report.problems:
        terminal.note(problem)
    for line in summary(report):
        terminal.say(line)
    if report.problems:
        raise DiskTrouble(
            f"{arguments.folder}: {len(report.problems)} of its files are not as they were written; bring them back from a copy"
        )
    return 0


def summary(report: CheckReport) -> list[str]:
    """What was compared, and what could not be."""
    lines = [f"{report.sound} files, {report.size:,} bytes: as they were written"]
    if report.bare:
        names = ", ".join(map(str, report.bare[:MOST_NAMES])) + (", …" if len(report.bare) > MOST_NAMES else "")
        lines.append(f"{len(report.bare)} files carry no checksum: {names}")
    return lines


COMMAND = Command("compare every file of a run or result with its checksum", "inspect", flags, run)
