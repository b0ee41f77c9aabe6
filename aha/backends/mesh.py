"""The devices that one learner's weights are divided over: FSDP2, and the few collectives that a learner needs beside it.

One device is a mesh of one: nothing is divided and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

T = TypeVar("T", bound="tuple[Tensor, ...] | Tensor")


@dataclass(frozen=True)
class Mesh:
    """`size` ranks, of which this process is `rank`, each with one device. `devices` is None for a mesh of one."""

    rank: int = 0
    size: int = 1
    devices: DeviceMesh | None = None

    @classmethod
    def of_group(cls, device: torch.device) -> Mesh:
        """The mesh of all processes of the default process group, which stands already."""
        size = dist.get_world_size()
        return cls(dist.get_rank(), size, init_device_mesh(device.type, (size,)) if size > 1 else None)

    def sum(self, values: Sequence[float]) -> list[float]:
        """Return the sums over all ranks."""
        if self.devices is None:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(total, group=self.devices.get_group())
        return [float(value) for value in total.tolist()]

    def add_up(self, tensor: Tensor) -> Tensor:
        """Return the sum over all ranks of a tensor that each has, in its place."""
        if self.devices is not None:
            dist.all_reduce(tensor, group=self.devices.get_group())
        return tensor

    def barrier(self) -> None:
        """Wait until every rank is here."""
        self.sum([0.0])

    def whole(self, local: Tensor, shape: torch.Size, owner: int) -> Tensor | None:
        """Return, on `owner` alone, the tensor of which each rank holds its rows (a scalar: as every rank has it)."""
        if self.devices is None:
            return local
        if not shape:
            return local if self.rank == owner else None
        most = -(-shape[0] // self.size)
        padded = local.new_zeros(most, *shape[1:])
        padded[: len(local)] = local
        parts = [torch.empty_like(padded) for _ in range(self.size)] if self.rank == owner else None
        dist.gather(padded, parts, dst=owner, group=self.devices.get_group())
        return None if parts is None else torch.cat(parts)[: shape[0]]

    def rows(self, shape: torch.Size, rank: int | None = None) -> tuple[int, int]:
        """Return the first row of a tensor that a rank holds (None: this one), and the one after its last."""
        most = -(-shape[0] // self.size)
        start = min(shape[0], most * (self.rank if rank is None else rank))
        return start, min(shape[0], start + most)

    @property
    def device(self) -> torch.device:
        """The device of this rank."""
        kind = "cpu" if self.devices is None else self.devices.device_type
        return torch.device(kind, torch.cuda.current_device()) if kind == "cuda" else torch.device(kind)


ALONE = Mesh()


class Root(nn.Module):
    """What the ranks call: whatever is computed with a model's weights is computed within its `forward`, where all of them are whole that
    stand outside of a layer."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, compute: Callable[[], T]) -> T:
        """Return what the call returns, a tensor or a tuple of tensors, none of them a view of another: FSDP hooks onto each."""
        outputs = compute()
        return outputs.clone() if isinstance(outputs, Tensor) else tuple(tensor.clone() for tensor in outputs)  # type: ignore[return-value]


def shard_model(model: PreTrainedModel, mesh: Mesh, dtype: torch.dtype) -> Callable[[Callable[[], T]], T]:
    """Divide the weights over the ranks, layer by layer, and return how to compute with them. Sums of gradients are float32; products are
    in `dtype`, in which layers are gathered. A mesh of one leaves the model as it is."""
    if mesh.devices is None:
        return lambda compute: compute()
    policy = MixedPrecisionPolicy(
        param_dtype=None if dtype == torch.float32 else dtype, reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    settings: dict[str, Any] = {"mesh": mesh.devices, "mp_policy": policy, "reshard_after_forward": True}
    for layer in [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]:
        fully_shard(layer, **settings)
    root = Root(model)
    fully_shard(root, **settings)
    for module in root.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)  # a sum: weights carry the normaliser over all ranks
            module.set_force_sum_reduction_for_comms(True)
    return cast(Callable[[Callable[[], T]], T], root)


def local(tensor: Tensor) -> Tensor:
    """Return this rank's part of a tensor, sharing its memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
