"""A Ray cluster as a backend: engines, ranks of a learner and graders are actors; an actor that dies is replaced and its work is
repeated."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.util.placement_group import placement_group

from aha.backends.checkpoint import errors_at
from aha.backends.hardware import HOW, check_address
from aha.backends.local_backend import LocalBackend
from aha.backends.ray_machines import (
    LOSSES,
    MEET_S,
    POLL_S,
    GraderProcess,
    Machines,
    RankProcess,
    StoredWeights,
    fetch,
    first_line,
    lost_weights_as_restart,
    to_arrays,
)
from aha.backends.wire import LearnerFacts, LearnerSettings, MeshLearner
from aha.errors import BadInput, LostWorker, RankRestart
from aha.phases import RemoteClock
from aha.protocols import Adam, Ask, Compute, Engine, Head, Learner, Opens, Reward, Sampling, Weights
from aha.types import Abstained, Completion, Problem, Reply


class ClusterEngine:
    """Implements `protocols.Engine` on several processes, each with its part of the prompts."""

    def __init__(self, machines: Machines, local_backend: LocalBackend, model: str, processes: int) -> None:
        self._machines, self._local_backend, self._model = machines, local_backend, model
        self._number = machines.next_number()
        self._weights: StoredWeights | None = None
        self._version = 0
        self._at: dict[int, Any] = {}  # the process with this engine, by its place
        self._places = range(processes)
        self.phases = RemoteClock(self._phases)
        weakref.finalize(self, _let_go, machines, self._number)
        for place in self._places:
            machines.engine_process(place)  # all start at once, as starting takes longer than opening a small model
        self._everywhere(self._ready)

    def load(self, weights: Weights, version: int) -> None:
        """See the protocol: the weights go through the object store, from which every engine reads them."""
        self._weights = weights if isinstance(weights, StoredWeights) else StoredWeights(ray.put(to_arrays(iter(weights))))
        self._version = version
        self._everywhere(self._load)

    def offer(self, weights: Weights, version: int) -> None:
        """See `protocols.TakesOffers`. An engine that dies meanwhile is replaced by one that has these weights."""
        assert isinstance(weights, StoredWeights), "offers come from a learner of the cluster"
        self._weights, self._version = weights, version
        for actor in list(self._at.values()):
            actor.offer.remote(self._number, weights.reference, version)

    def generate(self, asks: Sequence[Ask], sampling: Sampling) -> Iterator[tuple[int, list[Completion]]]:
        """See the protocol. An engine that dies is replaced and gets its unfinished prompts again: no group is lost or repeated."""
        engines = len(self._places)
        remainders = [dict.fromkeys(range(place, len(asks), engines)) for place in self._places]
        streams = {place: self._ask(place, asks, remainders[place], sampling) for place in self._places if remainders[place]}
        deadline = time.monotonic() + self._machines.limit_s
        while streams:
            ready, _ = ray.wait([stream for stream, _ in streams.values()], num_returns=1, timeout=POLL_S)
            if not ready and time.monotonic() > deadline:
                self._machines.raise_stall("engines sample")
            for place in [place for place, (stream, _) in streams.items() if stream in ready]:
                stream, prompts = streams[place]
                try:
                    index, completions = fetch(next(stream), self._machines.limit_s)
                except StopIteration:
                    del streams[place]
                    assert not remainders[place], f"engine {place} ended with {len(remainders[place])} prompts unanswered"
                    continue
                except LOSSES as error:
                    self._machines.replace_engine(place, self._at[place], error)
                    streams[place] = self._ask(place, asks, remainders[place], sampling)
                    continue
                deadline = time.monotonic() + self._machines.limit_s
                del remainders[place][prompts[index]]
                yield prompts[index], completions

    def _ask(self, place: int, asks: Sequence[Ask], prompts: Mapping[int, None], sampling: Sampling) -> tuple[Any, list[int]]:
        """Return the stream of an engine's groups, and the index among all prompts of each of its own."""
        self._surely(place, self._ready)
        numbers = list(prompts)
        call = self._at[place].generate.options(num_returns="streaming")
        return call.remote(self._number, [asks[prompt] for prompt in numbers], sampling), numbers

    def _phases(self) -> dict[str, float]:
        """Return the seconds of each phase of the engine that was busiest; one that has died is left out."""
        seconds: list[dict[str, float]] = [{}]
        for actor in list(self._at.values()):
            with suppress(*LOSSES):
                seconds.append(fetch(actor.take_phases.remote(self._number), self._machines.limit_s))
        return max(seconds, key=lambda phases: sum(phases.values()))

    def _everywhere(self, call: Callable[[int], None]) -> None:
        for place in self._places:
            self._surely(place, call)

    def _surely(self, place: int, call: Callable[[int], None]) -> None:
        """Call until a process outlives the call; each one that dies is replaced."""
        while True:
            actor = self._machines.engine_process(place)
            try:
                return call(place)
            except LOSSES as error:
                self._machines.replace_engine(place, actor, error)

    def _ready(self, place: int) -> None:
        """Open this engine, with its weights, in the process that is now in this place, unless it is open there."""
        actor = self._machines.engine_process(place)
        if self._at.get(place) is not actor:
            self._machines.wait([actor.open.remote(self._number, self._local_backend, self._model)], f"engine {place} opens")
            self._at[place] = actor
            if self._weights is not None:
                self._load(place)

    def _load(self, place: int) -> None:
        """Load the weights into the open engine; opening a new one loads them too."""
        assert self._weights is not None
        if self._at.get(place) is self._machines.engine_process(place):
            with lost_weights_as_restart():
                call = self._at[place].load.remote(self._number, self._weights.reference, self._version)
                self._machines.wait([call], f"engine {place} loads weights")
        else:
            self._ready(place)


