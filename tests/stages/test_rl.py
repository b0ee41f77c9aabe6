"""The RL loop on the scripted engine and on a real small model: places, bounds, what is learned from and what is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from aha.backends.local_backend import LocalBackend
from aha.batch import collate
from aha.doctor import RunMonitor
from aha.errors import BadInput, FailedBar
from aha.grading.pool import Pool
from aha.objectives import Filter, Grpo
from aha.protocols import Backend, Compute, Engine, Reward, Sampling
from aha.rewards import RewardPart, Rewards
from aha.rundir import RunDir, describe
from aha.sampling.rollouts import seed_for
from aha.stages.rl import Rl
from aha.tasks.rows import RowProblems
from aha.types import Abstained, Group, Latex, Problem, Reply, Score
from tests.stages.small import Nothing, Odd, Watching, ran, stage


@pytest.fixture
def finished(model: str, tmp_path: Path) -> tuple[list[dict[str, float]], RunDir]:
    return ran(stage(model), tmp_path / "run")


def test_a_run_takes_the_steps_it_was_given_and_writes_each_rollout_down(finished: tuple[list[dict[str, float]], RunDir]) -> None:
    seen, rundir = finished
    assert [metrics["step"] for metrics in seen] == [2.0, 4.0, 6.0]
    assert [line["rollout"] for line in rundir.metrics()] == [0, 1, 2]
    assert [len(rundir.groups(n)) for n in range(3)] == [4, 4, 4]


def test_replies_are_sampled_by_the_weights_of_the_rollout_before(finished: tuple[list[dict[str, float]], RunDir]) -> None:
    seen, rundir = finished
    assert [{c.version for group in rundir.groups(n) for c in group.completions} for n in range(3)] == [{0}, {1}, {2}]
    assert [metrics["staleness"] for metrics in seen] == [0.0, 0.0, 0.0]


def test_the_seconds_of_a_rollout_are_known_by_phase(finished: tuple[list[dict[str, float]], RunDir]) -> None:
    _, rundir = finished
    names = ("prefill_s", "decode_s", "draw_s", "judge_alone_s", "logprobs_s", "gradient_s", "optimizer_s", "load_s", "other_s")
    for line in rundir.timings():
        assert all(line[name] > 0 for name in names if name != "judge_alone_s")
        assert sum(line[name] for name in names) == pytest.approx(line["seconds"], rel=1e-6)


def test_the_first_of_a_rollouts_updates_is_on_policy_and_the_second_is_not(finished: tuple[list[dict[str, float]], RunDir]) -> None:
    seen, _ = finished
    assert all(0.0 < metrics["mismatch_kl"] < 1e-9 or metrics["mismatch_kl"] == 0.0 for metrics in seen)  # measured, up to rounding
    assert all(metrics["kl_old"] > 0 for metrics in seen)  # the mean of an on-policy step (about 0) and an off-policy one


def test_the_same_run_twice_gives_the_same_bytes(model: str, tmp_path: Path) -> None:
    ran(stage(model), tmp_path / "a")
    ran(stage(model), tmp_path / "b")
    names = sorted(str(p.relative_to(tmp_path / "a")) for p in (tmp_path / "a").rglob("*") if p.is_file())
    for name in names:
        if name.split("/")[0] in ("groups", "checkpoints", "metrics.jsonl") and "sha256" not in name:
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_a_last_rollout_is_left_early_when_the_steps_are_done(model: str, tmp_path: Path) -> None:
    seen, _ = ran(replace(stage(model), steps=3), tmp_path / "run")
    assert [(metrics["step"], metrics["updates"]) for metrics in seen] == [(2.0, 2.0), (3.0, 1.0)]


def test_groups_that_agree_move_nothing(model: str, tmp_path: Path) -> None:
    dead = replace(stage(model, Nothing()), loss=Grpo(kl=0.0))
    seen, _rundir = ran(dead, tmp_path / "run")
    assert all(metrics["dead_groups"] == 1.0 and metrics["grad_norm"] == 0.0 for metrics in seen)


def test_dynamic_sampling_asks_again_but_boundedly(model: str, tmp_path: Path) -> None:
    dead = replace(stage(model, Nothing()), filter=Filter(drop_dead=True, rounds=3), steps=2)
    seen, rundir = ran(dead, tmp_path / "run")
    assert seen[0]["rounds"] == 3.0 and seen[0]["updates"] == 0.0
    assert len({group.problem.id for group in rundir.groups(0)}) > 4  # other problems each round


def test_an_observer_that_stops_the_run_loses_nothing(model: str, tmp_path: Path) -> None:
    watching = Watching(stop_after=1)
    with pytest.raises(FailedBar, match="enough was seen"):
        ran(replace(stage(model), save_every=100), tmp_path / "run", watching)
    rundir = RunDir.open(tmp_path / "run", describe("test", {}, seeds={}, argv=()))
    resumed = rundir.resume()
    rundir.close()
    assert resumed is not None and resumed.rollout == 1


def test_a_stopped_run_goes_on_to_the_same_bytes(model: str, tmp_path: Path) -> None:
    ran(stage(model), tmp_path / "whole")
    with pytest.raises(FailedBar):
        ran(stage(model), tmp_path / "cut", Watching(stop_after=0))
    ran(stage(model), tmp_path / "cut")
    for name in ("metrics.jsonl", "groups/000002.parquet", "checkpoints/000002/model.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name


def test_groups_of_older_rollouts_leave_where_that_is_asked_for_and_nothing_else_changes(model: str, tmp_path: Path) -> None:
    ran(stage(model), tmp_path / "whole")
    _, rundir = ran(replace(stage(model), keep_groups=1), tmp_path / "few")
    assert [path.name for path in (rundir.root / "groups").iterdir()] == ["000002.parquet"]
    for name in ("metrics.jsonl", "groups/000002.parquet", "checkpoints/000002/model.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "few" / name).read_bytes(), name


def test_recomputed_old_logprobs_equal_the_sampled_ones_up_to_rounding(model: str, tmp_path: Path) -> None:
    seen, _ = ran(replace(stage(model), old="recomputed"), tmp_path / "run")
    assert all(metrics["mismatch_kl"] < 1e-9 for metrics in seen)


# --- what nobody could judge ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Failing:
    """Pays as `Odd` does, but every third reply is graded by worker processes that are gone."""

    @contextmanager
    def open(self, backend: Backend) -> Iterator[Reward]:
        with Pool(workers=1) as pool:
            pool.close()

            def pay(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
                failed = [pool.grade(Latex("x"), reply.text) if len(reply.text) % 3 == 0 else None for reply in replies]
                paid = Odd()(problem, replies)
                return [said if isinstance(said, Abstained) else value for said, value in zip(failed, paid, strict=True)]

            yield pay


def relearned(stage: Rl, groups: Sequence[Group], folder: Path) -> bytes:
    """The weights after the groups' one rollout, learned outside of the loop."""
    learner = LocalBackend(Compute(device="cpu", threads=1)).learner(stage.model, stage.optim, reference=False)
    batch = collate(groups, stage.advantages, stage.sampling.temperature, stage.truncation)
    for minibatch in learner.minibatches(batch, stage.minibatches, seed_for(stage.seed, 0), stage.loss.aggregate):
        learner.update(minibatch, stage.loss)
    folder.mkdir()
    learner.save(folder)
    return (folder / "model.safetensors").read_bytes()


