"""The manifest names the sandbox that a run's programs are run in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from aha.commands.choose import ResolvedRecipe
from aha.commands.run import manifest, sandbox_of
from aha.errors import BadInput
from aha.grading.sandbox import tiers
from aha.recipes import Recipe
from aha.recipes.r1_zero import r1_zero
from aha.rewards import Accuracy, RewardPart, Rewards
from aha.stages.rl import Rl
from aha.types import Number, Problem, Reference, Stdio

DOUBLE = Stdio((("2\n", "4\n"),))


@dataclass(frozen=True)
class Asked:
    """One problem, as often as wanted."""

    reference: Reference

    def at(self, rollout: int, round: int, count: int, seed: int) -> list[Problem]:
        return [Problem(f"p{i}", "code", "Double it.", "en", self.reference) for i in range(count)]


def recipe(reference: Reference, *rewards: RewardPart) -> Recipe:
    made = r1_zero()
    rl = dict(made.stages)["rl"]
    assert isinstance(rl, Rl)
    return replace(made, stages=(("rl", replace(rl, problems=Asked(reference), rewards=Rewards(rewards or rl.rewards.parts))),))


def test_a_run_without_programs_names_none() -> None:
    assert sandbox_of(recipe(Number("72"))) is None
    assert sandbox_of(recipe(DOUBLE, RewardPart("a", Accuracy(), domains=("maths",)))) is None


def test_a_run_with_programs_names_the_tier_it_found() -> None:
    here = [tier for tier, why in tiers().items() if why is None and tier in ("bwrap", "wasm")]
    if not here:
        with pytest.raises(BadInput, match="no sandbox for programs works here"):
            sandbox_of(recipe(DOUBLE))
    else:
        assert sandbox_of(recipe(DOUBLE)) == here[0]


def test_the_weaker_mode_has_to_be_asked_for_and_is_named_and_another_is_another_run() -> None:
    unsafe = manifest(ResolvedRecipe(recipe(DOUBLE, RewardPart("a", Accuracy(sandbox="unsafe"))), None), ["aha", "run"])
    assert unsafe.sandbox == "unsafe" and unsafe.settings["rl.rewards.a.reward.sandbox"].value == "unsafe"
    assert replace(unsafe, sandbox="wasm").differences(unsafe) == ["sandbox: 'wasm' -> 'unsafe'"]
