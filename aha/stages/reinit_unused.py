"""A stage between two pretraining stages: embedding rows that were never trained get a vector of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aha.errors import BadInput
from aha.protocols import Adam, Backend, Observer
from aha.rundir import RunDir


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
