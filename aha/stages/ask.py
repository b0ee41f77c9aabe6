"""The way from problems to scored groups, which RL, the doctor and the reward-hacking probe share; sampling ahead of learning.
At lag L every token of rollout r comes from the weights of version max(0, r - L) or, if rollouts are partial, from that or a later one. The
summary holds the metrics of a rollout's groups that need no model."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, pstdev
from types import TracebackType
from typing import NamedTuple, Protocol, runtime_checkable

from aha.objectives import count_dead
from aha.protocols import Ask, Engine, Learner, Metrics, Sampling, TakesOffers, Tokenizer, Weights
from aha.rewards import Rewards
from aha.sampling.rollouts import RolloutSampler, ScoringStats, problem_tokens, read_reply, seed_for
from aha.template import Template
from aha.text import mixes_languages, reflects
from aha.types import Abstained, Completion, Group, Problem, Reply, Score


@dataclass(frozen=True)
class GroupSampler:
    """The open parts that turn problems into scored groups. `heartbeat` is called as each group arrives.
    `cut`: a reply ends at the model's context if the prompt leaves less room than the sampling allows. Up to `threads` groups are scored at
    a time beside sampling if that is worth it; `stats` holds the time it took."""

    engine: Engine
    tokenizer: Tokenizer
    template: Template
    rewards: Rewards
    sampling: Sampling
    samples: int
    heartbeat: Callable[[str], None]
    cut: bool = False
    threads: int = 16
    stats: ScoringStats = field(default_factory=ScoringStats)

    def groups(
        self, problems: Sequence[Problem], place: tuple[int, ...], take: Callable[[Group], None] = lambda group: None
    ) -> list[Group]:
        """Return one scored group per problem, in their order; sample j of problem i is drawn with `seed_for(*place, i, j)`.
        `take` is called with each group, in that order, as soon as it and those before it are scored."""
        requests = [
            self._request(problem, tuple(seed_for(*place, i, j) for j in range(self.samples))) for i, problem in enumerate(problems)
        ]

        def score(index: int, completions: Sequence[Completion]) -> Group:
            replies = tuple(read_reply(self.template, completion, self.tokenizer) for completion in completions)
            problem = problems[index]
            group = Group(problem, requests[index].prompt, tuple(completions), replies, self.rewards(problem, replies))
            waiting_groups[index] = group
            return group

        def progress(samples: int, scores: int) -> None:
            self.heartbeat(f"sampled {samples} and judged {scores} of {len(problems)} questions")
            hand_on()

        def hand_on() -> None:
            while (group := waiting_groups.pop(next_index[0], None)) is not None:
                next_index[0] += 1
                take(group)

        waiting_groups, next_index = dict[int, Group](), [0]  # groups that wait for an earlier one; the number handed on
        groups = RolloutSampler(self.sampling, self.threads, self.stats).sample(self.engine, requests, score, progress)
        hand_on()
        return groups

    def _request(self, problem: Problem, seeds: tuple[int, ...]) -> Ask:
        """Return the request for a prompt. With `cut`, a prompt that leaves too little room gets what is left, and others lose nothing."""
        prompt, context = problem_tokens(self.template, problem, self.tokenizer), self.tokenizer.context
        cut = self.cut and context is not None and len(prompt) + self.sampling.max_tokens > context
        return Ask(prompt, seeds, context - len(prompt) if cut and context is not None else None)


def summarise(groups: Sequence[Group]) -> Metrics:
    """Return means over all samples of a rollout: shares from 0 to 1, lengths in tokens. A metric without samples is left out (no NaN)."""
    pairs = [pair for group in groups for pair in zip(group.replies, group.scores, strict=True)]
    replies, scores = [reply for reply, _ in pairs], [score for _, score in pairs]
    totals = [score.total for score in scores if not isinstance(score.total, Abstained)]
    dead = count_dead(groups)
    metrics = {
        "format": fmean(reply.well_formed for reply in replies),
        "length": fmean(reply.tokens for reply in replies),
        "truncated": fmean(reply.finished == "length" for reply in replies),
        "reflection": fmean(reflects(reply.text) for reply in replies),
        "mixing": fmean(mixes_languages(reply.text if reply.thought is None else reply.thought) for reply in replies),
        "abstained": fmean(isinstance(score.total, Abstained) for score in scores),
        "dead_groups": dead.groups / len(groups),
        "dead_right": dead.right / len(groups),
        "dead_wrong": dead.wrong / len(groups),
    }
    if totals:
        metrics |= {"reward": fmean(totals), "reward_std": pstdev(totals)}
    return metrics | _causes(scores) | _parts(scores) | _domains(groups) | _lengths(pairs)


def _causes(scores: Sequence[Score]) -> Metrics:
    """Return the share of samples that reached each of the grader's limits, if any did."""
    causes = Counter(score.total.cause for score in scores if isinstance(score.total, Abstained) and score.total.cause)
    return {f"abstained/{cause}": count / len(scores) for cause, count in sorted(causes.items())}


