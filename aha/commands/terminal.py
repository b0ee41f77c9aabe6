"""Where words go: results to stdout, everything about the work to stderr, JSON lines to stdout where a program reads."""

from __future__ import annotations

import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rich.console import Console

from aha.progress import JsonLines, Lines, Panelled
from aha.redact import mask


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

    def tell(self, event: str, **values: object) -> None:
        """A result, for a program."""
        if self.json:
            JsonLines(sys.stdout).tell(event, **values)

    def progress(self, title: str, rollouts: int | None) -> Lines:
        """The form of progress that whoever looks can read."""
        if self.json:
            return JsonLines(sys.stdout, rollouts)
        if sys.stderr.isatty():
            return Panelled(Console(stderr=True), title, rollouts)
        return Lines(sys.stderr, rollouts)

    def crashed(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
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
    minutes, seconds_left = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds_left} s" if minutes else f"{seconds_left} s"
