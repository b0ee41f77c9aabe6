"""Commands that read the files of a run: `aha check` and `aha groups`.
`aha check DIR`: verifies every checksum of a run, a graph or a result.
`aha groups`: prints the prompts of a rollout, the replies and their rewards as JSON."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from aha.commands.terminal import COUNT, Command, Terminal, refuse_rest
from aha.errors import BadInput, DiskTrouble
from aha.rundir import Record
from aha.rundir.check import CheckReport, check
from aha.rundir.group_table import json_of
from aha.rundir.groups import groups_files
from aha.types import Group

MOST_NAMES = 5


def check_flags(parser: ArgumentParser) -> None:
    """Add the argument for the directory."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="the directory of a run, of a graph of stages, or of `aha eval --out`")


def run_check(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print what was compared and name every file that differs; DiskTrouble, exit code 74, if any does."""
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
    """Return lines about the files that were compared, and those without a checksum."""
    lines = [f"{report.sound} files, {report.size:,} bytes: unchanged since they were written"]
    if report.bare:
        names = ", ".join(map(str, report.bare[:MOST_NAMES])) + (", …" if len(report.bare) > MOST_NAMES else "")
        lines.append(f"{len(report.bare)} files have no checksum: {names}")
    return lines


CHECK = Command("verify every file of a run or result against its checksum", "inspect", check_flags, run_check)


def groups_flags(parser: ArgumentParser) -> None:
    """Add the flags for the run, the rollout and the group."""
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="the directory of a run that learns from rollouts")
    parser.add_argument("--rollout", type=COUNT, metavar="N", help="the rollout's number, counted from 0 (default: the last one)")
    parser.add_argument("--group", type=COUNT, metavar="N", help="print only this group, counted from 0")


def run_groups(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print one group per line, after every byte of the rollout's file was compared with its checksum."""
    refuse_rest(rest)
    folder = arguments.run
    rollouts = sorted(groups_files(folder))
    if not rollouts:
        raise BadInput(f"{folder}: there are no groups; give the directory of a run that learns from rollouts")
    rollout = rollouts[-1] if arguments.rollout is None else arguments.rollout
    if rollout not in rollouts:
        raise BadInput(f"--rollout {rollout}: {folder} has groups of rollouts {_ranges(rollouts)}; they count from 0, as the files do")
    count = 0
    for group in Record(folder).read_groups(rollout, arguments.group):
        count += 1
        print(json_of(group, Group))
    if not count and arguments.group is not None:
        raise BadInput(f"--group {arguments.group}: rollout {rollout} has no group of that number; they count from 0")
    return 0


def _ranges(numbers: Sequence[int]) -> str:
    """Return whole numbers in order as a person writes them: 0 to 3, 7, 9 to 12."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ", ".join(" to ".join(map(str, span)) for span in ranges)


GROUPS = Command("print the groups of a rollout as JSON lines", "inspect", groups_flags, run_groups)
