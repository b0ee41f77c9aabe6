"""The training data of preference models (nature B.3): a model's answers, compared several times, or labelled safe and unsafe."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from aha.codec import decode
from aha.durable import Disk, ShardPlace, Shards, publish_folder, remove_folder
from aha.errors import BadInput, FailedBar, Ratio
from aha.json_text import parse_json
from aha.protocols import Backend, Metrics, Observer, Problems, Sampling
from aha.rundir import RunDir
from aha.sampling.rollouts import seed_for
from aha.stages.assessors import Assessor, LiveAssessor, ReplyComparison, Rubric
from aha.stages.reply_sources import EngineSource, SampleRequest
from aha.stages.steps import StepLog, check_positive
from aha.tasks.demonstrations import demonstrate
from aha.tasks.examples import write_preference
from aha.tasks.rows import drawn_once
from aha.template import Delimited, Template
from aha.text import pieces
from aha.types import Labelled, Pair, Problem, Reply

ROWS, ROW_COUNT = "rows", "kept"
Row = TypeVar("Row", Pair, Labelled)


@dataclass(frozen=True)
class Pairs:
    """Two summaries at a time are compared `times` times, in an order drawn anew each time, and kept if the mean difference is more than
    `margin` points (nature B.3: four times, 1). Pairs whose chosen answer is longer (or shorter) than the rejected one are then left out,
    the most unequal first, until the mean lengths differ by at most the share `apart` (`None`: no pair is left out), or half of all pairs
    remain."""

    times: int = 4
    margin: float = 1.0
    apart: float | None = 0.05

    def __post_init__(self) -> None:
        if self.times < 1 or self.margin < 0 or (self.apart is not None and self.apart < 0):
            raise BadInput(f"times {self.times}, margin {self.margin}, apart {self.apart}: 1 or more, 0 or more, 0 or more or none")

    def rows(
        self, batch: Sequence[tuple[Problem, Sequence[Reply]]], live: LiveAssessor, place: tuple[int, ...]
    ) -> tuple[list[Pair], Metrics]:
        """Return the pairs of a chunk that are kept, and their counts."""
        couples = [(problem, *two) for problem, replies in batch for two in _couples(replies)]
        swap_table = [[bool(seed_for(*place, number, turn) & 1) for turn in range(self.times)] for number in range(len(couples))]
        comparisons = [
            ReplyComparison(problem, second, first, turn) if swap else ReplyComparison(problem, first, second, turn)
            for (problem, first, second), swaps in zip(couples, swap_table, strict=True)
            for turn, swap in enumerate(swaps)
        ]
        verdicts = iter(live.compare(comparisons))
        means = [_mean([(-1.0 if swap else 1.0, next(verdicts)) for swap in swaps]) for swaps in swap_table]
        pairs = [
            Pair(problem, *((first, second) if mean > 0 else (second, first)))
            for (problem, first, second), mean in zip(couples, means, strict=True)
            if mean is not None and abs(mean) > self.margin
        ]
        return pairs, {"compared": float(len(couples)), "unjudged": float(means.count(None)), "kept": float(len(pairs))}

    def chosen(self, pairs: Sequence[Pair]) -> list[int]:
        """Return the indices of the pairs that stay, so that length says little about which answer was chosen."""
        if self.apart is None:
            return list(range(len(pairs)))
        return balance_lengths([(len(pieces(pair.chosen)), len(pieces(pair.rejected))) for pair in pairs], self.apart)


@dataclass(frozen=True)
class Labels:
    """The task to label every whole reply, its thought included, as safe or unsafe."""

    def rows(
        self, batch: Sequence[tuple[Problem, Sequence[Reply]]], live: LiveAssessor, place: tuple[int, ...]
    ) -> tuple[list[Labelled], Metrics]:
        """Return all replies of a chunk that got a label, each text once per problem, and their counts."""
        texts = [
            (problem, text) for problem, replies in batch for text in dict.fromkeys(reply.text for reply in replies if reply.text.strip())
        ]
        labels = live.safe(texts)
        rows = [Labelled(problem, text, safe) for (problem, text), safe in zip(texts, labels, strict=True) if safe is not None]
        unsafe = sum(not row.safe for row in rows)
        return rows, {"unjudged": float(labels.count(None)), "kept": float(len(rows)), "unsafe": float(unsafe)}

    def chosen(self, rows: Sequence[Labelled]) -> list[int]:
        """Return the indices of all rows."""
        return list(range(len(rows)))


@dataclass(frozen=True)
class Writer:
    """A writer of the tiny world, who answers by rule. `care`, from 0 to 1, sets how good the answers are."""

    care: Ratio = 0.7

    def reply(self, problem: Problem, template: Template, draw: random.Random) -> Reply:
        thought, answer = demonstrate(problem, self.care, draw)
        return Reply(template.write(thought, answer), thought, answer, 0, "stop")


@dataclass(frozen=True)
class Annotate:
    """`questions` problems (`None`: all of a file's) are answered by `model`, `samples` times each, and `by` judges the answers for `task`.
    `writers` answer each problem too, so that there is more to compare than the model's own answers.
    The rows are in the run's folder `rows`, which appears whole. `chunk` problems are asked between two saves."""

    model: str
    problems: Problems
    task: Pairs | Labels = Pairs()
    by: Rubric | Assessor = Rubric()
    questions: int | None = 512
    samples: int = 4
    writers: tuple[Writer, ...] = ()
    template: Template = Delimited()
    sampling: Sampling = Sampling()
    chunk: int = 64
    shard_rows: int = 1_000
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(
            self, "sampling.max_tokens", "samples", "chunk", "shard_rows", *(("questions",) if self.questions is not None else ())
        )
        if isinstance(self.task, Pairs) and self.samples + len(self.writers) < 2:
            raise BadInput(f"samples is {self.samples}: a pair is two answers to one question, so 2 or more are needed")

    def problems_to_ask(self) -> list[Problem]:
        """Return every prompt, in order. BadInput if they cannot be read."""
        return drawn_once(self.problems, self.questions, self.seed)

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Run the stage; a stopped run resumes with the chunk after the last one saved."""
        if rundir.finished:
            return
        problems = self.problems_to_ask()
        chunks = [problems[start : start + self.chunk] for start in range(0, len(problems), self.chunk)]
        state = rundir.resume()
        start = state.rollout + 1 if state else 0
        if start < len(chunks):
            place = ShardPlace(*(int(state.progress[name]) for name in ("lines", "size"))) if state else ShardPlace()
            shards = Shards(rundir.root / ROW_COUNT, self.shard_rows, place)
            observer.heartbeat(f"loading {self.model}")
            tokenizer, engine = backend.tokenizer(self.model), backend.engine(self.model)
            source = EngineSource(engine, tokenizer, self.template, self.sampling, self.seed, observer.heartbeat)
            log = StepLog(rundir, observer, "chunk", len(chunks))
            with self.by.live(backend, observer.heartbeat) as live:
                for number in range(start, len(chunks)):
                    self._chunk(number, chunks[number], source, live, shards, log)
        rundir.finish(self._publish(rundir))

    def _chunk(
        self, number: int, problems: Sequence[Problem], source: EngineSource, live: LiveAssessor, shards: Shards, log: StepLog
    ) -> None:
        """Sample, judge and save one chunk."""
        log.begin(number)
        began = time.monotonic()
        requests = [SampleRequest(problem, place, 0, self.samples, plain=False) for place, problem in enumerate(problems)]
        draws = dict(source.draw(requests, number))
        replies = [[sample.reply for sample in draws[place]] for place in range(len(problems))]
        batch = [(problem, self._with_writers(group, problem)) for problem, group in zip(problems, replies, strict=True)]
        rows, counts = self.task.rows(batch, live, (self.seed, number))
        place = shards.append([write_preference(row) for row in rows])
        metrics = {"asked": float(len(problems)), "format": fmean(reply.well_formed for reply in chain(*replies)), **counts}
        progress, timings = {"lines": place.lines, "size": place.size}, {"seconds": time.monotonic() - began}
        log.end(number, metrics, timings, save=lambda folder: None, progress=progress)

    def _with_writers(self, replies: Sequence[Reply], problem: Problem) -> list[Reply]:
        """Return the replies and those of the writers, in random order, so that chance decides which are paired."""
        if not self.writers:
            return list(replies)
        draw = random.Random(f"annotate {self.seed} {problem.id}")
        mixture = [*replies, *(writer.reply(problem, self.template, draw) for writer in self.writers)]
        return draw.sample(mixture, len(mixture))

    def _publish(self, rundir: RunDir) -> dict[str, object]:
        """Write the folder that the next stage reads, and return the run's totals."""
        totals = {name: int(sum(line.get(name, 0.0) for line in rundir.metrics())) for name in ("asked", "compared", "unjudged", "unsafe")}
        if not (rundir.root / ROWS).exists():
            lines = list(Shards.read(rundir.root / ROW_COUNT))
            chosen = [lines[index] for index in self._chosen(lines)]
            if not chosen:
                raise FailedBar(
                    f"not one row was kept of {totals['asked']} prompts: the answers are too much alike for a difference above the margin; "
                    "sample at a higher temperature, or lower --task.margin"
                )
            publish_folder(Disk(), rundir.root / ROWS, lambda folder: _fill(folder, chosen, self.shard_rows))
        if (rundir.root / ROW_COUNT).exists():
            remove_folder(Disk(), rundir.root / ROW_COUNT)
        lines = list(Shards.read(rundir.root / ROWS))
        return {"rows": len(lines), "before_balance": int(sum(line["kept"] for line in rundir.metrics())), **totals, **self._lengths(lines)}

    def _lengths(self, lines: Sequence[str]) -> Metrics:
        """Return the mean number of pieces of chosen and of rejected answers; empty if the rows are not pairs."""
        if not isinstance(self.task, Pairs):
            return {}
        pairs = [_decode(line, Pair) for line in lines]
        return {name: fmean(len(pieces(getattr(pair, name))) for pair in pairs) for name in ("chosen", "rejected")}

    def _chosen(self, lines: Sequence[str]) -> list[int]:
        match self.task:
            case Pairs() as pairs:
                return pairs.chosen([_decode(line, Pair) for line in lines])
            case Labels() as labels:
                return labels.chosen([_decode(line, Labelled) for line in lines])


def balance_lengths(lengths: Sequence[tuple[int, int]], apart: float) -> list[int]:
    """Return the indices, in order, of the (chosen, rejected) lengths that stay: the pairs most unequal towards the side that is longer in
    total are left out until the two means differ by at most the share `apart` of their mean, or half of the pairs remain."""
    gap, whole = sum(first - second for first, second in lengths), sum(first + second for first, second in lengths)
    sign = 1 if gap > 0 else -1
    rest = set(range(len(lengths)))
    for index in sorted(rest, key=lambda index: (-sign * (lengths[index][0] - lengths[index][1]), index)):
        if abs(gap) <= apart * whole / 2 or 2 * len(rest) <= len(lengths):
            break
        first, second = lengths[index]
        rest.discard(index)
        gap, whole = gap - (first - second), whole - (first + second)
    return sorted(rest)


def _couples(replies: Sequence[Reply]) -> Iterator[tuple[str, str]]:
    """Yield different summaries in pairs; no summary is in two pairs."""
    summaries = list(dict.fromkeys(reply.answer for reply in replies if reply.answer is not None))
    yield from zip(summaries[0::2], summaries[1::2], strict=False)


def _mean(verdicts: Sequence[tuple[float, float | None]]) -> float | None:
    """Return the mean of the verdicts that were given, each multiplied by its sign; None if there are none."""
    values = [sign * value for sign, value in verdicts if value is not None]
    return fmean(values) if values else None


def _fill(folder: Path, lines: Sequence[str], per_shard: int) -> None:
    Shards(folder, per_shard).append(lines)


def _decode(line: str, kind: type[Row]) -> Row:
    row: Row = decode(parse_json(line), kind)
    return row
