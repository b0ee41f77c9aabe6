"""`aha doctor`: can this learn, as it stands?"""

from __future__ import annotations

from dataclasses import asdict

from aha.backends.laptop import Laptop
from aha.commands.choose import Chosen, complete, main_rl
from aha.commands.terminal import Terminal
from aha.doctor import preflight
from aha.errors import BadInput, BarFailed


def examine(chosen: Chosen, prompts: int, terminal: Terminal) -> int:
    """Asks a few prompts and says what they show. BarFailed, exit code 1, where nothing can be learned."""
    complete(chosen.recipe)
    rl = main_rl(chosen.recipe)
    if rl is None:
        raise BadInput(f"recipe {chosen.recipe.name} has no RL stage: there are no rewards to examine")
    found = preflight(rl, Laptop(chosen.recipe.compute), lambda what: None, prompts=prompts)
    terminal.tell("examined", hopeless=found.hopeless, signals=[asdict(signal) for signal in found.signals], lines=found.lines())
    for line in found.lines():
        terminal.say(line)
    if found.hopeless:
        raise BarFailed(f"recipe {chosen.recipe.name} cannot learn as it stands: {next(iter(found.signals)).words}")
    return 0
