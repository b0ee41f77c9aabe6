"""The table of claims, from the run directories of one graph a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from aha.evals.benchmarks.tiny import GENERAL, REASONING
from aha.evals.comparison import PaperClaim, by_problem, claim, fewer_steps
from aha.evals.intervals import Interval
from aha.evals.samples import GradedSample, read_samples
from aha.evals.voting import cons_at_k
from aha.rundir import Record
from aha.rundir.evaluations import evaluation_names
from aha.types import Abstained

COUNTDOWN = ("countdown",)
BAR = 0.6
PATTERN = "nature Table 3: IF-Eval 46.6, 71.7, 72.0, 78.1, 83.3"


@dataclass(frozen=True)
class ClaimArm:
    """One seed's stages and where they are."""

    folders: Mapping[str, Path]

    def world(self, stage: str, domains: Sequence[str], measure: str = "grade") -> list[float]:
        """Return a measure of the stage's model in the tiny world, by problem; `grade`: how right, from 0 to 1."""
        samples = read_samples(self.folders[f"measure-{stage}"] / "evals" / "tiny-world")
        return _means([sample for sample in samples if sample.category in domains], measure)

    def curve(self, measure: Callable[[list[GradedSample]], float]) -> tuple[list[float], list[float]]:
        """Return a measure of the base and of zero, by problem of countdown."""
        evals = self.folders["curve"] / "evals"
        zero = next(name for name in evaluation_names(evals) if name.endswith("-zero"))
        first, last = ([measure(samples) for samples in by_problem(read_samples(evals / name)).values()] for name in ("base", zero))
        return first, last

    def equal(self, student: str) -> list[float]:
        """Return pass@1 by problem, of the student that was taught or of the one left to RL, where both had cost the same."""
        samples = read_samples(self.folders["equal"] / "evals" / student)
        return _means([sample for sample in samples if sample.category in COUNTDOWN], "grade")

    def accuracy(self, stage: str) -> tuple[list[list[float]], int]:
        """Of each rollout the shares of right replies by group; and the optimizer steps of a rollout."""
        record = Record(self.folders[stage])
        lines = record.metrics()
        rollouts = [[_share(group.scores) for group in record.read_groups(int(line["rollout"]))] for line in lines]
        return rollouts, max(1, round(lines[-1]["step"] / len(lines)))


def claims(arms: Sequence[ClaimArm]) -> list[PaperClaim]:
    """Every claim, in the paper's order."""
    return [*_zero(arms), *_cold_start(arms), *_language(arms), *_stages(arms), _distillation(arms)]


def _zero(arms: Sequence[ClaimArm]) -> list[PaperClaim]:
    def rise(measure: Callable[[list[GradedSample]], float]) -> list[list[float]]:
        return [_less(*arm.curve(measure)) for arm in arms]

    votes = [_less(arm.curve(_right)[1], arm.curve(_cons)[1]) for arm in arms]
    return [
        claim("Zero: pass@1 rises", "AIME 15.6 to 71.0 (Fig. 2)", "zero - base, pass@1", rise(_right)),
        claim("Zero: replies grow longer", "hundreds to thousands of tokens (Fig. 3)", "zero - base, tokens", rise(_length)),
        claim("Zero: a vote beats one sample", "71.0 to 86.7 (Table 2)", "cons@16 - pass@1 of zero", votes),
        claim("Zero: reflection rises", "5 to 7 times (nature C.2)", "zero - base, replies that reflect", rise(_reflection)),
        claim("Zero: languages mix", "paper 2.2.4: language mixing", "zero - base, replies that mix", rise(_mixing_share)),
    ]


def _cold_start(arms: Sequence[ClaimArm]) -> list[PaperClaim]:
    gaps = []
    for arm in arms:
        (slow, slow_steps), (fast, fast_steps) = arm.accuracy("zero"), arm.accuracy("cold-rl")
        gaps.append(fewer_steps(slow, fast, BAR, (slow_steps, fast_steps)))
    steps = Interval(*(fmean(getattr(gap, end) for gap in gaps) for end in ("value", "low", "high")))
    sooner = PaperClaim(
        "Cold start: half the steps",
        "faster convergence (2.3.1)",
        f"half of zero's steps to {BAR} - those after the cold start",
        steps,
        tuple(gap.value for gap in gaps),
    )
    domains = tuple(REASONING)  # on countdown alone zero is paid for the form, and keeps it
    form_gains = [_less(arm.world("zero", domains, "form/reasoning"), arm.world("dev1", domains, "form/reasoning")) for arm in arms]
    consistency_gains = [
        _less(arm.world("zero", domains, "consistency/reasoning"), arm.world("dev1", domains, "consistency/reasoning")) for arm in arms
    ]
    return [
        sooner,
        claim("Cold start: the form is kept", "readable (2.3.1)", "Dev1 - zero, replies in form, all reasoning", form_gains),
        claim("Cold start: one language", "readable (2.3.1)", "Dev1 - zero, language consistency, all reasoning", consistency_gains),
    ]


