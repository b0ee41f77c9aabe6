"""Tensors of a learner in safetensors files: one file of a learner on one device, one a rank of a learner on several.

Each rank writes whole tensors, about as many bytes as the others, so that any number of ranks reads them again, each its own rows, and the
weights stay a Hugging Face model that anything reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion

from aha.backends.checkpoint.folder import INDEX
from aha.backends.checkpoint.reading import errors_at
from aha.backends.mesh import Mesh, local
from aha.errors import BadInput

Parts = Mapping[str, tuple[Tensor, torch.Size]]  # this rank's rows of each tensor, and the shape of the whole


def write_tensors(folder: Path, stem: str, parts: Parts, mesh: Mesh) -> None:
    """Write the tensors into `stem`.safetensors, or of several ranks into one file a rank."""
    save_file({name: tensor.contiguous() for name, tensor in _own_tensors(parts, mesh).items()}, folder / _file(stem, mesh))


def write_model(model: PreTrainedModel, folder: Path, mesh: Mesh) -> None:
    """Write the weights in Hugging Face's format, under the names that its own files have."""
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
    """The files of one stem in a folder, open, however many ranks wrote them. BadInput where one of them is missing."""

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
        """Return whether a tensor of this name is there."""
        return name in self.file_of

    def slices(self) -> dict[str, Any]:
        """Return name -> tensor, read when it is sliced."""
        return {name: handle.get_slice(name) for name, handle in self._handles.items()}

    def read(self, name: str, rows: slice) -> Tensor:
        """Return some rows of a tensor; a scalar whole."""
        part = self._handles[name].get_slice(name)
        tensor: Tensor = part[rows] if part.get_shape() else self._handles[name].get_tensor(name)
        return tensor


def _file(stem: str, mesh: Mesh) -> str:
    return f"{stem}.safetensors" if mesh.size == 1 else f"{stem}-{mesh.rank + 1:05}-of-{mesh.size:05}.safetensors"


def _own_tensors(parts: Parts, mesh: Mesh) -> dict[str, Tensor]:
    """The whole tensors that this rank writes, on the CPU."""
    total, before = sum(shape.numel() for _, shape in parts.values()), 0
    tensors = {}
    for name, (tensor, shape) in parts.items():
        owner = min(mesh.size - 1, before * mesh.size // max(1, total))
        before += shape.numel()
        whole = mesh.whole(tensor, shape, owner)
        if whole is not None:
            tensors[name] = whole.cpu()
    return tensors
