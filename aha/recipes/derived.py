"""What follows from the settings, in words: the arithmetic that a person checks before a long run."""

from __future__ import annotations

from aha.recipes.recipe import Recipe
from aha.stages.rl import Rl


def derived(recipe: Recipe) -> list[str]:
    """Of each stage that asks and learns."""
    return [f"{name}: {line}" for name, stage in recipe.stages if isinstance(stage, Rl) for line in (_batches(stage), *_changes(stage))]


def _batches(rl: Rl) -> str:
    replies = rl.questions * rl.samples
    step = f"{replies / rl.minibatches:g} replies a step"
    asked = f"{rl.questions} questions x {rl.samples} samples = {replies:,} replies a rollout"
    longest = f"at most {replies * rl.sampling.max_tokens:,} new tokens a rollout"
    return f"{asked}, in {rl.minibatches} mini-batches of {step}; {rl.steps:,} steps = {rl.rollouts:,} rollouts; {longest}"


def _changes(rl: Rl) -> list[str]:
    """What the schedule and the last steps come to, a line each."""
    found = [f"{line}{_beyond(step, rl)}" for step, line in rl.schedule.lines()]
    if rl.late is not None:
        step = max(0, rl.steps - rl.late.steps)
        what = [*rl.late.rewards, *(["problems of their own"] if rl.late.problems is not None else [])]
        found.append(f"from step {step:,} on, the last {rl.late.steps:,}: {', '.join(what) or 'nothing else'}")
    return found


def _beyond(step: int, rl: Rl) -> str:
    """A rollout is asked under what holds at its first step."""
    rollout = -(-step // rl.minibatches)
    return f" (rollout {rollout:,})" if rollout < rl.rollouts else f" (never: the run has {rl.steps:,} steps)"
