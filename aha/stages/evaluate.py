"""Evaluation of models on a benchmark: one alone, or a run's base, its last checkpoint and those between.
Distillation or RL (paper 4.1, Table 6): two ways to teach the same base, measured where both have cost the same.
The cost of training: tokens read and generated, and the arithmetic that they took."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from itertools import accumulate
from math import prod
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from aha.errors import BadInput
from aha.evals.benchmark import Benchmark
from aha.evals.benchmarks import benchmark
from aha.evals.benchmarks.tiny import SHORT, grade_countdown
from aha.evals.comparison import by_problem
from aha.evals.intervals import Interval, PairedComparison, compare_pairs, paired_difference
from aha.evals.loading import select_examples
from aha.evals.result import result_of
from aha.evals.run import Evaluation, choose_template, template_settings
from aha.evals.samples import GradedSample, SampleJournal, read_samples
from aha.grading import Graders
from aha.grading.sandbox import Tier
from aha.protocols import Backend, Engine, Observer, Sampling, Tokenizer
from aha.rundir import Checkpoint, Record, RunDir
from aha.rundir.record import RESULT, samples_file
from aha.template import Delimited, Short, Template
from aha.types import Abstained, Group, Positive


@dataclass(frozen=True)
class Measure:
    """One model on a benchmark: `k` samples of each problem. `problems`: their number, in each domain if there are several; `prompts`: the
    number of each kind of general prompt; 0 means the benchmark's default. `template` None: the benchmark's own. `sandbox`: the sandbox
    that runs the programs of replies."""

    model: str
    benchmark: str = "tiny-world"
    k: int = 2
    problems: int = 0
    prompts: int = 0
    template: Template | None = None
    sampling: Sampling = Sampling(temperature=1.0, top_p=1.0, max_tokens=300)
    sandbox: Tier | Literal["auto"] = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.k < 1 or min(self.problems, self.prompts) < 0:
            raise BadInput(f"k {self.k}, problems {self.problems}, prompts {self.prompts}: 1 or more, and 0 or more of each")

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Measure the model and finish the run; every sample is stored in `evals`, and is not asked for again."""
        samples = self.ask(backend, observer, rundir.root / "evals" / self.benchmark)
        rundir.finish(result_of(samples, benchmark(self.benchmark), self.model, self.seed).to_json())

    def ask(self, backend: Backend, observer: Observer, folder: Path | None) -> list[GradedSample]:
        """Return all samples, graded, in the order of the problems; the folder stores them, and those in it are not asked again."""
        return self.ask_with(benchmark(self.benchmark), lambda: backend.engine(self.model), backend.tokenizer(self.model), observer, folder)

    def ask_with(
        self,
        chosen: Benchmark,
        engine: Callable[[], Engine],
        tokenizer: Tokenizer,
        observer: Observer,
        folder: Path | None,
        most: int | None = None,
    ) -> list[GradedSample]:
        """Return the same with an engine that is opened only if needed; `most`: use only the first examples, up to this number."""
        if folder is not None and not (folder / RESULT).exists() and (old := samples_file(folder)) is not None and old.suffix == ".gz":
            return read_samples(old)  # written by version 0.1
        if folder is not None and (folder / RESULT).exists():
            return read_samples(folder)
        examples, _ = select_examples(chosen, None, self.problems or None, self.prompts or None, self.seed)
        with Graders(sandbox=self.sandbox) as graders:
            engine = cache(engine)
            template = self.template or choose_template(chosen, engine(), tokenizer, self.sampling, graders, self.seed, observer.heartbeat)
            evaluation = Evaluation(chosen, examples[:most], self.k, template, self.sampling, graders, self.seed)
            journal = SampleJournal(folder, self._settings(template))
            journal.keep_examples(evaluation.examples)
            observer.begin("measurement", len(list(folder.parent.glob(f"*/{RESULT}"))) if folder is not None else 0)
            evaluation.ask_engine(engine, tokenizer, journal, observer.heartbeat)
        samples = evaluation.samples(journal)
        journal.finish(samples, result_of(samples, chosen, self.model, self.seed).to_json())
        observer.end(saved=True)
        return samples

    def _settings(self, template: Template) -> dict[str, Any]:
        counts = {"problems": self.problems or None, "prompts": self.prompts or None, "k": self.k, "seed": self.seed}
        return {"benchmark": self.benchmark, "model": self.model, **counts, **asdict(self.sampling), **template_settings(template)}