def _let_go(machines: Machines, number: int) -> None:
    """Close this engine in all processes: it is no longer used."""
    for name, actor in machines.alive.items():
        if name.startswith("engine ") and ray.is_initialized():
            actor.close.remote(number)


class RayRanks:
    """Implements `Ranks` with actors. A rank that dies takes its part of the moments with it: all are restarted, and the run resumes from
    its last checkpoint (RankRestart)."""

    def __init__(self, machines: Machines, local_backend: LocalBackend, bundles: Sequence[int]) -> None:
        self._machines, self._local_backend, self._bundles = machines, local_backend, bundles
        self._actors: list[Any] = []

    @property
    def size(self) -> int:
        """The number of ranks."""
        return len(self._bundles)

    def open(self, settings: LearnerSettings) -> LearnerFacts:
        """See `Ranks`."""
        with self._restart_on_loss():
            if not self._actors:
                self._meet()
            facts: LearnerFacts = self._machines.wait([actor.open.remote(settings) for actor in self._actors], "opening a learner")[0]
            return facts

    def call_ranks(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See `Ranks`."""
        with self._restart_on_loss():
            calls = [actor.call.remote(method, values) for actor, values in zip(self._actors, arguments, strict=True)]
            return self._machines.wait(calls, f"ranks of the learner are at {method}")

    def weights(self) -> StoredWeights:
        """See `Ranks`: rank 0 puts them into the object store, from which they are read."""
        with self._restart_on_loss():
            results = self._machines.wait([actor.publish.remote() for actor in self._actors], "gathering weights")[0]
            return StoredWeights(results[0])

    def _meet(self) -> None:
        for rank, bundle in enumerate(self._bundles):
            self._actors.append(self._machines.start(RankProcess, f"rank {rank}", bundle, self._local_backend, rank, self.size))
        address = self._machines.wait([self._actors[0].address.remote()], "starting ranks")[0]
        self._machines.wait([actor.join.remote(address) for actor in self._actors], "ranks meet")

    @contextmanager
    def _restart_on_loss(self) -> Iterator[None]:
        try:
            yield
        except (*LOSSES, LostWorker) as error:
            for rank in range(self.size):
                self._machines.stop(f"rank {rank}")
            self._actors = []
            self._machines.note_death("a rank", error)
            raise RankRestart(f"a rank of the learner died ({first_line(error)}): the run goes on from its last checkpoint") from error


class RemoteReward:
    """A reward computed by processes of the cluster, each call by one of them; one that dies is replaced and its call repeated."""

    def __init__(self, machines: Machines, local_backend: LocalBackend, opens: Opens[Reward], names: Sequence[tuple[str, int]]) -> None:
        self._machines, self._local_backend, self._opens, self._names = machines, local_backend, opens, names
        self._actors = [self._start(number) for number in range(len(names))]
        self._next, self._lock = 0, threading.Lock()

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        """Return one value per reply. Any thread may call."""
        number = self._next = (self._next + 1) % len(self._actors)
        while True:
            actor = self._actors[number]
            try:
                values: list[float | Abstained] = self._machines.wait([actor.score.remote(problem, list(replies))], "graders judge")[0]
                return values
            except LOSSES as error:
                with self._lock:
                    if self._actors[number] is actor:  # else another thread has replaced it already
                        self._machines.note_death(self._names[number][0], error)
                        self._actors[number] = self._start(number)

    def close(self) -> None:
        """End the reward's processes."""
        for name, _ in self._names:
            self._machines.stop(name)

    def _start(self, number: int) -> Any:
        name, bundle = self._names[number]
        return self._machines.start(GraderProcess, name, bundle, self._local_backend, self._opens)


@dataclass(frozen=True)
class Cluster(LocalBackend):
    """A backend whose engines, learners and graders are processes of a Ray cluster. `counts`: engines, ranks and graders."""

    machines: Machines | None = field(default=None, compare=False, repr=False)
    counts: tuple[int, int, int] = (1, 1, 0)
    ranks: RayRanks | None = field(default=None, compare=False, repr=False)

    def engine(self, model: str) -> Engine:
        """Open an engine on this model, whose processes are the cluster's engines."""
        assert self.machines is not None
        return ClusterEngine(self.machines, self._plain, model, self.counts[0])

    def learner(self, model: str, optim: Adam, *, reference: bool, head: Head = "lm") -> Learner:
        """Open a learner that trains on all ranks. There is one at a time: the previous one is released."""
        assert self.ranks is not None
        if self.adaptation.lora.rank:
            raise BadInput(f"lora.rank is {self.adaptation.lora.rank}: adapters learn on one device; leave --hardware out, or the adapter")
        return MeshLearner(self.ranks, LearnerSettings(model, optim, reference, head, self.adaptation), self.compute)

    @contextmanager
    def host(self, opens: Opens[Reward]) -> Iterator[Reward]:
        """Open a reward on the graders, or here if the cluster has none."""
        assert self.machines is not None
        engines, ranks, graders = self.counts
        if not graders:
            with opens.open(self) as local_reward:
                yield local_reward
            return
        names = [(f"grader {number} of {type(opens).__name__}", engines + ranks + number) for number in range(graders)]
        reward = RemoteReward(self.machines, self._plain, opens, names)
        try:
            yield reward
        finally:
            reward.close()

    @property
    def _plain(self) -> LocalBackend:
        """The backend with which a process of the cluster opens its own part."""
        return LocalBackend(self.compute, self.adaptation)


@contextmanager
def connect(
    compute: Compute, counts: tuple[int, int, int], address: str, limit_s: float, folder: Path, say: Callable[[str], None]
) -> Iterator[Cluster]:
    """Connect to the cluster at an address, or start one on this machine, and reserve room for the processes. BadInput if there is none, or
    it has too little room."""
    engines, ranks, processes = counts[0], counts[1], sum(counts)
    try:
        _init(address, processes)
        gpus = gpus_per_process(compute, engines + ranks)
        bundles = [{"CPU": 1.0, **({"GPU": gpus} if gpus and number < engines + ranks else {})} for number in range(processes)]
        has = ray.cluster_resources().get("CPU", 0.0)
        group = None if has < processes else placement_group(bundles, strategy="PACK")
        if group is None or not group.wait(MEET_S):
            why = "" if group is None else ", which are taken"
            raise BadInput(f"--hardware cluster: {processes} processes need a core each, and the cluster has {has:g}{why}; ask for fewer")
        machines = Machines(compute, group, limit_s, folder, say, gpus)
        try:
            local_backend = LocalBackend(compute)
            yield Cluster(
                compute, machines=machines, counts=counts, ranks=RayRanks(machines, local_backend, range(engines, engines + ranks))
            )
        finally:
            machines.close()
    finally:
        ray.shutdown()


def _init(address: str, processes: int) -> None:
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # with Ray's own 15, all other programs on the machine run before engines and ranks
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if not address:
        with errors_at("--hardware cluster: Ray does not start on this machine, which may be too busy"):  # it raises no narrower error
            ray.init(address="local", num_cpus=max(processes, os.cpu_count() or 1), include_dashboard=False, **quiet)
        return
    check_address(address)
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise BadInput(f"--hardware cluster: no Ray cluster answers at {address} ({first_line(error)}); {HOW}") from None


def gpus_per_process(compute: Compute, processes: int) -> float:
    """Return the number of GPUs of each engine and rank: one, or none if the cluster has none or the CPU is requested."""
    gpus = ray.cluster_resources().get("GPU", 0.0)
    on_gpu = compute.device.startswith("cuda") or (compute.device == "auto" and gpus > 0)
    if on_gpu and gpus < processes:
        raise BadInput(
            f"--hardware cluster: {processes} engines and ranks need a GPU each, and the cluster has {gpus:g}; ask for fewer, or for "
            "--compute.device cpu"
        )
    return 1.0 if on_gpu else 0.0
