"""Output of commands: results to stdout, messages about the work to stderr, JSON lines to stdout for a program.
A command is a value: its line of help, its group, its flags and its function. Its module loads nothing heavy before `run` is called."""

from __future__ import annotations

import os
import sys
import time
import traceback
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Literal, TextIO, get_args

from rich.console import Console

from aha.errors import LARGEST, AhaError, BadInput, Between, bound_words, is_within
from aha.plain import one_line
from aha.progress import JsonLines, Lines, PanelLines
from aha.redact import mask, with_styles


@dataclass
class Terminal:
    """Prints for a person, or as JSON. `folder` is where a crash is written: the run directory, once there is one."""

    json: bool = False
    folder: Path | None = None

    def say(self, text: str) -> None:
        """Print a result for a person."""
        if not self.json:
            print(text, flush=True)

    def note(self, text: str) -> None:
        """Print a message about the work."""
        print(text, file=sys.stderr, flush=True)

    def complain(self, error: AhaError) -> None:
        """Print the reason why the command ends, in one line. If it cannot be printed, the exit code is all there is."""
        with suppress(OSError, AhaError):
            print(f"aha: {one_line(str(error))}", file=sys.stderr, flush=True)

    def tell(self, event: str, **values: object) -> None:
        """Print a result for a program."""
        if self.json:
            JsonLines(sys.stdout).tell(event, **values)

    def progress(self, title: str, rollouts: int | None) -> Lines:
        """Return the form of progress for the reader: JSON lines, a panel on a terminal, or plain lines."""
        if self.json:
            return JsonLines(sys.stdout, rollouts)
        if sys.stderr.isatty():
            return PanelLines(Console(file=with_styles(sys.stderr), markup=False, emoji=False, highlight=False), title, rollouts)
        return Lines(sys.stderr, rollouts)

    def report_crash(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Write the traceback, as `sys.excepthook`, to a file of the run with one line here; without a run, print it here."""
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
        self.note(f"aha: internal error: {summary}; the traceback is in {path}. Nothing that was saved is lost.")


def duration(value: float) -> str:
    """Return seconds as text for a person."""
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def closed_streams() -> str:
    """Return an error that names closed output streams, or an empty text. The null device takes their place, so that no file can."""
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
    """Flush a stream; if it cannot be written to, discard its buffer."""
    try:
        stream.flush()
    except (OSError, AhaError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


RUN_FOLDERS = ("checkpoints", "groups")  # whose files are compared with their checksums
Group = Literal["train", "evaluate", "data", "serve", "inspect"]
GROUPS: tuple[Group, ...] = get_args(Group)


@dataclass(frozen=True)
class Command:
    """`run` gets the flags, the remaining words (settings by their path) and the terminal, and returns the exit code.
    `settings`: if words of the form `--path value` may follow. `dash_options`: flags whose value may start with a dash, as -x does."""

    help: str
    group: Group
    flags: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, Sequence[str], Terminal], int]
    settings: bool = False
    dash_options: tuple[str, ...] = ()

    def join_dash_options(self, words: Sequence[str]) -> list[str]:
        """Return the words with `--flag=value` for a dashed `--flag value`."""
        result, rest = list[str](), list(words)
        while rest:
            word = rest.pop(0)
            result.append(f"{word}={rest.pop(0)}" if word in self.dash_options and rest else word)
        return result


def new_folder(text: str) -> Path:
    """Return the folder that a flag names, which need not exist. BadInput if a non-folder is in its place or above it, or if it is in
    /proc."""
    if not text.strip():
        raise BadInput("'': the name of a folder is empty, as a variable that is not set; name one")
    path = place = Path(text)
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise BadInput(f"{text}: {place} is not a folder; name a folder that can be made, or one that is there")
    for folder in (path.absolute(), *path.absolute().parents):
        if folder.name in RUN_FOLDERS and (folder.parent / "manifest.json").is_file():
            raise BadInput(f"{text}: {folder} holds what a run wrote, and nothing else may be in it; name a folder elsewhere")
    if not os.statvfs(place).f_blocks:  # a kernel file system such as /proc, where the error of mkdir says nothing
        raise BadInput(f"{text}: {place} cannot hold your files; name a folder on a disk")
    return path


def new_file(text: str) -> Path:
    """Return the file that a flag names, which need not exist. BadInput if a folder is there, or if none can be above it."""
    path = Path(text)
    if not path.name or path.is_dir():
        raise BadInput(f"{text or 'an empty name'}: it is a folder; name a file")
    new_folder(str(path.parent))
    return path


@dataclass(frozen=True)
class NumberFlag:
    """The type of a flag that takes a number within bounds. `above`: 0 itself is too small."""

    bounds: range | Between = range(1 << 53)
    above: bool = False

    def __call__(self, text: str) -> int | float:
        """Return the number. An error in one line for a text that is not a number, and for a number out of bounds."""
        is_whole = isinstance(self.bounds, range)
        with suppress(ValueError):
            value = int(text) if is_whole else float(text)
            if is_within(value, Annotated[type(value), self.bounds]) and not (self.above and value == 0):
                return value
        words = f"{'a whole' if is_whole else 'a'} number{bound_words(self.bounds)}{', but not 0' if self.above else ''}"
        raise ArgumentTypeError(f"{text or repr(text)}: it takes {words}")


COUNT = NumberFlag()
FROM_ONE = NumberFlag(range(1, 1 << 53))
SECONDS = NumberFlag(Between(0, LARGEST), above=True)
PORT = NumberFlag(range(65_536))


def refuse_rest(rest: Sequence[str]) -> None:
    """Raise BadInput for words that a command without settings does not take."""
    if rest:
        raise BadInput(f"{rest[0]}: this command takes no more than that")
