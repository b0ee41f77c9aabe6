"""The table of claims, from what the stages left, and what its exit code says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from aha.commands.choose import RunOptions
from aha.commands.reproduce import ClaimArm, SeedRun, claims, pages, table
from aha.commands.terminal import Terminal
from aha.evals.samples import GradedSample, write_evaluation
from aha.pipeline import Graph
from aha.recipes.r1 import arms, reproduce
from aha.rundir import Manifest, RunDir
from aha.settings import flatten
from aha.types import Completion, Countdown, Group, Part, Problem, Reply, Score
from tests.commands.conftest import Aha
from tests.commands.test_graph_page import DOMAINS, done, world_sample
from tests.pipeline.toys import Trains
from tests.runs import paths_without_source

REPLY = Reply("", "1 + 1", "2", 2, "stop")
GROUP = Group(
    Problem("p", "countdown", "q", "en", Countdown((1, 1), 2)), (1,), (Completion((1,), (0.0,), "stop", 0),) * 2, (REPLY,) * 2, ()
)


def saved(folder: Path, samples: list[GradedSample]) -> Path:
    write_evaluation(folder, samples, {})
    return folder


def world(folder: Path, reasoning: float, general: float, form: bool = True, consistency: float = 1.0) -> Path:
    values = {"reasoning": reasoning, "general": general}
    samples = [
        world_sample(f"{domain}-{number}", domain, 0, values[kind], "", float(form), consistency)
        for domain, kind in DOMAINS.items()
        for number in range(10)
    ]
    saved(folder / "evals/tiny-world", samples)
    return folder


def countdown(problem: int, number: int, right: bool, claim: str | None, tokens: int, words: float) -> GradedSample:
    measures = {"length": float(tokens), "reflection": words, "mixing": words}
    return GradedSample(f"p{problem}", number, float(right), claim=claim, tokens=tokens, finished="stop", measures=measures)


def curve(folder: Path) -> Path:
    saved(folder / "evals/base", [countdown(i, j, False, None, 10, 0.0) for i in range(10) for j in range(4)])
    zero = [countdown(i, j, j > 0, "1" if j else "2", 50, 1.0) for i in range(10) for j in range(4)]
    saved(folder / "evals/000001-zero", zero)
    return folder


def training(folder: Path, values: list[float]) -> Path:
    run = RunDir.open(folder, Manifest("rl", {}, {}, {}, None, (), ""), reserve_bytes=0)
    for rollout, value in enumerate(values):
        scores = (Score(value, (Part("accuracy", value, 1.0, "summary"),)),) * 2
        run.commit(rollout, {"step": 8.0 * (rollout + 1)}, {}, [replace(GROUP, scores=scores)] * 4)
    run.close()
    return folder


@pytest.fixture
def arm(tmp_path: Path) -> ClaimArm:
    """A run in which everything that the paper claims is so."""
    stages = {"zero": (0.6, 0.0), "dev1": (0.4, 0.3), "dev2": (0.6, 0.4), "dev3": (0.65, 0.6), "r1": (0.7, 0.8), "no-language": (0.6, 0.4)}
    found = {f"measure-{name}": world(tmp_path / name, *values) for name, values in stages.items()}
    world(tmp_path / "zero", 0.6, 0.0, form=False, consistency=0.5)
    equal = tmp_path / "equal/evals"
    for name, value in (("rl", 0.2), ("distilled", 0.5)):
        saved(equal / name, [world_sample(f"c{i}", "countdown", 0, value) for i in range(10)])
    trained = {"zero": training(tmp_path / "rl0", [0.0] * 5 + [1.0]), "cold-rl": training(tmp_path / "rl1", [0.0, 1.0])}
    return ClaimArm({**found, **trained, "curve": curve(tmp_path / "curve"), "equal": tmp_path / "equal"})


def test_every_claim_is_tried_and_holds_where_it_is_so(arm: ClaimArm) -> None:
    found = {each.name: each for each in claims([arm])}
    assert len(found) == 18
    assert [name for name, each in found.items() if not each.holds] == []
    assert found["Zero: pass@1 rises"].measured.value == 0.75
    assert found["Zero: a vote beats one sample"].measured.value == 0.25
    assert found["Cold start: half the steps"].measured.value == 8.0  # 48 / 2 - 16
    assert found["Distilling beats RL on the student"].measured.value == pytest.approx(0.3)
    assert [row.split()[-1] for row in table(list(found.values()))[1:]] == ["yes"] * 18


def test_one_that_is_not_so_does_not_hold(arm: ClaimArm, tmp_path: Path) -> None:
    world(tmp_path / "r1", 0.5, 0.8)
    failed = [each.name for each in claims([arm, arm]) if not each.holds]
    assert failed == ["Reasoning: R1 keeps Zero's"]


def test_every_stage_has_a_source_and_seeds_change_training_alone() -> None:
    recipe = reproduce()
    assert paths_without_source(recipe) == []
    one, two = (flatten(each.tree) for each in arms(recipe, 2))
    changed = {path for path in one if one[path] != two[path]}
    assert {"zero.seed", "sft1.seed", "rejection.seed", "student-rl.seed"} <= changed
    assert all(path.endswith(".seed") and not path.startswith(("measure", "curve", "equal", "student-base")) for path in changed)


def test_arms_share_what_they_have_in_common(tmp_path: Path) -> None:
    one, two = (
        {step.name: step.fingerprint.key for step in Graph(each.stages, tmp_path).steps() if step.fingerprint is not None}
        for each in arms(reproduce(), 2)
    )
    assert {name for name in one if one[name] == two[name]} == {"student", "measure-base"}


def test_a_plan_and_what_is_refused(aha: Aha, tmp_path: Path) -> None:
    planned = aha("reproduce", "--seeds", 1, "--dry-run")
    assert (planned.code, planned.out.splitlines()[0].split()) == (0, ["seed", "0", "zero", "new"])
    assert not (tmp_path / "runs").exists()
    assert (
        aha("reproduce", "--seeds", 0).err
        == "aha: argument --seeds: 0: it takes a whole number of 1 or more; `aha reproduce --help` says more\n"
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    assert "it is not empty and holds no reproduction" in aha("reproduce", "--out", "mine").err
    assert json.loads(aha("reproduce", "--seeds", 1, "--dry-run", "--json").out.splitlines()[0])["stage"] == "zero"


def test_each_seed_has_a_page_and_the_first_the_claims(arm: ClaimArm, tmp_path: Path) -> None:
    graph = Graph((("one", Trains("tiny", steps=2)),), tmp_path / "stages", tmp_path / "seed-0.json")
    done(graph)
    pages([SeedRun(graph, {}, {})] * 2, claims([arm]), tmp_path, RunOptions(stall_s=60.0, argv=("aha", "reproduce")), Terminal())
    first, second = ((tmp_path / f"seed-{seed}.html").read_text() for seed in range(2))
    assert first.count('class="badge right">yes') == 18 and "The paper’s claims" not in second
    assert "seed 1" in second and 'class="badge skipped"' in second
