"""Calls between ranks as bytes: JSON beside tensors in the safetensors format. Nothing that is received can run code."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from safetensors.torch import load, save
from torch import Tensor

from aha.backends.mesh_learner import LearnerFacts, LearnerSettings
from aha.backends.shares import BatchShare
from aha.batch import Batch, PolicyBatch, ScoreBatch
from aha.codec import decode, encode
from aha.errors import BadInput
from aha.json_text import parse_json
from aha.objectives.losses import Cispo, CrossEntropy, Grpo, Gspo, Pairwise, Pointwise

Losses = Grpo | Gspo | Cispo | CrossEntropy | Pairwise | Pointwise
BATCHES: dict[str, type[Batch]] = {kind.__name__: kind for kind in (Batch, PolicyBatch, ScoreBatch)}
HEADER = 8  # bytes that say how long the JSON is


class WireMessage(NamedTuple):
    """Plain JSON values, and tensors by name."""

    values: dict[str, Any]
    tensors: dict[str, Tensor]


def to_bytes(message: WireMessage) -> bytes:
    """Return a message as bytes."""
    text = json.dumps(message.values).encode()
    return len(text).to_bytes(HEADER, "little") + text + save({name: tensor.contiguous() for name, tensor in message.tensors.items()})


def from_bytes(data: bytes) -> WireMessage:
    """Return the message again."""
    end = HEADER + int.from_bytes(data[:HEADER], "little")
    return WireMessage(parse_json(data[HEADER:end]), load(data[end:]))


def send(message: WireMessage, to: int, group: dist.ProcessGroup) -> None:
    """Send a message to a rank."""
    data = torch.frombuffer(bytearray(to_bytes(message)), dtype=torch.uint8)
    dist.send(torch.tensor([len(data)]), to, group)
    dist.send(data, to, group)


def receive(sender: int, group: dist.ProcessGroup) -> WireMessage:
    """Return the next message of a rank; the group's timeout is the most that is waited."""
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
    """Return what `packed` put under a name."""
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
