"""Where words go: results to stdout, everything about the work to stderr, JSON lines to stdout where a program reads."""

from __future__ import annotations

import os
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

from rich.console import Console

from aha.errors import AhaError
from aha.plain import one_line
from aha.progress import JsonLines, Lines, PanelLines
from aha.redact import mask, with_styles


@dataclass
class Terminal:
    """`folder` is where a crash is written: the run directory, once there is one."""

    json: bool = False
    folder: Path | None = None

    def say(self, text: str) -> None:
        """A result, for a person."""
        if not self.json:
            print(text, flush=True)

    def note(self, text: str) -> None:
        """About the work."""
        print(text, file=sys.stderr, flush=True)

    def complain(self, error: AhaError) -> None:
        """Why the command ends, in one line, whatever stands in it. Where nobody can be told, the exit code is all there is."""
        with suppress(OSError, AhaError):
            print(f"aha: {one_line(str(error))}", file=sys.stderr, flush=True)

    def tell(self, event: str, **values: object) -> None:
        """A result, for a program."""
        if self.json:
            JsonLines(sys.stdout).tell(event, **values)

    def progress(self, title: str, rollouts: int | None) -> Lines:
        """The form of progress that whoever looks can read."""
        if self.json:
            return JsonLines(sys.stdout, rollouts)
        if sys.stderr.isatty():
            return PanelLines(Console(file=with_styles(sys.stderr), markup=False, emoji=False, highlight=False), title, rollouts)
        return Lines(sys.stderr, rollouts)

    def report_crash(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """For `sys.excepthook`: the traceback to a file of the run and one line here; without a run, the traceback here."""
        text = mask("".join(traceback.format_exception(kind, error, trace)))
        summary = mask(traceback.format_exception_only(kind, error)[-1].strip())
        try:
            if self.folder is None:
                raise FileNotFoundError
            path = self.folder / f"crash-{time.strftime('%Y%m%d-%H%M%S')}.txt"
            path.write_text(text, encoding="utf-8")
        except OSError:
            self.note(text)
            return
        self.note(f"aha: a mistake of ours: {summary}; the traceback is in {path}. Nothing that was saved is lost.")


def duration(value: float) -> str:
    """Seconds, for a person."""
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def closed_streams() -> str:
    """Which streams for results and messages nobody gave us. Their places are taken by nothing, so that no file of a run gets one."""
    names = [name for name in ("stdin", "stdout", "stderr") if getattr(sys, name) is None]
    for name in names:
        setattr(sys, name, open(os.open(os.devnull, os.O_RDWR), "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115
    closed_names = [name for name in names if name != "stdin"]
    return (
        f"{' and '.join(closed_names)}: closed, so that nothing could be told there; send it to a file or to {os.devnull}"
        if closed_names
        else ""
    )


def leave(stream: TextIO) -> None:
    """What is still buffered for a stream that cannot be written to goes nowhere."""
    try:
        stream.flush()
    except (OSError, AhaError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
