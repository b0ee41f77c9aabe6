"""A command as a value: its line of help, its group, its flags and what it does. Its module loads nothing heavy before `run` is called."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from aha.commands.terminal import Terminal
from aha.errors import BadInput

Group = Literal["train", "evaluate", "data", "serve", "inspect"]
GROUPS: tuple[Group, ...] = get_args(Group)


@dataclass(frozen=True)
class Command:
    """`run` gets the flags, the words that are none of them (settings by their path) and the terminal, and returns the exit code.

    `settings`: whether words of the form `--path value` may follow. `dashed`: flags whose value may start with a dash, as -x does."""

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
    """Return the folder that a flag names, which may be there or not. BadInput where a file, or what is no folder, stands in its way."""
    path = place = Path(text)
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise BadInput(f"{text}: {place} is no folder; name a folder that can be made, or one that is there")
    return path


def new_file(text: str) -> Path:
    """Return the file that a flag names, which may be there or not. BadInput where a folder stands there, or none can be above it."""
    path = Path(text)
    if not path.name or path.is_dir():
        raise BadInput(f"{text or 'an empty name'}: it is a folder; name a file")
    new_folder(str(path.parent))
    return path


def refuse_rest(rest: Sequence[str]) -> None:
    """BadInput for words that a command without settings does not take."""
    if rest:
        raise BadInput(f"{rest[0]}: this command takes no more than that")
