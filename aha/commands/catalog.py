"""The commands by name. A new one is a file with a `Command`, and a line here."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from aha.commands import (
    bench_reward,
    chat,
    code,
    evaluate,
    export,
    grade,
    lineage,
    pages,
    plan,
    records,
    regrade,
    reproduce,
    sandbox,
    scale,
    serve,
    track,
    train,
)
from aha.commands.terminal import Command, Terminal, refuse_rest
from aha.errors import BadInput


def completion_flags(parser: ArgumentParser) -> None:
    """Add the argument for the shell."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))


def run_completion(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print the completion script."""
    refuse_rest(rest)
    try:
        import shtab  # an extra package that only this command needs
    except ModuleNotFoundError:
        raise BadInput("completion: it needs the package shtab: pip install 'aha[completion]'") from None
    print(shtab.complete(arguments.build_parser(), arguments.shell))
    return 0


COMPLETION = Command('print a completion script for a shell: eval "$(aha completion bash)"', "inspect", completion_flags, run_completion)

COMMANDS: dict[str, Command] = {
    "run": train.RUN,
    "show": train.SHOW,
    "diff": train.DIFF,
    "plan": plan.COMMAND,
    "doctor": train.DOCTOR,
    "pretrain": train.PRETRAIN,
    "reproduce": reproduce.COMMAND,
    "eval": evaluate.COMMAND,
    "regrade": regrade.COMMAND,
    "score": grade.SCORE,
    "scale": scale.COMMAND,
    "compare": pages.COMPARE,
    "grade": grade.GRADE,
    "bench-reward": bench_reward.COMMAND,
    "code": code.COMMAND,
    "review": pages.REVIEW,
    "serve": serve.COMMAND,
    "chat": chat.COMMAND,
    "sandbox": sandbox.COMMAND,
    "report": pages.REPORT,
    "groups": records.GROUPS,
    "lineage": lineage.COMMAND,
    "export": export.COMMAND,
    "track": track.COMMAND,
    "check": records.CHECK,
    "completion": COMPLETION,
}
