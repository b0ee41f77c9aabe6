"""The tier that needs nothing installed on the system: CPython as WebAssembly, one instance per program, CPU time counted in fuel.

A program sees no file, no network, no process, no clock but its own count and only fixed random numbers: the same program with the same
input ends the same way, after the same amount of fuel, on a busy machine and on an idle one. There are no threads and no numpy; a program
that fails for lack of them gets INFRA.

A worker process answers one request at a time, and no wait for it is without a limit.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.grading.sandbox.job import Job, Limits, Outcome, Tier, Verdict, infrastructure
from aha.grading.sandbox.wasm.component import WORKER, component, surroundings, why_not

__all__ = ["WasmSandbox", "why_not"]


START_S = 120.0
PATIENCE_S = 30.0  # beyond the time that a program should take: a machine may be busy
BUSY = 20  # a worker may be so many times slower than expected
LOOK_S = 0.2
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")

Message = tuple[dict[str, Any], list[bytes]]


class WasmWorkerExit(Exception):
    """The worker process ended, or was ended, before it answered. `spent_s`: the CPU seconds that the program took, if that was the
    reason."""

    def __init__(self, words: str, spent_s: float | None = None) -> None:
        super().__init__(words)
        self.spent_s = spent_s


class WasmWorker:
    """A worker process as its parent sees it; it starts at once and answers when it is ready."""

    def __init__(self, component: Path, python: str = sys.executable) -> None:
        self._process = subprocess.Popen(
            [python, "-P", str(WORKER), str(component)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=surroundings(),
            bufsize=0,
            start_new_session=True,  # a ctrl-C at the terminal is the parent's to handle
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self._ready = False

    def ask(self, head: dict[str, Any], bodies: list[bytes], expected_s: float) -> Message:
        """Return the answer to one message; `WasmWorkerExit` if the process is gone or was ended for taking too long."""
        if not self._ready:
            self._exchange(b"", START_S, None)
            self._ready = True
        return self._exchange(frame(head, *bodies), PATIENCE_S + BUSY * expected_s, 2.0 + 3 * expected_s)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _exchange(self, message: bytes, patience_s: float, cpu_s: float | None) -> Message:
        start, cpu_before = time.monotonic(), self._cpu_s()
        answer, unsent = WorkerPipe(), memoryview(message)
        with selectors.DefaultSelector() as ready:
            ready.register(self._from, selectors.EVENT_READ)
            if unsent:
                ready.register(self._to, selectors.EVENT_WRITE)
            while not answer.whole():
                for key, _ in ready.select(LOOK_S):
                    if key.fd == self._from:
                        answer.take(self._read())
                    else:
                        unsent = unsent[self._write(unsent) :]
                        if not unsent:
                            ready.unregister(self._to)
                if cpu_s is not None and self._cpu_s() - cpu_before > cpu_s:
                    self.close()
                    raise WasmWorkerExit("its calls out of the program took too long", self._cpu_s() - cpu_before)
                if time.monotonic() - start > patience_s:
                    self.close()
                    raise WasmWorkerExit(f"no answer in {patience_s:.0f} s")
        return answer.message()

    def _read(self) -> bytes:
        data = os.read(self._from, 1 << 20)
        if not data:
            self.close()
            raise WasmWorkerExit(f"the worker process ended with code {self._process.returncode}")
        return data

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._to, data[: 1 << 16])
        except BrokenPipeError as error:
            self.close()
            raise WasmWorkerExit("the worker process has ended") from error

    def _cpu_s(self) -> float:
        """Return the CPU seconds that the process has used; 0 if the system does not say."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


class WorkerPipe:
    """A message that arrives in pieces."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._head: dict[str, Any] | None = None
        self._start = self._end = 4

    def take(self, data: bytes) -> None:
        self._data += data
        if self._head is None and len(self._data) >= 4:
            self._start = self._end = 4 + int.from_bytes(self._data[:4], "little")
            if len(self._data) >= self._start:
                self._head = json.loads(self._data[4 : self._start])
                self._end = self._start + sum(self._head["bodies"])

    def whole(self) -> bool:
        return self._head is not None and len(self._data) >= self._end

    def message(self) -> Message:
        assert self._head is not None
        bodies, at = [], self._start
        for length in self._head["bodies"]:
            bodies.append(bytes(self._data[at : at + length]))
            at += length
        return self._head, bodies


def frame(head: dict[str, Any], *bodies: bytes) -> bytes:
    """Return a message as the worker reads it: the length of its head, the head as JSON, and the bodies."""
    line = json.dumps(head | {"bodies": [len(body) for body in bodies]}).encode()
    return len(line).to_bytes(4, "little") + line + b"".join(bodies)


FUEL_PER_CPU_S = 30_000_000_000  # fuel for a CPU second of native CPython: 17 to 36 billion over twelve kinds of loop
FUEL_PER_S = 8_000_000_000  # fuel that this tier uses in a second: 6 to 15 billion over the same loops
OF_THE_WALL = 0.8  # the rest is for starting, and for a machine slower than the one measured
OUT_OF_MEMORY, NEEDS_MORE = 1000, 1001  # as in guest/wasm.py
STACK_MB = 32  # of the memory that a program may have
LEAST_MB = 96  # CPython and its library, before a program has allocated anything
FREE_S = 3600.0  # to wait for a free worker; each program is bounded


@dataclass(frozen=True)
class FuelBudget:
    """The fuel that a run's limits allow: the lesser of its CPU and wall-clock limits, which `by` names."""

    fuel: int
    by: str

    @classmethod
    def of(cls, limits: Limits) -> FuelBudget:
        cpu, wall = round(limits.cpu_s * FUEL_PER_CPU_S), round(OF_THE_WALL * limits.wall_s * FUEL_PER_S)
        words = f"{limits.cpu_s:g} s of CPU time" if cpu <= wall else f"{limits.wall_s:g} s by the clock"
        return cls(min(cpu, wall), words)

    @property
    def expected_s(self) -> float:
        return self.fuel / FUEL_PER_S


