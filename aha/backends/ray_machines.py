"""The processes of a Ray cluster, who waits for them and how long, and what happens when one dies."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError
from ray.util.placement_group import PlacementGroup, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy
from torch import Tensor

from aha.backends.hf import StreamedWeights
from aha.backends.ray_actors import Arrays, EngineProcess, GraderProcess, Process, from_arrays
from aha.errors import AhaError, LostWorker, Stall
from aha.protocols import Compute, Weights

MEET_S = 30.0  # for a cluster's address to answer, for the bundles to be placed, for weights to come out of the store
POLL_S = 1.0
REPLACEMENTS = 30  # of one process within a run: what dies more often has a reason that another process would have too


@dataclass
class Machines:
    """The processes of a cluster and who waits for them. `limit_s` is the most that anything may take without a sign; `say` tells a person
    what was replaced."""

    compute: Compute
    bundles: PlacementGroup
    limit_s: float
    folder: Path
    say: Callable[[str], None]
    gpus: float = 0.0
    alive: dict[str, Any] = field(default_factory=dict)
    deaths: dict[str, int] = field(default_factory=dict)
    engines: int = 0

    def start(self, kind: type[Process], name: str, bundle: int, *arguments: Any) -> Any:
        """Start a process in its bundle, in place of one of the same name."""
        self.stop(name)
        place = PlacementGroupSchedulingStrategy(self.bundles, bundle)
        gpus = 0.0 if kind is GraderProcess else self.gpus
        actor = ray.remote(kind).options(num_cpus=1, num_gpus=gpus, max_concurrency=2, scheduling_strategy=place)
        self.alive[name] = actor.remote(*arguments)
        return self.alive[name]

    def stop(self, name: str) -> None:
        """End a process, if it is there."""
        if (actor := self.alive.pop(name, None)) is not None:
            with suppress(RayError):
                ray.kill(actor)

    def note_death(self, name: str, error: Exception) -> None:
        """Note that a process died. LostWorker where it has died too often."""
        self.deaths[name] = self.deaths.get(name, 0) + 1
        if self.deaths[name] > REPLACEMENTS:
            raise LostWorker(f"{name} of the cluster died {self.deaths[name]} times; the last time: {first_line(error)}") from error
        self.say(f"{name} of the cluster died ({first_line(error)}): another takes its place")

    def wait(self, references: Sequence[Any], activity: str) -> list[Any]:
        """Return what the calls return, in their order; an error as soon as one of them has it. Stall, with the stacks of all processes
        in a file, where nothing came within the limit."""
        remainder, deadline = list(references), time.monotonic() + self.limit_s
        while remainder:
            ready, remainder = ray.wait(remainder, num_returns=1, timeout=POLL_S)
            if ready:
                fetch(ready[0], self.limit_s)
            elif time.monotonic() > deadline:
                self.raise_stall(activity)
        return [ray.get(reference, timeout=self.limit_s) for reference in references]

    def raise_stall(self, activity: str) -> None:
        """Leave every process's stacks behind, and raise Stall."""
        texts = []
        for name, actor in self.alive.items():
            try:
                texts.append(f"{name}: {ray.get(actor.stacks.remote(), timeout=POLL_S)}")
            except (RayError, GetTimeoutError) as error:
                texts.append(f"{name}: does not answer ({first_line(error)})")
        path = self.folder / f"stall-cluster-{os.getpid()}.txt"
        path.write_text("\n".join([f"waiting for: {activity}", *texts]), encoding="utf-8")
        raise Stall(f"no sign for {self.limit_s:g} s while {activity}; where each process of the cluster stands is in {path}")

    def engine_process(self, place: int) -> Any:
        """Return the process that stands in a place now, started where there is none."""
        return self.alive.get(f"engine {place}") or self.start(EngineProcess, f"engine {place}", place)

    def replace_engine(self, place: int, actor: Any, error: Exception) -> None:
        """Let another process stand in the place of one that died, unless one does already."""
        if self.alive.get(f"engine {place}") is actor:
            self.note_death(f"engine {place}", error)
            self.stop(f"engine {place}")

    def next_number(self) -> int:
        """Return a number that no engine has had."""
        self.engines += 1
        return self.engines

    def close(self) -> None:
        """End every process."""
        if ray.is_initialized():
            for name in list(self.alive):
                self.stop(name)
            remove_placement_group(self.bundles)


def fetch(reference: Any, limit_s: float) -> Any:
    """Return what a call returned. An error of ours that was raised in another process is raised as itself."""
    try:
        return ray.get(reference, timeout=limit_s)
    except RayTaskError as error:
        if isinstance(error.cause, AhaError):
            raise error.cause from None
        raise


def first_line(error: Exception) -> str:
    """Return what an error says, cut at its first line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@dataclass(frozen=True)
class StoredWeights(StreamedWeights):
    """Weights in the object store, as they were when they were put there."""

    reference: Any

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        arrays: Arrays = ray.get(self.reference, timeout=MEET_S)
        return from_arrays(arrays)

    def snapshot(self) -> Weights:
        """See the protocol: nobody can change them."""
        return self
