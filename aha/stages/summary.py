"""What a rollout's groups say in numbers: the metrics that need no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean, pstdev

from aha.objectives.advantages import count_dead
from aha.protocols import Metrics
from aha.text import mixes_languages, reflects
from aha.types import Abstained, Completion, Group, Reply, Score


def summarise(groups: Sequence[Group]) -> Metrics:
    """Means over all samples of a rollout; shares are from 0 to 1, lengths in tokens. NaN-free: what has no sample is left out."""
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
    """The share of samples that ran into each of the grader's limits, where any did."""
    causes = Counter(score.total.cause for score in scores if isinstance(score.total, Abstained) and score.total.cause)
    return {f"abstained/{cause}": count / len(scores) for cause, count in sorted(causes.items())}


def _parts(scores: Sequence[Score]) -> Metrics:
    """The mean of each reward by name, weight left out; `accuracy` also without its prefix."""
    values: dict[str, list[float]] = {}
    for score in scores:
        for part in score.parts:
            if not isinstance(part.value, Abstained):
                values.setdefault(part.name, []).append(part.value)
    means = {name: fmean(numbers) for name, numbers in values.items()}
    return {f"reward/{name}": mean for name, mean in means.items()} | {n: m for n, m in means.items() if n == "accuracy"}


def _domains(groups: Sequence[Group]) -> Metrics:
    """The accuracy of each domain, where there are several."""
    values: dict[str, list[float]] = {}
    for group in groups:
        parts = [part for score in group.scores for part in score.parts if part.name == "accuracy"]
        values.setdefault(group.problem.domain, []).extend(part.value for part in parts if not isinstance(part.value, Abstained))
    means = {domain: numbers for domain, numbers in values.items() if numbers}
    return {f"accuracy/{domain}": fmean(mean) for domain, mean in sorted(means.items())} if len(means) > 1 else {}


def _lengths(pairs: Sequence[tuple[Reply, Score]]) -> Metrics:
    """Mean length of right and of wrong replies, where there are any."""
    by_outcome: dict[str, list[int]] = {"length_right": [], "length_wrong": []}
    for reply, score in pairs:
        for part in score.parts:
            if part.name == "accuracy" and not isinstance(part.value, Abstained):
                by_outcome["length_right" if part.value > 0 else "length_wrong"].append(reply.tokens)
    return {name: fmean(lengths) for name, lengths in by_outcome.items() if lengths}


def staleness(groups: Sequence[Group], rollout: int) -> Metrics:
    """Return how many rollouts behind the weights were that sampled a rollout: the mean over its replies of the mean over their tokens."""
    return {"staleness": fmean(_age(completion, rollout) for group in groups for completion in group.completions)}


def _age(completion: Completion, rollout: int) -> float:
    if isinstance(completion.version, int):
        return rollout - completion.version
    return sum((end - start) * (rollout - version) for start, end, version in completion.version_spans) / len(completion.tokens)
