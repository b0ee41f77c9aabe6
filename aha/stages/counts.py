"""Settings that count something."""

from __future__ import annotations

from operator import attrgetter

from aha.errors import BadInput


def check_positive(stage: object, *names: str) -> None:
    """BadInput for the first of these settings that is below 1; None is no count. A name may lead through a part: `sampling.max_tokens`."""
    for name in names:
        value = attrgetter(name)(stage)
        if value is not None and value < 1:
            raise BadInput(f"{name} is {value}: it counts something a run needs, so 1 or more")
