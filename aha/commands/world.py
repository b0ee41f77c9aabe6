"""`aha eval tiny-world`: what a model does in every domain of the tiny world, and beside another one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aha.backends.laptop import Laptop
from aha.commands.interrupts import Interrupts
from aha.commands.terminal import Terminal
from aha.errors import BadInput
from aha.evals.paired import compare_paired
from aha.evals.tiny_world import GENERAL, NAME, REASONING, Shown, measure, samples_by_problem
from aha.protocols import Compute
from aha.settings import override
from aha.stages.world import World, read_shown, write_shown


@dataclass(frozen=True)
class Asked:
    """`record`: where the replies go. `against`: another model, or a file that `--record` wrote."""

    model: str
    settings: tuple[tuple[str, str], ...] = ()
    record: Path | None = None
    against: str | None = None


def world(asked: Asked, terminal: Terminal) -> int:
    """Prints pass@1 of each domain, the instruction score, language consistency and form, with 95 % intervals over problems."""
    changed = override({"world": World(asked.model), "compute": Compute()}, asked.settings)
    stage, compute = changed["world"], changed["compute"]
    assert isinstance(stage, World) and isinstance(compute, Compute)
    saved = read_shown(Path(asked.against)) if asked.against is not None and Path(asked.against).is_file() else None
    machine = Laptop(compute)
    with Interrupts() as interrupts:
        replies = stage.ask(machine, interrupts)
        if asked.record is not None:
            write_shown(asked.record, replies)
        if asked.against is not None and saved is None:
            saved = replace(stage, model=asked.against).ask(machine, interrupts)
    result: dict[str, Any] = {
        "benchmark": NAME,
        "model": stage.model,
        "problems": stage.problems,
        "prompts": stage.prompts,
        "k": stage.samples,
    }
    result |= measure(replies, stage.seed).to_json()
    if saved is not None and asked.against is not None:
        result["against"] = {"model": asked.against, **beside(saved, replies, stage.seed)}
    if terminal.json:
        print(json.dumps(result, ensure_ascii=False))
        return 0
    for name, value in result.items():
        for line in _lines(name, value):
            terminal.say(line)
    return 0


def beside(before: Sequence[Shown], after: Sequence[Shown], seed: int) -> dict[str, object]:
    """`after` - `before` on the same problems, for each domain and both kinds. BadInput where the problems differ."""
    if list(dict.fromkeys(each.problem for each in before)) != list(dict.fromkeys(each.problem for each in after)):
        raise BadInput("the two were asked different problems: a paired comparison needs the same --problems and --seed on both sides")
    parts = {name: (name,) for name in (*REASONING, *GENERAL)} | {"reasoning": tuple(REASONING), "instruction": tuple(GENERAL)}
    found: dict[str, object] = {}
    for name, domains in parts.items():
        one, other = (samples_by_problem(each for each in some if each.domain in domains) for some in (before, after))
        paired = compare_paired(one, other, seed)
        found[name] = {
            "difference": paired.difference.value,
            "low": paired.difference.low,
            "high": paired.difference.high,
            "verdict": paired.verdict,
        }
    return found


def _lines(name: str, value: object) -> list[str]:
    match value:
        case {"value": float(mean), "low": float(low), "high": float(high)}:
            return [f"{name:24}{mean:.3f} [{low:.3f}, {high:.3f}]"]
        case {"difference": float(mean), "low": float(low), "high": float(high), "verdict": str(verdict)}:
            return [f"{name:24}{mean:+.3f} [{low:+.3f}, {high:+.3f}] {verdict}"]
        case dict():
            return [line for key, inner in value.items() for line in _lines(f"{name}.{key}", inner)]
        case float():
            return [f"{name:24}{value:.4g}"]
    return [f"{name:24}{value}"]
