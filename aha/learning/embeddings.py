"""Embedding rows that were never trained, and a vector of its own for each of them.

A row that is never read is pushed the same way by every step of pretraining: in the end all such rows are one and the same, and a first
fine-tuning would spend most of its steps on telling them apart."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize

from aha.durable import trouble
from aha.errors import BadInput

WEIGHTS, EMBEDDING_NAME = "model.safetensors", "embed_tokens.weight"
COORDINATES, GRID = 16, 0.02  # how many coordinates, in steps of what size, sort rows before their cosines are computed
ALIKE = 0.9999  # the cosine of rows that are the same
CROWD = 10  # rows that are the same by no accident


def reinit_unused_rows(folder: Path, strength: float = 1.0, seed: int = 0) -> int:
    """Add a random vector to each untrained embedding row of the Hugging Face model in `folder`; return how many rows there were.

    BadInput where the weights are not in one file."""
    with trouble(folder):
        if not (folder / WEIGHTS).is_file():
            raise BadInput(f"{folder}: its embedding cannot be found: one file of weights, {WEIGHTS}, is needed")
        weights = load_file(folder / WEIGHTS)
        (name,) = [name for name in weights if name.endswith(EMBEDDING_NAME)]
        rows_VD = weights[name].float()
        unused_V = unused_rows(rows_VD)
        count = int(unused_V.sum())
        if 0 < count < len(rows_VD):
            rows_VD[unused_V] += strength * typical_length(rows_VD[~unused_V]) * random_rows(count, rows_VD.shape[1], seed)
            weights[name] = rows_VD.to(weights[name].dtype)
            save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    return count


def unused_rows(rows_VD: Tensor) -> Tensor:
    """[V], true for rows that are the same as many others."""
    unit_VD = normalize(rows_VD, dim=1)
    places = [tuple(place) for place in (unit_VD[:, :COORDINATES] / GRID).round().int().tolist()]
    crowds = {place for place, count in Counter(places).items() if count >= CROWD}
    unused_V = torch.zeros(len(rows_VD), dtype=torch.bool)
    for crowd in sorted(crowds):
        middle_D = unit_VD[[place == crowd for place in places]].mean(0)
        unused_V |= unit_VD @ normalize(middle_D, dim=0) > ALIKE
    return unused_V


def typical_length(rows_VD: Tensor) -> float:
    """The median distance of a row from the mean of all rows."""
    return float((rows_VD - rows_VD.mean(0)).norm(dim=1).median())


def random_rows(count: int, width: int, seed: int) -> Tensor:
    """[count, width], each row about 1 long."""
    draw = random.Random(f"waken {seed}")  # the name is part of the seed: the base that ships was made with it
    return torch.tensor([[draw.gauss(0.0, width**-0.5) for _ in range(width)] for _ in range(count)])
