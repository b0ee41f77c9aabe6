"""Commands that write a page: `aha report`, `aha compare` and `aha review`.
`aha report`: the page of a run or of a whole graph, written again.
`aha compare`: our results beside the paper's, as a page or as Markdown.
`aha review`: the rows of a set on a page for a person to correct, and the import of the corrections."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from aha.commands.graph_page import of_folder
from aha.commands.terminal import COUNT, Command, Terminal, new_file, refuse_rest
from aha.durable import Disk, replace_file
from aha.errors import BadInput
from aha.reports import write_report
from aha.reports.compare import compare_html, compare_markdown
from aha.reports.paper_tables import read_run
from aha.reports.review import BEFORE, take, write_review


def report_flags(parser: ArgumentParser) -> None:
    """Add the argument for the run or graph."""
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="the directory of a run or of a graph of stages")


def run_report(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Write the page from the files in the folder alone, and print its path."""
    refuse_rest(rest)
    path = _page(arguments.run)
    terminal.tell("report", report=str(path))
    terminal.say(str(path))
    return 0


def _page(folder: Path) -> Path:
    if (folder / "graph.json").exists():
        return of_folder(folder)
    return write_report(folder)


REPORT = Command("write the report of a run or of a graph of stages again", "inspect", report_flags, run_report)


def compare_flags(parser: ArgumentParser) -> None:
    """Add the flags for the runs to compare and the output."""
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="a run directory, or a file with results of `aha eval --json`; NAME=RUN gives it a name"
    )
    parser.add_argument("--out", type=new_file, metavar="FILE.html", help="the HTML page to write (default: compare.html)")
    parser.add_argument("--markdown", action="store_true", help="print Markdown on stdout, and write a page only if --out is given")


def run_compare(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Write the page and print its path."""
    refuse_rest(rest)
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


COMPARE = Command("compare results with each other and with the paper's figures and tables", "evaluate", compare_flags, run_compare)


def review_flags(parser: ArgumentParser) -> None:
    """Add the flags for the set and the corrections."""
    parser.add_argument("run", metavar="DIR", type=Path, help="the run directory of a stage that makes rows")
    parser.add_argument("--rows", metavar="N", type=COUNT, default=200, help="how many rows the page shows (default: 200); 0: all")
    parser.add_argument(
        "--take", metavar="FILE", type=Path, help="apply the changes in FILE, which the page saved or you wrote, to the set"
    )


def run_review(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Write the page, or apply a file of changes to the set."""
    refuse_rest(rest)
    root = arguments.run.expanduser()
    if arguments.take is None:
        page, total = write_review(root, arguments.rows or None)
        terminal.say(f"{page}: {min(total, arguments.rows or total):,} of {total:,} rows; the set itself is {root / 'rows'}")
        return 0
    counts = take(root, arguments.take.expanduser())
    terminal.tell("reviewed", **counts)
    terminal.say(f"{counts['changed']:,} rows changed, {counts['dropped']:,} dropped, {counts['kept']:,} unchanged")
    if any((root / BEFORE).glob("*.parquet")):
        terminal.say(f"{root / 'rows'} now holds JSON lines, which you can edit by hand; the Parquet files are in {root / BEFORE}")
    return 0


REVIEW = Command("read and correct the rows of a data set before a model is trained on them", "data", review_flags, run_review)
