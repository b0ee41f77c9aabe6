"""What can go wrong that is ours: each error is one line for a person and an exit code for a program.

The message says what was seen, why that is wrong, and what would be right. Only `cli` catches these.
"""

from __future__ import annotations


class AhaError(Exception):
    """A failure with a one-line message; `exit_code` is what the command ends with."""

    exit_code = 1


class FailedBar(AhaError):
    """A claim or a bar did not hold, or a run cannot learn and was stopped."""

    exit_code = 1


class ExceededBudget(FailedBar):
    """The next call of a server could cost more than the budget leaves: stopped before it."""


class BadInput(AhaError):
    """A path, a setting, a row or a combination of them that cannot work. Raised before any compute is spent."""

    exit_code = 2


class Stall(AhaError):
    """No progress for longer than the limit."""

    exit_code = 70


class OutOfMemory(AhaError):
    """Memory ran out while something was computed; what was written down before is kept."""

    exit_code = 71


class DiskTrouble(AhaError):
    """A write or a read failed: full, read-only, gone, or corrupted with nothing valid to fall back to."""

    exit_code = 74


class EndpointDown(AhaError):
    """A server that was asked does not answer."""

    exit_code = 75


class LostWorker(AhaError):
    """A process that works for the run has ended, and nothing could take its place."""

    exit_code = 75


class RankRestart(LostWorker):
    """The processes that learn were lost and are started anew: whoever drives the run goes on from its last checkpoint."""


class Interruption(AhaError):
    """Ctrl-C (130) or SIGTERM (143): stopped at a safe place, everything kept."""

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code
