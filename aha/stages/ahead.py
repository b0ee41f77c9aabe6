"""Sampling ahead of learning: at lag L every token of rollout r comes from the weights of version max(0, r - L), whoever is slower.

A version is the count of rollouts that were learned from. While one rollout is learned from, the next ones are sampled in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from aha.protocols import Engine, Learner, Weights
from aha.types import Group

POLL_S = 1.0
STEP = "step_of_version_"


class Version(NamedTuple):
    """Weights that may still be sampled from, and the optimizer steps that were done then."""

    weights: Weights
    step: int


class RolloutSample(NamedTuple):
    """What one rollout sampled: all groups, those worth an update, and the rounds it took."""

    groups: Sequence[Group]
    training_groups: Sequence[Group]
    rounds: int


class _Over(Exception):
    """The run has ended, and nobody wants what is being sampled."""


@dataclass
class Ahead:
    """`ask(rollout, step)` samples a rollout as it is when `step` optimizer steps are done, with the weights that the engine holds. `lag`
    is at least 1; `last` is the number of the last rollout that there may be."""

    engine: Engine
    learner: Learner
    ask: Callable[[int, int], RolloutSample]
    lag: int
    last: int
    versions: dict[int, Version] = field(default_factory=dict)
    _futures: dict[int, Future[RolloutSample]] = field(default_factory=dict)
    _over: bool = False

    def __enter__(self) -> Ahead:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sampling")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """What was sampled ahead and is not wanted ends at its next sign of life."""
        self._over = True
        self._thread.shutdown(wait=error is None, cancel_futures=True)

    def heartbeat(self, heartbeat: Callable[[str], None], activity: str) -> None:
        """Pass a sign of life on, in the thread that samples."""
        if self._over:
            raise _Over
        heartbeat(activity)

    def publish(self, version: int, step: int) -> None:
        """Keep the learner's weights as they are now: as many rollouts as `lag` may be sampled from older ones."""
        self.versions[version] = Version(self.learner.weights().snapshot(), step)

    def result_of(self, rollout: int) -> RolloutSample:
        """Return what a rollout sampled; those that may be sampled by now are begun before it is waited for."""
        for number in range(rollout, min(rollout + self.lag, self.last) + 1):
            if number not in self._futures:
                self._futures[number] = self._thread.submit(self._sample, number)
        future = self._futures.pop(rollout)
        while not future.done():  # the sampling beats, and who watches it has the limit
            wait([future], timeout=POLL_S)
        sample = future.result(timeout=POLL_S)
        version = self.version_of(rollout)
        versions = {span.version for group in sample.groups for completion in group.completions for span in completion.version_spans}
        assert versions <= {version}, f"rollout {rollout} was to be sampled from version {version}, and has tokens of {sorted(versions)}"
        for old in [old for old in self.versions if old < self.version_of(rollout + 1)]:
            del self.versions[old]
        return sample

    def version_of(self, rollout: int) -> int:
        """Return which weights a rollout is sampled from."""
        return max(0, rollout - self.lag)

    def _sample(self, rollout: int) -> RolloutSample:
        version = self.version_of(rollout)
        weights, step = self.versions[version]
        self.engine.load(weights, version)
        return self.ask(rollout, step)

    # --- on disk ---

    def save(self, folder: Path, version: int) -> None:
        """Write the learner, whose weights are of that version, and the older weights that rollouts to come are sampled from."""
        self.learner.save(folder)
        for number, (weights, _) in self.versions.items():
            if number < version:
                weights.save(folder / file_of(number))

    def progress(self, version: int) -> dict[str, int]:
        """Return what `restore` has to know beside the files."""
        return {f"{STEP}{number}": version_.step for number, version_ in self.versions.items() if number < version}

    def restore(self, folder: Path, progress: dict[str, int | float | str]) -> None:
        """Bring the older weights back."""
        for name, step in progress.items():
            if name.startswith(STEP):
                number = int(name.removeprefix(STEP))
                self.versions[number] = Version(self.learner.weights_of(folder / file_of(number)).snapshot(), int(step))


def file_of(version: int) -> str:
    """Return the name of the file that holds older weights in a checkpoint."""
    return f"version-{version:06}.safetensors"