def _parts(scores: Sequence[Score]) -> Metrics:
    """Return the mean of each reward by name, without its weight; `accuracy` also without its prefix."""
    values: dict[str, list[float]] = {}
    for score in scores:
        for part in score.parts:
            if not isinstance(part.value, Abstained):
                values.setdefault(part.name, []).append(part.value)
    means = {name: fmean(numbers) for name, numbers in values.items()}
    return {f"reward/{name}": mean for name, mean in means.items()} | {n: m for n, m in means.items() if n == "accuracy"}


def _domains(groups: Sequence[Group]) -> Metrics:
    """Return the accuracy of each domain if there are several."""
    values: dict[str, list[float]] = {}
    for group in groups:
        parts = [part for score in group.scores for part in score.parts if part.name == "accuracy"]
        values.setdefault(group.problem.domain, []).extend(part.value for part in parts if not isinstance(part.value, Abstained))
    means = {domain: numbers for domain, numbers in values.items() if numbers}
    return {f"accuracy/{domain}": fmean(mean) for domain, mean in sorted(means.items())} if len(means) > 1 else {}


def _lengths(pairs: Sequence[tuple[Reply, Score]]) -> Metrics:
    """Return the mean length in tokens of right and of wrong replies, if there are any."""
    by_outcome: dict[str, list[int]] = {"length_right": [], "length_wrong": []}
    for reply, score in pairs:
        for part in score.parts:
            if part.name == "accuracy" and not isinstance(part.value, Abstained):
                by_outcome["length_right" if part.value > 0 else "length_wrong"].append(reply.tokens)
    return {name: fmean(lengths) for name, lengths in by_outcome.items() if lengths}


def staleness(groups: Sequence[Group], rollout: int, partial: bool = False) -> Metrics:
    """Return how many rollouts old the weights were that sampled a rollout: the mean over its replies of the mean over their tokens.
    If rollouts are partial, also the most of any token, and the share of replies that have tokens of several versions."""
    completions = [completion for group in groups for completion in group.completions]
    metrics = {"staleness": fmean(_age(completion, rollout) for completion in completions)}
    if partial:
        oldest = min(span.version for completion in completions for span in completion.version_spans)
        mixed_share = fmean(not isinstance(completion.version, int) for completion in completions)
        metrics |= {"staleness_most": float(rollout - oldest), "mixed_versions": mixed_share}
    return metrics


def _age(completion: Completion, rollout: int) -> float:
    if isinstance(completion.version, int):
        return rollout - completion.version
    return sum((end - start) * (rollout - version) for start, end, version in completion.version_spans) / len(completion.tokens)


POLL_S = 1.0
STEP = "step_of_version_"


class Version(NamedTuple):
    """Weights that may still be sampled from, and the number of optimizer steps done by then."""

    weights: Weights
    step: int


class RolloutSample(NamedTuple):
    """The result of sampling one rollout: all groups, those worth an update, and the number of rounds."""

    groups: Sequence[Group]
    training_groups: Sequence[Group]
    rounds: int


class _Over(Exception):
    """The run has ended, so the sampling in progress is not needed."""


@runtime_checkable
class SharesWeights(Protocol):
    """An engine that can compute with the weights of a learner in the same process."""

    def share(self, weights: Weights) -> None:
        """Compute with these tensors themselves from now on, if their types and places are those of the engine's own."""


