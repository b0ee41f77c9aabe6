"""Rejection sampling and the cold start's set: sample often, keep what is right and readable, and rewrite it if wanted (paper §2.3.1,
§2.3.3)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from aha.errors import BadInput
from aha.grading import Graders
from aha.protocols import Backend, ChatOptions, Observer, Problems, Sampling, is_endpoint
from aha.rewards import Accuracy, Judge
from aha.rundir import RunDir
from aha.stages.assessors import RetryPolicy
from aha.stages.funnel import ROWS, Form, Store, Tally, grader_of, publish, sampler_of, template_of
from aha.stages.problem_checks import AT_HAND, has_rows, seen_of
from aha.stages.rejection_sampler import RejectionSampler, SampleLimits, key_of
from aha.stages.reply_sources import ChatSource, EngineSource, NoSource, ReplySource, asked_in_conversations
from aha.stages.rewriters import NO_REWRITER, Rewriter, Rules
from aha.stages.steps import StepLog, check_positive
from aha.tasks.examples import load_examples
from aha.tasks.filters import Measure, Readable
from aha.tasks.mixture import Mix
from aha.tasks.rows import drawn_once
from aha.template import FewShot, Instruct, R1Zero, Short, Shot, Template
from aha.text import pieces
from aha.types import Conversation, Count, Example, Open, Origin, Problem

GIVEN_AT_ONCE = 1_000
Item = TypeVar("Item", Problem, Example)


@dataclass(frozen=True)
class Sample:
    """Rejection sampling of `questions` problems (`None`: all of a file's), each until `cap` of its rows are kept or `samples` replies are
    used up, `at_once` of them at a time.
    `model` is a folder, a hub name, or a server that shows its thoughts (`http://host:port/v1#name`). `shots`: a file of examples, the
    first `shot_count` of which come before every question. `truth` decides what is right: the rules, or a judge for what no rule can check;
    an open question has no right answer and is asked only if `open_answers` is "keep". Questions of the domains `plain` are answered
    without a chain of thought, as greetings are.
    A reply must be `readable`; `rewriter` turns it into thought and summary, which must still be right, say the same, and be readable by
    `rewritten`. Rows that share a run of `words` words with the benchmarks or files `against` are left out, and so are rows whose share of
    runs of five words in common with another row of their problem is `near` or more. `also`: rows written elsewhere. `mix`: shares of
    domains.
    `chunk` problems are asked between two saves; at the end the rows are in `shards` of `shard_rows` each. If more than the share
    `unjudged` of the last replies has no verdict, the run pauses and then ends."""

    model: str
    problems: Problems
    name: str = "sample"
    questions: Count | None = 512
    template: Template = Short()
    shots: str | None = None
    shot_count: int = 2
    sampling: Sampling = Sampling()
    samples: int = 4
    at_once: int = 2
    cap: int = 1
    truth: Accuracy | Judge = Accuracy()
    plain: tuple[str, ...] = ()
    open_answers: Literal["drop", "keep"] = "drop"
    readable: Readable = Readable()
    rewriter: Rules | Rewriter | None = None
    rewritten: Readable = Readable()
    against: tuple[str, ...] = (AT_HAND,)
    words: int = 10
    near: float | None = 0.8
    also: tuple[Iterable[Example], ...] = ()
    mix: Mix = Mix()
    client: ChatOptions = ChatOptions(cache="~/.cache/aha/teacher")
    retry: RetryPolicy = RetryPolicy()
    unjudged: float = 0.2
    chunk: int = 64
    shards: Form = "jsonl"
    shard_rows: int = 1_000
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(self, "sampling.max_tokens", "samples", "at_once", "cap", "words", "chunk", "shard_rows", "shot_count")
        if self.questions is not None and self.questions < 0:
            raise BadInput(f"questions is {self.questions}: 0 or more, or none for all of a file's")
        if self.cap > self.samples:
            raise BadInput(f"cap is {self.cap}: no problem has more rows than its {self.samples} samples")
        if self.near is not None and not 0 < self.near <= 1:
            raise BadInput(f"near is {self.near}: a share above 0, up to 1, or none")
        if not 0 <= self.unjudged < 1:
            raise BadInput(f"unjudged is {self.unjudged}: a share below 1")
        if self.shots is not None and not isinstance(self.template, R1Zero | Short | Instruct):
            raise BadInput(f"shots: the examples are written in the form R1Zero, Short or Instruct, not in {type(self.template).__name__}")

    @property
    def chunks(self) -> int | None:
        """The number of saves in a run; `None` if it depends on the problems or on rows written elsewhere."""
        return None if self.questions is None or self.also else -(-self.questions // self.chunk)

    def check(self) -> None:
        """Raise BadInput for faults that show before a model is loaded. References to other stages are checked by those stages."""
        if isinstance(self.rewriter, Rewriter) and self.rewriter.model == NO_REWRITER:
            raise BadInput("a model that rewrites is needed: --rewriter.model http://host:port/v1#NAME, or --rewriter none")
        if isinstance(self.truth, Judge):
            self.truth.check()
        self.problems_to_ask()
        if self.shots is not None and not self.shots.startswith("@"):
            self._template()
        if is_endpoint(self.model) and not isinstance(self._template().prompt("?"), Conversation):
            raise BadInput(asked_in_conversations(self.template))

    def run(self, backend: Backend, rundir: RunDir, observer: Observer) -> None:
        """Run the stage. The folder `rows` exists only at the end, when it is complete."""
        if (rundir.root / ROWS).exists() and rundir.finished:
            return
        problems, left_out = self.problems_to_ask()
        examples = [example for number, source in enumerate(self.also) for example in self._with_labels(source, number)]
        chunks: list[Chunk] = [*_slices(problems, self.chunk), *_slices(examples, GIVEN_AT_ONCE)] or [[]]
        state = rundir.resume()
        start, why = state.rollout + 1 if state else 0, ""
        if start < len(chunks):
            store = Store(rundir.root, self.shard_rows, state.progress if state else {}, rundir.disk)
            with ExitStack() as stack:
                sampler = self._open(backend, observer, stack, asks=start * self.chunk < len(problems))
                sampler.digests |= {key_of(*texts) for texts in store.texts()}
                log = StepLog(rundir, observer, "chunk", len(chunks))
                for number in range(start, len(chunks)):
                    tally = left_out if number == 0 else Tally()
                    self._chunk(sampler, number, chunks[number], store, log, tally)
                why = sampler.source.why
        result = publish(rundir, self.mix, self.seed, self.shard_rows, self.shards, why)
        if not rundir.finished:
            rundir.finish(result)

    # --- what is asked ---

    def problems_to_ask(self) -> tuple[list[Problem], Tally]:
        """Return the problems, each once, without those that an evaluation asks or that could give no row, and the counts of these."""
        tally, seen, ids = Tally(), seen_of(self._against, self.words), set[str]()
        problems: list[Problem] = []
        for problem in self._problems():
            key = " ".join(pieces(problem.question))
            end = ""
            if key in ids:
                end = "repeated prompt"
            elif seen.knows_any((problem.question,)):
                end = "contaminated prompt"
            elif self.open_answers == "drop" and isinstance(problem.reference, Open):
                end = "uncheckable prompt"
            ids.add(key)
            if end:
                tally.add(problem.domain, end)
            else:
                problems.append(problem)
        if self.questions != 0 and not problems:
            drops = ", ".join(f"{number} {end}s" for (_, end), number in tally.counts.items())
            raise BadInput(f"none of the problems can be asked ({drops}): give checkable ones, or --open-answers keep")
        return problems, tally

    @property
    def _against(self) -> tuple[str, ...]:
        """The benchmarks and files to compare rows with; a source that generates its problems holds some out itself."""
        return self.against if has_rows(self.problems) else tuple(name for name in self.against if name != AT_HAND)

    def _problems(self) -> list[Problem]:
        return [] if self.questions == 0 else drawn_once(self.problems, self.questions, self.seed)

    def _with_labels(self, source: Iterable[Example], number: int) -> Iterator[Example]:
        """Yield the examples with ids of this set, each with its original row as a parent."""
        for example in source:
            name = getattr(source, "source", type(source).__name__)
            origin = example.origin or Origin(self.name, example.id, str(name), None, "", "")
            yield replace(
                example,
                id=f"{self.name}/given-{number}/{example.id}",
                origin=replace(origin, stage=self.name, parents=(*origin.parents, example.id)),
            )

    # --- what is open ---

    def _open(self, backend: Backend, observer: Observer, stack: ExitStack, asks: bool) -> RejectionSampler:
        """Return the open parts that a chunk needs; a model is loaded only if it is asked."""
        source = self._source(backend, observer) if asks else NO_SOURCE
        stack.callback(source.close)
        truth = stack.enter_context(self.truth.open(backend))
        rewrite = stack.enter_context(self.rewriter.live(backend, observer.heartbeat)) if self.rewriter is not None else None
        template = self._template()
        return RejectionSampler(
            name=self.name,
            limits=SampleLimits(
                *(self.samples, self.at_once, self.cap, self.plain, self.readable, self.rewritten, self.near, self.unjudged, self.retry)
            ),
            source=source,
            truth=truth,
            judge=self.truth.model if isinstance(self.truth, Judge) else "",
            graders=stack.enter_context(Graders()),
            rewrite=rewrite,
            seen=seen_of(self._against, self.words),
            measure=self._measure(backend),
            origin=Origin(self.name, "", sampler_of(self.model), None, grader_of(self.truth), template_of(template)),
            heartbeat=observer.heartbeat,
        )

    def _measure(self, backend: Backend) -> Measure:
        """Return the function that counts tokens: pieces of text if no model is sampled or the tokenizer is on a server. It depends on the
        settings alone, so that a run resumed after its last question counts as before."""
        if self.questions == 0 or is_endpoint(self.model):
            return _pieces
        tokenizer = backend.tokenizer(self.model)
        return lambda text: len(tokenizer.encode(text))

    def _source(self, backend: Backend, observer: Observer) -> ReplySource:
        """Return the source of replies."""
        observer.heartbeat(f"loading {self.model}")
        template = self._template()
        if is_endpoint(self.model):
            return ChatSource(backend, self.model, template, self.sampling, self.client, self.retry, observer.heartbeat)
        tokenizer, engine = backend.tokenizer(self.model), backend.engine(self.model)
        return EngineSource(engine, tokenizer, template, self.sampling, self.seed, observer.heartbeat)

    def _template(self) -> Template:
        """Return the template with the shots in it."""
        if self.shots is None or not isinstance(self.template, R1Zero | Short | Instruct):
            return self.template
        return FewShot(self.template, tuple(_shot(example) for example in load_examples(self.shots).examples[: self.shot_count]))

    # --- one chunk ---

    def _chunk(self, sampler: RejectionSampler, number: int, items: Chunk, store: Store, log: StepLog, tally: Tally) -> None:
        """Make the rows of one chunk and save them."""
        log.begin(number)
        began = time.monotonic()
        problems = [item for item in items if isinstance(item, Problem)]
        result = (
            sampler.chunk(number, problems) if problems else sampler.from_examples([item for item in items if isinstance(item, Example)])
        )
        tally.counts.update(result.tally.counts)
        store.append(result.rows, result.raws)
        metrics = {**tally.metrics(), **tally.rates()}
        seconds = time.monotonic() - began
        timings = {"seconds": seconds, "rows_per_s": len(result.rows) / seconds if seconds else 0.0}
        log.end(number, metrics, timings, save=lambda folder: None, progress=store.places)


Chunk = Sequence[Problem] | Sequence[Example]
NO_SOURCE = NoSource()


def _pieces(text: str) -> int:
    return len(pieces(text))


def _slices(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _shot(example: Example) -> Shot:
    """Return the example as a shot. BadInput if it has no chain of thought."""
    *before, last = example.conversation.messages
    if not last.thought:
        raise BadInput(f"shots: example {example.id} has no chain of thought to be shown")
    return Shot(before[-1].content, last.thought, last.content)