@dataclass(frozen=True)
class Evaluate:
    """`model` is the base; `k` samples are asked for each of `problems` held-out problems. `short`: the limit, in new tokens, of
    pass@1_short. `of`: the run directory whose checkpoints are measured (None: this one). `sandbox`: the sandbox that runs the programs of
    replies. `curve_problems` and `curve_samples` are for the cheap measure of the checkpoints between base and last; 0 problems leave them
    out."""

    model: str
    of: str | None = None
    benchmark: str = "countdown"
    k: int = 4
    problems: int = 500
    short: Positive = SHORT
    template: Template = field(default_factory=Short)
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=1.0, top_p=1.0, max_tokens=300))
    sandbox: Tier | Literal["auto"] = "auto"
    curve_problems: int = 100
    curve_samples: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.k, self.problems, self.curve_samples) < 1:
            raise BadInput(f"k {self.k}, problems {self.problems}, curve_samples {self.curve_samples}: each must be 1 or more")

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Measure the checkpoints of this run directory, or of another one, and finish this run."""
        record = rundir if self.of is None else Record(Path(self.of))
        training = sum(timings.get("seconds", 0.0) + timings.get("save_s", 0.0) for timings in record.timings())
        began = time.monotonic()
        result = self.over(backend, rundir.root / "evals", record.checkpoints(), observer)
        rundir.finish({**result, "seconds": training + time.monotonic() - began})

    def over(self, backend: Backend, evals: Path, checkpoints: Sequence[Checkpoint], observer: Observer) -> dict[str, object]:
        """Return the results of `base`, of `zero` (the last checkpoint), their `gain`, and the `curve` from base (rollout null) over every
        checkpoint to zero.
        Every sample is stored in a folder below `evals` and not asked again, so a stopped evaluation can be resumed."""
        if not checkpoints:
            raise BadInput(f"{evals.parent}: no checkpoint in it, so there is nothing to measure; let the run save one")
        *between, last = checkpoints
        base = self._measure(evals / "base", backend, self.model, observer)
        points: list[tuple[int | None, list[GradedSample]]] = [(None, base)]
        for at in between if self.curve_problems else []:
            path = evals / f"{at.rollout:06d}"
            points.append((at.rollout, self._measure(path, backend, str(at.folder), observer, cheap=True)))
        zero = self._measure(evals / f"{last.rollout:06d}-zero", backend, str(last.folder), observer)
        points.append((last.rollout, zero))
        return {
            "base": self._result(base),
            "zero": self._result(zero),
            "gain": asdict(gain(base, zero, self.seed)),
            "curve": [{"rollout": rollout, **self._result(samples)} for rollout, samples in points],
        }

    @property
    def chosen(self) -> Benchmark:
        """The benchmark, graded with `short` as the limit of short replies."""
        bench = benchmark(self.benchmark)
        return replace(bench, grade=partial(grade_countdown, short=self.short)) if bench.grade is grade_countdown else bench

    def measure(self, model: str, k: int | None = None) -> Measure:
        """Return the measure of one model."""
        return Measure(model, self.benchmark, k or self.k, self.problems, 0, self.template, self.sampling, self.sandbox, self.seed)

    def _measure(self, folder: Path, backend: Backend, model: str, observer: Observer, cheap: bool = False) -> list[GradedSample]:
        measure = self.measure(model, self.curve_samples if cheap else None)
        most = self.curve_problems if cheap else None
        return measure.ask_with(self.chosen, lambda: backend.engine(model), backend.tokenizer(model), observer, folder, most)

    def _result(self, samples: Sequence[GradedSample]) -> dict[str, Any]:
        return result_of(samples, self.chosen, None, self.seed).to_json()


def gain(before: Sequence[GradedSample], after: Sequence[GradedSample], seed: int = 0) -> Interval:
    """Return after - before in pass@1 on the same problems, with its interval."""
    first, second = by_problem(before), by_problem(after)
    if list(first) != list(second):
        raise BadInput("the two measurements asked different problems: a paired difference needs the same, in the same order")
    verdicts = [[[sample.right for sample in trials] for trials in part.values()] for part in (first, second)]
    return paired_difference(verdicts[0], verdicts[1], seed)


FORWARD, BACKWARD = 2, 4  # operations per parameter and token


@dataclass(frozen=True)
class ComputeCost:
    """`sampled`: tokens generated; `read`: prompt tokens while sampling; `learned`: tokens in updates, prompts included."""

    sampled: int = 0
    read: int = 0
    learned: int = 0
    flops: float = 0.0

    def __add__(self, other: ComputeCost) -> ComputeCost:
        return ComputeCost(self.sampled + other.sampled, self.read + other.read, self.learned + other.learned, self.flops + other.flops)


def parameters(folder: Path) -> int | None:
    """Return the number of parameters in a model's folder, from the headers of its safetensors; None if they say none."""
    files = sorted(folder.glob("model*.safetensors")) if folder.is_dir() else []
    return sum(map(_parameter_count, files)) or None


def imitation_costs(record: Record, size: int) -> list[ComputeCost]:
    """Return the cost of each step of a fine-tuning: one forward and one backward pass."""
    steps = [int(line.get("tokens", 0)) for line in record.timings()]
    return [ComputeCost(learned=tokens, flops=float(size) * tokens * (FORWARD + BACKWARD)) for tokens in steps]


def rl_costs(record: Record, size: int, reference: bool) -> list[ComputeCost]:
    """Return the cost of each RL rollout: sampling, and learning from groups that disagree, with the reference's pass if there is one."""
    return [_rollout(record.read_groups(int(line["rollout"])), size, reference) for line in record.metrics()]


