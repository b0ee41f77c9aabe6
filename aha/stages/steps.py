"""Code that the loops of all stages share: steps shown to observers and written down, passes over a data set, schedules of settings."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from operator import attrgetter
from pathlib import Path

from aha.errors import BadInput, FailedBar, Interruption, Signed
from aha.protocols import Learner, Metrics, Observer, Pause, Problems, Sampling, Stop, Verdict
from aha.rewards import Rewards
from aha.rundir import Progress, Retention, RunDir
from aha.types import Group

USUAL = Retention()


@dataclass(frozen=True)
class StepLog:
    """The steps of a loop. `kind` is a person's word for a step (rollout, step, chunk), `count` the number of them in all.
    A checkpoint is due every `save_every` steps and after the last one. Stopping the loop in between adds one more, which is removed again
    once the next one is written, so that a stopped run ends with the same files as one that was not."""

    rundir: RunDir
    observer: Observer
    kind: str
    count: int
    save_every: int = 1

    def begin(self, number: int) -> None:
        """Announce a step: ctrl-C waits from here until the step is written down."""
        self.observer.begin(self.kind, number)

    def due(self, number: int) -> bool:
        """Return True if a checkpoint is written after this step, whatever happens in it."""
        return number + 1 == self.count or (number + 1) % self.save_every == 0

    def end(
        self,
        number: int,
        metrics: Metrics,
        timings: Metrics,
        groups: Sequence[Group] = (),
        *,
        save: Callable[[Path], None],
        progress: Progress,
        keep: Retention = USUAL,
        due: bool = False,
        last: bool = False,
        stop: str = "",
    ) -> None:
        """Write the step down. `due`: with a checkpoint in any case. `last`: no step follows. `stop`: the loop's own reason to end here.
        FailedBar if the run is stopped, Interruption after ctrl-C; everything up to here is saved then."""
        verdict: Verdict = self.observer.rollout(number, metrics, timings, groups)
        if stop and not isinstance(verdict, Stop):
            verdict = Stop(stop, verdict.signs)
        last = last or number + 1 == self.count or isinstance(verdict, Stop)
        due = due or last or self.due(number)
        saves = due or isinstance(verdict, Pause)
        sick = None if last and not verdict.signs else bool(verdict.signs)
        self.rundir.commit(
            number, metrics, timings, groups, save=save if saves else None, progress=progress, keep=keep, extra=not due, sick=sick
        )
        self.observer.end(saves)
        match verdict:
            case Stop(reason):
                raise FailedBar(reason + self._way_back(verdict.signs))
            case Pause(exit_code):
                raise Interruption(self._words(number), exit_code)

    def _way_back(self, signs: Sequence[str]) -> str:
        """Return a hint to resume from the last healthy checkpoint after a collapse; empty if there is none."""
        healthy = self.rundir.healthy if signs else None
        return (
            "" if healthy is None else f" The last checkpoint before the first sign of it is {healthy.folder}: go on from there (--model)."
        )

    def _words(self, number: int) -> str:
        step, folder = f"{self.kind} {number + 1}", self.rundir.checkpoints()[-1].folder
        return f"stopped after {step}, which is saved: nothing is lost; the same command goes on from {folder}"


def with_rest(phases: Metrics, timings: Metrics) -> Metrics:
    """Return the seconds of the phases of a rollout, with `other_s` for the rest beside them and judging, which is 0 if sampling and
    learning run at once."""
    known = sum(phases.values()) + timings.get("judge_alone_s", 0.0)
    return {**phases, "other_s": max(0.0, timings["seconds"] - known)}


class LapTimer:
    """The seconds of each part of a rollout, for information only: nothing is decided by them."""

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self._laps[name], self._last = now - self._last, now

    def spans(self, sampled: tuple[float, float] | None) -> dict[str, float]:
        """Return when sampling and learning began and ended, in seconds of the machine's clock. `sampled`: when a thread of its own
        sampled."""
        asked = self._start + self._laps["ask_s"]
        begin, end = sampled or (self._start, asked)
        return {"sample_at": begin, "sample_end": end, "learn_at": asked, "learn_end": asked + self._laps["learn_s"]}

    def timings(self, tokens: int) -> dict[str, float]:
        seconds = time.monotonic() - self._start
        return {"seconds": seconds, **self._laps, "tokens": float(tokens), "tokens_per_s": tokens / seconds}


@dataclass(frozen=True)
class Epochs:
    """Passes over `examples` examples until `places` of them were used, `batch` at a time. `name` and `seed` determine the orders."""

    name: str
    seed: int
    batch: int
    examples: int
    places: int

    def picks(self, step: int) -> list[int]:
        """Return the examples of a step: every epoch is a new order of all, and a step may begin in one epoch and end in the next."""
        places = range(step * self.batch, min((step + 1) * self.batch, self.places))
        orders = {epoch: self._order(epoch) for epoch in {place // self.examples for place in places}}
        return [orders[place // self.examples][place % self.examples] for place in places]

    def _order(self, epoch: int) -> list[int]:
        return random.Random(f"{self.name} {self.seed} epoch {epoch}").sample(range(self.examples), self.examples)


def resumed_step(rundir: RunDir, learner: Learner, data: str, digest: str) -> int:
    """Return the step to resume with; the learner gets its state of that time. BadInput if `data` is not what the run began with."""
    state = rundir.resume()
    if state is None:
        return 0
    if state.progress["data"] != digest:
        raise BadInput(f"{data}: its rows are not those that this run began with; bring them back, or begin another run")
    learner.load(state.folder)
    return int(state.progress["step"])


def check_positive(stage: object, *names: str) -> None:
    """Raise BadInput for the first of these settings below 1; None is allowed. A name may lead through a part: `sampling.max_tokens`."""
    for name in names:
        value = attrgetter(name)(stage)
        if value is not None and value < 1:
            raise BadInput(f"{name} is {value}: it counts something a run needs, so 1 or more")


@dataclass(frozen=True)
class Schedule:
    """Settings that change at an optimizer step; before the first change, the stage's own hold. A rollout is sampled and scored under the
    settings of the step it begins with, so a change in the middle of one counts from the next.
    `max_tokens` and `temperature`, of the sampling: (step, value). `weights`: (name of the reward, step, weight); a reward of weight 0 is
    still measured."""

    max_tokens: tuple[tuple[int, int], ...] = ()
    temperature: tuple[tuple[int, float], ...] = ()
    weights: tuple[tuple[str, int, Signed], ...] = ()

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
        """Return the sampling of a rollout that begins with this step, counted from 0."""
        longest, temperature = _at(self.max_tokens, usual.max_tokens, step), _at(self.temperature, usual.temperature, step)
        return replace(usual, max_tokens=int(longest), temperature=temperature)

    def rewards(self, usual: Rewards, step: int) -> Rewards:
        """Return the rewards with the weights of a rollout that begins with this step."""
        weights = {part.name: _at(self._weights(part.name), part.weight, step) for part in usual.parts if part.name in self.names}
        return usual.with_weights(weights) if weights else usual

    def lines(self) -> list[tuple[int, str]]:
        """Return the step of each change and the change in words, in the order of the settings."""
        lines = [("max_tokens", self.max_tokens), ("temperature", self.temperature)]
        lines += [(f"weight of {name}", self._weights(name)) for name in self.names]
        return [(step, f"from step {step:,} on, {name} {value:,}") for name, changes in lines for step, value in changes]

    def _weights(self, name: str) -> tuple[tuple[int, float], ...]:
        return tuple((step, weight) for reward, step, weight in self.weights if reward == name)


@dataclass(frozen=True)
class FinalPhase:
    """Settings of the last `steps` optimizer steps only: the rewards of these names, and problems of their own. Neither is used before.
    A learned preference is hacked sooner than it is satisfied: the paper uses it, and general prompts, in the last 400 of 1,700 steps only
    (nature, Methods). `problems` None: those of the stage."""

    steps: int = 400
    rewards: tuple[str, ...] = ()
    problems: Problems | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise BadInput(
                f"late.steps is {self.steps}: it counts the last steps of a run, so 1 or more; with late none they are like all others"
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
