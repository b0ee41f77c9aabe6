"""Sampling ahead of learning: which weights each rollout is sampled from, and that a run that was stopped goes on to the same bytes."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from aha.backends.hf import KeptWeights
from aha.backends.local_backend import LocalBackend
from aha.backends.torch_engine import TorchEngine
from aha.commands.arguments import CliArgs
from aha.commands.choose import choose
from aha.commands.run import check_inputs, manifest
from aha.errors import BadInput, FailedBar
from aha.protocols import Ask, Compute, Sampling
from aha.stages.probe import RewardHackingProbe
from aha.tasks.countdown import CountdownProblems
from tests.counts import ordinary
from tests.stages.small import Watching, ran, stage


@pytest.mark.parametrize("lag", ordinary([1, 2], 2))
def test_every_token_of_a_rollout_comes_from_weights_that_are_lag_rollouts_old(model: str, tmp_path: Path, lag: int) -> None:
    seen, rundir = ran(replace(stage(model), lag=lag, steps=8), tmp_path / "run")
    versions = [{c.version for group in rundir.groups(n) for c in group.completions} for n in range(4)]
    assert versions == [{max(0, rollout - lag)} for rollout in range(4)]
    assert [metrics["staleness"] for metrics in seen] == [float(min(rollout, lag)) for rollout in range(4)]
    first, _ = ran(replace(stage(model), steps=8), tmp_path / "newest")
    assert seen[0] == first[0] and seen[2] != first[2]


@pytest.mark.parametrize(
    ("lag", "stop_after"), [(2, 2), *(pytest.param(*pair, marks=pytest.mark.long) for pair in ((1, 0), (1, 2), (2, 0)))]
)
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
    with pytest.raises(BadInput, match="0 with a probe, which looks"):
        replace(stage("any"), lag=1, probe=RewardHackingProbe(CountdownProblems(), ("odd",)))


# --- partial rollouts --------------------------------------------------------------------------------------------------


def test_replies_go_on_with_newer_weights_and_every_token_tells_its_version(model: str) -> None:
    """Weights of zeros say nothing: each of the tokens after them has the same log-probability, which no token before has."""
    engine = LocalBackend(Compute(device="cpu", threads=1)).engine(model)
    assert isinstance(engine, TorchEngine)
    zeros = KeptWeights({name: torch.zeros_like(weight) for name, weight in engine.module.named_parameters()})
    stream = engine.generate([Ask((5, 6), (1,), 5), Ask((5, 7, 8), tuple(range(9)))], Sampling(max_tokens=30))
    _ = next(stream)  # the short one, while the others are on their way
    engine.offer(zeros, 4)
    engine.offer(zeros, 7)  # the newest alone counts
    flat, mixed = -math.log(engine.vocabulary), 0
    for _, completions in stream:
        for completion in completions:
            spans = completion.version_spans
            assert [span.version for span in spans] in ([0], [0, 7]) and spans[-1].end == len(completion.tokens)
            mixed += len(spans) == 2
            for span in spans:
                near = [abs(logprob - flat) < 1e-6 for logprob in completion.logprobs[span.start : span.end]]
                assert all(near) == (span.version == 7)
    assert mixed
    engine.offer(zeros, 3)
    (_, [after]), *_ = engine.generate([Ask((5, 6), (1,))], Sampling(max_tokens=4))
    assert after.version == 7, "older weights are not taken"


def test_a_partial_run_learns_from_versions_within_its_lag_and_says_so(model: str, tmp_path: Path) -> None:
    partial = replace(stage(model), lag=2, partial=True, steps=16, sampling=Sampling(max_tokens=40))
    seen, rundir = ran(partial, tmp_path / "run")
    versions = [
        [{span.version for span in c.version_spans} for group in rundir.groups(n) for c in group.completions] for n in range(len(seen))
    ]
    for rollout, replies in enumerate(versions):
        assert all(max(0, rollout - 2) <= version <= rollout for spans in replies for version in spans)
        mixed = sum(len(spans) > 1 for spans in replies) / len(replies)
        assert seen[rollout]["mixed_versions"] == pytest.approx(mixed)
        assert 0 <= seen[rollout]["staleness"] <= seen[rollout]["staleness_most"] <= 2


def test_a_partial_rollout_needs_a_lag_and_an_engine_that_takes_weights_while_it_samples() -> None:
    with pytest.raises(BadInput, match="partial is True and lag is 0"):
        replace(stage("any"), partial=True)
    recipe = choose("zero", CliArgs(settings=(("engine", "vllm"), ("lag", "1"), ("partial", "true")))).recipe
    with pytest.raises(BadInput, match=r"zero.partial is True: vllm takes no weights while it samples; use engine torch"):
        check_inputs(recipe, LocalBackend(Compute(device="cpu")))
    assert manifest(choose("zero", CliArgs(settings=(("lag", "1"), ("partial", "true")))), ()).repeats.startswith("not repeatable")
