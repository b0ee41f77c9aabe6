"""What changes within a run: values by step, and what only the last steps have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from aha.errors import BadInput, FailedBar
from aha.protocols import Sampling
from aha.rewards import RewardPart, Rewards
from aha.rundir import RunDir
from aha.stages.rl import Rl
from aha.stages.steps import FinalPhase, Schedule
from aha.types import Abstained, Number, Problem, Reply
from tests.stages.small import Odd, Watching, ran, stage

USUAL = Sampling(max_tokens=100)
LONGER = Schedule(max_tokens=((3, 200), (5, 400)), temperature=((5, 0.7),))


def rewards(*names: str) -> Rewards:
    return Rewards(tuple(RewardPart(name, Odd()) for name in names))


@pytest.mark.parametrize(("step", "longest", "temperature"), [(0, 100, 1.0), (2, 100, 1.0), (3, 200, 1.0), (4, 200, 1.0), (5, 400, 0.7)])
def test_a_value_holds_from_its_step_on(step: int, longest: int, temperature: float) -> None:
    assert LONGER.sampling(USUAL, step) == Sampling(temperature=temperature, max_tokens=longest)


def test_weights_change_by_the_name_of_their_reward() -> None:
    schedule = Schedule(weights=(("form", 2, 0.5), ("odd", 1, 3.0), ("form", 4, 0.0)))
    weights = [tuple(part.weight for part in schedule.rewards(rewards("odd", "form"), step).parts) for step in range(5)]
    assert weights == [(1.0, 1.0), (3.0, 1.0), (3.0, 0.5), (3.0, 0.5), (3.0, 0.0)]


def test_without_a_schedule_nothing_changes() -> None:
    assert Schedule().sampling(USUAL, 9) == USUAL
    assert Schedule().rewards(rewards("odd"), 9) == rewards("odd")
    assert Schedule().lines() == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_tokens": ((5, 10), (3, 20))}, r"max_tokens changes at steps \[5, 3\]: each is 0 or more, and later than the one before"),
        ({"max_tokens": ((5, 10), (5, 20))}, "later than the one before"),
        ({"temperature": ((-1, 1.0),)}, "each is 0 or more"),
        ({"temperature": ((1, 0.0),)}, "temperature is 0.0 from step 1 on: it has to be a finite number above 0"),
        ({"weights": (("odd", 1, float("nan")),)}, "weights of 'odd' is nan"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Schedule(**settings)  # type: ignore[arg-type]


def test_a_reward_that_nobody_has_is_refused() -> None:
    with pytest.raises(BadInput, match="schedule names the reward 'od': the rewards are odd"):
        replace(stage("nowhere"), schedule=Schedule(weights=(("od", 1, 1.0),)))
    with pytest.raises(BadInput, match="late names the reward 'helpful': the rewards are odd"):
        replace(stage("nowhere"), late=FinalPhase(2, ("helpful",)))
    with pytest.raises(BadInput, match="at least one is needed"):
        replace(stage("nowhere"), late=FinalPhase(2, ("odd",)))


# --- in a run ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Elsewhere:
    """Problems of another domain."""

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        return [Problem(f"e{rollout}-{i}", "elsewhere", f"Use {i} to make {i}.", "en", Number(str(i))) for i in range(count)]


@dataclass(frozen=True)
class Kind:
    """Pays for elsewhere only."""

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        assert problem.domain == "elsewhere"
        return [0.25 for _ in replies]


def changing(model: str) -> Rl:
    """Six steps in three rollouts: longer and colder from step 2 on, another weight from step 3 on, the last two steps elsewhere."""
    schedule = Schedule(max_tokens=((2, 12),), temperature=((2, 0.5),), weights=(("odd", 3, 2.0),))
    both = Rewards((RewardPart("odd", Odd()), RewardPart("kind", Kind(), domains=("elsewhere",))))
    return replace(stage(model), rewards=both, schedule=schedule, late=FinalPhase(2, ("kind",), Elsewhere()))


def test_a_rollout_is_asked_and_judged_under_what_holds_at_its_first_step(model: str, tmp_path: Path) -> None:
    seen, rundir = ran(changing(model), tmp_path / "run")
    assert [metrics["max_tokens"] for metrics in seen] == [8.0, 12.0, 12.0]
    assert [metrics["temperature"] for metrics in seen] == [1.0, 0.5, 0.5]
    assert [metrics["weight/odd"] for metrics in seen] == [1.0, 1.0, 2.0]  # step 3 lies within the second rollout
    longest = [max(len(completion.tokens) for group in rundir.groups(n) for completion in group.completions) for n in range(3)]
    assert longest == [8, 12, 12]


def test_the_last_steps_have_problems_and_rewards_of_their_own(model: str, tmp_path: Path) -> None:
    seen, rundir = ran(changing(model), tmp_path / "run")
    domains = [{group.problem.domain for group in rundir.groups(n)} for n in range(3)]
    assert domains == [{"countdown"}, {"countdown"}, {"elsewhere"}]
    assert ["reward/kind" in metrics for metrics in seen] == [False, False, True]
    assert [metrics["weight/kind"] for metrics in seen] == [0.0, 0.0, 1.0]
    [part] = {part for group in rundir.groups(2) for score in group.scores for part in score.parts if part.name == "kind"}
    assert (part.value, part.weight) == (0.25, 1.0)


def test_log_probabilities_are_those_of_the_temperature_that_sampled(model: str, tmp_path: Path) -> None:
    colder = replace(stage(model), schedule=Schedule(temperature=((2, 0.5),)), old="recomputed", reference_every=None)
    seen, _ = ran(colder, tmp_path / "run")
    assert all(metrics["mismatch_kl"] < 1e-9 for metrics in seen)


def test_a_run_that_was_stopped_amid_its_schedule_goes_on_to_the_same_bytes(model: str, tmp_path: Path) -> None:
    ran(changing(model), tmp_path / "whole")
    for after in (0, 1):
        with pytest.raises(FailedBar):
            ran(changing(model), tmp_path / "cut", Watching(stop_after=after))
    ran(changing(model), tmp_path / "cut")
    for name in ("metrics.jsonl", "groups/000001.parquet", "groups/000002.parquet", "checkpoints/000002/model.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name


def test_metrics_have_no_word_of_a_schedule_where_there_is_none(model: str, tmp_path: Path) -> None:
    _, rundir = ran(stage(model), tmp_path / "run")
    assert not [name for line in rundir.metrics() for name in line if name.startswith(("weight/", "max_tokens", "temperature", "probe/"))]
    assert isinstance(rundir, RunDir)
