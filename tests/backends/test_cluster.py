"""A Ray cluster on this machine: two engines, a learner on two ranks and a grader are what one process is, and what dies is replaced."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs the extra cluster: pip install 'aha[cluster]'")

import ray
import torch

from aha.backends.local_backend import LocalBackend
from aha.backends.ray_cluster import Cluster, connect, gpus_per_process
from aha.backends.ray_machines import LOSSES, EngineProcess
from aha.errors import BadInput, Stall
from aha.objectives import CrossEntropy
from aha.pipeline import run as run_stages
from aha.protocols import Compute
from aha.rewards import RewardPart, Rewards
from aha.rundir import RunDir, describe
from aha.stages.rl import Rl
from aha.types import Number, Problem, Reply
from tests.stages.small import Opened, Watching, fresh, ran, stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]
COMPUTE = Compute(device="cpu", threads=1)


@dataclass
class Said:
    lines: list[str] = field(default_factory=list)

    def __call__(self, line: str) -> None:
        self.lines.append(line)


SAID = Said()


FEW, ALL = (2, 1, 0), (2, 2, 1)  # engines, ranks, graders: each takes seconds to import what it needs


@pytest.fixture(scope="module", params=[FEW])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with connect(COMPUTE, request.param, "", 300.0, tmp_path_factory.mktemp("cluster"), SAID) as made:
        yield made


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Rl:
    return replace(stage(fresh(tmp_path_factory.mktemp("fresh") / "model")), steps=8)


def ran_on(cluster: Cluster, rl: Rl, root: Path) -> RunDir:
    rundir = RunDir.open(root, describe("test", {}, seeds={}, argv=()))
    try:
        run_stages([("rl", rl)], cluster, rundir, Watching())
    finally:
        rundir.close()
    return rundir


def sampled(rundir: RunDir, rollout: int) -> list[tuple[str, list[tuple[int | tuple[tuple[int, int], ...], tuple[int, ...]]]]]:
    groups = rundir.groups(rollout)
    return [(group.problem.id, [(each.version, tuple(each.tokens)) for each in group.completions]) for group in groups]


@pytest.mark.parametrize(
    ("cluster", "lag", "steps"),
    [(FEW, 1, 4), *(pytest.param(ALL, lag, 8, marks=pytest.mark.long) for lag in (0, 1))],
    indirect=["cluster"],
)
def test_a_run_on_the_cluster_asks_what_one_process_asks_of_the_same_versions(
    cluster: Cluster, small: Rl, tmp_path: Path, lag: int, steps: int
) -> None:
    rl = replace(small, lag=lag, steps=steps)
    _, alone = ran(rl, tmp_path / "alone")
    together = ran_on(cluster, rl, tmp_path / "together")
    assert [line["rollout"] for line in together.metrics()] == list(range(steps // 2))
    assert sampled(together, 0) == sampled(alone, 0)  # the same weights: the same tokens
    for rollout in range(steps // 2):
        ours, theirs = sampled(together, rollout), sampled(alone, rollout)
        assert [problem for problem, _ in ours] == [problem for problem, _ in theirs]
        assert {version for _, replies in ours for version, _ in replies} == {max(0, rollout - lag)}
    assert together.metrics()[0]["loss"] == pytest.approx(alone.metrics()[0]["loss"], abs=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("cluster", [ALL], indirect=True)
def test_a_reward_that_needs_something_live_is_opened_on_a_grader(cluster: Cluster) -> None:
    replies = [Reply(text, None, None, len(text), "stop") for text in ("a", "bb", "ccc")]
    problem = Problem("p", "q", "countdown", "en", Number("1"))
    with Rewards((RewardPart("odd", Opened()),)).open(cluster) as live:
        assert [score.total for score in live(problem, replies)] == [1.0, 0.0, 1.0]
        assert cluster.machines is not None and "grader 0 of Opened" in cluster.machines.alive
    assert "grader 0 of Opened" not in cluster.machines.alive


@pytest.mark.long
@pytest.mark.parametrize("cluster", [ALL], indirect=True)
def test_processes_that_are_killed_are_replaced_and_no_group_is_lost_or_doubled(cluster: Cluster, small: Rl, tmp_path: Path) -> None:
    assert cluster.machines is not None
    machines, over, kills = cluster.machines, threading.Event(), list[str]()

    def kill() -> None:
        for name in ("engine 0", "rank 1", "engine 1"):
            while not over.wait(2.0):
                if (actor := machines.alive.get(name)) is not None:
                    os.kill(ray.get(actor.pid.remote(), timeout=60.0), signal.SIGKILL)
                    kills.append(name)
                    break

    thread, rl = threading.Thread(target=kill), replace(small, steps=60, lag=1)
    thread.start()
    try:
        rundir = ran_on(cluster, rl, tmp_path / "killed")
    finally:
        over.set()
        thread.join(timeout=60.0)
    rollouts = [int(line["rollout"]) for line in rundir.metrics()]
    assert rollouts == list(range(len(rollouts))) and rundir.metrics()[-1]["step"] == 60.0
    for rollout in rollouts:
        problems = [problem for problem, _ in sampled(rundir, rollout)]
        assert len(problems) == len(set(problems)) == rl.questions
    assert kills and len([line for line in SAID.lines if "another takes its place" in line]) >= len(kills)


@pytest.mark.long
def test_weights_go_by_the_object_store_and_stay_as_they_were(cluster: Cluster, small: Rl) -> None:
    learner = cluster.learner(small.model, small.optim, reference=False)
    kept = learner.weights().snapshot()
    before = kept.digest()
    batch = learner.text_batch([[3, 4, 5, 6], [7, 8, 9]])
    learner.update(batch, CrossEntropy())
    assert kept.digest() == before != learner.weights().digest()


@pytest.mark.long
@pytest.mark.parametrize("cluster", [ALL], indirect=True)
def test_two_ranks_of_the_cluster_learn_what_one_process_learns(cluster: Cluster, small: Rl) -> None:
    machine = LocalBackend(COMPUTE)
    learners = [backend.learner(small.model, small.optim, reference=False) for backend in (machine, cluster)]
    rows = [[3 + (row * 7 + place) % 50 for place in range(length)] for row, length in enumerate((4, 9, 2, 17, 6))]
    for _ in range(3):
        alone, together = (learner.update(learner.text_batch(rows), CrossEntropy()) for learner in learners)
        assert together == pytest.approx(alone, rel=1e-4)
        assert [together[name] for name in ("loss", "grad_norm")] == pytest.approx(
            [alone[name] for name in ("loss", "grad_norm")], rel=1e-5
        )
    weights = [dict(learner.weights()) for learner in learners]
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name].cpu(), weight.cpu(), rtol=1e-3, atol=1e-4, msg=(name + ": {}").format)


class Sleeper(EngineProcess):
    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def test_a_wait_without_a_sign_ends_with_the_stacks_of_all_processes(cluster: Cluster, tmp_path: Path) -> None:
    assert cluster.machines is not None
    machines = replace(cluster.machines, limit_s=60.0, folder=tmp_path)
    sleeper = machines.start(Sleeper, "engine 0", 0)
    try:
        began = time.monotonic()
        machines.wait([sleeper.pid.remote()], "starting")
        machines.limit_s = 3.0
        machines.wait([sleeper.sleep.remote(2.0) for _ in range(3)], "sleeping, two at a time")
        with pytest.raises(Stall, match="no sign for 3 s while sleeping; where each process of the cluster stands is in"):
            machines.wait([sleeper.sleep.remote(60.0)], "sleeping")
    finally:
        machines.stop("engine 0")
    assert time.monotonic() - began < 60.0
    (file,) = tmp_path.glob("stall-cluster-*.txt")
    text = file.read_text()
    assert text.startswith("waiting for: sleeping\n") and "engine 0: Sleeper, process" in text and "in sleep\n" in text


def test_a_cluster_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    refused = pytest.raises(BadInput, match=r"no Ray cluster answers at 127.0.0.1:1 \(Connection refused\)")
    with refused, connect(COMPUTE, (1, 1, 0), "127.0.0.1:1", 60.0, tmp_path, SAID):
        pass


def test_a_server_that_is_no_cluster_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        refused = pytest.raises(BadInput, match=f"what answers at {address} is not a Ray cluster")
        with refused, connect(COMPUTE, (1, 1, 0), address, 60.0, tmp_path, SAID):
            pass
    assert "gcs" not in capfd.readouterr().err.lower()


def test_whatever_says_that_a_process_or_its_work_is_gone_is_no_mistake_of_ours() -> None:
    """Also what Ray ends where a machine's memory runs out; those that a mistake makes are not among them."""
    gone = "ActorDiedError ActorUnavailableError OutOfMemoryError NodeDiedError WorkerCrashedError OwnerDiedError ObjectFetchTimedOutError"
    assert all(issubclass(getattr(ray.exceptions, name), LOSSES) for name in gone.split())
    assert not issubclass(ray.exceptions.RayTaskError, LOSSES) and not issubclass(ray.exceptions.GetTimeoutError, LOSSES)


def test_more_gpus_than_there_are_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    with pytest.raises(BadInput, match="3 engines and ranks need a GPU each, and the cluster has 0"):
        gpus_per_process(Compute(device="cuda"), 3)
