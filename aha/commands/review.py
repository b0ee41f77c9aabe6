"""`aha review`: the rows of a set on a page for a person to correct, and the corrections taken over."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from aha.commands.command import Command
from aha.commands.terminal import Terminal
from aha.errors import BadInput


def flags(parser: ArgumentParser) -> None:
    """Which set, and what to do with it."""
    parser.add_argument("run", metavar="DIR", type=Path, help="the run directory of a stage that makes rows")
    parser.add_argument("--rows", metavar="N", type=int, default=200, help="how many rows the page shows; 0: all (200)")
    parser.add_argument(
        "--take", metavar="FILE", type=Path, help="the file that the page saved, or one by hand: its changes go into the set"
    )


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Writes the page, or takes a file of changes over."""
    if rest:
        raise BadInput(f"{rest[0]}: this command takes no more than that")
    if arguments.rows < 0:
        raise BadInput(f"--rows {arguments.rows}: 0 or more")
    from aha.reports.review import BEFORE, take, write_review

    root = arguments.run.expanduser()
    if arguments.take is None:
        page, total = write_review(root, arguments.rows or None)
        terminal.say(f"{page}: {min(total, arguments.rows or total):,} of {total:,} rows; the set itself is {root / 'rows'}")
        return 0
    counts = take(root, arguments.take.expanduser())
    terminal.tell("reviewed", **counts)
    terminal.say(f"{counts['changed']:,} rows changed, {counts['dropped']:,} dropped, {counts['kept']:,} as they were")
    if any((root / BEFORE).glob("*.parquet")):
        terminal.say(f"{root / 'rows'} holds JSON lines now, to be edited by hand; the Parquet files are in {root / BEFORE}")
    return 0


COMMAND = Command("read and correct the rows of a set before they are imitated", "data", flags, run)
