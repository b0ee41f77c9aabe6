"""Reward hacking: seen on held-out problems, and undone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from aha.errors import BadInput, DiskTrouble, FailedBar
from aha.protocols import Backend, Continue, Reward, RollBack
from aha.rewards import RewardPart, Rewards
from aha.rundir import RunDir, describe
from aha.stages.probe import ProbePoint, RewardHackingProbe
from aha.stages.rl import Rl
from aha.stages.steps import FinalPhase
from aha.tasks.countdown import CountdownProblems
from aha.types import Abstained, Problem, Reply
from tests.stages.small import Odd, Watching, ran, stage

HELD_OUT = CountdownProblems(split="held-out")
PROBE = RewardHackingProbe(HELD_OUT, ("liked",), questions=2, samples=2, falls=0.1)


def points(*values: tuple[float, float]) -> list[ProbePoint]:
    return [ProbePoint(rollout, accuracy, preference) for rollout, (accuracy, preference) in enumerate(values)]


def test_a_preference_that_rises_with_accuracy_is_no_hack() -> None:
    assert PROBE.verdict(points((0.5, 0.1), (0.6, 0.3), (0.7, 0.6), (0.8, 0.9))) == Continue()


def test_two_points_in_a_row_that_are_preferred_and_wrong_end_the_run() -> None:
    seen = points((0.5, 0.1), (0.6, 0.4), (0.45, 0.6), (0.4, 0.8))
    assert PROBE.verdict(seen[:3]) == Continue()  # one may be chance
    match PROBE.verdict(seen):
        case RollBack(rollout=1, reason=reason):
            assert "the preference rose from 0.400 to 0.800 while accuracy fell to 0.400, from 0.600 at best" in reason
        case other:
            pytest.fail(str(other))


def test_accuracy_that_falls_alone_is_no_hack() -> None:
    assert PROBE.verdict(points((0.6, 0.4), (0.3, 0.4), (0.2, 0.3))) == Continue()


def test_a_fall_within_the_tolerance_is_none() -> None:
    assert PROBE.verdict(points((0.6, 0.4), (0.51, 0.8), (0.5, 0.9))) == Continue()
    assert isinstance(PROBE.verdict(points((0.6, 0.4), (0.49, 0.8), (0.49, 0.9))), RollBack)


def test_a_rise_within_the_tolerance_is_none() -> None:
    steady = replace(PROBE, rises=0.5)
    assert steady.verdict(points((0.6, 0.4), (0.3, 0.8), (0.3, 0.9))) == Continue()


def test_the_best_is_preferred_most_of_those_that_are_nearly_as_right_as_any() -> None:
    assert PROBE.best(points((0.6, 0.4), (0.55, 0.7), (0.3, 0.9))).rollout == 1
    assert PROBE.best(points((0.6, 0.4), (0.6, 0.4))).rollout == 1  # the later of equals
    assert PROBE.best(points((0.6, 0.9), (0.62, 0.5), (0.75, 0.1))).rollout == 2  # the first is no longer nearly as right


@pytest.mark.parametrize("change", [{"every": 0}, {"patience": 0}, {"falls": -0.1}, {"preferences": ()}])
def test_settings_that_cannot_work_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="each is 1 or more; falls"):
        replace(PROBE, **change)  # type: ignore[arg-type]


# --- in a run ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """On held-out problems, what it was told for the n-th time that they are asked; on all others, what `Odd` says."""

    values: tuple[float, ...]
    done: int = 0
    held_out: frozenset[str] = field(default_factory=lambda: frozenset(each.id for each in HELD_OUT.at(0, 0, 2, 0)))

    @contextmanager
    def open(self, backend: Backend) -> Iterator[Reward]:
        asked: list[str] = []

        def pay(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
            if problem.id not in self.held_out:
                return Odd()(problem, replies)
            asked.append(problem.id)
            return [self.values[self.done + (len(asked) - 1) // 2] for _ in replies]

        yield pay


def hacking(model: str, probes_done: int = 0) -> Rl:
    """Six rollouts of one step; accuracy and preference as the probes are told: from the third on, the preference is hacked."""
    rewards = Rewards(
        (
            RewardPart("accuracy", Told((0.5, 0.6, 0.3, 0.2, 0.1, 0.0), probes_done)),
            RewardPart("liked", Told((0.1, 0.2, 0.7, 0.8, 0.9, 1.0), probes_done)),
        )
    )
    return replace(stage(model), rewards=rewards, probe=PROBE, minibatches=1, steps=6, keep_last=1, reference_every=2)


def test_a_hacked_run_ends_with_the_best_checkpoint(model: str, tmp_path: Path) -> None:
    seen, rundir = ran(hacking(model), tmp_path / "run")
    assert [(metrics["probe/accuracy"], metrics["probe/preference"]) for metrics in seen] == [
        (0.5, 0.1),
        (0.6, 0.2),
        (0.3, 0.7),
        (0.2, 0.8),
    ]
    assert [metrics.get("rolled_back_to") for metrics in seen] == [None, None, None, 1.0]
    assert [each.rollout for each in rundir.checkpoints()] == [1, 3]
    best, last = (each.folder for each in rundir.checkpoints())
    for name in ("model.safetensors", "optimizer.safetensors", "config.json", "learner.json"):
        assert (best / name).read_bytes() == (last / name).read_bytes(), name
    [note] = rundir.notes
    assert note.startswith("reward hacking: ") and note.endswith("the run ends with the checkpoint after rollout 1")
    assert not rundir.problems()


def test_the_best_checkpoint_stays_until_there_is_a_better_one(model: str, tmp_path: Path) -> None:
    for after, there in ((0, [0]), (1, [1]), (2, [1, 2])):
        with pytest.raises(FailedBar):
            ran(hacking(model, probes_done=after), tmp_path / "run", Watching(stop_after=after))
        assert sorted(int(path.name) for path in (tmp_path / "run" / "checkpoints").iterdir()) == there


def test_a_run_that_was_rolled_back_is_over(model: str, tmp_path: Path) -> None:
    ran(hacking(model), tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run" / "checkpoints").rglob("*") if path.is_file()}
    seen, rundir = ran(hacking(model), tmp_path / "run")
    assert seen == [] and len(rundir.metrics()) == 4
    assert before == {path: path.read_bytes() for path in (tmp_path / "run" / "checkpoints").rglob("*") if path.is_file()}


def test_a_run_that_was_stopped_before_it_rolls_back_comes_to_the_same_bytes(model: str, tmp_path: Path) -> None:
    ran(hacking(model), tmp_path / "whole")
    for after in (0, 2):
        with pytest.raises(FailedBar):
            ran(hacking(model, probes_done=0 if after == 0 else 1), tmp_path / "cut", Watching(stop_after=after))
    ran(hacking(model, probes_done=3), tmp_path / "cut")
    for name in ("metrics.jsonl", "groups/000003.parquet", "checkpoints/000003/model.safetensors", "checkpoints/000003/progress.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name


def test_an_observer_that_stops_the_run_as_it_rolls_back_is_heard_too(model: str, tmp_path: Path) -> None:
    with pytest.raises(FailedBar, match="enough was seen"):
        ran(hacking(model), tmp_path / "run", Watching(stop_after=3))
    rundir = RunDir.open(tmp_path / "run", describe("test", {}, seeds={}, argv=()))
    resumed = rundir.resume()
    rundir.close()
    assert resumed is not None and resumed.progress.items() >= {"step": 4, "rolled_back_to": 1}.items()


def test_a_best_checkpoint_that_is_damaged_is_not_gone_back_to(model: str, tmp_path: Path) -> None:
    with pytest.raises(FailedBar):
        ran(hacking(model), tmp_path / "run", Watching(stop_after=2))
    path = tmp_path / "run" / "checkpoints" / "000001" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(DiskTrouble, match="its sha256 is not the one that was written"):
        ran(hacking(model, probes_done=3), tmp_path / "run")


def test_the_probe_looks_where_a_preference_is_paid(model: str, tmp_path: Path) -> None:
    late = replace(hacking(model), late=FinalPhase(3, ("liked",)), steps=5)
    seen, _ = ran(replace(late, probe=replace(PROBE, patience=9)), tmp_path / "run")
    assert ["probe/accuracy" in metrics for metrics in seen] == [
        False,
        True,
        True,
        True,
        True,
    ]  # the first before it is paid: to compare with
    every = replace(hacking(model), probe=replace(PROBE, every=2), save_every=100)
    seen, rundir = ran(every, tmp_path / "every")
    assert ["probe/accuracy" in metrics for metrics in seen] == [False, True, False, True, False, True]
    assert [each.rollout for each in rundir.checkpoints()] == [3, 5]  # where it looked there is a checkpoint; the best one stays


def test_probes_draw_nothing_that_training_draws(model: str, tmp_path: Path) -> None:
    probed, _ = ran(hacking(model), tmp_path / "probed")
    plain, _ = ran(replace(hacking(model), probe=None), tmp_path / "plain")
    for one, other in zip(probed, plain[:4], strict=True):
        assert {name: value for name, value in one.items() if not name.startswith(("probe/", "rolled"))} == other


def test_a_probe_whose_problems_nobody_prefers_is_refused(model: str, tmp_path: Path) -> None:
    elsewhere = Rewards((RewardPart("accuracy", Odd()), RewardPart("liked", Odd(), domains=("greeting",))))
    with pytest.raises(BadInput, match="liked gives its problems no value"):
        ran(replace(hacking(model), rewards=elsewhere), tmp_path / "run")
