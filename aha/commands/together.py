"""Several observers as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aha.protocols import Continue, Observer, Pause, Stop, Verdict
from aha.types import Group


class Together(Observer):
    """Each hears everything, in order. The first that says stop is obeyed, then the first that says pause; the signs of all are kept."""

    def __init__(self, *observers: Observer) -> None:
        self.observers = observers

    def heartbeat(self, activity: str) -> None:
        for observer in self.observers:
            observer.heartbeat(activity)

    def begin(self, kind: str, number: int) -> None:
        for observer in self.observers:
            observer.begin(kind, number)

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Verdict:
        verdicts = [observer.rollout(number, metrics, timings, groups) for observer in self.observers]
        strongest = next((verdict for kind in (Stop, Pause) for verdict in verdicts if isinstance(verdict, kind)), Continue())
        return replace(strongest, signs=tuple(sign for verdict in verdicts for sign in verdict.signs))

    def end(self, saved: bool) -> None:
        for observer in self.observers:
            observer.end(saved)
