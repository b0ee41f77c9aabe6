"""The processes of a Ray cluster, one engine, one rank of a learner, or one grader each: waiting for them, and replacing those that die."""

from __future__ import annotations

import faulthandler
import os
import socket
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
import torch
import torch.distributed as dist
from ray.exceptions import (
    GetTimeoutError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)
from ray.util.placement_group import PlacementGroup, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy
from torch import Tensor

from aha.backends.hf import StreamedWeights
from aha.backends.local_backend import LocalBackend
from aha.backends.mesh import ALONE, Mesh
from aha.backends.node import COLLECTIVE, LearnerRank, loss_as_error
from aha.backends.torch_learner import TorchLearner
from aha.backends.wire import LearnerFacts, LearnerSettings, gather_on_first
from aha.errors import AhaError, LostWorker, RankRestart, Stall
from aha.phases import PhaseClock
from aha.plain import one_line
from aha.protocols import Ask, Compute, Opens, Reward, Sampling, Weights
from aha.types import Abstained, Completion, Problem, Reply

Arrays = dict[str, tuple[Any, str]]  # name -> (numpy array, the tensor's type)


def to_arrays(weights: Iterator[tuple[str, Tensor]]) -> Arrays:
    """Return whole weights as arrays, which Ray's object store shares with every process of a machine without a copy."""
    return {name: (tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy(), _shape(tensor)) for name, tensor in weights}


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {' '.join(map(str, tensor.shape))}"


def from_arrays(arrays: Arrays) -> Iterator[tuple[str, Tensor]]:
    """Yield the weights in arrays; their memory is Ray's and must not be written to."""
    for name, (array, description) in arrays.items():
        dtype, *shape = description.split()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch warns of memory that is not writable
            flat = torch.from_numpy(array)
        yield name, flat.view(getattr(torch, dtype)).view(*map(int, shape))


class Process:
    """The calls that every actor answers, even while it is at work (it has a second thread for them)."""

    def stacks(self) -> str:
        """Return the stack of each of its threads."""
        with tempfile.TemporaryFile("w+") as file:
            faulthandler.dump_traceback(file, all_threads=True)
            file.seek(0)
            return f"{type(self).__name__}, process {os.getpid()} on {socket.gethostname()}:\n{file.read()}"

    def pid(self) -> int:
        """Return its process id, which shows that it is up."""
        return os.getpid()


class EngineProcess(Process):
    """The engines in one process of the cluster, by the driver's numbers."""

    def __init__(self) -> None:
        self._engines: dict[int, Any] = {}

    def open(self, number: int, machine: LocalBackend, model: str) -> None:
        """Open an engine."""
        self._engines[number] = machine.engine(model)

    def close(self, number: int) -> None:
        """Close an engine."""
        self._engines.pop(number, None)

    def load(self, number: int, arrays: Arrays, version: int) -> None:
        """Load weights from the object store."""
        self._engines[number].load(_ArrayWeights(arrays), version)

    def offer(self, number: int, arrays: Arrays, version: int) -> None:
        """Let replies in progress continue with these weights."""
        if number in self._engines:
            self._engines[number].offer(_ArrayWeights(arrays), version)

    def take_phases(self, number: int) -> dict[str, float]:
        """Return the seconds of each phase of an engine since the last call; empty for one without a clock."""
        clock = getattr(self._engines[number], "phases", None)
        return clock.take() if isinstance(clock, PhaseClock) else {}

    def generate(self, number: int, asks: Sequence[Ask], sampling: Sampling) -> Iterator[tuple[int, list[Completion]]]:
        """Yield groups as they finish."""
        yield from self._engines[number].generate(asks, sampling)


@dataclass(frozen=True)
class _ArrayWeights(StreamedWeights):
    """The weights in arrays of the object store."""

    arrays: Arrays

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        return from_arrays(self.arrays)


class RankProcess(Process):
    """One rank of a learner."""

    def __init__(self, machine: LocalBackend, rank: int, size: int) -> None:
        self._machine, self._rank, self._size = machine, rank, size
        self._learner_rank: LearnerRank | None = None

    def address(self) -> str:
        """Return the address at which the ranks can meet; it is requested from rank 0."""
        with socket.socket() as free:
            free.bind(("", 0))
            return f"tcp://{ray.util.get_node_ip_address()}:{free.getsockname()[1]}"

    def join(self, address: str) -> None:
        """Join the group of the other ranks."""
        mesh = ALONE
        if self._size > 1:
            device = self._machine.device
            kind = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
            dist.init_process_group(kind, init_method=address, rank=self._rank, world_size=self._size, timeout=COLLECTIVE)
            mesh = Mesh.of_group(device)
        self._learner_rank = LearnerRank(self._machine.compute, mesh)

    def open(self, settings: LearnerSettings) -> LearnerFacts:
        """See `LearnerRank`."""
        assert self._learner_rank is not None, "the ranks have not met"
        with loss_as_error("opening a learner"):
            return self._learner_rank.open(settings)

    def call(self, method: str, arguments: Sequence[Any]) -> Any:
        """See `LearnerRank`."""
        assert self._learner_rank is not None, "the ranks have not met"
        with loss_as_error(f"doing {method}"):
            return self._learner_rank.call(method, arguments)

    def publish(self) -> Any:
        """Return, on rank 0, a reference to the whole weights in the object store; None on the others, which help to gather them."""
        learner = self._learner
        with loss_as_error("gathering weights"):
            if self._rank == 0:
                return [ray.put(to_arrays(gather_on_first(learner)))]
            for _ in learner.whole_weights():
                pass
        return None

    @property
    def _learner(self) -> TorchLearner:
        assert self._learner_rank is not None, "the ranks have not met"
        return self._learner_rank.current


