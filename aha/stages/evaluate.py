"""Asking a benchmark's problems k times each and measuring the replies: the base, the last checkpoint and the way between them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Literal

from aha.errors import BadInput
from aha.evals.benchmark import Benchmark
from aha.evals.benchmarks import benchmark
from aha.evals.measurement import Measurement, Sample, gain, measure_samples
from aha.evals.records import read_samples, write_samples
from aha.grading import programs_in
from aha.grading.sandbox import Tier
from aha.protocols import Ask, Backend, Engine, Observer, Sampling, Tokenizer
from aha.rundir import Checkpoint, Record, RunDir
from aha.sampling.prompts import completion_text, prompt_tokens
from aha.sampling.rollouts import RolloutSampler
from aha.template import Short, Template
from aha.text import mixes_languages, reflects
from aha.types import Abstained, Completion, Problem, Right


@dataclass(frozen=True)
class Evaluate:
    """`model` is the base; `k` samples of each of `problems` held-out problems. `short`: the cut, in new tokens, of pass@1_short.

    `of`: the run directory whose checkpoints are measured; its own where there is none. `sandbox`: where the programs of replies run.

    `curve_problems` and `curve_samples` are the cheap measure of the checkpoints between base and last; 0 problems leave them out."""

    model: str
    of: str | None = None
    benchmark: str = "countdown"
    k: int = 4
    problems: int = 500
    short: int = 32
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
        """Measure what the run directory holds, or another one, and finish this one."""
        measured = rundir if self.of is None else Record(Path(self.of))
        training = sum(timings.get("seconds", 0.0) + timings.get("save_s", 0.0) for timings in measured.timings())
        started = time.monotonic()
        result = self.over(backend, rundir.root / "evals", measured.checkpoints(), observer)
        rundir.finish({**result, "seconds": training + time.monotonic() - started})

    def over(self, backend: Backend, evals: Path, checkpoints: Sequence[Checkpoint], observer: Observer) -> dict[str, object]:
        """`base`, `zero` (the last checkpoint), their `gain`, and the `curve` from base (rollout null) over every checkpoint to zero.

        Every sample is kept in the folder `evals`; a model that has its file there is not asked again, so a stopped evaluation goes on."""
        if not checkpoints:
            raise BadInput(f"{evals.parent}: no checkpoint in it, so there is nothing to measure; let the run save one")
        *between, last = checkpoints
        base = self._recorded(evals / "base.jsonl.gz", backend, self.model, observer)
        points: list[tuple[int | None, list[Sample]]] = [(None, base)]
        for at in between if self.curve_problems else []:
            path = evals / f"{at.rollout:06d}.jsonl.gz"
            points.append((at.rollout, self._recorded(path, backend, str(at.folder), observer, cheap=True)))
        zero = self._recorded(evals / f"{last.rollout:06d}-zero.jsonl.gz", backend, str(last.folder), observer)
        points.append((last.rollout, zero))
        return {
            "base": measure_samples(base, self.seed).to_json(),
            "zero": measure_samples(zero, self.seed).to_json(),
            "gain": asdict(gain(base, zero, self.seed)),
            "curve": [{"rollout": rollout, **measure_samples(samples, self.seed).to_json()} for rollout, samples in points],
        }

    def measure(
        self,
        engine: Engine,
        tokenizer: Tokenizer,
        observer: Observer | None = None,
        record: Path | None = None,
        live: Benchmark | None = None,
    ) -> Measurement:
        """The model behind `engine`, on all problems; its samples go to `record`, gzipped JSON lines, where it is given."""
        samples = self.ask(engine, tokenizer, self.held_out(), self.k, observer, live=live)
        if record is not None:
            write_samples(record, samples)
        return measure_samples(samples, self.seed)

    @contextmanager
    def live(self, backend: Backend) -> Iterator[Benchmark]:
        """The benchmark with what its grader needs live; programs run in the tier that was chosen."""
        with programs_in(self.sandbox), benchmark(self.benchmark).open(backend) as live:
            yield live

    def held_out(self) -> list[Problem]:
        """The problems, in an order that is the same for every model. BadInput when there are not so many."""
        chosen = benchmark(self.benchmark)
        try:
            return chosen.problems.all(self.problems, self.seed)
        except ValueError as error:
            raise BadInput(f"problems is {self.problems}: {chosen.name} holds out fewer") from error

    def ask(
        self,
        engine: Engine,
        tokenizer: Tokenizer,
        problems: Sequence[Problem],
        k: int,
        observer: Observer | None,
        name: str = "model",
        live: Benchmark | None = None,
    ) -> list[Sample]:
        """`k` judged samples of each problem, in the order of the problems; draws depend on (seed, problem, sample) alone.

        `live` is the benchmark, opened; None where its grader needs nothing."""
        judge = live or benchmark(self.benchmark)
        asks = [
            Ask(prompt_tokens(self.template, problem.question, tokenizer), tuple(seed_of(self.seed, problem.id, n) for n in range(k)))
            for problem in problems
        ]

        def score(index: int, completions: Sequence[Completion]) -> list[Sample]:
            return [self.judged(judge, problems[index], number, completion, tokenizer) for number, completion in enumerate(completions)]

        def progress(_: int, scored: int) -> None:
            if observer is not None:
                observer.beat(f"evaluate {name}: {scored} of {len(asks)} problems")

        return list(chain.from_iterable(RolloutSampler(engine, self.sampling).sample(asks, score, progress)))

    def _recorded(self, path: Path, backend: Backend, model: str, observer: Observer, cheap: bool = False) -> list[Sample]:
        if path.exists():
            return read_samples(path)
        problems, k = (self.held_out()[: self.curve_problems], self.curve_samples) if cheap else (self.held_out(), self.k)
        observer.begin("measurement", len(list(path.parent.glob("*.jsonl.gz"))))
        with self.live(backend) as live:
            name = path.name.split(".")[0]
            samples = self.ask(backend.engine(model), backend.tokenizer(model), problems, k, observer, name, live)
        write_samples(path, samples)
        observer.end(saved=True)
        return samples

    def judged(self, judge: Benchmark, problem: Problem, number: int, completion: Completion, tokenizer: Tokenizer) -> Sample:
        """A completion, read by the template and judged."""
        text, tokens = completion_text(completion, tokenizer), len(completion.tokens)
        reply = self.template.read(text, tokens, completion.finished)
        grade = judge.judged(problem, reply.answer)
        right = isinstance(grade, Right)
        return Sample(
            problem=problem.id,
            question=problem.question,
            language=problem.language,
            sample=number,
            text=text,
            answer=reply.answer,
            vote=None if reply.answer is None else judge.vote(reply.answer),
            right=right,
            lenient=isinstance(judge.judged(problem, judge.lenient(text)), Right),
            short=right and tokens <= self.short,
            format=reply.well_formed,
            abstained=isinstance(grade, Abstained),
            tokens=tokens,
            finished=completion.finished,
            reflection=reflects(text),
            mixing=mixes_languages(text if reply.thought is None else reply.thought),
        )


def seed_of(seed: int, problem: str, sample: int) -> int:
    """63 bits that depend on the three alone."""
    return int.from_bytes(hashlib.sha256(f"evaluate {seed} {problem} {sample}".encode()).digest()[:8], "big") >> 1
