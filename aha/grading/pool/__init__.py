"""A pool of worker processes for grading, usable from any thread of any process. An answer that is late, crashes its worker or takes too
much memory gets Abstained, and the next one is unaffected."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from aha.codec import decode, encode
from aha.errors import BadInput
from aha.grading.maths.algebra import DEFAULT, Settings
from aha.grading.pool.workers import Bounds, ClosedWire, ForkServer, Gold, GradingWorker, WorkerExit, forget_in_children
from aha.types import Abstained, Grade

__all__ = ["DEADLINE_S", "Counts", "Pool", "processors"]


DEADLINE_S = 2.0
MEMORY_MB = 1024
TRIES = 10  # for an answer whose worker was ended from outside
LOOK_S = 1.0


@dataclass(frozen=True)
class Counts:
    """The counts since the pool was opened. `late`: answers past a time limit; `lost_workers`: workers ended from outside; `seconds`: of
    workers at work."""

    grades: int = 0
    abstentions: int = 0
    late: int = 0
    lost_workers: int = 0
    seconds: float = 0.0


class Pool:
    """A pool of `workers` processes (None: one per processor, at least two), each started when first needed and again when it is gone.

    An answer's limit is half of `deadline_s` in processor time, so that a verdict does not depend on what else the machine does. Its
    wall-clock limit is `deadline_s`, and more only while its worker waits for a processor. An answer whose worker was killed or stopped
    from outside is tried again."""

    def __init__(self, workers: int | None = None, deadline_s: float = DEADLINE_S, memory_mb: int = MEMORY_MB) -> None:
        if (workers is not None and workers < 1) or deadline_s <= 0 or memory_mb < 256:
            raise BadInput(f"{workers} workers, {deadline_s} s, {memory_mb} MiB: at least 1 worker, more than 0 s and 256 MiB are needed")
        self.workers = workers or max(2, processors())
        self.deadline_s = deadline_s
        self.bounds = Bounds(deadline_s / 2, memory_mb)
        self._closed = False
        self._server: ForkServer | None = None
        self._workers: set[GradingWorker] = set()
        self._afresh()
        forget_in_children(self)

    def _afresh(self) -> None:
        self._server, self._workers, self._idle, self._spawn_count = None, set(), list[GradingWorker](), 0
        self._change, self._start_lock = threading.Condition(), threading.Lock()
        self._counts = Counts()

    # --- what it is for ---

    def grade(self, reference: Gold, answer: str, settings: Settings = DEFAULT) -> Grade:
        """Return the grade of `maths.slow`, or Abstained with the reason. BadInput only if no worker can be started at all."""
        grade = self._grade({"reference": encode(reference, Gold), "answer": answer, "settings": encode(settings, Settings)})
        self._count(grades=1, abstentions=isinstance(grade, Abstained))
        return grade

    def warm(self) -> None:
        """Start a worker, so that the first answer does not wait for it. BadInput if none can be started."""
        try:
            self._give_back(self._take())
        except ClosedWire as error:
            raise BadInput(f"no answer can be graded: {error}") from error

    @property
    def counts(self) -> Counts:
        return self._counts

    @property
    def zygote(self) -> int | None:
        """The process id of the process that forks the workers, or None before it is started."""
        return self._server.number if self._server is not None else None

    def close(self) -> None:
        """End all processes. Answers that are being graded get Abstained."""
        with self._change:
            self._closed = True
            workers, server = list(self._workers), self._server
            self._change.notify_all()
        if server is not None:
            server.close()
        for worker in workers:
            worker.wire.hang_up()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def forget(self) -> None:
        """Drop everything that the parent opened, in a forked child."""
        for worker in self._workers:
            worker.wire.end.close()
        if self._server is not None:
            self._server.forget()
        self._afresh()

    # --- one answer ---

    def _grade(self, question: dict[str, Any]) -> Grade:
        trouble = "its worker was ended or held up by others"
        for _ in range(TRIES):
            try:
                worker = self._take()
            except (ClosedWire, OSError) as error:
                trouble = str(error)
                continue
            if (grade := self._ask(worker, question)) is not None:
                return grade
        return Abstained(f"could not be graded: {trouble}")

    def _ask(self, worker: GradingWorker, question: dict[str, Any]) -> Grade | None:
        """Ask a worker; return None if the missing grade is not the answer's fault."""
        began = time.monotonic()
        try:
            reply = worker.ask(question, self.deadline_s)
        except (TimeoutError, ClosedWire) as error:
            return self._verdict(self._end(worker), late=isinstance(error, TimeoutError))
        except BaseException:
            self._end(worker)
            raise
        finally:
            self._count(seconds=time.monotonic() - began)
        if reply["tired"]:
            self._end(worker)
        else:
            self._give_back(worker)
        grade: Grade = decode(reply["grade"], Grade)
        return grade

    def _verdict(self, worker_exit: WorkerExit | None, late: bool) -> Grade | None:
        """Return the grade of an answer whose worker is gone, or None if the worker was lost from outside."""
        if late or (worker_exit is not None and worker_exit.signal == signal.SIGPROF):
            self._count(late=1)
            return Abstained(f"not decided within {self.deadline_s:g} s, or {self.bounds.cpu_s:g} s of processor time", "time")
        if worker_exit is None or worker_exit.by_outside:
            self._count(lost_workers=1)
            return None
        return Abstained(f"its worker died of it (signal {worker_exit.signal})", "crash")

    # --- workers ---

    def _take(self) -> GradingWorker:
        """Return a worker for exclusive use, waiting for one if needed. ClosedWire if none can be started."""
        with self._change:
            while not self._idle and len(self._workers) + self._spawn_count >= self.workers and not self._closed:
                self._change.wait(timeout=LOOK_S)
            if self._closed:
                raise ClosedWire("the pool is closed")
            if self._idle:
                return self._idle.pop()
            self._spawn_count += 1
        worker = None
        try:
            worker = self._nurse().spawn()
        finally:
            with self._change:
                self._spawn_count -= 1
                self._workers |= {worker} if worker else set()
                self._change.notify()
        return worker

    def _nurse(self) -> ForkServer:
        """Return the fork server, a new one if the last is gone."""
        with self._start_lock:
            if self._server is None or self._server.is_lost:
                if self._server is not None:
                    self._server.close()
                self._server = ForkServer(self.bounds)
            return self._server

    def _give_back(self, worker: GradingWorker) -> None:
        with self._change:
            self._idle.append(worker)
            self._change.notify()

    def _end(self, worker: GradingWorker) -> WorkerExit | None:
        """End a worker and make room for another. Return how it ended, or None if that is not known."""
        try:
            worker_exit = worker.server.end(worker)
        except ClosedWire:
            worker_exit = None
        with self._change:
            orphans = [worker for worker in self._idle if worker.server.is_lost]
            self._idle = [worker for worker in self._idle if not worker.server.is_lost]
            self._workers -= {worker, *orphans}
            self._change.notify_all()
        for orphan in orphans:
            orphan.wire.hang_up()
        return worker_exit

    def _count(self, grades: int = 0, abstentions: int = 0, late: int = 0, lost_workers: int = 0, seconds: float = 0.0) -> None:
        with self._change:
            c = self._counts
            self._counts = replace(
                c,
                grades=c.grades + grades,
                abstentions=c.abstentions + abstentions,
                late=c.late + late,
                lost_workers=c.lost_workers + lost_workers,
                seconds=c.seconds + seconds,
            )


def processors() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
