"""Requests of many clients to one engine: a thread samples for all of them at once, and each can join or leave at any token.

The engine's thread posts the events of a job to a reader in an event loop or in another thread.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from aha.errors import AhaError
from aha.lazy import LazyModule
from aha.sampling.scheduler import FinishedRow, RowRequest, RowSettings, SampledToken, Scheduler, SchedulerLimits, Tokens, TopTokens
from aha.serving import Refusal
from aha.types import Completion

if TYPE_CHECKING:
    import asyncio
else:  # `aha chat` waits for tokens in a thread
    asyncio = LazyModule("asyncio")

WAIT_S = 0.5
PREFILL_TOKENS = 256  # prompt tokens read between two tokens of the batch, so that no reply waits long for another's prompt
END_OF_ENGINE = Refusal(500, "the engine ended", kind="server_error")
ENDING = Refusal(503, "the server is ending", code="server_ending", kind="server_error")


class Batches(Protocol):
    """An engine that samples in batches, one batch at a time."""

    @property
    def context(self) -> int | None: ...

    def scheduler(self, limits: SchedulerLimits) -> Scheduler: ...

    def affordable_tokens(self) -> int:
        """Return the number of tokens of prompts and replies that a quarter of the free memory holds."""


@dataclass(frozen=True)
class NextToken:
    """The next token of reply `number`, for a live job."""

    number: int
    token: int
    top: TopTokens | None = None


@dataclass(frozen=True)
class WholeSample:
    """The completed reply `number`."""

    number: int
    completion: Completion


JobEvent = NextToken | WholeSample | Refusal


@dataclass(eq=False)
class ChatJob:
    """One prompt of a request, and a reply for each seed. `live`: tokens are reported as they are sampled. `first`: the number of the first
    reply. `rows`: the numbers of the replies in progress, by row of the batch."""

    prompt: Tokens
    settings: RowSettings
    seeds: tuple[int, ...]
    live: bool = False
    first: int = 0
    rows: dict[int, int] = field(default_factory=dict)


Letters = list[tuple[ChatJob, JobEvent]]


class EngineThread:
    """A thread that owns the engine: between two tokens it takes in new jobs and drops abandoned ones.

    `tell` gets the events of all jobs, in this thread, once per step. `most`: the number of replies that may wait for a place in the
    batch."""

    def __init__(self, engine: Batches, tell: Callable[[Letters], None], limits: SchedulerLimits | None = None, most: int = 256) -> None:
        self.engine, self.most = engine, most
        self.limits = limits or SchedulerLimits(rows=256, prefill_tokens=PREFILL_TOKENS)
        self.reply_count = self.failures = 0
        self._steps = 0  # steps of batches that have failed
        self._tell = tell
        self._scheduler = engine.scheduler(self.limits)
        self._jobs: dict[int, ChatJob] = {}  # by row
        self._arrivals: deque[ChatJob] = deque()
        self._departures: deque[tuple[ChatJob, int | None]] = deque()
        self._change = threading.Condition()
        self._closed = self._stopped = self._ended = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    # --- from any thread ----------------------------------------------------------------------------------------------

    def put(self, job: ChatJob) -> None:
        """Accept a job. Refusal with 503 if too many wait, or if the engine is ending."""
        with self._change:
            if self._closed:
                raise ENDING
            under_way = self.queue_length + self.batch_size
            if under_way and under_way + len(job.seeds) > self.limits.rows + self.most:
                raise Refusal(503, f"{under_way} replies are under way: come back later", code="queue_full", kind="server_error")
            self._arrivals.append(job)
            self._change.notify()

    def let_go(self, job: ChatJob, number: int | None = None) -> None:
        """Drop a reply that nobody waits for any more, or the whole job. Does nothing if it has ended."""
        with self._change:
            self._departures.append((job, number))
            self._change.notify()

    @property
    def steps(self) -> int:
        """The number of tokens sampled for the whole batch so far."""
        return self._steps + self._scheduler.steps

    @property
    def queue_length(self) -> int:
        """The number of replies that have no place in the batch yet."""
        return sum(len(job.seeds) for job in tuple(self._arrivals)) + self._scheduler.queue_length

    @property
    def batch_size(self) -> int:
        """The number of replies in the batch."""
        return self._scheduler.row_count

    @property
    def alive(self) -> bool:
        """True while the thread works."""
        return self._thread.is_alive() and not self._ended

    def close(self, timeout_s: float) -> bool:
        """Accept no more jobs and wait; return True if all accepted ones ended in time. The others are broken off."""
        with self._change:
            self._closed = True
            self._change.notify()
        self._thread.join(timeout=timeout_s)
        whole = not self._thread.is_alive()
        with self._change:
            self._stopped = True
            self._change.notify()
        self._thread.join(timeout=WAIT_S)
        return whole

    # --- in the engine's thread -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while self._take_in():
                self._step()
            self._end(ENDING)
        except BaseException:
            self._end(END_OF_ENGINE)
            raise

    def _take_in(self) -> bool:
        """Add new jobs and drop abandoned ones, waiting if there are none; return True if there is, or may be, more to do."""
        with self._change:
            while not (self._arrivals or self._departures or self._jobs or self._closed):
                self._change.wait(timeout=WAIT_S)
            arrivals, self._arrivals = self._arrivals, deque()
            departures, self._departures = self._departures, deque()
            for job in arrivals:
                self._add(job)
        for job, number in departures:
            for row in [row for row, sample in job.rows.items() if number is None or sample == number]:
                self._scheduler.cancel(row)
                self._forget(row)
        return (bool(self._jobs) and not self._stopped) or not self._closed

    def _add(self, job: ChatJob) -> None:
        self.reply_count += 1
        try:
            for number, seed in enumerate(job.seeds, start=job.first):
                row = self._scheduler.add(RowRequest(job.prompt, seed, job.settings), live=job.live)
                job.rows[row], self._jobs[row] = number, job
        except AhaError as error:
            for row in list(job.rows):
                self._scheduler.cancel(row)
                self._forget(row)
            self._tell([(job, Refusal(400, str(error), "max_tokens", "context_length_exceeded"))])

    def _forget(self, row: int) -> int:
        return self._jobs.pop(row).rows.pop(row)

    def _step(self) -> None:
        letters: Letters = []
        try:
            for event in self._scheduler.step():
                job = self._jobs[event.row]
                match event:
                    case SampledToken(row, token, top):
                        letters.append((job, NextToken(job.rows[row], token, top)))
                    case FinishedRow(row, completion):
                        letters.append((job, WholeSample(self._forget(row), completion)))
        except (AhaError, RuntimeError, ValueError) as error:  # out of memory is one of these errors; the next batch may fit
            letters = self._fail(error)
        if letters:
            self._tell(letters)

    def _fail(self, error: Exception) -> Letters:
        """Fail the jobs that were in the batch; restart those that wait with a new batch."""
        self.failures += 1
        started_keys = self._scheduler.keys_in_batch
        jobs = list(dict.fromkeys(self._jobs.values()))
        losers = [job for job in jobs if started_keys & job.rows.keys()]
        self._jobs.clear()
        self._steps += self._scheduler.steps
        self._scheduler = self.engine.scheduler(self.limits)
        for job in jobs:
            job.rows.clear()
            if job not in losers:
                self.reply_count -= 1
                self._add(job)
        return [(job, Refusal(500, f"the engine failed: {error}", kind="server_error")) for job in losers]

    def _end(self, refusal: Refusal) -> None:
        """Send the refusal to everybody who still waits, however the thread ended."""
        with self._change:
            self._closed = self._ended = True
            jobs = [*dict.fromkeys(self._jobs.values()), *self._arrivals]
            self._arrivals.clear()
        if jobs:
            self._tell([(job, refusal) for job in jobs])


class LoopMailbox:
    """The events of one request's jobs, read in an event loop."""

    def __init__(self, samples: int) -> None:
        self.open_samples = samples
        self._events: deque[JobEvent] = deque()
        self._arrival: asyncio.Future[None] | None = None

    def put(self, event: JobEvent) -> None:
        """Add an event; called in the event loop."""
        self._events.append(event)
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def events(self, wait_s: float = WAIT_S) -> AsyncIterator[NextToken | WholeSample | None]:
        """Yield events until all samples are complete or dropped; None after each `wait_s` seconds without an event. Raises a Refusal that
        arrives."""
        while self.open_samples > 0:
            if not self._events:
                self._arrival = asyncio.get_running_loop().create_future()
                await asyncio.wait((self._arrival,), timeout=wait_s)
            if not self._events:
                yield None
                continue
            event = self._events.popleft()
            if isinstance(event, Refusal):
                raise event
            self.open_samples -= isinstance(event, WholeSample)
            yield event