class GraderProcess(Process):
    """A process that opens a reward with live resources and computes its values."""

    def __init__(self, machine: LocalBackend, opens: Opens[Reward]) -> None:
        self._stack = ExitStack()
        self._reward = self._stack.enter_context(opens.open(machine))

    def score(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        """Return the reward's values."""
        return self._reward(problem, replies)


MEET_S = 30.0  # seconds for a cluster's address to answer, and for the bundles to be placed
STORE_S = 600.0  # seconds for weights to come out of the store, maybe from another machine
DEATHS = "crash-cluster.txt"  # in the run's directory
POLL_S = 1.0
LOSSES = (RayActorError, WorkerCrashedError, NodeDiedError, OutOfMemoryError, ObjectLostError)  # a process is gone, or what it had made
REPLACEMENTS = 30  # of one process within a run: if it dies more often, the reason would kill its successors too


@dataclass
class Machines:
    """The processes of a cluster, and the waiting for them. `limit_s` is the longest time without a sign of progress; `say` tells a person
    about a replacement, and a file in `folder`, the run's directory, records it."""

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
        """Record that a process died. LostWorker if it has died too often."""
        self.deaths[name] = self.deaths.get(name, 0) + 1
        if self.deaths[name] > REPLACEMENTS:
            raise LostWorker(f"{name} of the cluster died {self.deaths[name]} times; the last time: {first_line(error)}") from error
        line = f"{name} of the cluster died ({first_line(error)}): another takes its place"
        self.say(line)
        if self.folder.is_dir():
            with (self.folder / DEATHS).open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {one_line(line)}\n")

    def wait(self, references: Sequence[Any], activity: str) -> list[Any]:
        """Return the results of the calls, in their order, or raise an error as soon as one of them has it. Stall, with the stacks of all
        processes in a file, if nothing came within the limit."""
        remainder, deadline = list(references), time.monotonic() + self.limit_s
        while remainder:
            ready, remainder = ray.wait(remainder, num_returns=1, timeout=POLL_S)
            if ready:
                fetch(ready[0], self.limit_s)
                deadline = time.monotonic() + self.limit_s
            elif time.monotonic() > deadline:
                self.raise_stall(activity)
        return [ray.get(reference, timeout=self.limit_s) for reference in references]

    def raise_stall(self, activity: str) -> None:
        """Write every process's stacks to a file, and raise Stall."""
        texts = []
        for name, actor in list(self.alive.items()):  # threads of graders may start one meanwhile
            try:
                texts.append(f"{name}: {ray.get(actor.stacks.remote(), timeout=POLL_S)}")
            except (RayError, GetTimeoutError) as error:
                texts.append(f"{name}: does not answer ({first_line(error)})")
        folder = self.folder if self.folder.is_dir() else Path.cwd()
        path = folder / f"stall-cluster-{os.getpid()}.txt"
        path.write_text("\n".join([f"waiting for: {activity}", *texts]), encoding="utf-8")
        raise Stall(f"no sign for {self.limit_s:g} s while {activity}; where each process of the cluster stands is in {path}")

    def engine_process(self, place: int) -> Any:
        """Return the process that is now in a place, started if there is none."""
        return self.alive.get(f"engine {place}") or self.start(EngineProcess, f"engine {place}", place)

    def replace_engine(self, place: int, actor: Any, error: Exception) -> None:
        """Replace a process that died, unless it is replaced already."""
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
    """Return the result of a call. An error of ours from another process is raised as itself."""
    try:
        return ray.get(reference, timeout=limit_s)
    except RayTaskError as error:
        if isinstance(error.cause, AhaError | ObjectLostError):
            raise error.cause from None
        raise


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def lost_weights_as_restart() -> Iterator[None]:
    """Raise RankRestart if weights were lost with a process or a machine that died: the last checkpoint still has weights."""
    try:
        yield
    except ObjectLostError as error:
        raise RankRestart(f"weights were lost with the process that had them ({first_line(error)})") from error


@dataclass(frozen=True)
class StoredWeights(StreamedWeights):
    """The weights in the object store, unchanged since they were put there."""

    reference: Any

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        with lost_weights_as_restart():
            arrays: Arrays = ray.get(self.reference, timeout=STORE_S)
        return from_arrays(arrays)

    def snapshot(self) -> Weights:
        """See the protocol: stored weights cannot change."""
        return self
