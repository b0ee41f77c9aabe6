"""Sampling ahead of learning: which weights each rollout is sampled from, and that a run that was stopped goes on to the same bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aha.errors import BadInput, FailedBar
from aha.stages.probe import RewardHackingProbe
from aha.tasks.countdown import CountdownProblems
from tests.stages.small import Watching, ran, stage


@pytest.mark.parametrize("lag", [1, 2])
def test_every_token_of_a_rollout_comes_from_weights_that_are_lag_rollouts_old(model: str, tmp_path: Path, lag: int) -> None:
    seen, rundir = ran(replace(stage(model), lag=lag, steps=8), tmp_path / "run")
    versions = [{c.version for group in rundir.groups(n) for c in group.completions} for n in range(4)]
    assert versions == [{max(0, rollout - lag)} for rollout in range(4)]
    assert [metrics["staleness"] for metrics in seen] == [float(min(rollout, lag)) for rollout in range(4)]
    first, _ = ran(replace(stage(model), steps=8), tmp_path / "newest")
    assert seen[0] == first[0] and seen[2] != first[2]


@pytest.mark.parametrize("lag", [1, 2])
@pytest.mark.parametrize("stop_after", [0, 2])
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(model: str, tmp_path: Path, lag: int, stop_after: int) -> None:
    ahead = replace(stage(model), lag=lag, steps=8)
    ran(ahead, tmp_path / "whole")
    with pytest.raises(FailedBar):
        ran(ahead, tmp_path / "cut", Watching(stop_after=stop_after))
    ran(ahead, tmp_path / "cut")
    names = (
        "metrics.jsonl",
        "groups/000003.parquet",
        "checkpoints/000003/model.safetensors",
        "checkpoints/000003/version-000003.safetensors",
    )
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name


def test_a_lag_that_cannot_be_is_refused() -> None:
    with pytest.raises(BadInput, match="lag is -1"):
        replace(stage("any"), lag=-1)
    with pytest.raises(BadInput, match="0 where a probe looks"):
        replace(stage("any"), lag=1, probe=RewardHackingProbe(CountdownProblems(), ("odd",)))