def _language(arms: Sequence[ClaimArm]) -> list[PaperClaim]:
    domains = tuple(REASONING)
    consistent = [arm.world("dev2", domains, "consistency/reasoning") for arm in arms]
    losses = [_less(arm.world("no-language", domains), arm.world("dev2", domains)) for arm in arms]
    return [
        claim("Language reward: consistent", "stays near 1 (nature B.6)", "Dev2's consistency - 0.97", consistent, -0.97),
        claim("Language reward: little is lost", "slightly lower (2.3.2)", "Dev2 - without it, pass@1, + 0.03", losses, 0.03),
    ]


def _stages(arms: Sequence[ClaimArm]) -> list[PaperClaim]:
    order = [("zero", "Zero"), ("dev1", "Dev1"), ("dev2", "Dev2"), ("dev3", "Dev3"), ("r1", "R1")]
    general, reasoning = tuple(GENERAL), tuple(REASONING)
    paper_claims = []
    for (before, was), (after, now) in pairwise(order):
        gains = [_less(arm.world(before, general), arm.world(after, general)) for arm in arms]
        paper_claims.append(claim(f"Instructions: {now} above {was}", PATTERN, f"{now} - {was}, instruction score", gains))
    losses = [_less(arm.world("dev1", COUNTDOWN), arm.world("zero", COUNTDOWN)) for arm in arms]
    second_gains = [_less(arm.world("dev1", reasoning), arm.world("dev2", reasoning)) for arm in arms]
    whole = [_less(arm.world("zero", COUNTDOWN), arm.world("r1", COUNTDOWN)) for arm in arms]
    return [
        *paper_claims,
        claim("Reasoning: Dev1 below Zero", "AIME 77.9, 59.0 (nature Table 3)", "Zero - Dev1, pass@1", losses),
        claim("Reasoning: Dev2 above Dev1", "AIME 59.0, 74.0 (nature Table 3)", "Dev2 - Dev1, pass@1", second_gains),
        claim("Reasoning: R1 keeps Zero's", "AIME 77.9, 79.8 (nature Table 3)", "R1 - Zero, pass@1, + 0.03", whole, 0.03),
    ]


def _distillation(arms: Sequence[ClaimArm]) -> PaperClaim:
    differences = [_less(arm.equal("rl"), arm.equal("distilled")) for arm in arms]
    return claim("Distilling beats RL on the student", "47.0 to 72.6 (Table 6)", "distilled - RL at equal compute, pass@1", differences)


def _means(samples: Sequence[GradedSample], measure: str) -> list[float]:
    """Return the mean of a measure over each problem's samples."""
    return [
        fmean((sample.grade or 0.0) if measure == "grade" else sample.measure(measure) for sample in problem_samples)
        for problem_samples in by_problem(samples).values()
    ]


def _less(before: Sequence[float], after: Sequence[float]) -> list[float]:
    return [new - old for old, new in zip(before, after, strict=True)]


def _share(scores: Sequence[object]) -> float:
    values = [
        part.value
        for score in scores
        for part in getattr(score, "parts", ())
        if part.name == "accuracy" and not isinstance(part.value, Abstained)
    ]
    return fmean(values) if values else 0.0


def _right(group: list[GradedSample]) -> float:
    return fmean(sample.right for sample in group)


def _cons(group: list[GradedSample]) -> float:
    return float(cons_at_k([sample.claim for sample in group], [sample.right for sample in group]))


def _length(group: list[GradedSample]) -> float:
    return fmean(sample.measure("length") for sample in group)


def _reflection(group: list[GradedSample]) -> float:
    return fmean(sample.measure("reflection") for sample in group)


def _mixing_share(group: list[GradedSample]) -> float:
    return fmean(sample.measure("mixing") for sample in group)
