"""Changes to a model's weights: keeping only some layers, and telling untrained embedding rows apart.

An embedding row that is never read is pushed the same way by every step of pretraining: in the end all such rows are one and the same, and
a first fine-tuning would spend most of its steps on telling them apart. So each gets a random vector of its own.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize

from aha.durable import disk_errors, read_document
from aha.errors import BadInput

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
PARTS, INDEX = "model-*-of-*.safetensors", "model.safetensors.index.json"
MOMENTS = "optimizer*.safetensors"
LAYERS = ".layers."


def keep_layers(folder: Path, layers: Sequence[int]) -> None:
    """Cut the model in `folder` down to these layers, from 0, in that order. Its weights are one file afterwards. BadInput if it lacks a
    layer."""
    with disk_errors(folder):
        config: dict[str, Any] = read_document(folder / CONFIG)
        layer_count = config.get("num_hidden_layers")
        if not isinstance(layer_count, int):
            raise BadInput(f"{folder / CONFIG}: has no whole number `num_hidden_layers`: its layers cannot be told apart")
        if not set(layers) <= set(range(layer_count)):
            raise BadInput(f"layers {tuple(layers)}: the model has {layer_count}, counted from 0 to {layer_count - 1}")
        _write_weights(folder, _rename_layers(_read_weights(folder), layers))
        for path in folder.glob(MOMENTS):
            path.unlink()
        per_layer = {name: value for name, value in config.items() if isinstance(value, list) and len(value) == layer_count}
        config |= {name: [value[layer] for layer in layers] for name, value in per_layer.items()}
        (folder / CONFIG).write_text(json.dumps(config | {"num_hidden_layers": len(layers)}, indent=2), encoding="utf-8")


def _read_weights(folder: Path) -> dict[str, Tensor]:
    """Return the weights of all files; several ranks write one each. BadInput if there is none."""
    paths = [folder / WEIGHTS] if (folder / WEIGHTS).is_file() else sorted(folder.glob(PARTS))
    if not paths:
        raise BadInput(f"{folder}: has no weights: {WEIGHTS}, or {PARTS}, is needed")
    return {name: tensor for path in paths for name, tensor in load_file(path).items()}


def _write_weights(folder: Path, weights: dict[str, Tensor]) -> None:
    """Write the weights as one file, in place of any files before."""
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    for path in (*folder.glob(PARTS), folder / INDEX):
        path.unlink(missing_ok=True)


def _rename_layers(weights: dict[str, Any], layers: Sequence[int]) -> dict[str, Any]:
    result = {}
    for name, value in weights.items():
        before, inside, rest = name.partition(LAYERS)
        number, _, after = rest.partition(".")
        if not inside:
            result[name] = value
        elif int(number) in layers:
            result[f"{before}{LAYERS}{list(layers).index(int(number))}.{after}"] = value
    return result


EMBEDDING_NAME = "embed_tokens.weight"
COORDINATES, GRID = 16, 0.02  # coordinates, rounded to a grid, by which rows are sorted before their cosines are computed
ALIKE = 0.9999  # the cosine of rows that are the same
CROWD = 10  # the fewest equal rows that are not a coincidence


def reinit_unused_rows(folder: Path, strength: float = 1.0, seed: int = 0) -> int:
    """Add a random vector to each untrained embedding row of the model in `folder`; return how many. BadInput without weights."""
    with disk_errors(folder):
        weights = _read_weights(folder)
        (name,) = [name for name in weights if name.endswith(EMBEDDING_NAME)]
        rows_VD = weights[name].float()
        unused_V = unused_rows(rows_VD)
        count = int(unused_V.sum())
        if 0 < count < len(rows_VD):
            rows_VD[unused_V] += strength * typical_length(rows_VD[~unused_V]) * random_rows(count, rows_VD.shape[1], seed)
            weights[name] = rows_VD.to(weights[name].dtype)
            _write_weights(folder, weights)
    return count


def unused_rows(rows_VD: Tensor) -> Tensor:
    """Return [V], true for rows that equal many others."""
    unit_VD = normalize(rows_VD, dim=1)
    places = [tuple(place) for place in (unit_VD[:, :COORDINATES] / GRID).round().int().tolist()]
    crowds = {place for place, count in Counter(places).items() if count >= CROWD}
    unused_V = torch.zeros(len(rows_VD), dtype=torch.bool)
    for crowd in sorted(crowds):
        middle_D = unit_VD[[place == crowd for place in places]].mean(0)
        unused_V |= unit_VD @ normalize(middle_D, dim=0) > ALIKE
    return unused_V


def typical_length(rows_VD: Tensor) -> float:
    """Return the median distance of a row from the mean of all rows."""
    return float((rows_VD - rows_VD.mean(0)).norm(dim=1).median())


def random_rows(count: int, width: int, seed: int) -> Tensor:
    """Return random rows [count, width], each of length about 1."""
    draw = random.Random(f"waken {seed}")  # the name is part of the seed: the base that ships was made with it
    return torch.tensor([[draw.gauss(0.0, width**-0.5) for _ in range(width)] for _ in range(count)])
