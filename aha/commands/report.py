"""`aha report`: a run's page again, or that of a whole graph."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from aha.commands.command import Command, refuse_rest
from aha.commands.terminal import Terminal


def flags(parser: ArgumentParser) -> None:
    """Which run or graph."""
    parser.add_argument("run", type=Path, metavar="RUN_DIR")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Write the page from the files in the folder alone, and print its path."""
    refuse_rest(rest)
    path = _page(arguments.run)
    terminal.tell("report", report=str(path))
    terminal.say(str(path))
    return 0


def _page(folder: Path) -> Path:
    if (folder / "graph.json").exists():
        from aha.commands.graph_page import of_folder

        return of_folder(folder)
    from aha.reports import write_report

    return write_report(folder)


COMMAND = Command("write a run's report again, or that of a graph", "inspect", flags, run)
