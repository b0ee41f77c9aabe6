"""The errors of the package: each is one line for a person and an exit code for a program.

The message says what was seen, why that is wrong, and what would be right. Only `cli` catches these.
"""

from __future__ import annotations


class AhaError(Exception):
    """A failure with a one-line message; `exit_code` is the command's exit code."""

    exit_code = 1


class FailedBar(AhaError):
    """A claim or a bar that did not hold, or a run that was stopped since it cannot learn."""

    exit_code = 1


class ExceededBudget(FailedBar):
    """A stop before a call to a server that could cost more than the budget leaves."""


class BadInput(AhaError):
    """A path, a setting, a row or a combination of them that cannot work. It is raised before any compute is spent."""

    exit_code = 2


class Stall(AhaError):
    """A run that made no progress for longer than the limit."""

    exit_code = 70


class OutOfMemory(AhaError):
    """A computation that ran out of memory; all that was saved before is kept."""

    exit_code = 71


class DiskTrouble(AhaError):
    """A write or read that failed: the disk is full, read-only or gone, or the data is corrupted without a valid copy."""

    exit_code = 74


class EndpointDown(AhaError):
    """A server that does not answer."""

    exit_code = 75


class LostWorker(AhaError):
    """A worker process of the run that has ended, with no replacement."""

    exit_code = 75


class RankRestart(LostWorker):
    """The loss of the learner processes, which are restarted: the run's driver resumes from its last checkpoint."""


class Interruption(AhaError):
    """A stop by ctrl-C (130) or SIGTERM (143) at a safe point, with everything kept."""

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def check_bounds(settings: object, least: tuple[str, ...] = (), above: tuple[str, ...] = ()) -> None:
    """Raise BadInput if a setting is no number, if one named in `least` is below 0, or if one named in `above` is not above it."""
    for name in (*least, *above):
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadInput(f"{name} is {value!r}: it has to be a number")
        if value < 0 or (value == 0 and name in above):
            rule = "0 or more" if name in least else "1 or more" if isinstance(value, int) else "above 0"
            raise BadInput(f"{name} is {value}: it has to be {rule}")
