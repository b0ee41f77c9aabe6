"""Why can this not learn? Before a run, on a few prompts; during it, on every rollout."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from aha.answers import gradable
from aha.objectives.filters import dead
from aha.protocols import Backend, Continue, Stop
from aha.stages.ask import Asker
from aha.stages.rl import Rl
from aha.stages.summary import summarise
from aha.types import Abstained, Group, Problem, Reply

Severity = Literal["warning", "hopeless"]
AGREES = 1e-6
BEFORE = -1  # the rollout that the preflight's seeds belong to: none that trains
SHOWN = 300  # characters of a sample that a terminal line still holds


@dataclass(frozen=True)
class Signal:
    """A reason why nothing is learned. `kind` is stable, `words` are for a person, `sample` is the first reply that shows it."""

    kind: str
    severity: Severity
    words: str
    sample: str = ""

    def line(self) -> str:
        return f"{self.words} {self.sample}".strip()


@dataclass(frozen=True)
class Doctor:
    """The thresholds, and why they stand where they do.

    `truncated`: at 97 % cut, a rollout of 512 replies has 15 that could earn anything. `often_truncated`: half of the replies are paid for
    in vain. `abstained`: a healthy grader abstains on fewer than 1 reply in 100; `blind`: at half, the reward is mostly noise.
    `ungraded_gold`: 1 gold answer in 100 that cannot be read is a data set with a wrong field. `patience`: one bad rollout may be chance,
    three in a row are not. `evidence`: a model that is right once in 100 shows it in 256 replies with probability 0.92.
    `skipped`: three rollouts in a row with an update that was not finite do not mend themselves."""

    truncated: float = 0.97
    often_truncated: float = 0.5
    abstained: float = 0.01
    blind: float = 0.5
    ungraded_gold: float = 0.01
    patience: int = 3
    evidence: int = 256
    skipped: int = 3

    def examine(self, groups: Sequence[Group]) -> list[Signal]:
        """What is wrong with these groups, the worst first. A deeper cause hides those that follow from it."""
        if not any(group.replies for group in groups):
            return [Signal("silent", "hopeless", "There is not one reply to look at.")]
        found = [*self.gold([group.problem for group in groups]), *self._truncation(groups), *self._abstentions(groups), *_format(groups)]
        if not any(signal.severity == "hopeless" for signal in found):
            found += _dead(groups)
        return sorted(found, key=lambda signal: signal.severity != "hopeless")

    def gold(self, problems: Sequence[Problem]) -> list[Signal]:
        """Reference answers that no reply can match, which is known before anything is asked."""
        unread = [problem for problem in problems if not gradable(problem.reference)]
        if not unread or len(unread) < self.ungraded_gold * len(problems):
            return []
        severity: Severity = "hopeless" if len(unread) >= self.blind * len(problems) else "warning"
        words = f"{_share(len(unread), len(problems))} gold answers cannot be read, so no reply can match them: is it the right field?"
        return [Signal("gold", severity, words, f"The first is {unread[0].id}: {clip(str(unread[0].reference))}")]

    def _truncation(self, groups: Sequence[Group]) -> list[Signal]:
        replies = _replies(groups)
        cut = [(problem, reply) for problem, reply in replies if reply.finished == "length"]
        if len(cut) < self.often_truncated * len(replies):
            return []
        severity: Severity = "hopeless" if len(cut) >= self.truncated * len(replies) else "warning"
        longest = max(reply.tokens for _, reply in cut)
        words = (
            f"{_share(len(cut), len(replies))} replies are cut at {longest} tokens, before they can answer: raise --sampling.max_tokens."
        )
        return [Signal("truncated", severity, words, shown(cut[0], "cut"))]

    def _abstentions(self, groups: Sequence[Group]) -> list[Signal]:
        judged = [(group.problem, reply, score.total) for group in groups for reply, score in zip(group.replies, group.scores, strict=True)]
        unsaid = [(problem, reply, total.reason) for problem, reply, total in judged if isinstance(total, Abstained)]
        if len(unsaid) <= self.abstained * len(judged):
            return []
        severity: Severity = "hopeless" if len(unsaid) >= self.blind * len(judged) else "warning"
        (reason, _), *_rest = Counter(reason for _, _, reason in unsaid).most_common(1)
        words = f"The grader cannot judge {_share(len(unsaid), len(judged))} replies, most often because: {reason}."
        return [Signal("abstained", severity, words, shown(unsaid[0][:2], "not judged"))]


def _format(groups: Sequence[Group]) -> list[Signal]:
    """Replies that were cut say nothing about the template."""
    whole = [(problem, reply) for problem, reply in _replies(groups) if reply.finished == "stop"]
    if not whole or any(reply.well_formed for _, reply in whole):
        return []
    rule = what_is_broken(whole[0][1].text)
    words = f"Not one of {len(whole)} finished replies keeps the template ({rule}): use a template that the model knows."
    severity: Severity = "hopeless" if _agree_everywhere(groups) else "warning"
    return [Signal("format", severity, words, shown(whole[0], "that failed"))]


def _dead(groups: Sequence[Group]) -> list[Signal]:
    alive = [group for group in groups if not dead(group)]
    if alive:
        return _constant_parts(groups)
    totals = [total for group in groups for total in _totals(group)]
    right = sum(value > 0 for value in _part(groups, "accuracy"))
    words = f"All {len(groups)} groups are dead: the replies to each question earn the same"
    first = shown(_replies(groups)[0], "")
    if not totals or max(totals) - min(totals) < AGREES:
        words += f" (every one of {len(totals)} replies {totals[0]:g})" if totals else ""
    if right == len(totals) and right:
        return [Signal("dead_right", "hopeless", f"{words}, all right: nothing is left to learn; ask harder problems.", first)]
    if right == 0:
        advice = "none right: ask easier problems, more samples a question (--samples), or start from a stronger base."
        return [Signal("dead_wrong", "hopeless", f"{words}, {advice}", first)]
    return [Signal("dead", "hopeless", f"{words}, {right} of {len(totals)} right: ask more samples a question (--samples).", first)]


def _constant_parts(groups: Sequence[Group]) -> list[Signal]:
    """A reward that is the same for every reply while another one varies: only the other one is learned."""
    names = dict.fromkeys(part.name for group in groups for score in group.scores for part in score.parts)
    values = {name: _part(groups, name) for name in names}
    still = {name: seen[0] for name, seen in values.items() if seen and max(seen) - min(seen) < AGREES}
    return [
        Signal(
            f"constant_{name}",
            "warning",
            f"The reward '{name}' is {value:g} for all {len(values[name])} replies, so it teaches nothing yet.",
        )
        for name, value in still.items()
        if not (name == "format" and value > 0)
    ]


# --- during a run -----------------------------------------------------------------------------------------------------


@dataclass
class Ward:
    """An observer that ends a run whose rollouts show the same hopeless signal again and again; `tell` hears each new signal once."""

    tell: Callable[[Signal], None]
    doctor: Doctor = field(default_factory=Doctor)
    _rows: Counter[str] = field(default_factory=Counter)
    _replies: Counter[str] = field(default_factory=Counter)
    _told: set[tuple[str, str]] = field(default_factory=set)

    def beat(self, what: str) -> None:
        """Nothing to examine yet."""

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue | Stop:
        signals = [*(self.doctor.examine(groups) if groups else []), *not_finite(metrics)]
        self._count(signals, sum(len(group.replies) for group in groups))
        for signal in signals:
            if (signal.kind, signal.severity) not in self._told:
                self._told.add((signal.kind, signal.severity))
                self.tell(signal)
        for signal in signals:
            if signal.severity == "hopeless" and self._persists(signal.kind):
                return Stop(f"{self._rows[signal.kind]} rollouts in a row up to rollout {number} cannot teach. {signal.line()}")
        return Continue()

    def _count(self, signals: Sequence[Signal], replies: int) -> None:
        kinds = {signal.kind for signal in signals if signal.severity == "hopeless"}
        for kind in kinds | set(self._rows):
            self._rows[kind] = self._rows[kind] + 1 if kind in kinds else 0
            self._replies[kind] = self._replies[kind] + replies if kind in kinds else 0

    def _persists(self, kind: str) -> bool:
        if kind == "not_finite":
            return self._rows[kind] >= self.doctor.skipped
        return self._rows[kind] >= self.doctor.patience and self._replies[kind] >= self.doctor.evidence


def not_finite(metrics: Mapping[str, float]) -> list[Signal]:
    """Updates that were skipped, or numbers that are none."""
    bad = [name for name, value in metrics.items() if not math.isfinite(value)]
    if metrics.get("skipped", 0.0) <= 0 and not bad:
        return []
    seen = f"{', '.join(bad)} not finite" if bad else "an update with a loss or gradient that is not finite was skipped"
    return [Signal("not_finite", "hopeless", f"{seen}: lower the learning rate (--optim.lr) or compute in float32.")]


# --- in words ---------------------------------------------------------------------------------------------------------

RULES = (("<think>", "</think>"), ("<answer>", "</answer>"))


def what_is_broken(text: str) -> str:
    """The first rule of the template that a reply breaks, as far as its text tells."""
    for opened, closed in RULES:
        if text.count(opened) > 1 or text.count(closed) > 1:
            return f"{opened} … {closed} stands more than once"
        if closed not in text:
            return f"{opened} is never closed" if opened in text else f"there is no {opened} … {closed}"
    return "the order of the tags, an empty answer, or text outside of them"


def shown(seen: tuple[Problem, Reply], which: str) -> str:
    """The reply in one line, with the problem it answers."""
    problem, reply = seen
    return f"The first reply{f' {which}' if which else ''}, to {problem.id}: {clip(reply.text)!r}"


def clip(text: str) -> str:
    """Both ends of a text that is too long for a line."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN // 2]} … {text[-SHOWN // 2 :]}"


