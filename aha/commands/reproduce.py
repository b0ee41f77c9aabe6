"""`aha reproduce`: the paper's claims on the tiny world, each with an interval; exit code 1 if one does not hold.
The table of claims is made from the run directories of one graph per seed."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from aha.commands.arguments import read_settings
from aha.commands.choose import ResolvedRecipe, RunOptions
from aha.commands.graph import STATE_WORDS, line
from aha.commands.graph_page import Head, leave
from aha.commands.terminal import FROM_ONE, SECONDS, Command, Terminal, new_folder
from aha.durable import Disk, Lock, disk_errors, replace_file
from aha.errors import BadInput
from aha.evals.benchmarks.tiny import GENERAL, REASONING
from aha.evals.comparison import PaperClaim, by_problem, claim, fewer_steps
from aha.evals.intervals import Interval, cons_at_k
from aha.evals.samples import GradedSample, read_samples
from aha.pipeline import Graph, Step
from aha.recipes import Recipe
from aha.recipes.r1 import arms, reproduce
from aha.reports.graph import ClaimRow
from aha.rundir import Record
from aha.rundir.record import evaluation_names
from aha.types import Abstained

COUNTDOWN = ("countdown",)
BAR = 0.6
PATTERN = "nature Table 3: IF-Eval 46.6, 71.7, 72.0, 78.1, 83.3"


@dataclass(frozen=True)
class ClaimArm:
    """The stages of one seed and their run directories."""

    folders: Mapping[str, Path]

    def world(self, stage: str, domains: Sequence[str], measure: str = "grade") -> list[float]:
        """Return a measure of the stage's model in the tiny world, by problem; `grade`: correctness, from 0 to 1."""
        samples = read_samples(self.folders[f"measure-{stage}"] / "evals" / "tiny-world")
        return _means([sample for sample in samples if sample.category in domains], measure)

    def curve(self, measure: Callable[[list[GradedSample]], float]) -> tuple[list[float], list[float]]:
        """Return a measure of the base and of zero, by problem of countdown."""
        evals = self.folders["curve"] / "evals"
        zero = next(name for name in evaluation_names(evals) if name.endswith("-zero"))
        first, last = ([measure(samples) for samples in by_problem(read_samples(evals / name)).values()] for name in ("base", zero))
        return first, last

    def equal(self, student: str) -> list[float]:
        """Return pass@1 by problem, of the student that was distilled or of the one trained by RL, at equal cost."""
        samples = read_samples(self.folders["equal"] / "evals" / student)
        return _means([sample for sample in samples if sample.category in COUNTDOWN], "grade")

    def accuracy(self, stage: str) -> tuple[list[list[float]], int]:
        """Return the shares of right replies of each rollout's groups, and the optimizer steps per rollout."""
        record = Record(self.folders[stage])
        lines = record.metrics()
        rollouts = [[_share(group.scores) for group in record.read_groups(int(line["rollout"]))] for line in lines]
        return rollouts, max(1, round(lines[-1]["step"] / len(lines)))


