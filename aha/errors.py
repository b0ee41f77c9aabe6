"""The errors of the package: each is one line for a person and an exit code for a program.

The message says what was seen, why that is wrong, and what would be right. Only `cli` catches these.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

LARGEST = 1e9  # what no number of a setting exceeds
UNIONS = (Union, types.UnionType)


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


@dataclass(frozen=True)
class Between:
    """The bounds of a number, both allowed, as they stand beside a type: `Annotated[float, Between(0, 1)]`."""

    least: float
    most: float


Ratio = Annotated[float, Between(0, 1)]
Signed = Annotated[float, Between(-LARGEST, LARGEST)]


def bounds_of(annotation: Any) -> range | Between | None:
    """Return the bounds that a type, or one member of a union, names beside it; None if there are none."""
    parts = (annotation, *(get_args(annotation) if get_origin(annotation) in UNIONS else ()))
    values = [value for part in parts if get_origin(part) is Annotated for value in part.__metadata__]
    return next((value for value in values if isinstance(value, range | Between)), None)


def without_bounds(annotation: Any) -> Any:
    """Return the type itself."""
    return annotation.__origin__ if get_origin(annotation) is Annotated else annotation


def is_within(value: object, annotation: Any) -> bool:
    """Return False for a number that is outside the bounds of its type."""
    if isinstance(value, tuple) and get_origin(annotation) is tuple:
        hints = get_args(annotation)
        return all(map(is_within, value, hints[:1] * len(value) if hints[1:] == (Ellipsis,) else hints))
    bounds = bounds_of(annotation)
    if isinstance(value, bool) or not isinstance(value, int | float) or bounds is None:
        return True
    return value in bounds if isinstance(bounds, range) else bounds.least <= value <= bounds.most


def bound_words(bounds: range | Between) -> str:
    """Return the words that follow "a number" for its bounds."""
    least, most = (bounds.start, bounds.stop - 1) if isinstance(bounds, range) else (bounds.least, bounds.most)
    if most < LARGEST:
        return f" from {least:g} to {most:g}"
    return f" of {least:g} or more" if least > -LARGEST else ""
