"""What follows from the settings, in words: the arithmetic that a person checks before a long run."""

from __future__ import annotations

from aha.recipes.recipe import Recipe
from aha.stages.rl import Rl


def derived(recipe: Recipe) -> list[str]:
    """One line a stage that asks and learns."""
    return [f"{name}: {_batches(stage)}" for name, stage in recipe.stages if isinstance(stage, Rl)]


def _batches(rl: Rl) -> str:
    replies = rl.questions * rl.samples
    step = f"{replies / rl.minibatches:g} replies a step"
    asked = f"{rl.questions} questions x {rl.samples} samples = {replies:,} replies a rollout"
    longest = f"at most {replies * rl.sampling.max_tokens:,} new tokens a rollout"
    return f"{asked}, in {rl.minibatches} mini-batches of {step}; {rl.steps:,} steps = {rl.rollouts:,} rollouts; {longest}"