class WasmSandbox:
    """A sandbox that runs `workers` programs at once, each in a process that outlives it. A worker that was ended is replaced. `python`:
    the interpreter of the workers, by default ours."""

    def __init__(self, workers: int = 2, python: str | None = None) -> None:
        self._python = python or sys.executable
        self._component = component()
        self._workers = workers
        self._idle: list[WasmWorker] = []
        self._renew()

    @property
    def tier(self) -> Tier:
        return "wasm"

    def run(self, job: Job) -> Outcome:
        """Run a program. `cpu_s` is its fuel as the seconds that native CPython would need, give or take a third."""
        start = time.monotonic()
        if job.language != "python":
            return infrastructure(f"the wasm tier runs Python only, and this is {job.language}", time.monotonic() - start)
        try:
            source = job.source.encode("utf-8")
        except UnicodeEncodeError:
            return Outcome("RE", b"", b"", None, 0.0, time.monotonic() - start, 0.0, "the source holds what is no character")
        if self._owner != os.getpid():  # a fork shares its parent's pipes
            self._renew()
        if not self._free.acquire(timeout=FREE_S):
            return infrastructure(f"no worker became free in {FREE_S:.0f} s", time.monotonic() - start)
        try:
            return self._run(job, source, start)
        finally:
            self._free.release()

    def close(self) -> None:
        """End the worker processes."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()

    def _renew(self) -> None:
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(self._workers)
        self._idle = []

    def _run(self, job: Job, source: bytes, start: float) -> Outcome:
        budget = FuelBudget.of(job.limits)
        request = {
            "fuel": budget.fuel,
            "wall_ns": round(job.limits.wall_s * 1e9),
            "memory_bytes": max(LEAST_MB, job.limits.memory_mb - STACK_MB) << 20,
            "output_bytes": job.limits.output_bytes,
        }
        words = ""
        for _ in range(2):  # a worker may have been killed from outside
            with self._lock:
                worker = self._idle.pop() if self._idle else WasmWorker(self._component, self._python)
            try:
                answer = worker.ask(request, [source, job.stdin], budget.expected_s)
            except WasmWorkerExit as error:
                if error.spent_s is not None:
                    return Outcome("TLE", b"", b"", None, error.spent_s, time.monotonic() - start, 0.0, str(error))
                words = str(error)
                continue
            with self._lock:
                self._idle.append(worker)
            return outcome(answer, job.limits, budget, time.monotonic() - start)
        return infrastructure(f"the wasm tier failed: {words}", time.monotonic() - start)


def outcome(answer: Message, limits: Limits, budget: FuelBudget, wall_s: float) -> Outcome:
    """Return the outcome in a worker's answer."""
    head, (stdout, stderr) = answer
    verdict, reason = verdict_of(head, limits, budget, stderr)
    code = head["code"] if head["code"] is not None and head["code"] < 256 else None
    return Outcome(verdict, stdout, stderr, code, head["fuel"] / FUEL_PER_CPU_S, wall_s, head["memory"] / (1 << 20), reason)


def verdict_of(head: dict[str, object], limits: Limits, budget: FuelBudget, stderr: bytes) -> tuple[Verdict, str]:
    """Return the verdict and the reason for it."""
    code, over, reason = head["code"], str(head["over"]), str(head["reason"])
    if over:
        return ("TLE" if "slept" in over else "OLE"), over
    if code == 0:
        return "OK", ""
    last = stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
    if code == NEEDS_MORE:
        return "INFRA", f"it needs what the wasm tier does not have: {last}"
    if code == OUT_OF_MEMORY or (code is None and b"memory allocation of " in stderr):  # not by the host's own measurement, which varies
        return "MLE", f"more than {limits.memory_mb} MiB"
    if code is None:
        return ("TLE", f"more than {budget.by}") if "fuel" in reason else ("RE", reason)
    return "RE", last or f"exit code {code}"
