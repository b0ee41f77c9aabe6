"""What follows from the settings, in words: the arithmetic that a person checks before a long run."""

from __future__ import annotations

from aha.protocols import Stage
from aha.recipes.recipe import Recipe
from aha.stages.rl import Rl
from aha.stages.sft import Sft


def derived_lines(recipe: Recipe) -> list[str]:
    """Of each stage that asks or imitates, and learns."""
    return [f"{name}: {line}" for name, stage in recipe.stages for line in _lines(stage)]


def _lines(stage: Stage) -> list[str]:
    match stage:
        case Rl():
            return [_batches(stage), *_changes(stage)]
        case Sft():
            return [_sft_line(stage)]
    return []


def _sft_line(sft: Sft) -> str:
    rates = f"the rate falls along a cosine from {sft.optim.lr:g} to {sft.optim.lr * sft.final_rate:g}"
    return f"every example {sft.epochs:g} times, {sft.batch} a step, at most {sft.batch * sft.max_tokens:,} tokens; {rates}"


def _batches(rl: Rl) -> str:
    replies = rl.questions * rl.samples
    step = f"{replies / rl.minibatches:g} replies a step"
    rollout_text = f"{rl.questions} questions x {rl.samples} samples = {replies:,} replies a rollout"
    longest = f"at most {replies * rl.sampling.max_tokens:,} new tokens a rollout"
    return f"{rollout_text}, in {rl.minibatches} mini-batches of {step}; {rl.steps:,} steps = {rl.rollouts:,} rollouts; {longest}"


def _changes(rl: Rl) -> list[str]:
    """What the schedule and the last steps come to, a line each."""
    lines = [f"{line}{_beyond(step, rl)}" for step, line in rl.schedule.lines()]
    if rl.late is not None:
        step = max(0, rl.steps - rl.late.steps)
        late_parts = [*rl.late.rewards, *(["problems of their own"] if rl.late.problems is not None else [])]
        lines.append(f"from step {step:,} on, the last {rl.late.steps:,}: {', '.join(late_parts) or 'nothing else'}")
    return lines


def _beyond(step: int, rl: Rl) -> str:
    """A rollout is asked under what holds at its first step."""
    rollout = -(-step // rl.minibatches)
    return f" (rollout {rollout:,})" if rollout < rl.rollouts else f" (never: the run has {rl.steps:,} steps)"
