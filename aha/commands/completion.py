"""`aha completion bash|zsh|tcsh`: a script that completes commands and flags."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from aha.commands.terminal import Command, Terminal, refuse_rest
from aha.errors import BadInput


def flags(parser: ArgumentParser) -> None:
    """Which shell."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print the script."""
    refuse_rest(rest)
    try:
        import shtab  # an extra: only this command needs it
    except ModuleNotFoundError:
        raise BadInput("completion: it needs the package shtab: pip install 'aha[completion]'") from None
    print(shtab.complete(arguments.parser, arguments.shell))
    return 0


COMMAND = Command('complete commands and flags in a shell: eval "$(aha completion bash)"', "inspect", flags, run)
