"""Settings that count something."""

from __future__ import annotations

from aha.errors import BadInput


def at_least_one(stage: object, *names: str) -> None:
    """BadInput for the first of these settings that is below 1."""
    for name in names:
        value = getattr(stage, name)
        if value < 1:
            raise BadInput(f"{name} is {value}: it counts something a run needs, so 1 or more")
