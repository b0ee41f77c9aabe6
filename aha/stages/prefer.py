"""Training of preference models (nature B.3): a model with a head of one number, from pairs or from labelled replies."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aha.errors import BadInput
from aha.objectives import Pairwise, Pointwise
from aha.protocols import Adam, Backend, Learner, Metrics, Observer, Tokenizer
from aha.rundir import Retention, RunDir
from aha.stages.steps import Epochs, StepLog, check_positive, resumed_step
from aha.tasks.examples import as_conversation, read_pairs, read_safety_rows, scored_tokens
from aha.types import Problem


@dataclass(frozen=True)
class PreferenceUnit:
    """Rows of tokens that are learned together, the chosen one first. `label`: if a single row is safe; `question`: what they answer."""

    question: str
    rows: tuple[list[int], ...]
    label: bool = True

    def __len__(self) -> int:
        return max(map(len, self.rows))


@dataclass(frozen=True)
class Prefer:
    """Training of a preference model. With the loss Pairwise, `data` holds pairs (`Pair`) and the model learns which answer was chosen;
    with Pointwise, labelled replies. `model` gives the initial weights and gets a head that scores. The share `held_out` of the prompts is
    not learned; the metrics hold how often the model agrees with them whenever a checkpoint is written. A row longer than `longest` tokens
    is left out."""

    model: str
    data: str
    loss: Pairwise | Pointwise = Pairwise()
    optim: Adam = Adam(lr=6e-6)
    epochs: int = 1
    batch: int = 256
    longest: int = 8_192
    held_out: float = 0.05
    seed: int = 0
    save_every: int = 50
    keep_last: int = 2

    def __post_init__(self) -> None:
        check_positive(self, "epochs", "batch", "longest", "save_every", "keep_last")
        if not 0 <= self.held_out < 1:
            raise BadInput(f"held_out is {self.held_out}: a share of the prompts, from 0 to below 1")

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Train the model. A stopped run resumes from the newest checkpoint of `rundir` and gives the same bits."""
        observer.heartbeat(f"reading {self.data}")
        units = self.units(backend.tokenizer(self.model))
        short_units = [unit for unit in units if len(unit) <= self.longest]
        if len(short_units) < len(units):
            rundir.notes.append(
                f"{self.data}: {len(units) - len(short_units)} of {len(units)} rows have over {self.longest:,} tokens: left out"
            )
        held_out, training_units = ([unit for unit in short_units if self._holds_out(unit) is out] for out in (True, False))
        if not training_units:
            raise BadInput(
                f"{self.data}: none of its {len(units)} rows is left to learn from; give more, or a `longest` above {self.longest}"
            )
        learner = backend.learner(self.model, self.optim, reference=False, head="score")
        steps, digest = math.ceil(len(training_units) * self.epochs / self.batch), digest_of(training_units)
        course = self.course(len(training_units))
        log = StepLog(rundir, observer, "step", steps, self.save_every)
        for step in range(resumed_step(rundir, learner, self.data, digest), steps):
            log.begin(step)
            began = time.monotonic()
            batch = learner.score_batch(*labelled_rows([training_units[index] for index in course.picks(step)]))
            metrics = learner.update(batch, self.loss) | {"step": step + 1.0}
            if log.due(step):
                metrics |= self.measure(learner, held_out)
            seconds, tokens = time.monotonic() - began, batch.tokens_N.numel()
            timings = {"seconds": seconds, "tokens": float(tokens), "tokens_per_s": tokens / seconds}
            observer.heartbeat(f"learned step {step + 1} of {steps}")
            log.end(
                step,
                metrics,
                timings,
                save=learner.save,
                progress={"step": step + 1, "data": digest},
                keep=Retention(self.keep_last),
            )

    def units(self, tokenizer: Tokenizer) -> list[PreferenceUnit]:
        """Return every row of `data` as tokens."""

        def score_tokens(problem: Problem, text: str) -> list[int]:
            return scored_tokens(as_conversation(problem, text), tokenizer)

        if isinstance(self.loss, Pairwise):
            pairs = read_pairs(self.data)
            return [
                PreferenceUnit(p.problem.question, (score_tokens(p.problem, p.chosen), score_tokens(p.problem, p.rejected))) for p in pairs
            ]
        return [
            PreferenceUnit(row.problem.question, (score_tokens(row.problem, row.text),), row.safe) for row in read_safety_rows(self.data)
        ]

    def course(self, units: int) -> Epochs:
        """Return the order in which the steps go through the units."""
        return Epochs("prefer", self.seed, self.batch, units, units * self.epochs)

    def measure(self, learner: Learner, units: Sequence[PreferenceUnit]) -> Metrics:
        """Return the loss and its metrics on rows that are not learned; empty if there are none."""
        if not units:
            return {}
        metrics = learner.measure(learner.score_batch(*labelled_rows(units)), self.loss)
        return {f"held_out/{name}": value for name, value in metrics.items()}

    def _holds_out(self, unit: PreferenceUnit) -> bool:
        digest = hashlib.sha256(f"prefer {self.seed} {unit.question}".encode("utf-8", "replace")).digest()
        return int.from_bytes(digest[:8], "big") < self.held_out * 2**64


def labelled_rows(units: Sequence[PreferenceUnit]) -> tuple[list[list[int]], list[bool], int]:
    """Return what `Learner.score_batch` takes: rows of units of one kind, if each is the chosen or a safe one, and the rows per unit."""
    rows = [row for unit in units for row in unit.rows]
    return rows, [unit.label and row is unit.rows[0] for unit in units for row in unit.rows], len(units[0].rows)


def digest_of(units: Sequence[PreferenceUnit]) -> str:
    """Return the sha256 of all tokens and labels, in order."""
    seen = hashlib.sha256()
    for unit in units:
        seen.update(json.dumps([unit.rows, unit.label]).encode())
    return seen.hexdigest()
