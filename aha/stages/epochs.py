"""Going through a data set several times, every time in another order: what imitation and preference models have in common."""

from __future__ import annotations

import random
from dataclasses import dataclass

from aha.errors import BadInput
from aha.protocols import Learner
from aha.rundir import RunDir


@dataclass(frozen=True)
class Epochs:
    """`examples` of them gone through until `places` were taken, `batch` at a time. `name` and `seed` draw the orders."""

    name: str
    seed: int
    batch: int
    examples: int
    places: int

    def picks(self, step: int) -> list[int]:
        """The examples of a step: every epoch is a new order of all, and a step may begin in one and end in the next."""
        places = range(step * self.batch, min((step + 1) * self.batch, self.places))
        orders = {epoch: self._order(epoch) for epoch in {place // self.examples for place in places}}
        return [orders[place // self.examples][place % self.examples] for place in places]

    def _order(self, epoch: int) -> list[int]:
        return random.Random(f"{self.name} {self.seed} epoch {epoch}").sample(range(self.examples), self.examples)


def resumed_step(rundir: RunDir, learner: Learner, data: str, digest: str) -> int:
    """The step to go on with, the learner being as it was then. BadInput where `data` is not what the run began with."""
    state = rundir.resume()
    if state is None:
        return 0
    if state.progress["data"] != digest:
        raise BadInput(f"{data}: its rows are not those that this run began with; bring them back, or begin another run")
    learner.load(state.folder)
    return int(state.progress["step"])
