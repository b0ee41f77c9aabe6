"""Compute is counted by hand, and RL is measured where it has cost no less."""

from __future__ import annotations

from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.rundir import Checkpoint, Manifest, RunDir
from aha.stages.evaluate import ComputeCost, Equal, imitation_costs, rl_costs
from aha.types import Completion, Countdown, Group, Part, Problem, Reply, Score

REPLY = Reply("", None, None, 3, "stop")
SAID = Completion((1, 2, 3), (0.0, 0.0, 0.0), "stop", 0)
PROBLEM = Problem("p", "countdown", "q", "en", Countdown((1, 1), 2))


def group(*totals: float) -> Group:
    scores = tuple(Score(total, (Part("accuracy", total, 1.0, "summary"),)) for total in totals)
    return Group(PROBLEM, (7, 8), (SAID,) * len(totals), (REPLY,) * len(totals), scores)


def run(root: Path) -> RunDir:
    return RunDir.open(root, Manifest("x", {}, {}, {}, None, (), ""), reserve_bytes=0)


def test_imitating_a_token_costs_six_operations_a_parameter(tmp_path: Path) -> None:
    rundir = run(tmp_path / "sft")
    rundir.commit(0, {}, {"tokens": 100.0})
    rundir.close()
    assert imitation_costs(rundir, 10) == [ComputeCost(learned=100, flops=6_000.0)]


def test_a_rollout_costs_what_is_read_written_and_learned(tmp_path: Path) -> None:
    rundir = run(tmp_path / "rl")
    rundir.commit(0, {}, {}, [group(0.0, 1.0), group(1.0, 1.0)])  # the second agrees, and is not learned from
    rundir.close()
    (spent,) = rl_costs(rundir, 10, reference=True)
    assert (spent.sampled, spent.read, spent.learned) == (12, 4, 10)  # 4 x 3; a prompt is read once a group; 2 x (2 + 3)
    assert spent.flops == 10 * (2 * 16 + 8 * 10)
    assert rl_costs(rundir, 10, reference=False)[0].flops == 10 * (2 * 16 + 6 * 10)


def test_rl_is_measured_at_its_first_checkpoint_that_cost_as_much() -> None:
    checkpoints = [Checkpoint(number, Path(str(number))) for number in (0, 1, 2)]
    spent = [ComputeCost(flops=each) for each in (10.0, 20.0, 30.0)]
    equal = Equal("sft", "rl")
    assert equal._chosen(checkpoints, spent, ComputeCost(flops=15.0)).rollout == 1
    with pytest.raises(
        BadInput, match=r"^the RL cost 3.00e\+01 operations in all and the fine-tuning 4.00e\+01: equal is at least as much"
    ):
        equal._chosen(checkpoints, spent, ComputeCost(flops=40.0))
