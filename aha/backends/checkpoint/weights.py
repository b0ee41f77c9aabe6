"""The weights of a checkpoint as described by their files: names, types and shapes from the headers, with sizes compared and no weight
read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from aha.backends.checkpoint import errors_at
from aha.backends.checkpoint.folder import INDEX, WHOLE, ModelFolder, shard_names, weight_map
from aha.errors import BadInput
from aha.json_text import parse_json

LARGEST_HEADER = 16 << 20  # bytes: 100,000 weights in one file
PLAIN = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
PACKED = {
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu,
}
# of FSDP, DeepSpeed, Megatron and JAX
OF_TRAINERS = ("*.distcp", "*/*.distcp", "global_step*", "*/mp_rank_*", "*/checkpoint.msgpack", "*.h5", "*.msgpack")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


@dataclass(frozen=True)
class StoredWeight:
    """A weight as described in the header of its file; `dtype` is safetensors' name."""

    file: Path
    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)


class WeightFiles:
    """The open safetensors files of a folder. BadInput, before a weight is read, if one is missing, cut, or differs from the index."""

    def __init__(self, folder: ModelFolder) -> None:
        self.folder = folder
        self._open = {path: _open_file(path) for path in weight_files(folder)}
        self.entries = self._read_entries()
        if not folder.has(WHOLE):
            self._compare_index()

    @cached_property
    def elements(self) -> int:
        """The number of elements of all weights."""
        return sum(weight.elements for weight in self.entries.values())

    def slices(self) -> dict[str, Any]:
        """Return name -> weight, read when it is sliced."""
        return {name: self._open[weight.file].get_slice(name) for name, weight in self.entries.items()}

    def outlines(self) -> dict[str, Tensor]:
        """Return name -> a tensor of the type and shape in the header, without memory."""
        return {name: self._outline(name, weight) for name, weight in self.entries.items()}

    def _outline(self, name: str, weight: StoredWeight) -> Tensor:
        dtype = (PLAIN | PACKED).get(weight.dtype)
        if dtype is None:
            raise BadInput(f"{weight.file}: weight {name} is of type {weight.dtype}, which torch does not know")
        return torch.empty(weight.shape, dtype=dtype, device="meta")

    def _read_entries(self) -> dict[str, StoredWeight]:
        entries = dict[str, StoredWeight]()
        for path, file in self._open.items():
            for name in file.keys():  # noqa: SIM118 (a handle of safetensors is no mapping)
                if name in entries:
                    raise BadInput(f"{path}: weight {name} is in {entries[name].file.name}, too")
                part = file.get_slice(name)
                entries[name] = StoredWeight(path, part.get_dtype(), tuple(part.get_shape()))
        if not entries:
            raise BadInput(f"{next(iter(self._open))}: holds no weight at all")
        return entries

    def _compare_index(self) -> None:
        for name, file in weight_map(self.folder).items():
            weight = self.entries.get(name)
            if weight is None or weight.file.name != file:
                raise BadInput(f"{self.folder.path / INDEX}: says that weight {name} is in {file}, which does not hold it")


def weight_files(folder: ModelFolder) -> list[Path]:
    """Return the files with the weights of a model. BadInput if there are none in the safetensors format."""
    if folder.has(WHOLE):
        return [folder.file(WHOLE)]
    if folder.has(INDEX):
        return [folder.file(name) for name in shard_names(folder)]
    if pickles := sorted(path.name for pattern in PICKLES for path in folder.path.glob(pattern)):
        raise BadInput(
            f"{folder.path} has its weights as a pickle only ({pickles[0]}), which may run code; weights are read from safetensors only: "
            "convert them with save_pretrained"
        )
    if parts := sorted(path.name for path in folder.path.glob("*.safetensors")):
        advice = f"{parts[0]} is one of {len(parts)} such files: {INDEX}, which says what each holds, is missing"
        raise BadInput(f"{folder.path}: {advice}; fetch it, or name the only file {WHOLE}")
    if strangers := sorted(path.relative_to(folder.path) for pattern in OF_TRAINERS for path in folder.path.glob(pattern)):
        advice = f"{strangers[0]} is a part of a trainer's own checkpoint"
        raise BadInput(f"{folder.path} has no weights: {advice}: gather its parts with that trainer, and save them with save_pretrained")
    raise BadInput(f"{folder.path} has no weights: neither {WHOLE} nor {INDEX}; weights are read from safetensors only")


def _open_file(path: Path) -> Any:
    with path.open("rb") as file:
        size, begin = path.stat().st_size, file.read(8)
        length = int.from_bytes(begin, "little")
        if size < 8 or length + 8 > size:
            raise BadInput(
                f"{path}: is not a safetensors file, or is cut: it has {size:,} bytes, and its header alone takes {length + 8:,}"
            )
        if length > LARGEST_HEADER:
            raise BadInput(f"{path}: its header has {length:,} bytes, and {LARGEST_HEADER:,} name 100,000 weights")
        header = file.read(length)
    with errors_at(f"{path}: is damaged, or no safetensors file"):
        parse_json(header)  # refuses a repeated name
        return safe_open(path, framework="pt")
