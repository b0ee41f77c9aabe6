"""Calls between ranks as bytes: JSON beside tensors in the safetensors format. Received data can run no code.

A learner on several ranks is driven by one process: each call goes to every rank, with its own share.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
import torch.distributed as dist
from safetensors.torch import load, save
from torch import Tensor

from aha.backends.hf import micro_tokens_of
from aha.backends.shares import BatchShare, DividedLearner, Division, Model, check_lengths
from aha.backends.torch_learner import TorchLearner
from aha.batch import Batch, PolicyBatch, ScoreBatch
from aha.codec import decode, encode
from aha.errors import BadInput
from aha.json_text import parse_json
from aha.objectives import Cispo, CrossEntropy, Grpo, Gspo, Pairwise, Pointwise
from aha.phases import RemoteClock
from aha.protocols import Adam, Adaptation, Compute, Head, Loss, Metrics, Weights


@dataclass(frozen=True)
class LearnerSettings:
    """The settings from which a learner is made."""

    model: str
    optim: Adam
    reference: bool
    head: Head = "lm"
    adaptation: Adaptation = Adaptation()


@dataclass(frozen=True)
class LearnerFacts:
    """The facts about the opened learners that the driver needs."""

    packs: bool
    width: int
    context: int | None
    shares_prompts: bool = False


class Ranks(Protocol):
    """The ranks of a learner, wherever they run. Every call runs on all of them before it returns."""

    @property
    def size(self) -> int: ...

    def open(self, settings: LearnerSettings) -> LearnerFacts:
        """Make a learner on every rank, in place of the previous one."""

    def call_ranks(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Call a method of `TorchLearner` on every rank with its own arguments; return the results by rank."""

    def weights(self) -> Weights:
        """Return the weights of the ranks."""


class MeshLearner(DividedLearner):
    """Implements `protocols.Learner` on ranks."""

    def __init__(self, ranks: Ranks, settings: LearnerSettings, compute: Compute) -> None:
        self.ranks, self.compute, self.head = ranks, compute, settings.head
        self.facts = ranks.open(settings)
        self.phases = RemoteClock(lambda: ranks.call_ranks("take_phases", [()] * ranks.size)[0])

    @property
    def division(self) -> Division:
        """The settings that divide a batch over the ranks."""
        facts = self.facts
        micro_tokens, most = micro_tokens_of(self.compute, facts.width), micro_tokens_of(self.compute)
        return Division(self.ranks.size, micro_tokens, facts.packs, facts.width, shares_prompts=facts.shares_prompts, most_tokens=most)

    def update(self, batch: Batch, loss: Loss) -> Metrics:
        """See the protocol. A row that is too long is refused before any rank begins."""
        check_lengths(batch, self.facts.context)
        return super().update(batch, loss)

    def logprobs(self, batch: Batch, of: Model) -> Tensor:
        """See the protocol."""
        check_lengths(batch, self.facts.context)
        return super().logprobs(batch, of)

    def learn_shares(self, shares: Sequence[BatchShare], loss: Loss) -> list[Metrics]:
        """See `DividedLearner`."""
        return self.ranks.call_ranks("learn", [(share, loss) for share in shares])

    def share_numbers(self, shares: Sequence[BatchShare], of: Model) -> list[Tensor]:
        """See `DividedLearner`."""
        return self.ranks.call_ranks("numbers", [(share, of) for share in shares])

    def set_rate(self, multiplier: float) -> None:
        """See the protocol."""
        self._call_everywhere("set_rate", multiplier)

    def reset_reference(self) -> None:
        """See the protocol."""
        self._call_everywhere("reset_reference")

    def weights(self) -> Weights:
        """See the protocol."""
        return self.ranks.weights()

    def save(self, folder: Path) -> None:
        """See the protocol. Every rank has written its files when this returns."""
        self._call_everywhere("save", folder.absolute())

    def load(self, folder: Path) -> None:
        """See the protocol."""
        self._call_everywhere("load", folder.absolute())

    def _call_everywhere(self, method: str, *arguments: Any) -> None:
        self.ranks.call_ranks(method, [arguments] * self.ranks.size)


def facts_of(learner: TorchLearner) -> LearnerFacts:
    """Return the facts about a learner that the driver needs."""
    division = learner.division
    return LearnerFacts(division.packs, division.width, learner.context, division.shares_prompts)


def gather_on_first(learner: TorchLearner) -> Iterator[tuple[str, Tensor]]:
    """Yield rank 0's part of `whole_weights`: the whole weights. Closed early, it goes through the rest, which the other ranks wait for."""
    stream = learner.whole_weights()
    try:
        for name, tensor in stream:
            assert tensor is not None, "only rank 0 has the whole weights"
            yield name, tensor
    finally:
        for _ in stream:
            pass


