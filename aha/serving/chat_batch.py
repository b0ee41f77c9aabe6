"""Requests of many clients to one engine: those that wait together are sampled together."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from aha.errors import AhaError
from aha.protocols import Ask, Sampling
from aha.serving.chat_model import Heard, Prompt
from aha.serving.refusal import Refusal
from aha.types import Completion

GATHER_S = 0.005
LOOK_S = 0.5
ENGINE_ENDED = Refusal(500, "the engine ended", kind="server_error")


@dataclass(frozen=True)
class Token:
    """The next token of sample `number`."""

    number: int
    token: int


@dataclass(frozen=True)
class Ended:
    """Sample `number` is whole."""

    number: int
    completion: Completion


Event = Token | Ended | Refusal


class Abandoned(Exception):
    """Nobody waits for any reply of a batch."""


@dataclass
class Job:
    """One request. `tell` is called in the batcher's thread with all that becomes of it. `live`: its tokens are wanted as they are drawn.
    `gone`: nobody waits for it any more."""

    prompt: Prompt
    sampling: Sampling
    seeds: tuple[int, ...]
    tell: Callable[[Event], None]
    live: bool = False
    gone: bool = False


class Batcher:
    """One thread that owns the engine. It takes the oldest request and all that wait and sample alike, after a few milliseconds in which
    others may come; who comes later is in the next batch. `close` lets it end what it took on."""

    def __init__(self, engine: Heard, most: int = 256, gather_s: float = GATHER_S) -> None:
        self.engine, self.most, self.gather_s = engine, most, gather_s
        self.batches = self.served = 0
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Refused with 503 where the queue is full or the server is ending."""
        with self._changed:
            if self._closed:
                raise Refusal(503, "the server is ending", code="server_ending", kind="server_error")
            if len(self._waiting) >= self.most:
                raise Refusal(503, f"{self.most} requests are waiting: come back later", code="queue_full", kind="server_error")
            self._waiting.append(job)
            self._changed.notify()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def close(self, timeout_s: float) -> bool:
        """Nothing more is taken on; whether what was taken on ended in time."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=timeout_s)
        return not self.alive

    def _work(self) -> None:
        try:
            while jobs := self._next():
                self._serve(jobs)
        finally:
            self._end()

    def _next(self) -> list[Job]:
        """The next batch; empty once there is none and there will be none."""
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return []
                self._changed.wait(timeout=LOOK_S)
        time.sleep(0.0 if self._closed else self.gather_s)
        with self._changed:
            jobs = [job for job in self._waiting if job.sampling == self._waiting[0].sampling]
            self._waiting = deque(job for job in self._waiting if job.sampling != jobs[0].sampling)
        return jobs

    def _serve(self, jobs: list[Job]) -> None:
        jobs = [job for job in jobs if not job.gone]
        if not jobs:
            return
        places = [(job, number) for job in jobs for number in range(len(job.seeds))]
        asks = [Ask(job.prompt.tokens, (job.seeds[number],)) for job, number in places]
        self.batches += 1
        self.served += len(jobs)

        def hear(sample: int, token: int) -> None:
            job, number = places[sample]
            if job.gone and all(job.gone for job in jobs):
                raise Abandoned
            if job.live:
                job.tell(Token(number, token))

        try:
            for index, (completion,) in self.engine.heard(asks, jobs[0].sampling, hear if any(job.live for job in jobs) else None):
                job, number = places[index]
                job.tell(Ended(number, completion))
        except Abandoned:
            return
        except (AhaError, RuntimeError, ValueError) as error:  # out of memory is one of these; the next batch may fit
            for job in jobs:
                job.tell(Refusal(500, f"the engine failed: {error}", kind="server_error"))
        except BaseException:
            for job in jobs:
                job.tell(ENGINE_ENDED)
            raise

    def _end(self) -> None:
        """However the thread ended, nobody is left waiting."""
        with self._changed:
            self._closed = True
            left, self._waiting = self._waiting, deque()
        for job in left:
            job.tell(ENGINE_ENDED)
