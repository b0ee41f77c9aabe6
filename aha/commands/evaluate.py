"""`aha eval`: a benchmark's numbers for a model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from aha.backends.laptop import Laptop
from aha.commands.interrupts import Interrupts
from aha.commands.terminal import Terminal
from aha.protocols import Compute
from aha.settings import override
from aha.stages.evaluate import Evaluate


@dataclass(frozen=True)
class Asked:
    """What to measure, and where its samples go (nowhere, where it is None)."""

    benchmark: str
    model: str
    settings: tuple[tuple[str, str], ...] = ()
    record: Path | None = None


def evaluate(asked: Asked, terminal: Terminal) -> int:
    """Prints pass@1 with its interval and what stands beside it; the settings are those of the stage `Evaluate`."""
    tree = {"evaluate": Evaluate(asked.model, asked.benchmark, curve_problems=0), "compute": Compute()}
    changed = override(tree, asked.settings)
    stage, compute = changed["evaluate"], changed["compute"]
    assert isinstance(stage, Evaluate) and isinstance(compute, Compute)
    stage.held_out()
    backend = Laptop(compute)
    tokenizer = backend.tokenizer(stage.model)
    with Interrupts() as interrupts, stage.live(backend) as live:
        measured = stage.measure(backend.engine(stage.model), tokenizer, interrupts, asked.record, live)
    result = {"benchmark": stage.benchmark, "model": stage.model, **measured.to_json()}
    if terminal.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        for name, value in result.items():
            terminal.say(f"{name:14}{value if not isinstance(value, float) else f'{value:.4g}'}")
    return 0
