"""Why can this not learn? Before a run, on a few prompts; during it, on every rollout.

Before a run: a few prompts, asked and judged as the run would.

During a run: every rollout is examined, and what does not pass ends it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aha.doctor.signals import Doctor, Signal, clip, form_error
from aha.errors import BadInput
from aha.protocols import Backend, Continue, Observer, Stop, Tokenizer
from aha.stages.ask import GroupSampler
from aha.stages.rl import Rl
from aha.stages.summary import summarise
from aha.template import THINK, Instruct, R1Zero, Short
from aha.types import Abstained, Conversation, Group, Message

BEFORE = -1  # the rollout that the preflight's seeds belong to: none that trains
HOUSE_DOCTOR = Doctor()
ENOUGH_IN_FORM = 0.5  # of the replies: a model that keeps a template this often has learned it
UNTAUGHT = "it does not write the tags: --rewards.accuracy.reads last --rewards.format.weight 0 pays what it claims without them."


@dataclass(frozen=True)
class Examination:
    """What a few prompts showed."""

    groups: tuple[Group, ...]
    signals: tuple[Signal, ...]
    template: str = ""

    @property
    def hopeless(self) -> bool:
        return any(signal.severity == "hopeless" for signal in self.signals)

    def lines(self) -> list[str]:
        """The verdict in words, one thought a line."""
        verdict = "As it stands, this cannot learn." if self.hopeless else "This can learn."
        return [
            *self._metric_lines(),
            *filter(None, [self.template]),
            *(f"{signal.severity}: {signal.line()}" for signal in self.signals),
            verdict,
        ]

    def _metric_lines(self) -> list[str]:
        if not self.groups:
            return []
        metrics = summarise(self.groups)
        replies = sum(len(group.replies) for group in self.groups)
        names = ("accuracy", "format", "length", "truncated", "dead_groups")
        values = ", ".join(f"{name.replace('_', ' ')} {metrics[name]:.3g}" for name in names if name in metrics)
        return [f"Asked {len(self.groups)} questions, {replies} replies: {values}."]


def preflight(
    stage: Rl, backend: Backend, heartbeat: Callable[[str], None], doctor: Doctor = HOUSE_DOCTOR, prompts: int = 8
) -> Examination:
    """Asks the untrained model `prompts` of the stage's own questions, with its own sampling."""
    stage, _ = stage.ready(stage.adaptation.apply(backend).tokenizer(stage.model))
    problems = stage.problems_at(0).at(0, 0, min(prompts, stage.questions), stage.seed)
    if unread := doctor.gold(problems):
        return Examination((), tuple(unread))
    heartbeat(f"loading {stage.model}")
    backend = stage.adaptation.apply(backend)
    engine, tokenizer = backend.engine(stage.model), backend.tokenizer(stage.model)
    with stage.rewards.open(backend) as live:
        rewards, sampling = stage.rewards_at(live, 0), stage.schedule.sampling(stage.sampling, 0)
        sampler = GroupSampler(engine, tokenizer, stage.template, rewards, sampling, stage.samples, heartbeat, stage.too_long == "cut")
        groups = sampler.groups(problems, (stage.seed, BEFORE))
    return Examination(tuple(groups), tuple(doctor.examine(groups)), which_template(stage, tokenizer, groups))


def which_template(stage: Rl, tokenizer: Tokenizer, groups: Sequence[Group]) -> str:
    """Which template fits the model, by its chat template and by what it replied; empty where the stage's own does."""
    in_form = [reply.well_formed for group in groups for reply in group.replies]
    if not in_form or sum(in_form) >= ENOUGH_IN_FORM * len(in_form):
        return ""
    try:
        header = tokenizer.decode(tokenizer.chat(Conversation((Message("user", "?"),)))[-16:]).rstrip()
    except BadInput:
        fits = "" if isinstance(stage.template, R1Zero | Short) else ": --template r1-zero fits it"
        return f"The model has no chat template{fits}; {UNTAUGHT}"
    if header.endswith(THINK):
        is_prefilled = isinstance(stage.template, Instruct) and stage.template.prefilled
        return (
            UNTAUGHT.capitalize()
            if is_prefilled
            else f"The chat template opens {THINK}: --template instruct --template.prefilled true fits it."
        )
    fits = "" if isinstance(stage.template, Instruct) else ": --template instruct fits it"
    return f"The model has a chat template that opens no thought{fits}; {UNTAUGHT}"