def only_judged(group: Group) -> Group:
    kept = [i for i, score in enumerate(group.scores) if not isinstance(score.total, Abstained)]
    completions, replies, scores = (tuple(each[i] for i in kept) for each in (group.completions, group.replies, group.scores))
    return replace(group, completions=completions, replies=replies, scores=scores)  # type: ignore[arg-type]


def as_wrong(group: Group) -> Group:
    return replace(group, scores=tuple(Score(0.0, ()) if isinstance(score.total, Abstained) else score for score in group.scores))


def test_a_grader_that_fails_never_trains_as_wrong(model: str, tmp_path: Path) -> None:
    rl = replace(stage(model), rewards=Rewards((RewardPart("failing", Failing()),)), loss=Grpo(kl=0.0), steps=2, samples=8)
    seen, rundir = ran(rl, tmp_path / "run")
    groups = rundir.groups(0)
    reasons = {score.total.reason for group in groups for score in group.scores if isinstance(score.total, Abstained)}
    unsaid = sum(isinstance(score.total, Abstained) for group in groups for score in group.scores)
    assert reasons == {"failing: could not be graded: the pool is closed"}
    assert 0 < unsaid < 32 and seen[0]["abstained"] == unsaid / 32
    learned = (rundir.checkpoints()[-1].folder / "model.safetensors").read_bytes()
    assert relearned(rl, [only_judged(group) for group in groups], tmp_path / "judged") == learned
    assert relearned(rl, [as_wrong(group) for group in groups], tmp_path / "wrong") != learned