def claims(arms: Sequence[ClaimArm]) -> list[PaperClaim]:
    """Return every claim, in the paper's order."""
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
    domains = tuple(REASONING)  # zero is rewarded for the form on countdown alone, and keeps it there
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
    general, reasoning = tuple(GENERAL), tuple(REASONING)
    instructions = []
    for before, after in pairwise(("Zero", "Dev1", "Dev2", "Dev3", "R1")):
        gains = [_less(arm.world(before.lower(), general), arm.world(after.lower(), general)) for arm in arms]
        instructions.append(claim(f"Instructions: {after} above {before}", PATTERN, f"{after} - {before}, instruction score", gains))
    losses = [_less(arm.world("dev1", COUNTDOWN), arm.world("zero", COUNTDOWN)) for arm in arms]
    second_gains = [_less(arm.world("dev1", reasoning), arm.world("dev2", reasoning)) for arm in arms]
    whole = [_less(arm.world("zero", COUNTDOWN), arm.world("r1", COUNTDOWN)) for arm in arms]
    return [
        *instructions,
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


STORE = "stages"


def flags(parser: ArgumentParser) -> None:
    """Add the flags for the number of seeds and the folder."""
    parser.add_argument("--seeds", type=FROM_ONE, default=3, metavar="N", help="the number of runs, with seeds from 0 (default: 3)")
    parser.add_argument(
        "--out",
        type=new_folder,
        default=Path("runs/reproduce"),
        metavar="DIR",
        help="the directory for the stages (default: runs/reproduce)",
    )
    parser.add_argument(
        "--stall-s", type=SECONDS, default=1800.0, help="end the run after this many seconds without progress (default: 1800)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, and run nothing")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Run every stage that is not done, then print the table. The same command resumes a run that was stopped."""
    recipe = reproduce().change(read_settings(rest))
    out: Path = arguments.out
    refuse_strangers(out)
    if arguments.dry_run:
        return _plan(arms(recipe, arguments.seeds), out, terminal)
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    lock = Lock(out / "lock")
    try:
        options = RunOptions(stall_s=arguments.stall_s, preflight=False, argv=("aha", "reproduce", *rest))
        results = [_work(arm, seed, out, options, terminal) for seed, arm in enumerate(arms(recipe, arguments.seeds))]
        return _conclude(results, out, options, terminal)
    finally:
        lock.release()


def refuse_strangers(out: Path) -> None:
    """Raise BadInput for a directory that something else made."""
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out}: it is a file; a directory is needed")
    names = {entry.name for entry in out.iterdir()} - {"lock", "claims.json"} if out.is_dir() else set[str]()
    if names and STORE not in names:
        raise BadInput(f"{out}: it is not empty and holds no reproduction ({sorted(names)[0]!r} is in it); choose another directory")


@dataclass(frozen=True)
class SeedRun:
    """The stages of one seed, each as it was when it was reached, and their run directories."""

    graph: Graph
    seen: Mapping[str, Step]
    folders: Mapping[str, Path]


def _work(recipe: Recipe, seed: int, out: Path, options: RunOptions, terminal: Terminal) -> SeedRun:
    graph = Graph(recipe.stages, out / STORE, out / f"seed-{seed}.json")
    steps: dict[str, Step] = {}
    if any(step.todo for step in graph.steps()):
        from aha.commands.stage_runs import StageWorker

        worker = StageWorker(ResolvedRecipe(recipe), options, out, terminal)
        for step in graph.steps():
            terminal.note(f"seed {seed}, {line(step)}")
            steps[step.name] = step
            if step.todo:
                graph.do(step, worker.backend, worker.open_step)
            else:
                graph.settle(step)
    else:
        terminal.note(f"seed {seed}: nothing to do")
    return SeedRun(graph, steps, {step.name: step.folder for step in graph.steps() if step.folder is not None})


def _plan(recipes: Sequence[Recipe], out: Path, terminal: Terminal) -> int:
    for seed, recipe in enumerate(recipes):
        steps = list(Graph(recipe.stages, out / STORE, out / f"seed-{seed}.json").steps())
        for step in steps:
            terminal.tell("stage", seed=seed, stage=step.name, state=step.state, why=step.why)
            terminal.say(f"seed {seed}  {step.name:20} {STATE_WORDS[step.state]:8} {step.why}".rstrip())
    return 0


# --- the table --------------------------------------------------------------------------------------------------------


def _conclude(results: Sequence[SeedRun], out: Path, options: RunOptions, terminal: Terminal) -> int:

    claim_list = claims([ClaimArm(result.folders) for result in results])
    record: dict[str, Any] = {"seeds": len(results), "claims": [{**asdict(claim), "holds": claim.holds} for claim in claim_list]}
    replace_file(Disk(), out / "claims.json", json.dumps(record, ensure_ascii=False, indent=1).encode())
    terminal.tell("claims", **record)
    for row in table(claim_list):
        terminal.say(row)
    pages(results, claim_list, out, options, terminal)
    failures = [claim.name for claim in claim_list if not claim.holds]
    if failures:
        terminal.note(f"{len(failures)} of {len(claim_list)} claims do not hold: {'; '.join(failures)}")
    return 1 if failures else 0


def pages(seed_runs: Sequence[SeedRun], paper_claims: Sequence[PaperClaim], out: Path, options: RunOptions, terminal: Terminal) -> None:
    """Write one page per seed, with the claims at the top of the first."""
    rows = tuple(
        ClaimRow(claim.name, claim.paper, claim.ours, claim.measured.value, claim.measured.low, claim.measured.high, claim.holds)
        for claim in paper_claims
    )
    for seed, result in enumerate(seed_runs):
        head = partial(Head, f"seed {seed}", "reproduce", options.argv, claims=() if seed else rows)
        if (page := leave(result.graph, result.seen, head, out / f"seed-{seed}.html", terminal)) is not None:
            terminal.note(f"report of seed {seed}: {page}")


def table(paper_claims: Sequence[PaperClaim]) -> list[str]:
    """Return one line per claim: the paper's statement, the value measured here with its 95 % interval, and if the interval excludes 0."""
    wide = [max(len(str(getattr(claim, name))) for claim in paper_claims) for name in ("name", "paper", "ours")]
    rows = [f"{'claim':{wide[0]}}  {'the paper':{wide[1]}}  {'here':{wide[2]}}  {'':>8} {'95 % interval':>18}  holds"]
    for row in paper_claims:
        interval = f"[{row.measured.low:+.3f}, {row.measured.high:+.3f}]"
        line = f"{row.name:{wide[0]}}  {row.paper:{wide[1]}}  {row.ours:{wide[2]}}"
        rows.append(f"{line}  {row.measured.value:>+8.3f} {interval:>18}  {'yes' if row.holds else 'NO'}")
    return rows


COMMAND = Command(
    "check the paper's claims on the tiny world, with confidence intervals; exit 1 if one fails", "train", flags, run, settings=True
)
