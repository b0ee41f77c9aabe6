"""Processes started by `torchrun`: the trained weights are divided over them, and rank 0 is the driver.

Rank 0 runs the stages: it samples, grades and writes the run. The others hold a part of the weights and do what rank 0 tells them.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from aha.backends.hardware import check_torchrun
from aha.backends.hf import StreamedWeights
from aha.backends.local_backend import LocalBackend
from aha.backends.mesh import Mesh
from aha.backends.torch_learner import TorchLearner
from aha.backends.wire import (
    LearnerFacts,
    LearnerSettings,
    MeshLearner,
    WireMessage,
    facts_of,
    from_bytes,
    gather_on_first,
    packed,
    receive,
    send,
    to_bytes,
    unpack,
)
from aha.errors import AhaError, BadInput, LostWorker
from aha.protocols import Adam, Compute, Head, Learner, Weights

MEET = timedelta(minutes=5)  # for all ranks to be there, on machines that start at different times
COLLECTIVE = timedelta(minutes=30)  # the longest wait of ranks for one another within a step
NEXT_CALL = timedelta(days=7)  # a rank waits for its next call as long as rank 0 lives: `Pulse` looks
CALLS = ("learn", "numbers", "set_rate", "reset_reference", "save", "load", "take_phases")
BEAT_S = 5.0
SIGNS_OF_LOSS = ("gloo", "nccl", "connection", "timed out", "socket")


class LearnerRank:
    """One rank's learner, opened on request."""

    def __init__(self, compute: Compute, mesh: Mesh) -> None:
        self.machine, self.mesh = LocalBackend(compute), mesh
        self.learner: TorchLearner | None = None

    def open(self, settings: LearnerSettings) -> LearnerFacts:
        """Make this rank's learner; the previous one is released first."""
        self.learner = None
        machine = self.machine.with_adapter(settings.adaptation)
        self.learner = machine.rank_learner(settings.model, settings.optim, settings.reference, settings.head, self.mesh)
        return facts_of(self.learner)

    def call(self, method: str, arguments: Sequence[Any]) -> Any:
        """Call one of `CALLS`."""
        assert method in CALLS, method
        return getattr(self.current, method)(*arguments)

    @property
    def current(self) -> TorchLearner:
        """The learner of the current stage."""
        assert self.learner is not None, "no learner was opened"
        return self.learner