def test_a_grader_that_always_fails_moves_no_weight(model: str, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Gone:
        def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
            return [Abstained("INFRA: no sandbox answered") for _ in replies]

    seen, rundir = ran(replace(stage(model), rewards=Rewards((RewardPart("gone", Gone()),)), loss=Grpo(kl=0.0)), tmp_path / "run")
    assert all(metrics["abstained"] == 1.0 and metrics["updates"] == 0.0 and "reward" not in metrics for metrics in seen)
    before, after = (load_file(Path(folder) / "model.safetensors") for folder in (model, rundir.checkpoints()[-1].folder))
    assert all((before[name] == after[name]).all() for name in before)


def test_a_rising_share_of_abstentions_ends_the_run_with_everything_on_disk(model: str, tmp_path: Path) -> None:
    asked: list[int] = []

    @dataclass(frozen=True)
    class Failing:
        """Can judge less and less: 0, 1, 2, 3 ... of four replies."""

        def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
            asked.append(1)
            unsaid = (len(asked) - 1) // 4
            return [Abstained("no worker") if i < unsaid else float(i % 2) for i in range(len(replies))]

    rl = replace(stage(model), rewards=Rewards((RewardPart("failing", Failing()),)), steps=40, samples=12, save_every=100)
    rundir = RunDir.open(tmp_path / "run", describe("test", {}, seeds={}, argv=()))
    try:
        with pytest.raises(FailedBar, match="The grader abstains more and more often: it abstained on 8 %, 17 %, 25 %") as stopped:
            rl.run(LocalBackend(Compute(device="cpu", threads=1)), rundir, RunMonitor(lambda signal: None))
    finally:
        rundir.close()
    assert stopped.value.exit_code == 1 and "no worker" in str(stopped.value) and "The first reply not judged" in str(stopped.value)
    assert [checkpoint.rollout for checkpoint in rundir.checkpoints()] == [3] and len(rundir.groups(3)) == 4


@pytest.mark.parametrize(
    ("anneal_from", "rates"), [(1.0, [1, 1, 1, 1, 1, 1]), (0.5, [1, 1, 1, 1, 2 / 3, 1 / 3]), (0.0, [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])]
)
def test_the_rate_stays_and_then_falls_towards_zero(anneal_from: float, rates: list[float]) -> None:
    annealed = replace(stage("nowhere"), anneal_from=anneal_from)
    assert [annealed.rate_at(step) for step in range(6)] == pytest.approx(rates)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"keep_groups": 0}, "keep_groups is 0: it counts something a run needs, so 1 or more"),
        ({"keep_groups_every": 5}, "keep_groups_every is 5, and without keep_groups all groups stay: set both or neither"),
        ({"samples": 1}, "samples is 1: GRPO compares replies within a group, so it needs 2 or more"),
        ({"questions": 0}, "questions is 0: it counts something a run needs, so 1 or more"),
        ({"minibatches": 5}, "minibatches is 5: a rollout has only 4 groups to divide"),
        ({"sampling": Sampling(top_p=0.9)}, "RL needs the log-probabilities of the whole distribution"),
    ],
)
def test_settings_that_cannot_work_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises((ValueError, BadInput), match=words):
        replace(stage("nowhere"), **change)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Seldom:
    """Splits the groups of every fourth problem only: the others are dead."""

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        alive = sum(map(ord, problem.question)) % 4 == 0
        return [float(len(reply.text) % 2 and alive) for reply in replies]


