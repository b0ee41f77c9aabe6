"""Several observers as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aha.protocols import Continue, Observer, Stop
from aha.types import Group


class Together:
    """Each hears everything, in order; the first that says stop is obeyed."""

    def __init__(self, *observers: Observer) -> None:
        self.observers = observers

    def beat(self, what: str) -> None:
        for observer in self.observers:
            observer.beat(what)

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue | Stop:
        verdicts = [observer.rollout(number, metrics, timings, groups) for observer in self.observers]
        return next((verdict for verdict in verdicts if isinstance(verdict, Stop)), Continue())
