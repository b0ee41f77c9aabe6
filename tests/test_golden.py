"""The golden run: stored groups of the tiny recipe replayed through the learner. A change that moves these numbers has to say why.

To write them anew after such a change: `python -m tests.test_golden`, and tell the reason in CHANGELOG.md."""

from __future__ import annotations

import functools
import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from aha.backends.local_backend import LocalBackend
from aha.batch import collate
from aha.protocols import Compute, Metrics
from aha.recipes.zero import zero
from aha.rundir.group_table import line_of
from aha.rundir.groups import read_groups
from aha.sampling.rollouts import seed_for
from aha.stages.ask import GroupSampler
from aha.stages.rl import Rl

FOLDER = Path(__file__).parent / "golden"
GROUPS, NUMBERS = FOLDER / "groups.jsonl.gz", FOLDER / "numbers.json"
COMPUTE = Compute(device="cpu", threads=1)
KEPT = ("loss", "grad_norm", "kl_ref", "kl_old", "entropy", "clip_low", "clip_high")


def recipe() -> Rl:
    stage = dict(zero().stages)["zero"]
    assert isinstance(stage, Rl)
    return stage


@functools.cache
def replayed() -> list[Metrics]:
    """Four optimizer steps on the stored groups, from the base that ships."""
    rl = recipe()
    learner = LocalBackend(COMPUTE).learner(rl.model, rl.optim, reference=rl.loss.needs_reference)
    batch = collate(list(read_groups(GROUPS)), rl.advantages, rl.sampling.temperature, rl.truncation)
    steps = []
    for part in learner.minibatches(batch, 4, seed_for(rl.seed, 0), rl.loss.aggregate):
        known = replace(part, reference_M=learner.logprobs(part, "reference")) if rl.loss.needs_reference else part
        metrics = learner.update(known, rl.loss)
        steps.append({name: metrics[name] for name in KEPT if name in metrics})
    return steps


@pytest.mark.parametrize("step", range(4))
def test_stored_groups_give_the_stored_loss_and_gradient(step: int) -> None:
    assert replayed()[step] == pytest.approx(json.loads(NUMBERS.read_text())[step], rel=1e-4, abs=1e-7)


def write() -> None:
    rl, backend = recipe(), LocalBackend(COMPUTE)
    engine, tokenizer = backend.engine(rl.model), backend.tokenizer(rl.model)
    asker = GroupSampler(engine, tokenizer, rl.template, rl.rewards, rl.sampling, rl.samples, lambda what: None)
    FOLDER.mkdir(exist_ok=True)
    lines = map(line_of, asker.groups(rl.problems.at(0, 0, 12, rl.seed), (rl.seed, 0, 0)))
    GROUPS.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    NUMBERS.write_text(json.dumps(replayed(), indent=1) + "\n")


if __name__ == "__main__":
    write()
