"""A command as a value: its line of help, its flags and what it does. Its module loads nothing heavy before `run` is called."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aha.commands.terminal import Terminal


@dataclass(frozen=True)
class Command:
    """`run` gets the flags, the words that are none of them (settings by their path) and the terminal, and returns the exit code.
    `dashed`: flags whose value may start with a dash, as -x does."""

    what: str
    flags: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, Sequence[str], Terminal], int]
    dashed: tuple[str, ...] = ()

    def joined(self, words: Sequence[str]) -> list[str]:
        """The words with `--flag=value` for a dashed `--flag value`."""
        found, rest = list[str](), list(words)
        while rest:
            word = rest.pop(0)
            found.append(f"{word}={rest.pop(0)}" if word in self.dashed and rest else word)
        return found
