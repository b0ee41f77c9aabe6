"""Words that a model has never read, given a look of their own, so that it can tell them apart when it first meets them.

Whatever is never read is pushed the same way by every step of pretraining: in the end its rows of the embedding are one and the same, and
a first fine-tuning spends most of its steps on telling them apart."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize

from aha.durable import trouble
from aha.errors import BadInput
from aha.protocols import Adam, Backend, Observer
from aha.rundir import RunDir

WEIGHTS, EMBEDDING = "model.safetensors", "embed_tokens.weight"
LOOKED_AT, GRID, ALIKE = 16, 0.02, 0.9999  # coordinates and steps by which rows are first sorted; the cosine of rows that are the same
FEWEST = 10  # rows that are the same by no accident


@dataclass(frozen=True)
class Waken:
    """Adds to each unread row a vector drawn with `seed`, as long as rows that were read differ from their mean, times `strength`."""

    model: str
    strength: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.strength <= 0:
            raise BadInput(f"strength is {self.strength}: rows that stay alike cannot be told apart, so above 0")

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """One checkpoint; the model's own where it has read every word."""
        if rundir.resume() is not None:
            return
        observer.beat(f"loading {self.model}")
        learner = backend.learner(self.model, Adam(), reference=False)
        woken: list[int] = []

        def save(folder: Path) -> None:
            learner.save(folder)
            woken.append(waken(folder, self.strength, self.seed))

        rundir.commit(0, {}, {}, (), save=save)
        observer.rollout(0, {"woken": float(sum(woken))}, {}, ())


def waken(folder: Path, strength: float = 1.0, seed: int = 0) -> int:
    """Of a model in Hugging Face format; how many rows. BadInput for one in several files."""
    with trouble(folder):
        if not (folder / WEIGHTS).is_file():
            raise BadInput(f"{folder}: its embedding cannot be found: one file of weights, {WEIGHTS}, is needed")
        weights = load_file(folder / WEIGHTS)
        (name,) = [name for name in weights if name.endswith(EMBEDDING)]
        rows = weights[name].float()
        unread = never_read(rows)
        count = int(unread.sum())
        if 0 < count < len(rows):
            rows[unread] += strength * length_of(rows[~unread]) * drawn(count, rows.shape[1], seed)
            weights[name] = rows.to(weights[name].dtype)
            save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    return count


def never_read(rows_VD: Tensor) -> Tensor:
    """[V], true for rows that are the same as many others."""
    unit_VD = normalize(rows_VD, dim=1)
    places = [tuple(place) for place in (unit_VD[:, :LOOKED_AT] / GRID).round().int().tolist()]
    crowds = {place for place, count in Counter(places).items() if count >= FEWEST}
    unread_V = torch.zeros(len(rows_VD), dtype=torch.bool)
    for crowd in sorted(crowds):
        middle_D = unit_VD[[place == crowd for place in places]].mean(0)
        unread_V |= unit_VD @ normalize(middle_D, dim=0) > ALIKE
    return unread_V


def length_of(rows_VD: Tensor) -> float:
    """How far a row that was read lies from the mean of those, usually."""
    return float((rows_VD - rows_VD.mean(0)).norm(dim=1).median())


def drawn(count: int, width: int, seed: int) -> Tensor:
    """[count, width], each row about 1 long."""
    draw = random.Random(f"waken {seed}")
    return torch.tensor([[draw.gauss(0.0, width**-0.5) for _ in range(width)] for _ in range(count)])
