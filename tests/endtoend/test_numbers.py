"""Numbers that are none, at each place of a real run where one can come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from aha.rundir import Record
from tests.endtoend.conftest import Warm
from tests.endtoend.world import write_recipe

POISON = """
import torch
from aha.learning import grpo

@dataclass(frozen=True)
class Poisoned(Grpo):
    where: str = {where!r}
    def __call__(self, outputs, batch):
        if self.where == "logp":
            outputs = replace(outputs, logp_M=outputs.logp_M * torch.nan)
        if self.where == "gradient":
            outputs.logp_M.register_hook(lambda gradient: gradient * torch.inf)
        total, metrics = grpo(self, outputs, batch)
        return (total * torch.nan if self.where == "loss" else total), metrics

RL = replace(RL, loss=Poisoned())
"""

REWARD = """
@dataclass(frozen=True)
class Broken:
    def __call__(self, problem, replies):
        return [{value}] * len(replies)

RL = replace(RL, rewards=Rewards((RewardPart("broken", Broken()),)))
"""

CALM = """
@dataclass(frozen=True)
class Same:
    def __call__(self, problem, replies):
        return [0.5] * len(replies)

RL = replace(RL, rewards=Rewards((RewardPart("same", Same()),)), steps=4)
"""

ALONE = """
from aha.types import Abstained

@dataclass(frozen=True)
class Shy:
    def __call__(self, problem, replies):
        return [1.0, *[Abstained("no opinion")] * (len(replies) - 1)]

RL = replace(RL, rewards=Rewards((RewardPart("shy", Shy()),)), steps=4)
"""


def weights(folder: Path) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in load_file(folder / "model.safetensors").items()}


@pytest.mark.slow
@pytest.mark.parametrize("where", [*(pytest.param(place, marks=pytest.mark.long) for place in ("logp", "loss")), "gradient"])
def test_an_update_that_is_not_finite_changes_no_bit_and_three_rollouts_of_them_end_the_run(
    where: str, warm: Warm, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    recipe = write_recipe(tmp_path / "poisoned.py", warm.model, more=POISON.replace("{where!r}", repr(where)))
    command = warm.start("run", recipe, "--out", tmp_path / "run", "--no-preflight")
    assert command.code == 1, command.said
    last = command.said.splitlines()[-1]
    assert last.startswith("aha: 3 rollouts in a row up to rollout 2 cannot teach. an update with a loss or gradient that is not finite")
    tell(f"{where}: {last}")
    record = Record(tmp_path / "run")
    assert [line["skipped"] for line in record.metrics()] == [2.0, 2.0, 2.0]
    assert weights(record.checkpoints()[-1].folder) == weights(warm.model)
    assert len(record.groups(2)) == 4  # what it choked on


@pytest.mark.slow
@pytest.mark.parametrize("value", ["float('nan')", pytest.param("float('inf')", marks=pytest.mark.long)])
def test_a_reward_that_is_not_finite_ends_the_run_with_one_line_that_names_it(value: str, warm: Warm, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "broken.py", warm.model, more=REWARD.replace("{value}", value))
    command = warm.start("run", recipe, "--out", tmp_path / "run", "--no-preflight")
    assert command.code == 2, command.said
    last = command.said.splitlines()[-1]
    assert (
        last.startswith("aha: reward 'broken' on problem countdown-")
        and "returned" in last
        and last.endswith("a finite number (of 1e60 at most) or Abstained is needed")
    ), command.said
    assert "Traceback" not in command.said


@pytest.mark.slow
@pytest.mark.parametrize(("more", "code"), [(CALM, 0), (ALONE, 1)], ids=["equal rewards", "one sample left"])
def test_groups_that_cannot_be_compared_train_nothing_and_give_no_nan(more: str, code: int, warm: Warm, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "calm.py", warm.model, more=more)
    command = warm.start("run", recipe, "--out", tmp_path / "run", "--no-preflight")
    assert command.code == code, command.said  # where three replies in four are not judged, no step is reached, and the run says so
    record = Record(tmp_path / "run")
    assert {line["skipped"] for line in record.metrics()} == {0.0}, command.said
    assert "NaN" not in (tmp_path / "run/metrics.jsonl").read_text()
    assert {line["dead_groups"] for line in record.metrics()} == {1.0}


@pytest.mark.slow
def test_weights_that_are_not_finite_end_the_run_with_one_line(warm: Warm, tmp_path: Path, tell: Callable[[str], None]) -> None:
    broken = tmp_path / "model"
    broken.mkdir()
    for path in warm.model.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    arrays = load_file(broken / "model.safetensors")
    arrays["model.norm.weight"] = arrays["model.norm.weight"] * float("nan")
    save_file(arrays, broken / "model.safetensors", metadata={"format": "pt"})
    recipe = write_recipe(tmp_path / "even.py", broken)
    command = warm.start("run", recipe, "--out", tmp_path / "run", "--no-preflight")
    assert command.code == 2, command.said
    tell(f"weights: {command.said.splitlines()[-1]}")
    assert command.said.splitlines()[-1].startswith(
        f"aha: {broken / 'model.safetensors'}: weight model.norm.weight holds numbers that are not finite"
    )
    assert "Traceback" not in command.said
