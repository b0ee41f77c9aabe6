"""The devices over which one learner's weights are divided by FSDP2, and the few collectives that a learner needs.

One device is a mesh of one: nothing is divided or sent.

A learner's tensors are in safetensors files: one file for one device, one per rank for several. Each rank writes whole tensors, about as
many bytes as the others, so that any number of ranks can read them, each its own rows, and the weights are an ordinary Hugging Face
model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion
from transformers.modeling_layers import GradientCheckpointingLayer

from aha.backends.checkpoint import errors_at
from aha.backends.checkpoint.folder import INDEX
from aha.errors import BadInput

T = TypeVar("T", bound="tuple[Tensor, ...] | Tensor")


@dataclass(frozen=True)
class Mesh:
    """A mesh of `size` ranks, of which this process is `rank`, each with one device. `devices` is None for a mesh of one."""

    rank: int = 0
    size: int = 1
    devices: DeviceMesh | None = None

    @classmethod
    def of_group(cls, device: torch.device) -> Mesh:
        """Return the mesh of all processes of the default process group, which must exist."""
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
        """Sum a tensor over all ranks in place, and return it."""
        if self.devices is not None:
            dist.all_reduce(tensor, group=self.devices.get_group())
        return tensor

    def barrier(self) -> None:
        """Wait until every rank is here."""
        self.sum([0.0])

    def whole(self, local: Tensor, shape: torch.Size, owner: int) -> Tensor | None:
        """Return, on `owner` only, the tensor of which each rank holds its rows (a scalar is the same on every rank)."""
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
        """Return the first row of a tensor that a rank holds (None: this rank), and the one after its last."""
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
    """The module that all ranks call: computing within its `forward` ensures that the weights outside of the layers are gathered."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, compute: Callable[[], T]) -> T:
        """Return the call's result, a tensor or a tuple of tensors, none of them a view of another: FSDP puts a hook on each."""
        outputs = compute()
        return outputs.clone() if isinstance(outputs, Tensor) else tuple(tensor.clone() for tensor in outputs)  # type: ignore[return-value]


def shard_model(model: PreTrainedModel, mesh: Mesh, dtype: torch.dtype) -> Callable[[Callable[[], T]], T]:
    """Divide the weights over the ranks, layer by layer, and return the function that computes with them. Gradients are summed in float32;
    layers are gathered in `dtype`, the type of products. A mesh of one leaves the model unchanged."""
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
            module.set_gradient_divide_factor(1.0)  # a sum: the token weights are already normalised over all ranks
            module.set_force_sum_reduction_for_comms(True)
    return cast(Callable[[Callable[[], T]], T], root)


def local(tensor: Tensor) -> Tensor:
    """Return this rank's part of a tensor, sharing its memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


Parts = Mapping[str, tuple[Tensor, torch.Size]]  # this rank's rows of each tensor, and the shape of the whole


def write_tensors(folder: Path, stem: str, parts: Parts, mesh: Mesh) -> None:
    """Write the tensors into `stem`.safetensors, or for several ranks into one file per rank."""
    save_file({name: tensor.contiguous() for name, tensor in _own_tensors(parts, mesh).items()}, folder / _file(stem, mesh))


def write_model(model: PreTrainedModel, folder: Path, mesh: Mesh) -> None:
    """Write the weights in Hugging Face's format, under their standard names."""
    if mesh.size == 1:
        model.save_pretrained(folder)
        return
    parts = {name: (local(weight.detach()), weight.shape) for name, weight in model.named_parameters()}
    weights = revert_weight_conversion(model, _own_tensors(parts, mesh))
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / _file("model", mesh), metadata={"format": "pt"})
    mesh.barrier()
    if mesh.rank == 0:
        settings: Any = model.config
        settings.architectures, settings.dtype = [type(model).__name__], "float32"
        settings.save_pretrained(folder)
        if model.can_generate():
            model.generation_config.save_pretrained(folder)
        _write_index(folder, mesh)


def _write_index(folder: Path, mesh: Mesh) -> None:
    files = TensorFiles(folder, "model", mesh.size)
    sizes = {name: files.slices()[name].get_shape() for name in files.file_of}
    total = sum(4 * torch.Size(shape).numel() for shape in sizes.values())
    index = {"metadata": {"total_size": total}, "weight_map": {name: files.file_of[name].name for name in sorted(files.file_of)}}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


class TensorFiles:
    """The open files of one stem in a folder, written by any number of ranks. BadInput if one of them is missing."""

    def __init__(self, folder: Path, stem: str, ranks: int | None = None) -> None:
        paths = sorted(folder.glob(f"{stem}.safetensors")) or sorted(folder.glob(f"{stem}-*-of-*.safetensors"))
        count = ranks or (int(paths[0].stem.rpartition("-")[2]) if paths and "-of-" in paths[0].name else 1)
        if len(paths) != count:
            raise BadInput(
                f"{folder}: has {len(paths)} files of {stem} of {count}: where ranks run on several machines, the run's directory has to "
                "be one that all of them see"
            )
        self.file_of: dict[str, Path] = {}
        self._handles: dict[str, Any] = {}
        for path in paths:
            with errors_at(f"{path}: is damaged, or no safetensors file"):
                handle = safe_open(path, framework="pt")
            for name in handle.keys():  # noqa: SIM118 (a handle of safetensors is no mapping)
                self.file_of[name], self._handles[name] = path, handle

    def has(self, name: str) -> bool:
        """Return True if there is a tensor of this name."""
        return name in self.file_of

    def slices(self) -> dict[str, Any]:
        """Return name -> tensor, read when it is sliced."""
        return {name: handle.get_slice(name) for name, handle in self._handles.items()}

    def read(self, name: str, rows: slice) -> Tensor:
        """Return some rows of a tensor; a scalar as a whole."""
        part = self._handles[name].get_slice(name)
        tensor: Tensor = part[rows] if part.get_shape() else self._handles[name].get_tensor(name)
        return tensor


def _file(stem: str, mesh: Mesh) -> str:
    return f"{stem}.safetensors" if mesh.size == 1 else f"{stem}-{mesh.rank + 1:05}-of-{mesh.size:05}.safetensors"


def _own_tensors(parts: Parts, mesh: Mesh) -> dict[str, Tensor]:
    """Return the whole tensors that this rank writes, on the CPU."""
    total, before = sum(shape.numel() for _, shape in parts.values()), 0
    tensors = {}
    for name, (tensor, shape) in parts.items():
        owner = min(mesh.size - 1, before * mesh.size // max(1, total))
        before += shape.numel()
        whole = mesh.whole(tensor, shape, owner)
        if whole is not None:
            tensors[name] = whole.cpu()
    return tensors
