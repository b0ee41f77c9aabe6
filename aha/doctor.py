"""The doctor says why a run cannot learn: before it, from a few prompts sampled and judged as in it; during it, from each rollout."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from aha.answers import gradable
from aha.errors import BadInput
from aha.objectives import AGREES, dead
from aha.protocols import Backend, Continue, Heartbeat, Observer, Stop, Tokenizer
from aha.rewards import Accuracy
from aha.sampling.rollouts import opens_thought
from aha.stages.ask import GroupSampler, summarise
from aha.stages.rl import Rl
from aha.template import THINK, Instruct, R1Zero, Short
from aha.types import Abstained, Conversation, Group, Message, Problem, Reply

__all__ = ["Doctor", "Examination", "RunMonitor", "Signal", "clip", "form_error", "preflight"]


EXCERPT_LENGTH = 300  # characters of a sample that a terminal line still holds
RULES = (("<think>", "</think>"), ("<answer>", "</answer>"))


def form_error(text: str) -> str:
    """Return the first rule of the template that a reply breaks, as far as its text tells."""
    for mark, end_mark in RULES:
        if text.count(mark) > 1 or text.count(end_mark) > 1:
            return f"{mark} … {end_mark} occurs more than once"
        if end_mark not in text:
            return f"{mark} is never closed" if mark in text else f"there is no {mark} … {end_mark}"
    return "the tags are in the wrong order, the answer is empty, or there is text outside the tags"


def excerpt(seen: tuple[Problem, Reply], label: str) -> str:
    """Return the reply in one line, with the problem it answers."""
    problem, reply = seen
    return f"The first reply{f' {label}' if label else ''}, to {problem.id}: {clip(reply.text)!r}"


def clip(text: str) -> str:
    """Shorten a text that is too long for a line to its two ends."""
    return text if len(text) <= EXCERPT_LENGTH else f"{text[: EXCERPT_LENGTH // 2]} … {text[-EXCERPT_LENGTH // 2 :]}"


Severity = Literal["warning", "hopeless"]


@dataclass(frozen=True)
class Signal:
    """A reason why nothing is learned. `kind` is stable, `words` are for a person, `sample` is the first reply that shows it."""

    kind: str
    severity: Severity
    words: str
    sample: str = ""

    def line(self) -> str:
        return f"{self.words} {self.sample}".strip()


LIMITS = {
    "time": "are not decided in time",
    "memory": "need too much memory",
    "depth": "are nested too deep",
    "crash": "crash the worker that judges them",
    "fault": "trigger a bug in the grader",
}


@dataclass(frozen=True)
class Doctor:
    """The thresholds of the doctor, and the reason for each default.

    `truncated`: at 97 % cut, a rollout of 512 replies has 15 that could earn anything. `often_truncated`: half of the replies earn
    nothing. `abstained`: a healthy grader abstains on fewer than 1 reply in 100; `blind`: at half, the reward is mostly noise; `rising`:
    1 in 20, where earlier rollouts had fewer than half as many, is a grader that fails, or a model that has found what it cannot judge.
    `ungraded_gold`: 1 gold answer in 100 that cannot be read is a data set with a wrong field. `patience`: one bad rollout may be chance,
    three in a row are not. `evidence`: a model that is right once in 100 shows it in 256 replies with probability 0.92.
    `skipped`: three rollouts in a row with an update that was not finite do not mend themselves. `form`: False where a reward reads the
    last claim of a reply in any form."""

    truncated: float = 0.97
    often_truncated: float = 0.5
    abstained: float = 0.01
    blind: float = 0.5
    rising: float = 0.05
    ungraded_gold: float = 0.01
    patience: int = 3
    evidence: int = 256
    skipped: int = 3
    form: bool = True

    def examine(self, groups: Sequence[Group]) -> list[Signal]:
        """Return the problems of these groups, the worst first. A root cause hides those that follow from it."""
        if not any(group.replies for group in groups):
            return [Signal("silent", "hopeless", "There are no replies to examine.")]
        signals = [*self.gold([group.problem for group in groups]), *self._truncation(groups), *self._abstentions(groups)]
        signals += _format(groups) if self.form else []
        if not any(signal.severity == "hopeless" for signal in signals):
            signals += _dead(groups)
        return sorted(signals, key=lambda signal: signal.severity != "hopeless")

    def gold(self, problems: Sequence[Problem]) -> list[Signal]:
        """Return signals for reference answers that no reply can match; no sampling is needed to know."""
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
        words = f"{_share(len(cut), len(replies))} replies are cut off at {longest} tokens, before an answer: raise --sampling.max_tokens."
        return [Signal("truncated", severity, words, excerpt(cut[0], "cut"))]

    def _abstentions(self, groups: Sequence[Group]) -> list[Signal]:
        rows = [(group.problem, reply, score.total) for group in groups for reply, score in zip(group.replies, group.scores, strict=True)]
        unsaid = [(problem, reply, total) for problem, reply, total in rows if isinstance(total, Abstained)]
        if len(unsaid) <= self.abstained * len(rows):
            return []
        severity: Severity = "hopeless" if len(unsaid) >= self.blind * len(rows) else "warning"
        (reason, _), *_rest = Counter(total.reason for _, _, total in unsaid).most_common(1)
        words = f"The grader cannot judge {_share(len(unsaid), len(rows))} replies, most often because: {reason}."
        causes = Counter(total.cause for _, _, total in unsaid if total.cause)
        if often := [(cause, count) for cause, count in causes.most_common() if count > self.abstained * len(rows)]:
            limits = ", ".join(f"{_share(count, len(rows))} {LIMITS[cause]}" for cause, count in often)
            words += f" Replies run into the grader's limits, which a model can learn, since they leave their groups unpunished: {limits}."
        return [Signal("abstained", severity, words, excerpt(unsaid[0][:2], "not judged"))]


def doctor_of(stage: object) -> Doctor:
    """Return the doctor for a stage's rewards."""
    parts = stage.rewards.parts if isinstance(stage, Rl) else ()
    return Doctor(form=not any(isinstance(part.reward, Accuracy) and part.reward.reads == "last" for part in parts))