def test_a_run_whose_groups_mostly_agree_takes_more_rollouts_until_its_steps_are_done(model: str, tmp_path: Path) -> None:
    sparse = replace(stage(model, Seldom()), filter=Filter(drop_dead=True), minibatches=4, steps=8, loss=Grpo(kl=0.0))
    seen, rundir = ran(sparse, tmp_path / "run")
    assert sparse.rollouts == 2 and 2 < len(seen) <= 4
    assert seen[-1]["step"] == 8.0 or rundir.notes[-1].startswith(
        f"the run ends at optimizer step {seen[-1]['step']:.0f} of 8, after 4 rollouts"
    )
    assert rundir.checkpoints()[-1].rollout == len(seen) - 1


def test_a_run_that_cannot_reach_its_steps_says_why(model: str, tmp_path: Path) -> None:
    seen, rundir = ran(replace(stage(model, Nothing()), filter=Filter(drop_dead=True)), tmp_path / "run")
    assert len(seen) == 6 and seen[-1]["step"] == 0.0
    [note] = rundir.notes
    assert note.startswith(
        "the run ends at optimizer step 0 of 6, after 6 rollouts, 2 times as many as were planned: 100 % of the groups agreed"
    )


def test_a_correction_that_cannot_act_is_refused(model: str) -> None:
    with pytest.raises(BadInput, match="old has to be recomputed"):
        replace(stage(model), loss=Grpo(correction="token-tis"))
    assert replace(stage(model), loss=Grpo(correction="token-tis"), old="recomputed").old == "recomputed"


@dataclass(frozen=True)
class Stale(LocalBackend):
    """An engine that is never given the new weights."""

    def engine(self, model: str) -> Engine:
        engine = super().engine(model)
        engine.load = lambda weights, version: setattr(engine, "version", version)  # type: ignore[method-assign]
        vars(engine)["share"] = lambda weights: None  # only a copy can be stale
        return engine


def test_an_engine_with_stale_weights_shows_in_the_metrics(model: str, tmp_path: Path) -> None:
    rundir, watching = RunDir.open(tmp_path, describe("test", {}, seeds={}, argv=())), Watching()
    stage(model).run(Stale(Compute(device="cpu", threads=1)), rundir, watching)
    rundir.close()
    assert watching.seen[0]["mismatch_kl"] < 1e-9 < 1e-5 < watching.seen[2]["mismatch_kl"]
    assert watching.seen[2]["ess"] < 1.0


def test_a_run_does_not_go_on_with_other_rows(model: str, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text("".join(f'{{"question": "1 + {n}?", "answer": "{n + 1}"}}\n' for n in range(8)))
    asks = replace(stage(model), problems=RowProblems(str(path)), against=())
    with pytest.raises(FailedBar):
        ran(asks, tmp_path / "run", Watching(stop_after=0))
    path.write_text(path.read_text().replace("1 + 7", "2 + 7"))
    with pytest.raises(BadInput, match="their rows are not those that this run began with"):
        ran(replace(stage(model), problems=RowProblems(str(path)), against=()), tmp_path / "run")
