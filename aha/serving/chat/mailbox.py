"""What the engine's thread tells of a job, for a reader in an event loop or in a thread of its own."""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress

from aha.serving.chat.jobs import ChatJob, JobEvent, Letters, NextToken, WholeSample
from aha.serving.refusal import Refusal

WAIT_S = 0.5


class LoopMailbox:
    """The events of one request's jobs, read in an event loop."""

    def __init__(self, samples: int) -> None:
        self.open_samples = samples
        self._events: deque[JobEvent] = deque()
        self._arrival: asyncio.Future[None] | None = None

    def put(self, event: JobEvent) -> None:
        """In the loop."""
        self._events.append(event)
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def events(self, wait_s: float = WAIT_S) -> AsyncIterator[NextToken | WholeSample | None]:
        """What comes until all samples are whole, or given up; None after each `wait_s` in which nothing came. Raises a refusal."""
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
    """Carries what the engine's thread tells into the event loop, all of a step at once."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._boxes: dict[ChatJob, LoopMailbox] = {}

    def box(self, jobs: Sequence[ChatJob]) -> LoopMailbox:
        """A mailbox for jobs that belong together, opened in the loop that reads it, before they are put."""
        self._loop = asyncio.get_running_loop()
        box = LoopMailbox(sum(len(job.seeds) for job in jobs))
        self._boxes |= dict.fromkeys(jobs, box)
        return box

    def close(self, jobs: Sequence[ChatJob]) -> None:
        """Nobody reads the mailbox of these jobs any more."""
        for job in jobs:
            self._boxes.pop(job, None)

    def send(self, letters: Letters) -> None:
        """From the engine's thread; after the loop has ended nobody reads them."""
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._deliver, letters)

    def _deliver(self, letters: Letters) -> None:
        for job, event in letters:
            if (box := self._boxes.get(job)) is not None:
                box.put(event)


class QueuePost:
    """Carries what becomes of one job at a time to a reader in another thread."""

    def __init__(self) -> None:
        self._letters: queue.SimpleQueue[tuple[ChatJob, JobEvent]] = queue.SimpleQueue()

    def send(self, letters: Letters) -> None:
        """From the engine's thread."""
        for letter in letters:
            self._letters.put(letter)

    def events(self, job: ChatJob) -> Iterator[NextToken | WholeSample]:
        """What comes of this job until its samples are whole; what is left of others is passed over. Raises a refusal."""
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