def _format(groups: Sequence[Group]) -> list[Signal]:
    """Return signals for replies that break the template; replies cut at the length limit do not count."""
    whole = [(problem, reply) for problem, reply in _replies(groups) if reply.finished == "stop"]
    if not whole or any(reply.well_formed for _, reply in whole):
        return []
    rule = form_error(whole[0][1].text)
    words = f"None of {len(whole)} finished replies follows the template ({rule}): use a template that the model knows."
    severity: Severity = "hopeless" if _agree_everywhere(groups) else "warning"
    return [Signal("format", severity, words, excerpt(whole[0], "that failed"))]


def _dead(groups: Sequence[Group]) -> list[Signal]:
    if not all(map(dead, groups)):
        return _constant_parts(groups)
    totals = [total for group in groups for total in _totals(group)]
    right = sum(value > 0 for value in _part(groups, "accuracy"))
    words = f"All {len(groups)} groups are dead: the replies to each question earn the same reward"
    first = excerpt(_replies(groups)[0], "")
    if not totals or max(totals) - min(totals) < AGREES:
        words += f" (each of {len(totals)} replies {totals[0]:g})" if totals else ""
    if right == len(totals) and right:
        return [Signal("dead_right", "hopeless", f"{words}, all right: nothing is left to learn; ask harder problems.", first)]
    if right == 0:
        advice = "none right: ask easier problems, more samples a question (--samples), or start from a stronger base."
        return [Signal("dead_wrong", "hopeless", f"{words}, {advice}", first)]
    return [Signal("dead", "hopeless", f"{words}, {right} of {len(totals)} right: ask more samples a question (--samples).", first)]


def _constant_parts(groups: Sequence[Group]) -> list[Signal]:
    """Return signals for rewards that are the same for every reply while another one varies: only the other one is learned."""
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


def _share(count: int, of: int) -> str:
    return f"{count} of {of} ({100 * count / of:.0f} %)"


def _replies(groups: Sequence[Group]) -> list[tuple[Problem, Reply]]:
    return [(group.problem, reply) for group in groups for reply in group.replies]


def _totals(group: Group) -> list[float]:
    return [score.total for score in group.scores if not isinstance(score.total, Abstained)]


def _part(groups: Sequence[Group], name: str) -> list[float]:
    parts = [part for group in groups for score in group.scores for part in score.parts if part.name == name]
    return [part.value for part in parts if not isinstance(part.value, Abstained)]


def _agree_everywhere(groups: Sequence[Group]) -> bool:
    return all(map(dead, groups))


BEFORE = -1  # the rollout number in the preflight's seeds: no training rollout has it
HOUSE_DOCTOR = Doctor()
ENOUGH_IN_FORM = 0.1  # the share of replies: a model that keeps a template this often can learn to keep it
UNTAUGHT = "it does not write the tags: --rewards.accuracy.reads last --rewards.format.weight 0 rewards the answer without them."


@dataclass(frozen=True)
class Examination:
    """The result of the doctor's check on a few prompts."""

    groups: tuple[Group, ...]
    signals: tuple[Signal, ...]
    template: str = ""

    @property
    def hopeless(self) -> bool:
        return any(signal.severity == "hopeless" for signal in self.signals)

    def lines(self) -> list[str]:
        """Return the verdict in words, one statement per line."""
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


