"""What changes within a run: settings by optimizer step, and what only the last steps have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

from aha.errors import BadInput
from aha.protocols import Problems, Sampling
from aha.rewards import Rewards


@dataclass(frozen=True)
class Schedule:
    """From an optimizer step on, another value; before the first of them, the stage's own. A rollout is asked and judged under what holds
    at the step that it begins with, so a step in the middle of one counts from the next.

    `max_tokens` and `temperature`, of the sampling: (step, value). `weights`: (name of the reward, step, weight); a reward that weighs 0 is
    still measured."""

    max_tokens: tuple[tuple[int, int], ...] = ()
    temperature: tuple[tuple[int, float], ...] = ()
    weights: tuple[tuple[str, int, float], ...] = ()

    def __post_init__(self) -> None:
        _check("max_tokens", self.max_tokens)
        _check("temperature", self.temperature)
        for name in self.names:
            _check(f"weights of '{name}'", self._weights(name), positive=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The rewards whose weight changes."""
        return tuple(dict.fromkeys(name for name, _, _ in self.weights))

    def sampling(self, usual: Sampling, step: int) -> Sampling:
        """How tokens are drawn by a rollout that begins with this step, counted from 0."""
        longest, temperature = _at(self.max_tokens, usual.max_tokens, step), _at(self.temperature, usual.temperature, step)
        return replace(usual, max_tokens=int(longest), temperature=temperature)

    def rewards(self, usual: Rewards, step: int) -> Rewards:
        """The rewards with the weights of a rollout that begins with this step."""
        weights = {part.name: _at(self._weights(part.name), part.weight, step) for part in usual.parts if part.name in self.names}
        return usual.with_weights(weights) if weights else usual

    def lines(self) -> list[tuple[int, str]]:
        """Each change, its step and in words, in the order of the settings."""
        lines = [("max_tokens", self.max_tokens), ("temperature", self.temperature)]
        lines += [(f"weight of {name}", self._weights(name)) for name in self.names]
        return [(step, f"from step {step:,} on, {name} {value:,}") for name, changes in lines for step, value in changes]

    def _weights(self, name: str) -> tuple[tuple[int, float], ...]:
        return tuple((step, weight) for reward, step, weight in self.weights if reward == name)


@dataclass(frozen=True)
class Late:
    """What only the last `steps` optimizer steps have: the rewards of these names, and problems of their own. Before, neither is asked.

    A learned preference is pleased sooner than it is met: the paper has it, and general prompts with it, in the last 400 of 1,700 steps
    only (nature, Methods). `problems` None: those of the stage, all along."""

    steps: int = 400
    rewards: tuple[str, ...] = ()
    problems: Problems | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise BadInput(
                f"late.steps is {self.steps}: it counts the last steps of a run, so 1 or more; late none leaves them as all others"
            )


def _at(changes: Sequence[tuple[int, float]], usual: float, step: int) -> float:
    return [usual, *(value for start, value in changes if start <= step)][-1]


def _check(name: str, changes: Sequence[tuple[int, float]], positive: bool = True) -> None:
    steps = [step for step, _ in changes]
    if any(step < 0 for step in steps) or sorted(set(steps)) != steps:
        raise BadInput(f"schedule: {name} changes at steps {steps}: each is 0 or more, and later than the one before")
    for step, value in changes:
        if not isfinite(value) or (positive and value <= 0):
            raise BadInput(f"schedule: {name} is {value} from step {step} on: it has to be a finite number{' above 0' * positive}")