class TorchrunRanks:
    """Implements `Ranks` on rank 0: calls are sent to the others as messages, over a group of their own beside the collectives."""

    def __init__(self, rank: LearnerRank, group: dist.ProcessGroup) -> None:
        self.rank, self.group = rank, group

    @property
    def size(self) -> int:
        """The number of ranks, this one included."""
        return self.rank.mesh.size

    def open(self, settings: LearnerSettings) -> LearnerFacts:
        """See `Ranks`."""
        self._tell("open", [(settings,)] * self.size)
        facts = self._together(lambda: self.rank.open(settings))[0]
        assert isinstance(facts, LearnerFacts)
        return facts

    def call_ranks(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """See `Ranks`."""
        self._tell(method, arguments)
        return self._together(lambda: self.rank.call(method, arguments[0]))

    def whole_weights(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the name and the whole tensor of every weight. The iterator must be exhausted or closed."""
        self._tell("whole_weights", [()] * self.size)
        try:
            yield from gather_on_first(self.rank.current)
        finally:
            self._replies()

    def weights(self) -> Weights:
        """See `Ranks`: one whole weight after another, never all at once."""
        return _GatheredWeights(self)

    def close(self) -> None:
        """Tell every other rank to end."""
        self._tell("close", [()] * self.size)

    def _tell(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> None:
        messages = [_message(method, values) for values in arguments]
        with loss_as_error(f"calling {method}"):
            for rank in range(1, self.size):
                send(messages[rank], rank, self.group)

    def _together(self, work: Any) -> list[Any]:
        """Return the results of this rank and then of the others; their replies are read even after an error here, so that none is left in
        transit."""
        with loss_as_error("learning"):
            try:
                result = work()
            except AhaError:
                self._replies()
                raise
            return [result, *self._replies()]

    def _replies(self) -> list[Any]:
        with loss_as_error("waiting for a reply"):
            replies = [receive(rank, self.group) for rank in range(1, self.size)]
        for rank, reply in enumerate(replies, start=1):
            if "error" in reply.values:
                raise AhaError(f"rank {rank}: {reply.values['error']}")
        return [unpack("result", reply) for reply in replies]


@dataclass(frozen=True)
class _GatheredWeights(StreamedWeights):
    ranks: TorchrunRanks

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        return self.ranks.whole_weights()


def follow(rank: LearnerRank, group: dist.ProcessGroup) -> None:
    """Carry out the calls of rank 0 until it ends."""
    while True:
        with loss_as_error("waiting for rank 0"):
            message = receive(0, group)
        method = message.values["call"]
        if method == "close":
            return
        answer = WireMessage({}, {})
        try:
            packed(_perform(rank, method, message), "result", answer)
        except AhaError as error:
            answer = WireMessage({"error": str(error)}, {})
        with loss_as_error("replying to rank 0"):
            send(answer, 0, group)


def _perform(rank: LearnerRank, method: str, message: WireMessage) -> Any:
    arguments = [unpack(name, message) for name in message.values["arguments"]]
    with loss_as_error(f"doing {method}"):
        if method == "open":
            return rank.open(*arguments)
        if method == "whole_weights":
            for _ in rank.current.whole_weights():
                pass
            return None
        return rank.call(method, arguments)


def _message(method: str, arguments: Sequence[Any]) -> WireMessage:
    message = WireMessage({"call": method, "arguments": [f"argument{number}" for number in range(len(arguments))]}, {})
    for number, argument in enumerate(arguments):
        packed(argument, f"argument{number}", message)
    return message


@contextmanager
def loss_as_error(activity: str) -> Iterator[None]:
    """Raise LostWorker if a collective fails because another rank has ended."""
    try:
        yield
    except RuntimeError as error:
        if not any(word in str(error).lower() for word in SIGNS_OF_LOSS):
            raise
        raise LostWorker(
            f"another rank of the learner ended or does not answer, while {activity}: its own line says why; the same command goes on from "
            "the last checkpoint"
        ) from error


@dataclass(frozen=True)
class Node(LocalBackend):
    """The backend of rank 0: a local backend whose learners are divided over the ranks that `torchrun` started."""

    ranks: TorchrunRanks | None = field(default=None, compare=False, repr=False)

    def learner(self, model: str, optim: Adam, *, reference: bool, head: Head = "lm") -> Learner:
        """Open a learner that trains on all ranks. There is one at a time: the previous one is released."""
        assert self.ranks is not None
        if self.ranks.size == 1:
            return super().learner(model, optim, reference=reference, head=head)
        if self.adaptation.lora.rank:
            raise BadInput(f"lora.rank is {self.adaptation.lora.rank}: adapters learn on one device; leave --hardware out, or the adapter")
        return MeshLearner(self.ranks, LearnerSettings(model, optim, reference, head, self.adaptation), self.compute)


class Pulse:
    """A heartbeat that rank 0 sends and the others receive: a rank without one for `limit_s` seconds ends itself with a message."""

    def __init__(self, rank: int, limit_s: float) -> None:
        self._store: Any = dist.distributed_c10d._get_default_store()
        self._over, self._limit_s = threading.Event(), limit_s
        self._thread = threading.Thread(target=self._heartbeat if rank == 0 else self._feel, name="pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop sending or awaiting heartbeats."""
        self._over.set()
        self._thread.join(timeout=1.0)

    def _heartbeat(self) -> None:
        while not self._over.wait(BEAT_S):
            self._store.add("aha/pulse", 1)

    def _feel(self) -> None:
        seen, quiet_s = -1, 0.0
        while not self._over.wait(BEAT_S):
            now = self._store.add("aha/pulse", 0)
            seen, quiet_s = now, 0.0 if now != seen else quiet_s + BEAT_S
            if quiet_s > self._limit_s:
                os.write(2, f"aha: rank 0 has not moved for {self._limit_s:g} s; this is where this rank stands:\n".encode())
                faulthandler.dump_traceback(all_threads=True)
                os._exit(70)


def device_of(compute: Compute) -> torch.device:
    """Return this rank's device. BadInput if the machine has fewer devices than ranks."""
    local_rank = int(os.environ["LOCAL_RANK"])
    cuda = compute.device.startswith("cuda") or (compute.device == "auto" and torch.cuda.is_available())
    if not cuda:
        return torch.device("cpu")
    if local_rank >= torch.cuda.device_count():
        raise BadInput(
            f"local rank {local_rank} needs a GPU of its own: this machine has {torch.cuda.device_count()}; give torchrun --nproc-per-node "
            f"{torch.cuda.device_count()}, or --compute.device cpu"
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


@contextmanager
def join_ranks(compute: Compute, settings: Mapping[str, object], stall_s: float) -> Iterator[Node | None]:
    """Join the processes that torchrun started. Rank 0 gets the backend; another rank does its work here and gets None at its end.

    BadInput without torchrun, with too few GPUs, or if ranks were started with other settings."""
    check_torchrun()
    device = device_of(compute)
    kind = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    with loss_as_error("meeting the other ranks"):
        store, rank, size = next(rendezvous("env://", timeout=MEET))
        store.set_timeout(COLLECTIVE)
        dist.init_process_group(kind, store=PrefixStore("aha", store), rank=rank, world_size=size, timeout=COLLECTIVE)
        group = dist.new_group(backend="gloo", timeout=NEXT_CALL)
    try:
        mesh = Mesh.of_group(device)
        rank = LearnerRank(compute, mesh)
        _compare_settings(mesh, settings, group)
        pulse = Pulse(mesh.rank, stall_s)
        try:
            if mesh.rank:
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # rank 0 decides when it ends
                follow(rank, group)
                yield None
                return
            with _closing(TorchrunRanks(rank, group)) as ranks:
                yield Node(compute, ranks=ranks)
        finally:
            pulse.stop()
    finally:
        dist.destroy_process_group()


@contextmanager
def _closing(ranks: TorchrunRanks) -> Iterator[TorchrunRanks]:
    """End the other ranks at the end, unless one of them is lost or their state is unknown."""
    try:
        yield ranks
    except AhaError as error:
        if not isinstance(error, LostWorker):
            ranks.close()
        raise
    ranks.close()


def _compare_settings(mesh: Mesh, settings: Mapping[str, object], group: dist.ProcessGroup) -> None:
    """Raise BadInput, on every rank, if one was started with other settings than rank 0."""
    message = WireMessage({"settings": dict(settings)}, {})
    if mesh.rank:
        send(message, 0, group)
        refusal = receive(0, group).values["refusal"]
    else:
        settings_of = {rank: receive(rank, group).values["settings"] for rank in range(1, mesh.size)}
        first = from_json(message)
        refusal = next((line for rank, peer in settings_of.items() if (line := _difference(rank, first, peer))), "")
        for rank in settings_of:
            send(WireMessage({"refusal": refusal}, {}), rank, group)
    if refusal:
        raise BadInput(refusal)


def from_json(message: WireMessage) -> dict[str, Any]:
    """Return the settings in a message."""
    values: dict[str, Any] = from_bytes(to_bytes(message)).values["settings"]
    return values


def _difference(rank: int, first: Mapping[str, Any], peer: Mapping[str, Any]) -> str:
    for path in sorted({*first, *peer}):
        if first.get(path) != peer.get(path):
            values = f"{path} is {first.get(path)!r} on rank 0 and {peer.get(path)!r} on rank {rank}"
            return f"ranks were started with other settings: {values}; start all of them with the same command"
    return ""
