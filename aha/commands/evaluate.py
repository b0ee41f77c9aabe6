"""`aha eval`: a benchmark's numbers for a model."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from aha.backends.laptop import Laptop
from aha.commands.interrupts import Interrupts
from aha.commands.terminal import Terminal
from aha.evals.measurement import Measurement, by_problem, measure_samples, verdicts_by_problem
from aha.evals.records import write_samples
from aha.evals.rivals import Rival, against, in_words, read_rival, saved_result
from aha.protocols import Compute
from aha.settings import override
from aha.stages.evaluate import Evaluate


@dataclass(frozen=True)
class Asked:
    """What to measure, and where its samples go (nowhere, where it is None). `against`: a model, or a file of judged samples."""

    benchmark: str
    model: str
    settings: tuple[tuple[str, str], ...] = ()
    record: Path | None = None
    against: str | None = None


def evaluate(asked: Asked, terminal: Terminal) -> int:
    """Prints pass@1 with its interval and what stands beside it; the settings are those of the stage `Evaluate`."""
    tree = {"evaluate": Evaluate(asked.model, asked.benchmark, curve_problems=0), "compute": Compute()}
    changed = override(tree, asked.settings)
    stage, compute = changed["evaluate"], changed["compute"]
    assert isinstance(stage, Evaluate) and isinstance(compute, Compute)
    problems = [problem.id for problem in stage.held_out()]
    path = saved_result(asked.against, stage.benchmark) if asked.against else None
    rival = read_rival(asked.against, path) if asked.against and path else None
    if rival is not None:
        rival.check(problems)
    backend = Laptop(compute)
    with Interrupts() as interrupts:
        verdicts, measured = _measured(stage, backend, interrupts, asked.record)
        result = {"benchmark": stage.benchmark, "model": stage.model, **measured.to_json()}
        if asked.against and rival is None:
            rival = Rival(asked.against, _measured(replace(stage, model=asked.against), backend, interrupts, None)[0])
    beside = against(verdicts, rival, seed=stage.seed) if rival is not None else None
    if terminal.json:
        print(json.dumps(result | ({"against": beside} if beside else {}), ensure_ascii=False))
        return 0
    for name, value in result.items():
        terminal.say(f"{name:14}{value if not isinstance(value, float) else f'{value:.4g}'}")
    if beside is not None:
        terminal.say(in_words(stage.model, beside))
    return 0


def _measured(stage: Evaluate, backend: Laptop, interrupts: Interrupts, record: Path | None) -> tuple[dict[str, list[bool]], Measurement]:
    """The verdicts of each problem's samples, and the measurement."""
    tokenizer = backend.tokenizer(stage.model)
    with stage.live(backend) as live:
        samples = stage.ask(backend.engine(stage.model), tokenizer, stage.held_out(), stage.k, interrupts, live=live)
    if record is not None:
        write_samples(record, samples)
    groups = by_problem(samples)
    verdicts = {group[0].problem: of_problem for group, of_problem in zip(groups, verdicts_by_problem(samples), strict=True)}
    return verdicts, measure_samples(samples, stage.seed)
