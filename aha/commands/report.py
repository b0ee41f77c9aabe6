"""`aha report`: a run's page again, or that of a whole graph."""

from __future__ import annotations

from pathlib import Path

from aha.commands.terminal import Terminal


def report(folder: Path, terminal: Terminal) -> int:
    """From the files in the folder alone, whatever made them."""
    path = _page(folder)
    terminal.tell("report", report=str(path))
    terminal.say(str(path))
    return 0


def _page(folder: Path) -> Path:
    if (folder / "graph.json").exists():
        from aha.commands.graph_page import of_folder

        return of_folder(folder)
    from aha.reports import write_report

    return write_report(folder)
