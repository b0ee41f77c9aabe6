"""What the engine's thread tells, for a reader in an event loop or in a thread of its own."""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

from aha.serving.chat_batch import Ended, Event, Token
from aha.serving.refusal import Refusal

LOOK_S = 0.5


class LoopMailbox:
    """Events put by any thread and read in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._events: deque[Event] = deque()
        self._arrival: asyncio.Future[None] | None = None

    def put(self, event: Event) -> None:
        """Hand an event over; after the loop has ended nobody reads it."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._take, event)

    def _take(self, event: Event) -> None:
        self._events.append(event)
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def events(self, samples: int, look_s: float = LOOK_S) -> AsyncIterator[Token | Ended | None]:
        """What comes until so many samples are whole; None after each `look_s` in which nothing came. Raises a refusal."""
        while samples:
            if not self._events:
                self._arrival = self._loop.create_future()
                await asyncio.wait((self._arrival,), timeout=look_s)
            if not self._events:
                yield None
                continue
            event = self._events.popleft()
            if isinstance(event, Refusal):
                raise event
            samples -= isinstance(event, Ended)
            yield event


class QueueMailbox:
    """Events put by any thread and read in another."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.put = self._events.put

    def events(self, samples: int) -> Iterator[Token | Ended]:
        """What comes until so many samples are whole. Raises a refusal."""
        while samples:
            try:
                event = self._events.get(timeout=LOOK_S)
            except queue.Empty:
                continue
            if isinstance(event, Refusal):
                raise event
            samples -= isinstance(event, Ended)
            yield event