def _rollout(groups: Iterable[Group], size: int, reference: bool) -> ComputeCost:
    sampled = read = learned = 0
    for group in groups:
        tokens = sum(len(completion.tokens) for completion in group.completions)
        sampled, read = sampled + tokens, read + len(group.prompt)
        learned += 0 if _agrees(group) else len(group.prompt) * len(group.completions) + tokens
    passes = FORWARD + BACKWARD + (FORWARD if reference else 0)
    return ComputeCost(sampled, read, learned, float(size) * (FORWARD * (sampled + read) + passes * learned))


def _agrees(group: Group) -> bool:
    return len({score.total for score in group.scores if not isinstance(score.total, Abstained)}) < 2


def _parameter_count(path: Path) -> int:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(min(length, 1 << 26))
    try:
        header: dict[str, Any] = json.loads(text)
        return sum(prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    except (ValueError, LookupError, TypeError, AttributeError):  # the file is damaged, and whoever loads the model says so
        return 0


@dataclass(frozen=True)
class Equal:
    """`taught_of` and `rl_of` are the run directories of a fine-tuning and of RL on the same base. The RL is measured at its first
    checkpoint that cost at least as much arithmetic as the whole fine-tuning, so that RL never gets less; `domains` are those of the
    benchmark that both could learn (none: all of it), each asked in the form that it was learned. The student is charged for its own
    training; the cost of the teacher's samples is not charged."""

    taught_of: str
    rl_of: str
    benchmark: str = "tiny-world"
    domains: tuple[str, ...] = ("countdown",)
    reference: bool = True
    taught_template: Template = Delimited()
    rl_template: Template = Short()
    problems: Positive = 100
    samples: Positive = 4
    sampling: Sampling = Sampling(temperature=1.0, top_p=1.0, max_tokens=300)
    seed: int = 0

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Measure both models at equal cost; every reply is stored in `evals`, and is not asked for again."""
        student_run, rl_run = Record(Path(self.taught_of)), Record(Path(self.rl_of))
        last = student_run.checkpoints()[-1]
        size = parameters(last.folder) or 0
        budget = sum(imitation_costs(student_run, size), ComputeCost())
        costs = list(accumulate(rl_costs(rl_run, size, self.reference)))
        chosen = self._chosen(rl_run.checkpoints(), costs, budget)
        student_samples = self._measure(rundir, "distilled", last, self.taught_template, backend, observer)
        rl_samples = self._measure(rundir, "rl", chosen, self.rl_template, backend, observer)
        comparison = self.compare(rl_samples, student_samples)
        rundir.finish(
            {
                "parameters": size,
                "distilled": {"checkpoint": str(last.folder), **asdict(budget), "pass@1": _mean(student_samples, self.domains)},
                "rl": {"checkpoint": str(chosen.folder), **asdict(costs[chosen.rollout]), "pass@1": _mean(rl_samples, self.domains)},
                "difference": {**asdict(comparison.difference), "p": comparison.p, "verdict": comparison.verdict},
            }
        )

    def compare(self, rl_samples: Sequence[GradedSample], student_samples: Sequence[GradedSample]) -> PairedComparison:
        """Return distilled - RL on the same problems of the domains."""
        first, second = (_grades(samples, self.domains) for samples in (rl_samples, student_samples))
        return compare_pairs(first, second, self.seed)

    def _chosen(self, checkpoints: Sequence[Checkpoint], costs: Sequence[ComputeCost], budget: ComputeCost) -> Checkpoint:
        for checkpoint in checkpoints:
            if costs[checkpoint.rollout].flops >= budget.flops:
                return checkpoint
        most = costs[-1].flops if costs else 0.0
        raise BadInput(
            f"the RL cost {most:.2e} operations in all and the fine-tuning {budget.flops:.2e}: equal is at least as much; give the RL more "
            "steps, or the fine-tuning fewer epochs"
        )

    def _measure(
        self, rundir: RunDir, name: str, at: Checkpoint, template: Template, backend: Backend, observer: Observer
    ) -> list[GradedSample]:
        generator = benchmark(self.benchmark).generator
        prompts = 1 if generator is not None and generator.prompts else 0  # as few as there can be: they are in none of the domains
        measure = Measure(str(at.folder), self.benchmark, self.samples, self.problems, prompts, template, self.sampling, seed=self.seed)
        return measure.ask(backend, observer, rundir.root / "evals" / name)


def _grades(samples: Sequence[GradedSample], domains: Sequence[str]) -> list[list[float]]:
    """Return the grades of each problem's samples in these domains; of all problems if none is named."""
    problems = by_problem(sample for sample in samples if not domains or sample.category in domains)
    return [[sample.grade or 0.0 for sample in samples_of] for samples_of in problems.values()]


def _mean(samples: Sequence[GradedSample], domains: Sequence[str]) -> float:
    return fmean(fmean(grades) for grades in _grades(samples, domains))
