"""A smaller model out of a larger one: some of its layers, as a student's base to begin with, which then has to read again.

A stage between two pretraining stages: embedding rows that were never trained get a vector of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aha.errors import BadInput
from aha.protocols import Adam, Backend, Observer
from aha.rundir import RunDir


@dataclass(frozen=True)
class Shrink:
    """Keep those of the model's `layers`, counted from 0, in that order, and everything that is not in a layer."""

    model: str
    layers: tuple[int, ...] = (0, 3)

    def __post_init__(self) -> None:
        if not self.layers or len(set(self.layers)) < len(self.layers):
            raise BadInput(f"layers are {self.layers}: one or more, each once, are needed")

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Write one checkpoint, the smaller model."""
        from aha.learning.layers import keep_layers  # loads torch, which settings must not

        if rundir.resume() is not None:
            return
        observer.heartbeat(f"loading {self.model}")
        learner = backend.learner(self.model, Adam(), reference=False)

        def save(folder: Path) -> None:
            learner.save(folder)
            keep_layers(folder, self.layers)

        metrics = {"layers": float(len(self.layers))}
        observer.rollout(0, metrics, {}, ())
        rundir.commit(0, metrics, {}, (), save=save)


@dataclass(frozen=True)
class ReinitUnusedEmbeddings:
    """Add noise to embedding rows that were never trained, so that they differ.

    The noise is drawn with `seed` and is as long as trained rows differ from their mean, times `strength`."""

    model: str
    strength: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.strength <= 0:
            raise BadInput(f"strength is {self.strength}: rows that stay alike cannot be told apart, so above 0")

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Write one checkpoint, which equals the model where it has no untrained row."""
        from aha.learning.layers import reinit_unused_rows  # loads torch, which settings must not

        if rundir.resume() is not None:
            return
        observer.heartbeat(f"loading {self.model}")
        learner = backend.learner(self.model, Adam(), reference=False)
        counts: list[int] = []

        def save(folder: Path) -> None:
            learner.save(folder)
            counts.append(reinit_unused_rows(folder, self.strength, self.seed))

        rundir.commit(0, {}, {}, (), save=save)
        observer.rollout(0, {"reinitialised": float(sum(counts))}, {}, ())
