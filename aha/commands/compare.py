"""`aha compare`: our results beside the paper's, as a page or as Markdown."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from aha.commands.command import Command, new_file
from aha.commands.terminal import Terminal
from aha.errors import BadInput


def flags(parser: ArgumentParser) -> None:
    """What to compare and where it goes."""
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="a run directory, or a file of results of `aha eval --json`; NAME=RUN names it"
    )
    parser.add_argument("--out", type=new_file, metavar="FILE.html", help="the page (compare.html)")
    parser.add_argument("--markdown", action="store_true", help="Markdown to stdout, and no page unless --out asks for it")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Writes the page, prints its name."""
    from aha.durable import Disk, replace_file
    from aha.reports.compare import compare_html, compare_markdown
    from aha.reports.results import read_run

    if rest:
        raise BadInput(f"{rest[0]}: this command takes no more than that")
    runs = [read_run(word) for word in arguments.runs]
    if len(names := [run.name for run in runs]) > len(set(names)):
        raise BadInput(f"{', '.join(names)}: two runs have one name; write NAME=RUN to tell them apart")
    if arguments.markdown:
        terminal.say(compare_markdown(runs).rstrip())
        terminal.tell("compare", markdown=compare_markdown(runs))
    if arguments.out or not arguments.markdown:
        path = arguments.out or Path("compare.html")
        replace_file(Disk(), path, compare_html(runs).encode("utf-8", "backslashreplace"))
        terminal.say(str(path))
        terminal.tell("compare", page=str(path))
    return 0


COMMAND = Command("our results beside the paper's figures and tables", "evaluate", flags, run)
