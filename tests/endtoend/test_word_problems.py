"""R1 on a real chat model within an hour on two cores: what the recipe promises, of seed 0."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from aha.cli import main
from aha.evals.comparison import by_problem
from aha.evals.intervals import compare_pairs
from aha.evals.samples import read_samples
from aha.recipes.word_problems import AS_IT_COMES

pytestmark = [pytest.mark.long, pytest.mark.real]
STAGES = ("sft1", "rl", "sft2")


def verdicts(out: Path, stage: str, benchmark: str) -> list[list[bool]]:
    """Whether the sample of each problem is right."""
    (folder,) = (out / f"measure-{stage}").glob(f"*/evals/{benchmark}")
    return [[sample.right for sample in part] for part in by_problem(read_samples(folder)).values()]


def share(values: list[list[bool]]) -> float:
    return sum(map(sum, values)) / len(values)


@pytest.mark.xfail(strict=False, reason="RL added 7.2, -1.6 and 12.8 points in three seeds: docs/log/training.md")
def test_each_stage_of_r1_pays_on_a_real_model(smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    began = time.monotonic()
    assert main(f"run word-problems --model {smollm2} --out out".split()) == 0
    print(f"{time.monotonic() - began:.0f} s")
    base = [verdicts(Path("out"), f"base-{place}", name) for place, name in enumerate(AS_IT_COMES, start=1)]
    best = max(base, key=share)
    sft1, rl, sft2 = (verdicts(Path("out"), stage, AS_IT_COMES[0]) for stage in STAGES)
    print("base", [share(part) for part in base], "sft1, rl, sft2", [share(part) for part in (sft1, rl, sft2)])
    steps = [compare_pairs(before, after) for before, after in ((best, sft1), (sft1, rl), (rl, sft2))]
    assert len(best) == len(sft1) == 500 and all(step.verdict != "worse" for step in steps)
    assert share(sft2) >= share(best) + 0.15
    assert steps[1].difference.value >= 0.05 and steps[1].verdict == "better"
