"""`aha doctor`: checks whether a recipe can learn as it stands."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from aha.backends.local_backend import LocalBackend
from aha.commands.choose import ResolvedRecipe, complete, main_rl
from aha.commands.terminal import Terminal
from aha.doctor import preflight
from aha.errors import BadInput, FailedBar
from aha.grading.sandbox import Tier
from aha.grading.sandbox.attacks import SandboxStatus, sandbox_status
from aha.rewards import Accuracy
from aha.stages.rl import Rl


def examine(choice: ResolvedRecipe, prompts: int, terminal: Terminal) -> int:
    """Sample a few prompts and print what they show. FailedBar, exit code 1, if nothing can be learned."""
    complete(choice.recipe)
    rl = main_rl(choice.recipe)
    if rl is None:
        raise BadInput(f"recipe {choice.recipe.name} has no RL stage: there are no rewards to examine")
    place = _sandbox(rl, prompts)
    for line in place.lines() if place else ():
        terminal.say(line)
    if place is not None and not place.holds:
        raise FailedBar(f"recipe {choice.recipe.name} would run programs in the tier {place.tier}, which does not contain them")
    preflight_signals = preflight(rl, LocalBackend(choice.recipe.compute), lambda activity: None, prompts=prompts)
    signals = [asdict(signal) for signal in preflight_signals.signals]
    terminal.tell(
        "examined", hopeless=preflight_signals.hopeless, signals=signals, lines=preflight_signals.lines(), sandbox=place and place.tier
    )
    for line in preflight_signals.lines():
        terminal.say(line)
    if preflight_signals.hopeless:
        raise FailedBar(f"recipe {choice.recipe.name} cannot learn as it stands: {next(iter(preflight_signals.signals)).words}")
    return 0


def _sandbox(rl: Rl, prompts: int) -> SandboxStatus | None:
    """Return the status of the sandbox for programs of the recipe's problems; None if these have no code."""
    problems = rl.problems.at(0, 0, min(prompts, rl.questions), rl.seed)
    tier: Tier | Literal["auto"] = next((part.reward.sandbox for part in rl.rewards.parts if isinstance(part.reward, Accuracy)), "auto")
    return sandbox_status([problem.reference for problem in problems], tier)