def preflight(stage: Rl, backend: Backend, heartbeat: Heartbeat, prompts: int = 8) -> Examination:
    """Ask the untrained model `prompts` of the stage's own questions, with its own sampling, and examine the replies."""
    stage, _ = stage.ready(stage.adaptation.apply(backend).tokenizer(stage.model))
    problems = stage.problems_at(0).at(0, 0, min(prompts, stage.questions), stage.seed)
    if unread := HOUSE_DOCTOR.gold(problems):
        return Examination((), tuple(unread))
    heartbeat(f"loading {stage.model}")
    backend = stage.adaptation.apply(backend)
    engine, tokenizer = backend.engine(stage.model), backend.tokenizer(stage.model)
    with stage.rewards.open(backend) as live:
        rewards, sampling = stage.rewards_at(live, 0), stage.schedule.sampling(stage.sampling, 0)
        sampler = GroupSampler(engine, tokenizer, stage.template, rewards, sampling, stage.samples, heartbeat, stage.too_long == "cut")
        groups = sampler.groups(problems, (stage.seed, BEFORE))
    return Examination(tuple(groups), tuple(doctor_of(stage).examine(groups)), which_template(stage, tokenizer, groups))


def which_template(stage: Rl, tokenizer: Tokenizer, groups: Sequence[Group]) -> str:
    """Return advice on the template that fits the model, by its chat template and its replies; empty if the stage's own fits."""
    in_form = [reply.well_formed for group in groups for reply in group.replies]
    if not doctor_of(stage).form or not in_form or sum(in_form) >= ENOUGH_IN_FORM * len(in_form):
        return ""
    try:
        opens = opens_thought(tokenizer, tokenizer.chat(Conversation((Message("user", "?"),))))
    except BadInput:
        fits = "" if isinstance(stage.template, R1Zero | Short) else ": --template r1-zero fits it"
        return f"The model has no chat template{fits}; {UNTAUGHT}"
    if opens:
        if isinstance(stage.template, Instruct) and stage.template.prefilled:
            return UNTAUGHT.capitalize()
        return f"The chat template opens {THINK}: --template instruct --template.prefilled true fits it."
    fits = "" if isinstance(stage.template, Instruct) else ": --template instruct fits it"
    return f"The model's chat template does not open a thought{fits}; {UNTAUGHT}"


FEWEST = 10  # abstentions that chance does not explain


@dataclass
class RunMonitor(Observer):
    """An observer that ends a run whose rollouts show the same hopeless signal again and again; `tell` is called once per new signal.

    Signals that may be the beginning of a collapse are the verdict's `signs`: while there are any, the last checkpoint before them is
    kept. A reward that is equal for all replies is no sign: so it is at the beginning of every run, and at the end of a good one."""

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
        """End a run whose grader abstains more and more: each of the last rollouts has more than twice the share of all before them."""
        scores = [score for group in groups for score in group.scores]
        self._unsaid.append((sum(isinstance(score.total, Abstained) for score in scores), len(scores)))
        before, last = self._unsaid[: -self.doctor.patience], self._unsaid[-self.doctor.patience :]
        usual = sum(count for count, _ in before) / max(1, sum(of for _, of in before))
        high = all(count >= max(self.doctor.rising, 2 * usual) * of > 0 for count, of in last)
        if not before or not high or sum(count for count, _ in last) < FEWEST or not signals:
            return Continue()
        shares = ", ".join(f"{100 * count / of:.0f} %" for count, of in last)
        return Stop(
            f"The grader abstains more and more often: it abstained on {shares} of the last rollouts' replies up to rollout {number}, "
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
        if kind == "abstained":  # half of the replies are not chance, however few they are
            return self._rows[kind] >= self.doctor.patience
        return self._rows[kind] >= self.doctor.patience and self._replies[kind] >= self.doctor.evidence


def signs_of(signals: Sequence[Signal]) -> tuple[str, ...]:
    """Return the kinds of the signals that may be the beginning of a collapse."""
    return tuple(signal.kind for signal in signals if not signal.kind.startswith("constant_"))


def not_finite(metrics: Mapping[str, float]) -> list[Signal]:
    """Return signals for skipped updates and for metrics that are not finite."""
    bad = [name for name, value in metrics.items() if not math.isfinite(value)]
    if metrics.get("skipped", 0.0) <= 0 and not bad:
        return []
    seen = f"{', '.join(bad)} not finite" if bad else "an update with a loss or gradient that is not finite was skipped"
    return [Signal("not_finite", "hopeless", f"{seen}: lower the learning rate (--optim.lr) or compute in float32.")]
