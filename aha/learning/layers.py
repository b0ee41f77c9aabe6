"""Some layers of a model, as a smaller model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from aha.durable import read_document, trouble
from aha.errors import BadInput

WEIGHTS, CONFIG = "model.safetensors", "config.json"
LAYERS = ".layers."


def keep_layers(folder: Path, layers: Sequence[int]) -> None:
    """Cut the Hugging Face model in `folder` down to these layers, counted from 0, in that order.

    BadInput where it has no such layers, or where its weights are in several files."""
    with trouble(folder):
        config: dict[str, Any] = read_document(folder / CONFIG)
        layer_count = config.get("num_hidden_layers")
        if not isinstance(layer_count, int) or not (folder / WEIGHTS).is_file():
            raise BadInput(f"{folder}: its layers cannot be told apart: one file of weights and `num_hidden_layers` are needed")
        if not set(layers) <= set(range(layer_count)):
            raise BadInput(f"layers {tuple(layers)}: the model has {layer_count}, counted from 0 to {layer_count - 1}")
        weights = _rename_layers(load_file(folder / WEIGHTS), layers)
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
        (folder / "optimizer.safetensors").unlink(missing_ok=True)
        per_layer = {name: value for name, value in config.items() if isinstance(value, list) and len(value) == layer_count}
        config |= {name: [value[layer] for layer in layers] for name, value in per_layer.items()}
        (folder / CONFIG).write_text(json.dumps(config | {"num_hidden_layers": len(layers)}, indent=2), encoding="utf-8")


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
