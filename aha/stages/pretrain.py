"""Pretraining on plain documents by next-token prediction, without any reward; it makes the tiny base model.
A smaller model from some layers of a larger one, the start of a student's base, which then has to be pretrained again.
A stage between two pretraining stages that gives embedding rows which were never trained their own vectors."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from aha.errors import BadInput, Ratio
from aha.objectives import CrossEntropy
from aha.protocols import Adam, Backend, Learner, Observer, Tokenizer
from aha.rundir import RunDir
from aha.sampling.rollouts import seed_for
from aha.stages.steps import StepLog
from aha.tasks.corpus import documents
from aha.tasks.wider import mixture
from aha.types import Positive


@dataclass(frozen=True)
class Pretrain:
    """Pretraining in chunks: write `chunk_documents` new documents, sort them by length into optimizer steps of about `step_tokens` tokens,
    and learn the steps in random order. The rate is `optim.lr` for the share `decay_from` of the chunks and then falls linearly to
    `decay_to` of it.
    `longest`: documents are cut at this number of tokens; RL must not want thoughts longer than the base has read. `others`: the share of
    documents of the wider corpus (`tasks.wider`)."""

    model: str
    chunks: Positive = 190
    chunk_documents: Positive = 4_000
    step_tokens: Positive = 2_500
    longest: Positive = 400
    others: float = 0.0
    optim: Adam = Adam(lr=3e-3, betas=(0.9, 0.98), weight_decay=0.05, warmup_steps=100)
    decay_from: Ratio = 0.3
    decay_to: Ratio = 0.01
    seed: int = 0
    save_every: Positive = 4

    def __post_init__(self) -> None:
        mixture(self.others)  # rejects an invalid share before anything runs

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        tokenizer = backend.tokenizer(self.model)
        learner = backend.learner(self.model, self.optim, reference=False)
        start = step = 0
        if (state := rundir.resume()) is not None:
            learner.load(state.folder)
            start, step = state.rollout + 1, int(state.progress["step"])
        log = StepLog(rundir, observer, "chunk", self.chunks, self.save_every)
        for chunk in range(start, self.chunks):
            log.begin(chunk)
            began = time.monotonic()
            steps = self._steps(chunk, tokenizer)
            losses = [self._update(learner, step, chunk + i / len(steps), observer) for i, step in enumerate(steps)]
            step += len(steps)
            tokens, seconds = sum(len(row) for rows in steps for row in rows), time.monotonic() - began
            metrics = {"step": float(step), "loss": fmean(losses), "tokens": float(tokens)}
            timings = {"seconds": seconds, "tokens_per_s": tokens / seconds}
            log.end(chunk, metrics, timings, save=learner.save, progress={"step": step})

    def _steps(self, chunk: int, tokenizer: Tokenizer) -> list[list[list[int]]]:
        """Return the token lists of each optimizer step of a chunk, of similar length within a step, so that little is padding."""
        texts = documents(chunk * self.chunk_documents, self.chunk_documents, self.seed, mixture(self.others))
        end = [tokenizer.stop[0]]
        rows = sorted(((tokenizer.encode(document.text) + end)[: self.longest] for document in texts), key=len)
        steps: list[list[list[int]]] = [[]]
        for row in rows:
            if steps[-1] and len(row) * (len(steps[-1]) + 1) > self.step_tokens:
                steps.append([])
            steps[-1].append(row)
        random.Random(seed_for(self.seed, chunk)).shuffle(steps)
        return steps

    def _update(self, learner: Learner, rows: Sequence[Sequence[int]], done: float, observer: Observer) -> float:
        learner.set_rate(self.rate_at(done))
        metrics = learner.update(learner.text_batch(rows), CrossEntropy())
        observer.heartbeat(f"chunk {int(done)}")
        return metrics["loss"]

    def rate_at(self, done: float) -> float:
        """Return the multiple of the learning rate after `done` chunks."""
        factor = min(1.0, (1 - done / self.chunks) / (1 - self.decay_from))
        return max(self.decay_to, factor)


def _load(model: str, backend: Backend, observer: Observer) -> Learner:
    observer.heartbeat(f"loading {model}")
    return backend.learner(model, Adam(), reference=False)


@dataclass(frozen=True)
class Shrink:
    """Keep those of the model's `layers`, counted from 0, in the given order, and everything that is not in a layer."""

    model: str
    layers: tuple[int, ...] = (0, 3)

    def __post_init__(self) -> None:
        if not self.layers or len(set(self.layers)) < len(self.layers):
            raise BadInput(f"layers are {self.layers}: one or more, each once, are needed")

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Write one checkpoint, the smaller model."""
        from aha.learning.layers import keep_layers  # loads torch, which settings must not

        if rundir.resume() is not None:
            return
        learner = _load(self.model, backend, observer)

        def save(folder: Path) -> None:
            learner.save(folder)
            keep_layers(folder, self.layers)

        metrics = {"layers": float(len(self.layers))}
        observer.rollout(0, metrics, {}, ())
        rundir.commit(0, metrics, {}, (), save=save)


@dataclass(frozen=True)
class ReinitUnusedEmbeddings:
    """Add noise to embedding rows that were never trained, so that they differ.
    The noise is drawn with `seed`; its length is `strength` times the typical distance of trained rows from their mean."""

    model: str
    strength: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.strength <= 0:
            raise BadInput(f"strength is {self.strength}: rows that stay alike cannot be told apart, so above 0")

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Write one checkpoint, which equals the model if it has no untrained row."""
        from aha.learning.layers import reinit_unused_rows  # loads torch, which settings must not

        if rundir.resume() is not None:
            return
        learner, counts = _load(self.model, backend, observer), list[int]()

        def save(folder: Path) -> None:
            learner.save(folder)
            counts.append(reinit_unused_rows(folder, self.strength, self.seed))

        rundir.commit(0, {}, {}, (), save=save)
        observer.rollout(0, {"reinitialised": float(sum(counts))}, {}, ())