class LoopPost:
    """A post that carries events from the engine's thread into the event loop, all of a step at once."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._boxes: dict[ChatJob, LoopMailbox] = {}

    def box(self, jobs: Sequence[ChatJob]) -> LoopMailbox:
        """Return a mailbox for jobs of one request; it is opened in the loop that reads it, before the jobs are put."""
        self._loop = asyncio.get_running_loop()
        box = LoopMailbox(sum(len(job.seeds) for job in jobs))
        self._boxes |= dict.fromkeys(jobs, box)
        return box

    def close(self, jobs: Sequence[ChatJob]) -> None:
        """Close the mailbox of these jobs."""
        for job in jobs:
            self._boxes.pop(job, None)

    def send(self, letters: Letters) -> None:
        """Deliver events from the engine's thread; after the loop has ended they are dropped."""
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._deliver, letters)

    def _deliver(self, letters: Letters) -> None:
        for job, event in letters:
            if (box := self._boxes.get(job)) is not None:
                box.put(event)


class QueuePost:
    """A post that carries the events of one job at a time to a reader in another thread."""

    def __init__(self) -> None:
        self._letters: queue.SimpleQueue[tuple[ChatJob, JobEvent]] = queue.SimpleQueue()

    def send(self, letters: Letters) -> None:
        """Deliver events from the engine's thread."""
        for letter in letters:
            self._letters.put(letter)

    def events(self, job: ChatJob) -> Iterator[NextToken | WholeSample]:
        """Yield the events of this job until its samples are complete; left-over events of other jobs are skipped. Raises a Refusal that
        arrives."""
        open_rows = len(job.seeds)
        while open_rows:
            try:
                sender, event = self._letters.get(timeout=WAIT_S)
            except queue.Empty:
                continue
            if sender is not job:
                continue
            if isinstance(event, Refusal):
                raise event
            open_rows -= isinstance(event, WholeSample)
            yield event