FEWEST = 10  # abstentions that no chance explains


@dataclass
class RunMonitor(Observer):
    """An observer that ends a run whose rollouts show the same hopeless signal again and again; `tell` hears each new signal once.

    Signals that may be the beginning of a collapse stand in the verdict as `signs`: while there are any, the last checkpoint before them is
    kept. A reward that is the same for all replies is none: it is so at the beginning of every run, and at the end of a good one."""

    tell: Callable[[Signal], None]
    doctor: Doctor = field(default_factory=Doctor)
    _rows: Counter[str] = field(default_factory=Counter)
    _replies: Counter[str] = field(default_factory=Counter)
    _reports: set[tuple[str, str]] = field(default_factory=set)
    _unsaid: list[tuple[int, int]] = field(default_factory=list)

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue | Stop:
        signals = [*(self.doctor.examine(groups) if groups else []), *not_finite(metrics)]
        self._count(signals, sum(len(group.replies) for group in groups))
        for signal in signals:
            if (signal.kind, signal.severity) not in self._reports:
                self._reports.add((signal.kind, signal.severity))
                self.tell(signal)
        for signal in signals:
            if signal.severity == "hopeless" and self._persists(signal.kind):
                words = f"{self._rows[signal.kind]} rollouts in a row up to rollout {number} cannot teach. {signal.line()}"
                return Stop(words, signs_of(signals))
        verdict = self._check_rise(number, groups, [signal for signal in signals if signal.kind == "abstained"])
        return replace(verdict, signs=signs_of(signals))

    def _check_rise(self, number: int, groups: Sequence[Group], signals: Sequence[Signal]) -> Continue | Stop:
        """Ends a run whose grader can judge less and less: each of the last rollouts has more than twice the share of all before them."""
        scores = [score for group in groups for score in group.scores]
        self._unsaid.append((sum(isinstance(score.total, Abstained) for score in scores), len(scores)))
        before, last = self._unsaid[: -self.doctor.patience], self._unsaid[-self.doctor.patience :]
        usual = sum(count for count, _ in before) / max(1, sum(of for _, of in before))
        high = all(count >= max(self.doctor.rising, 2 * usual) * of > 0 for count, of in last)
        if not before or not high or sum(count for count, _ in last) < FEWEST or not signals:
            return Continue()
        shares = ", ".join(f"{100 * count / of:.0f} %" for count, of in last)
        return Stop(
            f"The grader can judge less and less: it abstained on {shares} of the last rollouts' replies up to rollout {number}, "
            f"and on {100 * usual:.0f} % before. {signals[0].line()}"
        )

    def _count(self, signals: Sequence[Signal], replies: int) -> None:
        kinds = {signal.kind for signal in signals if signal.severity == "hopeless"}
        for kind in kinds | set(self._rows):
            self._rows[kind] = self._rows[kind] + 1 if kind in kinds else 0
            self._replies[kind] = self._replies[kind] + replies if kind in kinds else 0

    def _persists(self, kind: str) -> bool:
        if kind == "not_finite":
            return self._rows[kind] >= self.doctor.skipped
        if kind == "abstained":  # half of the replies are no chance, however few they are
            return self._rows[kind] >= self.doctor.patience
        return self._rows[kind] >= self.doctor.patience and self._replies[kind] >= self.doctor.evidence


def signs_of(signals: Sequence[Signal]) -> tuple[str, ...]:
    """The kinds of those that a collapse begins with."""
    return tuple(signal.kind for signal in signals if not signal.kind.startswith("constant_"))


def not_finite(metrics: Mapping[str, float]) -> list[Signal]:
    """Updates that were skipped, or numbers that are none."""
    bad = [name for name, value in metrics.items() if not math.isfinite(value)]
    if metrics.get("skipped", 0.0) <= 0 and not bad:
        return []
    seen = f"{', '.join(bad)} not finite" if bad else "an update with a loss or gradient that is not finite was skipped"
    return [Signal("not_finite", "hopeless", f"{seen}: lower the learning rate (--optim.lr) or compute in float32.")]


__all__ = ["Doctor", "Examination", "RunMonitor", "Signal", "clip", "form_error", "preflight"]
