"""The processes of a Ray cluster: one engine, one rank of a learner, or one grader each."""

from __future__ import annotations

import faulthandler
import os
import socket
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import ray
import torch
import torch.distributed as dist
from torch import Tensor

from aha.backends.hf import StreamedWeights
from aha.backends.local_backend import LocalBackend
from aha.backends.mesh import ALONE, Mesh
from aha.backends.mesh_learner import LearnerFacts, LearnerSettings, gather_on_first
from aha.backends.node import COLLECTIVE, LearnerRank, loss_as_error
from aha.backends.torch_learner import TorchLearner
from aha.protocols import Ask, Opens, Reward, Sampling
from aha.types import Abstained, Completion, Problem, Reply

Arrays = dict[str, tuple[Any, str]]  # name -> (numpy array, the tensor's type)


def to_arrays(weights: Iterator[tuple[str, Tensor]]) -> Arrays:
    """Return whole weights as arrays, which Ray's object store hands to every process of a machine without a copy."""
    return {name: (tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy(), _shape(tensor)) for name, tensor in weights}


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {' '.join(map(str, tensor.shape))}"


def from_arrays(arrays: Arrays) -> Iterator[tuple[str, Tensor]]:
    """Yield the weights again; their memory is Ray's and must not be written to."""
    for name, (array, description) in arrays.items():
        dtype, *shape = description.split()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch would rather have memory that it may write to
            flat = torch.from_numpy(array)
        yield name, flat.view(getattr(torch, dtype)).view(*map(int, shape))


class Process:
    """What every actor answers, whatever it is at work on (it has a second thread for that)."""

    def stacks(self) -> str:
        """Return where each of its threads stands."""
        with tempfile.TemporaryFile("w+") as file:
            faulthandler.dump_traceback(file, all_threads=True)
            file.seek(0)
            return f"{type(self).__name__}, process {os.getpid()} on {socket.gethostname()}:\n{file.read()}"

    def pid(self) -> int:
        """Return its process id: it is up."""
        return os.getpid()


class EngineProcess(Process):
    """Engines on a machine of the cluster, by the number that the driver gave them."""

    def __init__(self) -> None:
        self._engines: dict[int, Any] = {}

    def open(self, number: int, machine: LocalBackend, model: str) -> None:
        """Open an engine."""
        self._engines[number] = machine.engine(model)

    def close(self, number: int) -> None:
        """Let go of an engine."""
        self._engines.pop(number, None)

    def load(self, number: int, arrays: Arrays, version: int) -> None:
        """Take over weights from the object store."""
        self._engines[number].load(_ArrayWeights(arrays), version)

    def generate(self, number: int, asks: Sequence[Ask], sampling: Sampling) -> Iterator[tuple[int, list[Completion]]]:
        """Yield groups as they finish."""
        yield from self._engines[number].generate(asks, sampling)


@dataclass(frozen=True)
class _ArrayWeights(StreamedWeights):
    """Arrays of the object store as weights."""

    arrays: Arrays

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        return from_arrays(self.arrays)


class RankProcess(Process):
    """One rank of a learner."""

    def __init__(self, machine: LocalBackend, rank: int, size: int) -> None:
        self._machine, self._rank, self._size = machine, rank, size
        self._learner_rank: LearnerRank | None = None

    def address(self) -> str:
        """Return where the ranks may meet, for rank 0 to be asked."""
        with socket.socket() as free:
            free.bind(("", 0))
            return f"tcp://{ray.util.get_node_ip_address()}:{free.getsockname()[1]}"

    def join(self, address: str) -> None:
        """Meet the other ranks."""
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
        """Return, from rank 0, a reference to the whole weights in the object store; None from the others, which help to gather them."""
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
    """A reward that needs something live, opened where there is room for it."""

    def __init__(self, machine: LocalBackend, opens: Opens[Reward]) -> None:
        self._stack = ExitStack()
        self._reward = self._stack.enter_context(opens.open(machine))

    def score(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        """Return the reward's values."""
        return self._reward(problem, replies)
