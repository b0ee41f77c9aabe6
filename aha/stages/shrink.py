"""A smaller model out of a larger one: some of its layers, as a student's base to begin with, which then has to read again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from aha.durable import trouble
from aha.errors import BadInput
from aha.protocols import Adam, Backend, Observer
from aha.rundir import RunDir

WEIGHTS, CONFIG = "model.safetensors", "config.json"
LAYERS = ".layers."


@dataclass(frozen=True)
class Shrink:
    """Keeps those of the model's `layers`, counted from 0, in that order, and everything that is not in a layer."""

    model: str
    layers: tuple[int, ...] = (0, 3)

    def __post_init__(self) -> None:
        if not self.layers or len(set(self.layers)) < len(self.layers):
            raise BadInput(f"layers are {self.layers}: one or more, each once, are needed")

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """One checkpoint."""
        if rundir.resume() is not None:
            return
        observer.beat(f"loading {self.model}")
        learner = backend.learner(self.model, Adam(), reference=False)

        def save(folder: Path) -> None:
            learner.save(folder)
            keep_layers(folder, self.layers)

        metrics = {"layers": float(len(self.layers))}
        observer.rollout(0, metrics, {}, ())
        rundir.commit(0, metrics, {}, (), save=save)


def keep_layers(folder: Path, layers: Sequence[int]) -> None:
    """Of a model in Hugging Face format. BadInput for one that has no such layers, or is in several files."""
    with trouble(folder):
        config: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        had = config.get("num_hidden_layers")
        if not isinstance(had, int) or not (folder / WEIGHTS).is_file():
            raise BadInput(f"{folder}: its layers cannot be told apart: one file of weights and `num_hidden_layers` are needed")
        if not set(layers) <= set(range(had)):
            raise BadInput(f"layers {tuple(layers)}: the model has {had}, counted from 0 to {had - 1}")
        kept = _renamed(load_file(folder / WEIGHTS), layers)
        save_file(kept, folder / WEIGHTS, metadata={"format": "pt"})
        (folder / "optimizer.safetensors").unlink(missing_ok=True)
        config |= {
            name: [value[layer] for layer in layers] for name, value in config.items() if isinstance(value, list) and len(value) == had
        }
        (folder / CONFIG).write_text(json.dumps(config | {"num_hidden_layers": len(layers)}, indent=2), encoding="utf-8")


def _renamed(weights: dict[str, Any], layers: Sequence[int]) -> dict[str, Any]:
    found = {}
    for name, value in weights.items():
        before, inside, rest = name.partition(LAYERS)
        number, _, after = rest.partition(".")
        if not inside:
            found[name] = value
        elif int(number) in layers:
            found[f"{before}{LAYERS}{list(layers).index(int(number))}.{after}"] = value
    return found
