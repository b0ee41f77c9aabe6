"""Supervised fine-tuning (paper §2.3.1, §2.3.3, §2.4): imitation of replies, token by token; prompts are not learned."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from aha.durable import Disk, replace_file
from aha.errors import BadInput
from aha.objectives import CrossEntropy
from aha.protocols import Adam, Adaptation, Backend, Learner, Metrics, Observer
from aha.rundir import Progress, Retention, RunDir
from aha.stages.audit import Audit, AuditRules, TooLong, audited_together
from aha.stages.steps import Epochs, StepLog, check_positive, resumed_step
from aha.stages.tokenized_examples import Stopping, TokenizedExample, TokenizedExamples, rows_and_marks
from aha.tasks.chats import ExampleLayout
from aha.tasks.examples import BadRows, ExampleRows
from aha.tasks.reading import sources_of
from aha.template import Delimited, Template
from aha.types import Lora


@dataclass(frozen=True)
class Sft:
    """Every example of `data` is learned `epochs` times, `batch` per optimizer step. `data`: a file, a folder of shards, a data set, or
    several of them with weights (`a.jsonl=2,b.jsonl`), laid out as in `layout`.
    The learning rate falls from `optim.lr` along half a cosine to `final_rate` of it at the last step. A row of more than `max_tokens`, or
    of more than the model's context, stops the run before its start, is left out ("skip") or loses its end ("cut").
    `bad_rows`: what happens with a row that cannot be read or learned. `stopping` checks after the first steps that replies end.
    `lora`: adapters to train in place of all weights. `max_positions`: the positions that the model is to know; None: as it comes."""

    model: str
    data: str
    layout: ExampleLayout = field(default=ExampleLayout(), kw_only=True)
    template: Template = Delimited()
    optim: Adam = Adam(lr=5e-5)
    lora: Lora = field(default=Lora(), kw_only=True)
    max_positions: int | None = field(default=None, kw_only=True)
    epochs: float = 2.0
    batch: int = 128
    final_rate: float = 0.1
    max_tokens: int = 32_768
    too_long: TooLong = "stop"
    bad_rows: BadRows = "stop"
    stopping: Stopping | None = Stopping()
    seed: int = 0
    save_every: int = 100
    keep_last: int = 2
    keep_every: int | None = None

    def __post_init__(self) -> None:
        check_positive(self, "batch", "max_tokens", "save_every", "keep_last")
        if self.epochs <= 0:
            raise BadInput(f"epochs is {self.epochs}: it says how often each example is imitated, so above 0; the paper has 2 to 3")
        if not 0 <= self.final_rate <= 1:
            raise BadInput(f"final_rate is {self.final_rate}: it is a share of optim.lr, so from 0 to 1")

    @property
    def adaptation(self) -> Adaptation:
        """The changes to the model that the stage starts from."""
        return Adaptation(self.max_positions, self.lora)

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Train the model. A stopped run resumes from the newest checkpoint of `rundir` and gives the same bits."""
        backend = self.adaptation.apply(backend)
        observer.heartbeat(f"reading {self.data}")
        sequences, audit = self.prepare(backend)
        replace_file(Disk(), rundir.root / "audit.json", json.dumps(asdict(audit), ensure_ascii=False, indent=1).encode())
        learner = backend.learner(self.model, self.optim, reference=False)
        steps, digest, course = self.steps(len(sequences)), digest_of(sequences), self.course(len(sequences))
        log = StepLog(rundir, observer, "step", steps, self.save_every)
        for step in range(resumed_step(rundir, learner, self.data, digest), steps):
            log.begin(step)
            began = time.monotonic()
            batch = [sequences[index] for index in course.picks(step)]
            metrics = self._update(learner, step, steps, batch)
            metrics |= {"step": step + 1.0, "epoch": min(self.epochs, (step + 1) * self.batch / len(sequences))}
            tokens, seconds = sum(map(len, batch)), time.monotonic() - began
            timings = {"seconds": seconds, "tokens": float(tokens), "tokens_per_s": tokens / seconds}
            observer.heartbeat(f"learned step {step + 1} of {steps}")
            is_due = self.stopping is not None and step + 1 == min(self.stopping.after, steps)
            verdict = self._probe(sequences, backend, learner, metrics, rundir.notes) if is_due else ""
            keep = Retention(self.keep_last, self.keep_every)
            progress: Progress = {"step": step + 1, "data": digest}
            log.end(step, metrics, timings, save=learner.save, progress=progress, keep=keep, stop=verdict)

    def prepare(self, backend: Backend) -> tuple[TokenizedExamples, Audit]:
        """Return the data as tokens and the audit of them, computed once per stage. BadInput for rows that would be learned wrong."""
        if "_prepared" not in vars(self):
            tokenizer = self.adaptation.apply(backend).tokenizer(self.model)
            limit = min(self.max_tokens, tokenizer.context or self.max_tokens)
            rules = AuditRules(limit, self.too_long, self.bad_rows)
            parts = [(ExampleRows(part.place, self.layout), part.weight) for part in sources_of(self.data)]
            sequences, audit = audited_together(self.data, parts, self.template, tokenizer, rules)
            steps = self.steps(len(sequences))
            if not steps:
                raise BadInput(f"epochs is {self.epochs}: of {len(sequences):,} examples not one would be learned; give more")
            audit = replace(audit, columns=(*audit.columns, *warm_up_line(self.optim, steps)))
            vars(self)["_prepared"] = sequences, audit
        result: tuple[TokenizedExamples, Audit] = vars(self)["_prepared"]
        return result

    def steps(self, examples: int) -> int:
        """Return the number of optimizer steps of the whole run; the last one may be smaller."""
        return math.ceil(round(examples * self.epochs) / self.batch)

    def rate_at(self, step: int, steps: int) -> float:
        """Return the multiple of the learning rate for step `step` (from 0) after the warm-up: 1 at its end, `final_rate` at the last."""
        first = min(self.optim.warmup_steps, steps - 1)
        done = max(0, step - first) / max(1, steps - 1 - first)
        return self.final_rate + (1 - self.final_rate) * (1 + math.cos(math.pi * done)) / 2

    def course(self, examples: int) -> Epochs:
        """Return the order in which the steps go through the examples."""
        return Epochs("sft", self.seed, self.batch, examples, round(examples * self.epochs))

    def _update(self, learner: Learner, step: int, steps: int, sequences: Sequence[TokenizedExample]) -> Metrics:
        learner.set_rate(self.rate_at(step, steps))
        batch = learner.text_batch(*rows_and_marks(sequences), packed=True)
        return learner.update(batch, CrossEntropy()) | {"examples": float(len(sequences)), "trained_tokens": float(batch.M)}

    def _probe(self, sequences: Sequence[TokenizedExample], backend: Backend, learner: Learner, metrics: Metrics, notes: list[str]) -> str:
        """Add the result of the stop-rate probe to `metrics`; return the reason to end the run, or an empty text."""
        assert self.stopping is not None
        try:
            metrics |= self.stopping.measure(self.model, self.template, sequences, self.seed, backend, learner)
        except BadInput as reason:  # a model that can be trained but that no engine here can sample from
            notes.append(f"whether replies end by themselves was not tried: {reason}")
            return ""
        return self.stopping.reason(metrics)


def warm_up_line(optim: Adam, steps: int) -> list[str]:
    """Return a line for a person if the warm-up is longer than the run."""
    if optim.warmup_steps <= steps:
        return []
    return [f"warm-up takes {optim.warmup_steps:,} steps and the run has {steps:,}: the rate never gets to {optim.lr:g}"]


def digest_of(sequences: Sequence[TokenizedExample]) -> str:
    """Return the sha256 of all tokens, in order."""
    seen = hashlib.sha256()
    for sequence in sequences:
        seen.update(f"{len(sequence.prompt)} {len(sequence.reply)} ".encode())
        seen.update(sequence.prompt.tobytes() + sequence.reply.tobytes())
    return seen.hexdigest()