@dataclass
class Ahead:
    """Samples rollouts ahead of learning, in its own thread. `ask(rollout, step)` samples a rollout with the engine's weights and the
    settings that hold after `step` optimizer steps. `lag` is at least 1; `last` is the number of the last possible rollout. `partial`: a
    rollout begins with the newest weights and its replies go on with newer ones, so its tokens are of versions max(0, r - lag) to r."""

    engine: Engine
    learner: Learner
    ask: Callable[[int, int], RolloutSample]
    lag: int
    last: int
    partial: bool = False
    versions: dict[int, Version] = field(default_factory=dict)
    spans: dict[int, tuple[float, float]] = field(default_factory=dict)  # when each rollout was sampled
    _futures: dict[int, Future[RolloutSample]] = field(default_factory=dict)
    _over: bool = False

    def __post_init__(self) -> None:
        if not self.lag and isinstance(self.engine, SharesWeights):  # nothing is sampled while weights change, so one copy will do
            self.engine.share(self.learner.weights())

    def __enter__(self) -> Ahead:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sampling")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End sampling: a rollout that is not needed any more ends at its next heartbeat."""
        self._over = True
        self._thread.shutdown(wait=error is None, cancel_futures=True)

    def heartbeat(self, heartbeat: Callable[[str], None], activity: str) -> None:
        """Pass a heartbeat on, in the sampling thread; raise `_Over` once the run has ended."""
        if self._over:
            raise _Over
        heartbeat(activity)

    def publish(self, version: int, step: int) -> None:
        """Keep a snapshot of the learner's weights as this version, since rollouts are sampled from weights up to `lag` versions old."""
        self.versions[version] = Version(self.learner.weights().snapshot(), step)
        if self.partial:
            assert isinstance(self.engine, TakesOffers), "the engine takes no weights while it samples"
            self.engine.offer(self.versions[version].weights, version)

    def result_of(self, rollout: int) -> RolloutSample:
        """Return the sample of a rollout; first start all rollouts that may be sampled by now."""
        for number in range(rollout, min(rollout + self.lag, self.last) + 1):
            if number not in self._futures:
                self._futures[number] = self._thread.submit(self._sample, number)
        future = self._futures.pop(rollout)
        while not future.done():  # the sampling thread sends heartbeats, and its observer has the time limit
            wait([future], timeout=POLL_S)
        sample = future.result(timeout=POLL_S)
        version = self.version_of(rollout)
        versions = {span.version for group in sample.groups for completion in group.completions for span in completion.version_spans}
        last = rollout if self.partial else version
        assert all(version <= other <= last for other in versions), (
            f"rollout {rollout} was to be sampled from versions {version} to {last}, and has tokens of {sorted(versions)}"
        )
        for old in [old for old in self.versions if old < self.version_of(rollout + 1)]:
            del self.versions[old]
        return sample

    def version_of(self, rollout: int) -> int:
        """Return the version of the weights that a rollout is sampled from."""
        return max(0, rollout - self.lag)

    def _sample(self, rollout: int) -> RolloutSample:
        version = self.version_of(rollout)
        step = self.versions[version].step
        if self.partial:
            version = max(self.versions)
        began = time.monotonic()
        self.engine.load(self.versions[version].weights, version)
        sample = self.ask(rollout, step)
        self.spans[rollout] = began, time.monotonic()
        return sample

    # --- on disk ---

    def save(self, folder: Path, version: int) -> None:
        """Write the learner, whose weights are of that version, and the older weights that later rollouts are sampled from."""
        self.learner.save(folder)
        for number, (weights, _) in self.versions.items():
            if number < version:
                weights.save(folder / file_of(number))

    def progress(self, version: int) -> dict[str, int]:
        """Return the values that `restore` needs beside the files."""
        return {f"{STEP}{number}": version_.step for number, version_ in self.versions.items() if number < version}

    def restore(self, folder: Path, progress: dict[str, int | float | str]) -> None:
        """Load the older weights back."""
        for name, step in progress.items():
            if name.startswith(STEP):
                number = int(name.removeprefix(STEP))
                self.versions[number] = Version(self.learner.weights_of(folder / file_of(number)).snapshot(), int(step))


def file_of(version: int) -> str:
    """Return the name of the file that holds older weights in a checkpoint."""
    return f"version-{version:06}.safetensors"
