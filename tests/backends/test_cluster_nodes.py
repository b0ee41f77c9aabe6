"""A Ray cluster of several nodes on this machine, of which whole nodes and single processes die at random while a run is at work."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs the extra cluster: pip install 'aha[cluster]'")

import ray
from ray import cluster_utils
from ray.exceptions import GetTimeoutError, RayError

from aha.backends.ray_cluster import Cluster, connect
from aha.backends.ray_machines import DEATHS
from aha.rewards import RewardPart, Rewards
from aha.rundir import RunDir
from aha.stages.rl import Rl
from tests.backends.test_cluster import COMPUTE, ran_on, sampled
from tests.stages.small import Opened, fresh, ran, stage

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]
STORE_BYTES = 80 << 20  # the least that Ray takes


class Nodes:
    """A head for the driver, and nodes that processes are placed on: each can die, and another joins in its place."""

    def __init__(self, count: int, cpus: int) -> None:
        os.environ.setdefault("RAY_worker_niceness", "0")
        self.cpus = cpus
        head = {"num_cpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False}
        self.all = cluster_utils.Cluster(initialize_head=True, head_node_args=head, shutdown_at_exit=False)  # a thread may add a node so
        self.living = [self._join() for _ in range(count)]

    @property
    def address(self) -> str:
        return str(self.all.address)

    def kill(self, number: int) -> None:
        """SIGKILL to all processes of a node; then another node joins."""
        self.all.remove_node(self.living[number], allow_graceful=False)
        self.living[number] = self._join()

    def close(self) -> None:
        self.all.shutdown()

    def _join(self) -> Any:
        return self.all.add_node(num_cpus=self.cpus, object_store_memory=STORE_BYTES, include_dashboard=False)


class Killer(threading.Thread):
    """Kills what `victims` names, one after another, whenever a few more rollouts were written; keeps what it killed."""

    def __init__(self, cluster: Cluster, nodes: Nodes, root: Path, victims: list[str], seed: int) -> None:
        super().__init__(name="killer", daemon=True)
        self.cluster, self.nodes, self.root, self.victims = cluster, nodes, root, victims
        self.draw, self.over, self.killed = random.Random(seed), threading.Event(), list[str]()

    def run(self) -> None:
        for victim in self.victims:
            before = self.rollouts()
            while not self.over.is_set() and self.rollouts() == before:
                self.over.wait(0.2)
            self.over.wait(self.draw.uniform(0.0, 2.0))
            while not self.over.is_set() and not self.kill(victim):
                self.over.wait(0.2)
            if not self.over.is_set():
                self.killed.append(victim)

    def rollouts(self) -> int:
        path = self.root / "metrics.jsonl"
        return len(path.read_bytes().splitlines()) if path.exists() else 0

    def kill(self, victim: str) -> bool:
        if victim == "node":
            self.nodes.kill(self.draw.randrange(len(self.nodes.living)))
            return True
        assert self.cluster.machines is not None
        names = [name for name in list(self.cluster.machines.alive) if name.startswith(victim)]
        if not names:
            return False
        with suppress(RayError, GetTimeoutError, ProcessLookupError):
            os.kill(ray.get(self.cluster.machines.alive[self.draw.choice(names)].pid.remote(), timeout=20.0), signal.SIGKILL)
            return True
        return False


def check_killed_run(root: Path, rl: Rl, alone: RunDir, rundir: RunDir) -> None:
    """All rollouts, each group once, and every reply that of a run that nobody disturbed."""
    rollouts = [int(line["rollout"]) for line in rundir.metrics()]
    assert rollouts == [int(line["rollout"]) for line in alone.metrics()] and rundir.metrics()[-1]["step"] == rl.steps
    for rollout in rollouts:
        ours, theirs = sampled(rundir, rollout), sampled(alone, rollout)
        assert len({problem for problem, _ in ours}) == len(ours) == rl.questions
        assert [problem for problem, _ in ours] == [problem for problem, _ in theirs]
        assert {version for _, replies in ours for version, _ in replies} == {max(0, rollout - rl.lag)}


def disturbed(counts: tuple[int, int, int], nodes: Nodes, rl: Rl, root: Path, victims: list[str], seed: int) -> tuple[RunDir, Killer]:
    lines = list[str]()
    with connect(COMPUTE, counts, nodes.address, 300.0, root / "run", lines.append) as cluster:
        killer = Killer(cluster, nodes, root / "run", victims, seed)
        killer.start()
        try:
            rundir = ran_on(cluster, rl, root / "run")
        finally:
            killer.over.set()
            killer.join(timeout=120.0)
    print(f"killed: {killer.killed}", *lines, *rundir.notes, sep="\n")
    assert (root / "run" / DEATHS).read_text().count("another takes its place") == len(lines) > 0
    return rundir, killer


@pytest.fixture
def nodes(request: pytest.FixtureRequest) -> Iterator[Nodes]:
    made = Nodes(*request.param)
    yield made
    made.close()


@pytest.mark.parametrize("nodes", [(1, 2)], indirect=True)
def test_a_node_that_dies_with_all_that_works_on_it_is_replaced(nodes: Nodes, tmp_path: Path) -> None:
    rl = replace(stage(fresh(tmp_path / "model")), steps=12, lag=1)
    _, alone = ran(rl, tmp_path / "alone")
    rundir, killer = disturbed((1, 1, 0), nodes, rl, tmp_path, ["node"], 0)
    assert killer.killed == ["node"]
    check_killed_run(tmp_path, rl, alone, rundir)


@pytest.mark.parametrize("nodes", [(3, 2)], indirect=True)
@pytest.mark.parametrize("seed", [0])
def test_ten_random_deaths_in_one_run_lose_and_double_no_group(nodes: Nodes, tmp_path: Path, seed: int) -> None:
    began = time.monotonic()
    kinds = ["engine", "rank", "grader", "node"]
    victims = [*kinds, *random.Random(seed).choices(kinds, k=6)]
    random.Random(seed).shuffle(victims)
    rewards = Rewards((RewardPart("odd", Opened()),))
    rl = replace(stage(fresh(tmp_path / "model")), steps=60, lag=1, rewards=rewards)
    _, alone = ran(rl, tmp_path / "alone")
    rundir, killer = disturbed((2, 2, 1), nodes, rl, tmp_path, victims, seed)
    print(f"{len(killer.killed)} deaths, {time.monotonic() - began:.0f} s")
    assert killer.killed == victims
    check_killed_run(tmp_path, rl, alone, rundir)
