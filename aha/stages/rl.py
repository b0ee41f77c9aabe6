"""Reinforcement learning by group comparison (paper §2.2): sample, score, compare, update, repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from statistics import fmean
from typing import Literal

from aha.errors import BadInput
from aha.objectives import Advantages, Cispo, Filter, Grpo, Gspo
from aha.phases import phase_seconds
from aha.protocols import Adam, Adaptation, Backend, Engine, Learner, Metrics, Observer, Problems, RollBack, Sampling, Tokenizer
from aha.rewards import Rewards, paper
from aha.rundir import Progress, Retention, RunDir
from aha.sampling.rollouts import seed_for
from aha.stages.ask import Ahead, GroupSampler, RolloutSample, staleness, summarise
from aha.stages.audit import check_form, template_lines
from aha.stages.probe import ROLLED_BACK, Finding, RewardHackingProbe
from aha.stages.problem_checks import (
    AT_HAND,
    LongPrompts,
    Room,
    all_shared,
    asked_of,
    check_rewards,
    comparison_text,
    has_rows,
    keep_problems,
    problems_digest,
    prompt_sizes,
    row_lines,
    seen_of,
)
from aha.stages.steps import FinalPhase, LapTimer, Schedule, StepLog, check_positive, with_rest
from aha.tasks.filters import WORDS
from aha.template import R1Zero, Template
from aha.types import Group, Lora, Problem, Truncation

MORE = 2  # times the rollouts needed if each takes all its optimizer steps
MERGED_KL = 1e-3  # per token, between the merged weights that sampled and the adapter in training
AGREEMENT_ROWS = 8  # rows of a rollout on which engine and learner are compared
_LOSS_METRICS = tuple("loss kl_ref kl_old kl_old_k1 mismatch_kl ess entropy clip_low clip_high clip_dual grad_norm lr".split())


@dataclass(frozen=True)
class Rl:
    """A rollout samples `samples` replies to each of `questions` and learns from them in `minibatches` optimizer steps, each reply once.
    `steps` counts optimizer steps, as in the paper; the last rollout may be cut short. Every `reference_every` steps the reference becomes
    the policy (`None`: never). `old` is the source of the ratio's denominator: "behaviour" is the log-probability as sampled (right if
    engine and learner agree, and one forward pass cheaper), "recomputed" the learner's own (then `loss.correction` has an effect). From the
    share `anneal_from` of the steps on, the learning rate falls linearly towards 0 (1.0: it is constant, as in the paper).
    A checkpoint is written every `save_every` rollouts; the last `keep_last` stay, and those after every `keep_every` rollouts. The groups
    of the last `keep_groups` rollouts stay, and those of every `keep_groups_every` rollouts; None: all, which reports and costs read.
    `lora`: adapters to train in place of all weights; `max_positions`: the positions that the model is to know (None: as it comes).
    `too_long`: a prompt without room for the longest reply stops the run before its start, is left out, or gets shorter replies.
    Rows that share ten words with a benchmark or file of `against` are left out; "at-hand" is every benchmark in AHA_DATA.
    `lag`: the number of rollouts sampled ahead, each from weights as many rollouts old; `schedule` and `late` then hold for the steps of
    those weights. `partial`: unfinished replies go on with newer weights as soon as these are there, which no second run repeats; the
    version of each token is kept, and none is more than `lag` rollouts old. `schedule`: changes within the run; `late`: settings of its
    last steps only; `probe`: ends it if a preference is hacked."""

    model: str
    problems: Problems
    template: Template = R1Zero()
    rewards: Rewards = paper()
    loss: Grpo | Gspo | Cispo = Grpo()
    advantages: Advantages = Advantages()
    sampling: Sampling = Sampling()
    optim: Adam = Adam()
    lora: Lora = field(default=Lora(), kw_only=True)
    max_positions: int | None = field(default=None, kw_only=True)
    filter: Filter = Filter()
    truncation: Truncation = "penalise"
    too_long: LongPrompts = field(default="stop", kw_only=True)
    against: tuple[str, ...] = field(default=(AT_HAND,), kw_only=True)
    old: Literal["behaviour", "recomputed"] = "behaviour"
    questions: int = 512
    samples: int = 16
    minibatches: int = 16
    steps: int = 10_400
    reference_every: int | None = 400
    anneal_from: float = 1.0
    schedule: Schedule = Schedule()
    late: FinalPhase | None = None
    probe: RewardHackingProbe | None = None
    lag: int = field(default=0, kw_only=True)
    partial: bool = field(default=False, kw_only=True)
    seed: int = 0
    save_every: int = 1
    keep_last: int = 2
    keep_every: int | None = None
    keep_groups: int | None = field(default=None, kw_only=True)
    keep_groups_every: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.lag < 0 or (self.lag and self.probe is not None):
            raise BadInput(f"lag is {self.lag}: 0 or more, and 0 with a probe, which looks at the newest weights, not at older ones")
        if self.partial and not self.lag:
            raise BadInput("partial is True and lag is 0: nothing is sampled while weights change; set lag to 1 or more")
        if self.samples < 2:
            raise ValueError(f"samples is {self.samples}: GRPO compares replies within a group, so it needs 2 or more")
        counts = ("questions", "minibatches", "steps", "save_every", "keep_last", "keep_groups", "keep_groups_every")
        check_positive(self, "sampling.max_tokens", *counts)
        if not 0 <= self.anneal_from <= 1:
            raise ValueError(f"anneal_from is {self.anneal_from}: it is a share of the steps, so it lies from 0 to 1")
        if self.keep_groups is None and self.keep_groups_every is not None:
            raise BadInput(f"keep_groups_every is {self.keep_groups_every}, and without keep_groups all groups stay: set both or neither")
        if self.minibatches > self.questions:
            raise ValueError(f"minibatches is {self.minibatches}: a rollout has only {self.questions} groups to divide")
        if self.sampling.temperature <= 0 or self.sampling.top_p < 1:
            raise ValueError(
                f"sampling is temperature {self.sampling.temperature}, top_p {self.sampling.top_p}: RL needs the log-probabilities of the "
                "whole distribution, so a temperature above 0 and top_p 1"
            )
        if self.old == "behaviour" and getattr(self.loss, "correction", "none") != "none":
            raise BadInput(
                f"loss.correction is {getattr(self.loss, 'correction', '')} and old is behaviour: it corrects what the learner's own "
                "log-probabilities differ by, so old has to be recomputed (--old recomputed), or the correction none"
            )
        self._check_names()

    def _check_names(self) -> None:
        reward_names = {"schedule": self.schedule.names, "late": self.late.rewards if self.late else ()}
        reward_names["probe"] = self.probe.preferences if self.probe else ()
        part_names = [part.name for part in self.rewards.parts]
        for where, names in reward_names.items():
            if unknown := [name for name in names if name not in part_names]:
                raise BadInput(f"{where} names the reward '{unknown[0]}': the rewards are {', '.join(part_names)}")
        if not self.schedule.weights and not any(part.weight for part in self.rewards.parts):
            raise BadInput("rewards: each has weight 0, so that all replies earn the same and nothing is learned")
        self.rewards_at(self.rewards, 0)

    @property
    def adaptation(self) -> Adaptation:
        """The changes to the model that the run starts from."""
        return Adaptation(self.max_positions, self.lora)

    @property
    def rollouts(self) -> int:
        return -(-self.steps // self.minibatches)

    @property
    def most_rollouts(self) -> int:
        """The most rollouts that the run may take: one whose groups agree takes fewer optimizer steps than it has mini-batches."""
        return MORE * self.rollouts

    def rate_at(self, step: int) -> float:
        """Return the multiple of the learning rate for step `step` (from 0), without the warm-up."""
        rest = self.steps * (1 - self.anneal_from)
        return min(1.0, (self.steps - step) / rest) if rest > 0 else 1.0

    @property
    def sources(self) -> tuple[Problems, ...]:
        """All sources of problems, without the probe's."""
        late = self.late.problems if self.late is not None else None
        return (self.problems,) if late is None else (self.problems, late)

    def is_late(self, step: int) -> bool:
        """Return True if a rollout that begins with this step is in the final phase."""
        return self.late is not None and step >= self.steps - self.late.steps

    def problems_at(self, step: int) -> Problems:
        """Return the source of problems for a rollout that begins with this step."""
        late = self.late.problems if self.late is not None and self.is_late(step) else None
        return self.problems if late is None else late

    def rewards_at(self, rewards: Rewards, step: int) -> Rewards:
        """Return these rewards as they score a rollout that begins with this step."""
        early = self.late.rewards if self.late is not None and not self.is_late(step) else ()
        return self.schedule.rewards(rewards.without(early), step)

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Train the model. FailedBar if the observer stops it; everything up to there is on disk."""
        backend = self.adaptation.apply(backend)
        with self.rewards.open(backend) as live:
            stage, _ = self.ready(backend.tokenizer(self.model))
            stage._run(*stage._open(backend, observer, live), rundir, observer)

    def ready(self, tokenizer: Tokenizer) -> tuple[Rl, list[str]]:
        """Return the stage without the rows that are not asked, and lines about them, computed once. BadInput, in one line, for prompts
        that do not fit, that the template cannot write, or that no reward covers."""
        if "_ready" not in vars(self):
            vars(self)["_ready"] = self._prepare(tokenizer)
        ready: tuple[Rl, list[str]] = vars(self)["_ready"]
        return ready

    def _prepare(self, tokenizer: Tokenizer) -> tuple[Rl, list[str]]:
        check_form(self.template, tokenizer)
        lines, stage = template_lines(self.template, tokenizer), self
        check_rewards(asked_of(self.problems, self.questions, self.seed), self.rewards_at(self.rewards, 0))
        check_rewards(self._problems(), self.rewards)
        if any(map(has_rows, self.sources)) and self.against:
            seen, total = seen_of(self.against, WORDS), len(list(self._problems(rows=True)))
            stage = self._keep_problems(lambda problem: not seen.knows_any((problem.question,)), all_shared(self.against))
            lines.append(comparison_text(self.against, total, total - len(list(stage._problems(rows=True)))))
        lines += row_lines(stage._problems(rows=True), stage.sources)
        sizes, lost_lines = prompt_sizes(stage._problems(), self.template, tokenizer)
        lines += lost_lines
        room = Room(tokenizer.context, self.longest_reply, self.too_long, why=getattr(tokenizer, "why", ""))
        lines += room.check(sizes)
        if not all(map(room.fits, sizes.values())):
            stage = stage._keep_problems(lambda problem: room.fits(sizes.get(problem.id, 0)), "no prompt leaves room for a reply")
        vars(stage)["_ready"] = stage, lines
        return stage, lines

    def _problems(self, *, rows: bool = False) -> Iterator[Problem]:
        sources = [source for source in self.sources if has_rows(source) or not rows]
        return (problem for source in sources for problem in asked_of(source, self.questions, self.seed))

    def _keep_problems(self, keep: Callable[[Problem], bool], why: str) -> Rl:
        late = self.late
        if late is not None and late.problems is not None:
            late = replace(late, problems=keep_problems(late.problems, keep, why))
        return replace(self, problems=keep_problems(self.problems, keep, why), late=late)

    @cached_property
    def rows_digest(self) -> str:  # of all rows that may be asked, in order
        return problems_digest(self._problems(rows=True))

    @property
    def longest_reply(self) -> int:
        """The most new tokens per reply that any rollout of the run allows."""
        changes = {0, *(step for step, _ in self.schedule.max_tokens if step < self.steps)}
        return max(self.schedule.sampling(self.sampling, step).max_tokens for step in changes)

    def _run(self, sampler: GroupSampler, learner: Learner, rundir: RunDir, observer: Observer) -> None:
        def ask(number: int, at_step: int) -> RolloutSample:
            now = self._sampler_at(sampler, at_step)
            if self.lag:
                now = replace(now, heartbeat=partial(ahead.heartbeat, sampler.heartbeat))
            return self._ask(now, number, self.problems_at(at_step), partial(rundir.write_group, number))

        ahead = Ahead(sampler.engine, learner, ask, self.lag, self.most_rollouts - 1, self.partial)
        rollout, step = self._resume(rundir, learner, sampler.engine, ahead)
        log = StepLog(rundir, observer, "rollout", self.most_rollouts, self.save_every)
        with ahead if self.lag else nullcontext():
            while step < self.steps and rollout < self.most_rollouts:
                log.begin(rollout)
                clock = LapTimer()
                if self.lag and rollout not in ahead.versions:
                    ahead.publish(rollout, step)
                asked_at = ahead.versions[ahead.version_of(rollout)].step if self.lag else step
                sample = ahead.result_of(rollout) if self.lag else ask(rollout, step)
                clock.lap("ask_s")
                now = self._sampler_at(sampler, asked_at)
                step, losses = self._learn(learner, sample.training_groups, now.sampling.temperature, rollout, step, observer)
                if self.lag:
                    ahead.publish(rollout + 1, step)
                else:
                    sampler.engine.load(learner.weights(), version=rollout + 1)
                clock.lap("learn_s")
                finding = self._probe(sampler, rollout, step, rundir)
                metrics = {"step": float(step), **summarise(sample.groups), **losses, "rounds": float(sample.rounds)}
                metrics |= staleness(sample.groups, rollout, self.partial)
                metrics |= {**self._schedule_metrics(now), **finding.metrics, **finding.back_to}
                timings = clock.timings(sum(len(completion.tokens) for group in sample.groups for completion in group.completions))
                timings |= sampler.stats.timings(sum(len(group.replies) for group in sample.groups))
                timings |= with_rest(phase_seconds(sampler.engine, learner), timings) | clock.spans(ahead.spans.pop(rollout, None))
                self._write(log, rollout, step, metrics, timings, sample, finding, rundir, ahead)
                rollout += 1
                if finding.back_to:
                    return
        if step < self.steps:
            rundir.notes.append(self._early_end(step, rundir))

    def _write(
        self,
        log: StepLog,
        rollout: int,
        step: int,
        metrics: Metrics,
        timings: Metrics,
        sample: RolloutSample,
        finding: Finding,
        rundir: RunDir,
        ahead: Ahead,
    ) -> None:
        """Write a finished rollout: its metrics, its groups and, if one is due, a checkpoint."""
        save: Callable[[Path], None] = partial(ahead.save, version=rollout + 1)
        if isinstance(finding.verdict, RollBack):
            rundir.notes.append(finding.verdict.reason)
            save = rundir.checkpoint(finding.verdict.rollout).copy
        keep = Retention(self.keep_last, self.keep_every, finding.best, self.keep_groups, self.keep_groups_every)
        progress: Progress = {"step": step, "rows": self.rows_digest, **finding.back_to, **ahead.progress(rollout + 1)}
        due, last = bool(finding.metrics), bool(finding.back_to) or step == self.steps
        log.end(rollout, metrics, timings, sample.groups, save=save, progress=progress, keep=keep, due=due, last=last)

    def _sampler_at(self, sampler: GroupSampler, step: int) -> GroupSampler:
        """Return the sampler of a rollout that begins with this step."""
        return replace(sampler, sampling=self.schedule.sampling(self.sampling, step), rewards=self.rewards_at(sampler.rewards, step))

    def _early_end(self, step: int, rundir: RunDir) -> str:
        """Return the reason why the run ends before its last optimizer step."""
        dead = fmean(line.get("dead_groups", 0.0) for line in rundir.metrics())
        return (
            f"the run ends at optimizer step {step:,} of {self.steps:,}, after {self.most_rollouts:,} rollouts, {MORE} times as many as "
            f"were planned: {100 * dead:.0f} % of the groups agreed, and what agrees gives no step; ask for more samples (--samples), or "
            "for easier or harder problems"
        )

    def _open(self, backend: Backend, observer: Observer, live: Rewards) -> tuple[GroupSampler, Learner]:
        observer.heartbeat(f"loading {self.model}")
        tokenizer, engine = backend.tokenizer(self.model), backend.engine(self.model)
        learner = backend.learner(self.model, self.optim, reference=self.loss.needs_reference)
        return GroupSampler(
            engine, tokenizer, self.template, live, self.sampling, self.samples, observer.heartbeat, self.too_long == "cut"
        ), learner

    def _resume(self, rundir: RunDir, learner: Learner, engine: Engine, ahead: Ahead) -> tuple[int, int]:
        """Return the rollout to resume with and the optimizer steps done; a run that was rolled back is over."""
        state = rundir.resume()
        if state is None:
            return 0, 0
        if ROLLED_BACK in state.progress:
            return self.most_rollouts, self.steps
        if state.progress.get("rows", self.rows_digest) != self.rows_digest:
            raise BadInput("problems: their rows are not those that this run began with; bring them back, or begin another run")
        learner.load(state.folder)
        ahead.restore(state.folder, state.progress)
        engine.load(learner.weights(), version=state.rollout + 1)
        return state.rollout + 1, int(state.progress["step"])

    def _ask(self, sampler: GroupSampler, rollout: int, source: Problems, take: Callable[[Group], None]) -> RolloutSample:
        """Return all groups asked, which are passed to `take` as they come, those worth an update (at most `questions`), and the rounds."""
        groups: list[Group] = []
        training_groups: list[Group] = []
        for round in range(self.filter.rounds):
            problems = source.at(rollout, round, self.questions, self.seed)
            batch = sampler.groups(problems, (self.seed, rollout, round), take)
            groups += batch
            training_groups += self.filter.keep(batch)[0]
            if len(training_groups) >= self.questions:
                break
        return RolloutSample(groups, training_groups[: self.questions], round + 1)

    def _learn(
        self, learner: Learner, groups: Sequence[Group], temperature: float, rollout: int, step: int, observer: Observer
    ) -> tuple[int, Metrics]:
        """Take one optimizer step per mini-batch; return the step count after them and the means of the steps' metrics."""
        batch = learner.policy_batch(groups, self.advantages, temperature, self.truncation)
        mismatch, loss = dict[str, float](), self.loss
        if self.old == "recomputed" and batch.R:
            batch = replace(batch, old_M=learner.logprobs(batch, "policy"))
        elif batch.R and (self.lora.rank or not isinstance(loss, Grpo | Gspo | Cispo)):  # a user's loss need not tell the ratio
            mismatch = learner.mismatch(batch, AGREEMENT_ROWS)
            loss = self._loss_for(mismatch) if self.lora.rank else loss
            if mismatch.get("corrected"):  # the ratio's denominator comes from the learner
                batch = replace(batch, old_M=learner.logprobs(batch, "policy"))
        reports: list[Metrics] = []
        for minibatch in learner.minibatches(batch, self.minibatches, seed_for(self.seed, rollout), self.loss.aggregate):
            if step == self.steps:
                break
            learner.set_rate(self.rate_at(step))
            if self.loss.needs_reference:  # computed at this step, as a reset may come between two mini-batches
                minibatch = replace(minibatch, reference_M=learner.logprobs(minibatch, "reference"))
            reports.append(learner.update(minibatch, loss))
            step += 1
            observer.heartbeat(f"learned step {step}")
            if self.reference_every is not None and self.loss.needs_reference and step % self.reference_every == 0:
                learner.reset_reference()
        skips = sum(report.get("skipped", 0.0) for report in reports)
        if self.old == "behaviour" and reports and not mismatch:  # the first step's weights are those that a rollout is sampled from
            mismatch = {"mismatch_kl": reports[0]["kl_old"], "ess": reports[0]["ess_old"]}
        return step, {**_means(reports), **mismatch, "skipped": skips, "updates": float(len(reports))}

    def _loss_for(self, mismatch: Metrics) -> Grpo | Gspo | Cispo:
        """Return the loss of a rollout; it corrects a mismatch above the bound, from merging an adapter, if it can (`corrected` 1.0)."""
        mismatch["corrected"] = float(mismatch["mismatch_kl"] > MERGED_KL)
        return replace(self.loss, correction="token-tis") if mismatch["corrected"] and isinstance(self.loss, Grpo) else self.loss

    def _probe(self, sampler: GroupSampler, rollout: int, step: int, rundir: RunDir) -> Finding:
        """Return the finding for the weights after a rollout, if the next one rewards a preference and the probe is due."""
        if self.probe is None:
            return Finding()
        points = self.probe.points(rundir.metrics())
        part_names = {part.name for part in self.rewards_at(self.rewards, step).parts if part.weight != 0}
        if not self.probe.due(rollout) or part_names.isdisjoint(self.probe.preferences):
            return Finding(best=(self.probe.best(points).rollout,) if points else ())
        return self.probe.look(replace(sampler, sampling=self.schedule.sampling(self.sampling, step)), rollout, self.seed, points)

    def _schedule_metrics(self, sampler: GroupSampler) -> Metrics:
        """Return the values that held in a rollout of all settings that change within the run."""
        weights = {part.name: part.weight for part in sampler.rewards.parts}
        names = [*self.schedule.names, *(self.late.rewards if self.late else ())]
        metrics = {f"weight/{name}": weights.get(name, 0.0) for name in names}
        if self.schedule.max_tokens:
            metrics["max_tokens"] = float(sampler.sampling.max_tokens)
        if self.schedule.temperature:
            metrics["temperature"] = sampler.sampling.temperature
        return metrics


def _means(reports: Sequence[Metrics]) -> Metrics:
    """Return the means over a rollout's steps. Skipped steps count only in `skipped`, so that one bad step does not hide the others."""
    done = [report for report in reports if not report.get("skipped")]
    return {name: fmean(report[name] for report in done) for name in _LOSS_METRICS if done and name in done[0]}
