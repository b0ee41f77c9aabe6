"""The steps from problems to rows, a chunk at a time: sample, judge, filter, rewrite, drop duplicates. The same chunk gives the same
rows."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from aha.errors import EndpointDown, FailedBar
from aha.grading import Graders
from aha.protocols import Reward
from aha.rewards.judge import FailureWindow
from aha.sampling.rollouts import ScoringExecutor, ScoringStats
from aha.stages.assessors import RetryPolicy
from aha.stages.funnel import PROMPTS, ROW_COUNT, TOKENS, Tally
from aha.stages.reply_sources import ReplySource, SampledReply, SampleRequest, needs_no_thought
from aha.stages.rewriters import LiveRewriter, Raw, same_answer
from aha.tasks.filters import GramIndex, Measure, Readable
from aha.text import ngrams, pieces
from aha.types import Abstained, Conversation, Example, Message, Open, Origin, Problem

JUDGING = 16  # problems judged at a time beside sampling, if judging takes time
LONGEST = 3_000_000  # bytes of a reply; a longer line is not read
LIKE = 5  # words per n-gram when two replies to one problem are compared


@dataclass(frozen=True)
class SampleLimits:
    """The limits on samples per problem, and the requirements on a row."""

    samples: int
    at_once: int
    cap: int
    plain: tuple[str, ...]
    readable: Readable
    rewritten: Readable
    near: float | None
    unjudged: float
    pause: RetryPolicy


@dataclass(frozen=True)
class Candidate:
    """A sample that is right and readable."""

    request: SampleRequest
    number: int
    sample: SampledReply
    thought: str
    answer: str


@dataclass
class ChunkResult:
    """The result of a chunk: rows, the samples they were rewritten from, and the end of every sample."""

    rows: list[Example] = field(default_factory=list)
    raws: list[Example] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


@dataclass
class _Open:
    """A problem that is being asked."""

    problem: Problem
    place: int
    request_count: int = 0
    grams: list[set[tuple[str, ...]]] = field(default_factory=list)  # of each row that was kept


@dataclass
class RejectionSampler:
    """The open parts that make rows. `truth` decides if a reply is right; `graders` compare answers with those of
    rewritten replies; `rewrite` is `None` if rows stay as they are."""

    name: str
    limits: SampleLimits
    source: ReplySource
    truth: Reward
    judge: str
    graders: Graders
    rewrite: LiveRewriter | None
    seen: GramIndex
    measure: Measure
    origin: Origin
    heartbeat: Callable[[str], None]
    digests: set[bytes] = field(default_factory=set)
    stats: ScoringStats = field(default_factory=ScoringStats)
    health: FailureWindow = field(init=False)

    def __post_init__(self) -> None:
        self.health = FailureWindow(self.limits.unjudged)

    def chunk(self, number: int, problems: Sequence[Problem]) -> ChunkResult:
        """Ask each problem until it has its rows or its samples are used up."""
        result = ChunkResult()
        open_problems = [_Open(problem, place) for place, problem in enumerate(problems)]
        for item in open_problems:
            result.tally.add(item.problem.domain, PROMPTS)
        while requests := self._requests(open_problems):
            verdicts = self._judge(requests, number)
            candidates: list[list[Candidate]] = []
            for index, request in enumerate(requests):
                open_problems[request.place].request_count += request.count
                candidates.append(self._sort(request, verdicts.get(index, []), result.tally))
            self._finish(candidates, open_problems, result)
        return result

    def _requests(self, problems: Sequence[_Open]) -> list[SampleRequest]:
        """Return the next request for each problem that lacks rows and has samples left."""
        limits = self.limits
        items = [item for item in problems if len(item.grams) < limits.cap and item.request_count < limits.samples]
        counts = [min(limits.at_once, limits.samples - item.request_count) for item in items]
        return [
            SampleRequest(item.problem, item.place, item.request_count, count, needs_no_thought(item.problem, limits.plain))
            for item, count in zip(items, counts, strict=True)
        ]

    # --- right? ---

    def _judge(self, requests: Sequence[SampleRequest], chunk: int) -> dict[int, list[tuple[SampledReply, float | Abstained]]]:
        """Return the replies with their rewards, by request. Judging runs beside sampling."""
        samples: dict[int, list[SampledReply]] = {}
        with ScoringExecutor[list[float | Abstained]](JUDGING, self.stats) as executor:
            for index, replies in self.source.draw(requests, chunk):
                samples[index] = replies
                executor.submit(index, partial(self._worth, requests[index].problem, replies))
            worth = executor.wait(lambda: self.heartbeat(f"judged {len(executor.results)} of {len(requests)} questions"))
        self._judge_again(requests, samples, worth)
        return {index: list(zip(samples[index], worth[index], strict=True)) for index in sorted(samples)}

    def _worth(self, problem: Problem, replies: Sequence[SampledReply]) -> list[float | Abstained]:
        if isinstance(problem.reference, Open):
            return [1.0] * len(replies)  # an open question has no right answer; unwanted ones are never asked
        return self.truth(problem, [sample.reply for sample in replies])

    def _judge_again(
        self, requests: Sequence[SampleRequest], samples: dict[int, list[SampledReply]], worth: dict[int, list[float | Abstained]]
    ) -> None:
        """Pause and judge again if too many replies got no verdict, and then end the run. None of them counts as wrong."""
        if not self.health.fails_with(*_verdict_counts(samples, worth)):
            self.health.add(*_verdict_counts(samples, worth))
            return
        self.heartbeat(f"waiting {self.limits.pause.pause_s:g} s: {_verdict_counts(samples, worth)[1]} replies could not be judged")
        time.sleep(self.limits.pause.pause_s)
        for index in [index for index, values in worth.items() if any(isinstance(value, Abstained) for value in values)]:
            worth[index] = self._worth(requests[index].problem, samples[index])
        verdict_count, abstention_count = _verdict_counts(samples, worth)
        if self.health.fails_with(verdict_count, abstention_count):
            reason = next(value.reason for values in worth.values() for value in values if isinstance(value, Abstained))
            line = (
                f"{abstention_count} of {verdict_count + abstention_count} replies could not be judged, also after a pause of "
                f"{self.limits.pause.pause_s:g} s; the first: {reason}. None of them was counted as wrong; all rows up to here are saved, "
                "and the same command goes on"
            )
            raise EndpointDown(f"judge {self.judge}: {line}") if self.judge else FailedBar(line)
        self.health.add(verdict_count, abstention_count)

    # --- readable? ---

    def _sort(self, request: SampleRequest, verdicts: Sequence[tuple[SampledReply, float | Abstained]], tally: Tally) -> list[Candidate]:
        """Return the candidates that are right and readable; the ends of the others are counted."""
        domain = request.problem.domain
        if len(verdicts) < request.count:
            tally.add(domain, "no reply", request.count - len(verdicts))
        candidates = []
        for number, (sample, worth) in enumerate(verdicts, start=request.first):
            if end := self._end(request, sample, worth):
                tally.add(domain, end)
            else:
                thought = "" if request.plain else sample.reply.thought or ""
                candidates.append(Candidate(request, number, sample, thought, sample.reply.answer or ""))
        return candidates

    def _end(self, request: SampleRequest, sample: SampledReply, worth: float | Abstained) -> str:
        reply, answer = sample.reply, sample.reply.answer or ""
        if reply.finished == "length":
            return "cut"
        if not answer.strip() or not (request.plain or reply.thought) or not is_text(reply.text):
            return "form"
        if isinstance(worth, Abstained):
            return "unjudged"
        if worth < 1.0:
            return "wrong"
        thought = "" if request.plain else reply.thought or ""
        free = isinstance(request.problem.reference, Open)
        return self.limits.readable.refuses(thought, answer, request.problem.language, self.measure, free=free)

    # --- rewritten, new? ---

    def _finish(self, candidates: Sequence[Sequence[Candidate]], open_problems: Sequence[_Open], result: ChunkResult) -> None:
        """Finish one candidate of each problem at a time until the problem has its rows; the rest are over the cap."""
        queues = [list(queue) for queue in candidates]
        while batch := [queue.pop(0) for queue in queues if queue and len(open_problems[queue[0].request.place].grams) < self.limits.cap]:
            raws = [Raw(candidate.request.problem, candidate.thought, candidate.answer) for candidate in batch]
            done = self.rewrite(raws) if self.rewrite else [(raw.thought, raw.answer) for raw in raws]
            for candidate, texts in zip(batch, done, strict=True):
                end = self._row(candidate, texts, open_problems[candidate.request.place], result)
                result.tally.add(candidate.request.problem.domain, end)
        for queue in queues:
            for candidate in queue:
                result.tally.add(candidate.request.problem.domain, "over the cap")

    def _row(self, candidate: Candidate, texts: tuple[str, str] | None, item: _Open, result: ChunkResult) -> str:
        """Return the end of a candidate; a row that is kept is added to `result`."""
        problem = candidate.request.problem
        if texts is None or not all(map(is_text, texts)):
            return "not rewritten"
        thought, answer = texts
        if self.rewrite is not None and (end := self._faithless(candidate, thought, answer)):
            return end
        if self.seen.knows_any((thought, answer)):
            return "contaminated"
        key, grams = key_of(problem.question, thought, answer), set(ngrams(pieces(f"{thought}\n{answer}"), LIKE))
        if key in self.digests or any(_alike(grams, row_grams, self.limits.near) for row_grams in item.grams):
            return "duplicate"
        self.digests.add(key)
        item.grams.append(grams)
        row = self._example(candidate, thought, answer)
        if self.rewrite is not None:
            raw = replace(self._example(candidate, candidate.thought, candidate.answer), id=f"{row.id}/raw")
            result.raws.append(raw)
            row = replace(row, origin=replace(row.origin or self.origin, parents=(raw.id,)))
        result.rows.append(row)
        result.tally.add(problem.domain, TOKENS, self.measure(thought) + self.measure(answer))
        return ROW_COUNT

    def _faithless(self, candidate: Candidate, thought: str, answer: str) -> str:
        problem, reply = candidate.request.problem, candidate.sample.reply
        shown_reply = replace(reply, text=f"{thought}\n\n{answer}", thought=thought, answer=answer)
        (worth,) = self._worth(problem, [replace(candidate.sample, reply=shown_reply)])
        if isinstance(worth, Abstained):
            return "unjudged"
        if worth < 1.0 or not same_answer(problem.reference, candidate.answer, thought, answer, self.graders):
            return "unfaithful"
        free = isinstance(problem.reference, Open)
        unreadable = self.limits.rewritten.refuses(thought, answer, problem.language, self.measure, free=free)
        return "rewritten unreadable" if unreadable else ""

    def _example(self, candidate: Candidate, thought: str, answer: str) -> Example:
        problem = candidate.request.problem
        origin = replace(self.origin, problem=problem.id, seed=candidate.sample.seed)
        conversation = Conversation((*problem.turns, Message("user", problem.question), Message("assistant", answer, thought)))
        return Example(f"{self.name}/{problem.id}/{candidate.number}", problem.domain, problem.language, conversation, origin)

    # --- rows of others ---

    def from_examples(self, examples: Sequence[Example]) -> ChunkResult:
        """Return the rows written elsewhere that are readable, new, and not part of an evaluation."""
        result = ChunkResult()
        for example in examples:
            result.tally.add(example.domain, PROMPTS)
            result.tally.add(example.domain, self._row_of_example(example, result))
        return result

    def _row_of_example(self, example: Example, result: ChunkResult) -> str:
        *before, last = example.conversation.messages
        thought = last.thought or ""
        if self.seen.knows_any([*(message.content for message in before), thought, last.content]):
            return "contaminated"
        if end := self.limits.rewritten.refuses(thought, last.content, example.language, self.measure, free=True):
            return end
        key = key_of("\n".join(message.content for message in before), thought, last.content)
        if key in self.digests:
            return "duplicate"
        self.digests.add(key)
        result.rows.append(example)
        result.tally.add(example.domain, TOKENS, self.measure(thought) + self.measure(last.content))
        return ROW_COUNT


def is_text(text: str) -> bool:
    """Return True if a row can hold the text: a model may write a NUL, half of a surrogate pair, or too much."""
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in text) and len(text.encode()) < LONGEST


def key_of(question: str, thought: str, answer: str) -> bytes:
    """Return a key that is equal for rows that differ only in case, width and blanks."""
    texts = "\x1e".join("\x1f".join(pieces(text)) for text in (question, thought, answer))
    return hashlib.blake2b(texts.encode("utf-8", "replace"), digest_size=16).digest()


def _alike(first: set[tuple[str, ...]], second: set[tuple[str, ...]], near: float | None) -> bool:
    if near is None or not (first and second):
        return False
    return len(first & second) >= near * len(first | second)


def _verdict_counts(samples: dict[int, list[SampledReply]], worth: dict[int, list[float | Abstained]]) -> tuple[int, int]:
    """Return the number of replies with a verdict, and of those with an answer but no verdict."""
    pairs = [
        isinstance(value, Abstained)
        for index, replies in samples.items()
        for sample, value in zip(replies, worth[index], strict=True)
        if sample.reply.answer is not None
    ]
    return pairs.count(False), pairs.count(True)
