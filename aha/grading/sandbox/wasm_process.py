"""A worker process as its parent sees it: asked once at a time, never waited for without an end."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from aha.grading.sandbox.wasm_component import WORKER, surroundings

START_S = 120.0
PATIENCE_S = 30.0  # beyond what a program should take: a machine may be busy
BUSY = 20  # times as slow as it should be
LOOK_S = 0.2
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")

Message = tuple[dict[str, Any], list[bytes]]


class WasmWorkerExit(Exception):
    """The process ended, or was ended, before it answered. `spent_s`: of CPU time on the program, where it was this that was too much."""

    def __init__(self, words: str, spent_s: float | None = None) -> None:
        super().__init__(words)
        self.spent_s = spent_s


class WasmWorker:
    """Starts at once and answers when it can."""

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
        """The answer to one message; `Gone` where the process is no more, or was ended for taking too long."""
        if not self._ready:
            self._exchange(b"", START_S, None)
            self._ready = True
        return self._exchange(frame(head, *bodies), PATIENCE_S + BUSY * expected_s, 2.0 + 3 * expected_s)

    def close(self) -> None:
        """Ends the process whatever it is doing."""
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
        """Seconds of CPU that the process has had; 0 where the system does not say."""
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
    """One message, as the worker reads it: the length of its head, the head as JSON, and the bodies."""
    line = json.dumps(head | {"bodies": [len(body) for body in bodies]}).encode()
    return len(line).to_bytes(4, "little") + line + b"".join(bodies)