Losses = Grpo | Gspo | Cispo | CrossEntropy | Pairwise | Pointwise
BATCHES: dict[str, type[Batch]] = {kind.__name__: kind for kind in (Batch, PolicyBatch, ScoreBatch)}
HEADER = 8  # bytes with the length of the JSON


class WireMessage(NamedTuple):
    """A message of plain JSON values, and tensors by name."""

    values: dict[str, Any]
    tensors: dict[str, Tensor]


def to_bytes(message: WireMessage) -> bytes:
    """Return a message as bytes."""
    text = json.dumps(message.values).encode()
    return len(text).to_bytes(HEADER, "little") + text + save({name: tensor.contiguous() for name, tensor in message.tensors.items()})


def from_bytes(data: bytes) -> WireMessage:
    """Return the message in bytes."""
    end = HEADER + int.from_bytes(data[:HEADER], "little")
    return WireMessage(parse_json(data[HEADER:end]), load(data[end:]))


def send(message: WireMessage, to: int, group: dist.ProcessGroup) -> None:
    """Send a message to a rank."""
    data = torch.frombuffer(bytearray(to_bytes(message)), dtype=torch.uint8)
    dist.send(torch.tensor([len(data)]), to, group)
    dist.send(data, to, group)


def receive(sender: int, group: dist.ProcessGroup) -> WireMessage:
    """Return the next message of a rank; the group's timeout limits the wait."""
    size = torch.zeros(1, dtype=torch.long)
    dist.recv(size, sender, group)
    data = torch.empty(int(size), dtype=torch.uint8)
    dist.recv(data, sender, group)
    return from_bytes(data.numpy().tobytes())


def packed(value: Any, name: str, into: WireMessage) -> None:
    """Put an argument or a result into a message under a name."""
    match value:
        case BatchShare():
            into.values[name] = _share_values(value)
            into.tensors.update({f"{name}.{field}": tensor for field, tensor in _tensors(value.batch).items()})
            into.tensors[f"{name}.passes"] = torch.cat(value.passes) if value.passes else torch.zeros(0, dtype=torch.long)
        case Tensor():
            into.values[name] = {"kind": "tensor"}
            into.tensors[name] = value
        case Path():
            into.values[name] = {"kind": "path", "value": str(value)}
        case LearnerSettings() | LearnerFacts():
            into.values[name] = {"kind": type(value).__name__, "value": encode(value, type(value))}
        case Grpo() | Gspo() | Cispo() | CrossEntropy() | Pairwise() | Pointwise():
            into.values[name] = {"kind": "loss", "value": encode(value, Losses)}
        case str() | bool() | int() | float() | None | dict():
            into.values[name] = {"kind": "plain", "value": encode(value, Any) if not isinstance(value, dict) else value}
        case _:
            raise BadInput(
                f"{type(value).__name__}: a loss of your own is not sent to other ranks; use it on one process, or a loss of ours"
            )


def unpack(name: str, message: WireMessage) -> Any:
    """Return the value that `packed` put under a name."""
    description = message.values[name]
    value = description.get("value")
    kinds: dict[str, Callable[[], Any]] = {
        "share": lambda: _share(name, description, message.tensors),
        "tensor": lambda: message.tensors[name],
        "path": lambda: Path(str(value)),
        "loss": lambda: decode(value, Losses),
        "plain": lambda: value,
        "LearnerSettings": lambda: decode(value, LearnerSettings),
        "LearnerFacts": lambda: decode(value, LearnerFacts),
    }
    return kinds[description["kind"]]()


def _tensors(batch: Batch) -> dict[str, Tensor]:
    values = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def _share_values(share: BatchShare) -> dict[str, Any]:
    values = {field.name: getattr(share.batch, field.name) for field in fields(share.batch)}
    plain = {name: value for name, value in values.items() if not isinstance(value, Tensor)}
    sizes = [len(indices) for indices in share.passes]
    return {"kind": "share", "batch": type(share.batch).__name__, "plain": plain, "sizes": sizes, "counted": share.count}


def _share(name: str, values: dict[str, Any], tensors: dict[str, Tensor]) -> BatchShare:
    prefix = f"{name}."
    tensors_of = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
    passes = tensors_of.pop("passes").split(values["sizes"]) if values["sizes"] else ()
    kind_: Any = BATCHES[values["batch"]]
    batch: Batch = kind_(**tensors_of, **values["plain"])
    return BatchShare(batch, torch.arange(batch.R), tuple(passes), values["counted"])