def _share(some: int, of: int) -> str:
    return f"{some} of {of} ({100 * some / of:.0f} %)"


def _replies(groups: Sequence[Group]) -> list[tuple[Problem, Reply]]:
    return [(group.problem, reply) for group in groups for reply in group.replies]


def _totals(group: Group) -> list[float]:
    return [score.total for score in group.scores if not isinstance(score.total, Abstained)]


def _part(groups: Sequence[Group], name: str) -> list[float]:
    parts = [part for group in groups for score in group.scores for part in score.parts if part.name == name]
    return [part.value for part in parts if not isinstance(part.value, Abstained)]


def _agree_everywhere(groups: Sequence[Group]) -> bool:
    return all(map(dead, groups))


# --- before a run -----------------------------------------------------------------------------------------------------


HOUSE_DOCTOR = Doctor()


@dataclass(frozen=True)
class Examination:
    """What a few prompts showed."""

    groups: tuple[Group, ...]
    signals: tuple[Signal, ...]

    @property
    def hopeless(self) -> bool:
        return any(signal.severity == "hopeless" for signal in self.signals)

    def lines(self) -> list[str]:
        """The verdict in words, one thought a line."""
        verdict = "As it stands, this cannot learn." if self.hopeless else "This can learn."
        return [*self._measured(), *(f"{signal.severity}: {signal.line()}" for signal in self.signals), verdict]

    def _measured(self) -> list[str]:
        if not self.groups:
            return []
        metrics = summarise(self.groups)
        replies = sum(len(group.replies) for group in self.groups)
        names = ("accuracy", "format", "length", "truncated", "dead_groups")
        said = ", ".join(f"{name.replace('_', ' ')} {metrics[name]:.3g}" for name in names if name in metrics)
        return [f"Asked {len(self.groups)} questions, {replies} replies: {said}."]


def preflight(stage: Rl, backend: Backend, beat: Callable[[str], None], doctor: Doctor = HOUSE_DOCTOR, prompts: int = 8) -> Examination:
    """Asks the untrained model `prompts` of the stage's own questions, with its own sampling."""
    problems = stage.problems.at(0, 0, min(prompts, stage.questions), stage.seed)
    if unread := doctor.gold(problems):
        return Examination((), tuple(unread))
    beat(f"loading {stage.model}")
    engine, tokenizer = backend.engine(stage.model), backend.tokenizer(stage.model)
    with stage.rewards.open(backend) as live:
        asker = Asker(engine, tokenizer, stage.template, live, stage.sampling, stage.samples, beat)
        groups = asker.groups(problems, (stage.seed, BEFORE))
    return Examination(tuple(groups), tuple(doctor.examine(groups)))
