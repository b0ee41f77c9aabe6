"""The process that loads algebra once and forks a worker in a millisecond. It has one thread, so that a fork copies no held lock.

On its standard input, a socket, it receives one end of a pair with `fork`, and ends a worker with `end`; process ids are not reused, since
only it waits for its children. When the socket closes, it and all its workers end.

A worker grades one answer after the other, each within its limits of processor time and memory, which the kernel enforces. SIGPROF has no
handler, so that it ends the process at the limit whatever it is doing, even inside one instruction that computes a power of a million
digits.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NoReturn

from aha.codec import decode, encode
from aha.grading.maths import slow
from aha.grading.maths.algebra import DEFAULT, Settings, equivalent
from aha.grading.pool.workers import CHUNK, Bounds, ClosedWire, Gold, Wire
from aha.lazy import compile_patterns
from aha.types import Abstained, Grade

IDLE_S = 60.0
ANSWERS = 500  # until a worker is replaced: algebra libraries cache what they have seen
GROWN_MB = 256
PR_SET_PDEATHSIG = 1


def work(end: socket.socket, bounds: Bounds) -> None:
    """Grade answers until the other end hangs up."""
    _confine(bounds)
    wire, answers = Wire(end), 0
    while True:
        try:
            question = wire.receive(IDLE_S)
        except TimeoutError:
            continue
        except ClosedWire:
            return
        signal.setitimer(signal.ITIMER_PROF, bounds.cpu_s)
        grade, whole = grade_question(question, bounds)
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers += 1
        usage = resource.getrusage(resource.RUSAGE_SELF)
        must_end = not whole or answers >= ANSWERS or _megabytes(usage.ru_maxrss) > GROWN_MB
        wire.send({"grade": encode(grade, Grade), "cpu_s": usage.ru_utime + usage.ru_stime, "tired": must_end}, REPLY_S)


def rehearse() -> None:
    """Compile all patterns and compute an integral, so that no worker has to load again what the first answers need."""
    compile_patterns()
    equivalent("\\frac{1}{2}x^2", "\\int x dx", DEFAULT)


def grade_question(question: Mapping[str, Any], bounds: Bounds) -> tuple[Grade, bool]:
    """Return the grade, and False if the process should be replaced."""
    try:
        return slow(decode(question["reference"], Gold), question["answer"], decode(question["settings"], Settings)), True
    except MemoryError:
        return Abstained(f"needs more than {bounds.memory_mb:,} MiB of memory", "memory"), False
    except RecursionError:
        return Abstained("nested too deep", "depth"), False
    except Exception as error:  # algebra on what a model wrote: whatever it raises, it is no verdict
        return Abstained(f"cannot be graded: {type(error).__name__}: {str(error)[:200]}", "fault"), True


def _confine(bounds: Bounds) -> None:
    """Limit this process's memory, forbid files and core dumps, and let it die with its parent."""
    memory = bounds.memory_mb * 1024 * 1024
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _megabytes(maxrss: int) -> float:
    return maxrss / 1024**2 if sys.platform == "darwin" else maxrss / 1024


LOOK_S = 2.0
REPLY_S = 5.0


class Zygote:
    """The server that forks workers. `owner`: the process id of the process that started it."""

    def __init__(self, end: socket.socket, owner: int) -> None:
        self.end, self.owner = end, owner
        self.wire = Wire(end)
        self.workers: set[int] = set()

    def serve(self) -> None:
        """Fork and end workers until the other end is gone."""

        rehearse()
        gc.collect()
        gc.freeze()  # so that a worker's collections do not copy what it shares
        self.wire.send({"ready": True}, REPLY_S)
        while (order := self._next()) is not None:
            request, end = order
            if end is None:
                self.wire.send(self._exit_facts(request["end"]), REPLY_S)
            elif (worker := os.fork()) == 0:
                self._become(partial(work, end, Bounds(**request["fork"])))
            else:
                end.close()
                self.workers.add(worker)
                self.wire.send({"worker": worker}, REPLY_S)

    def _become(self, work: Callable[[], None]) -> NoReturn:
        """Run the work in the child, and exit without returning."""
        try:
            self.end.close()
            work()
        finally:
            os._exit(0)

    def _next(self) -> tuple[dict[str, Any], socket.socket | None] | None:
        """Return a request, and the socket that came with it if any; None when the other end is gone."""
        self.end.settimeout(LOOK_S)
        data, handles = b"", list[int]()
        while not data.endswith(b"\n"):
            try:
                more, descriptors, _, _ = socket.recv_fds(self.end, CHUNK, 1)
            except TimeoutError:
                if os.getppid() != self.owner:  # dead, while something it started still holds the socket
                    return None
                continue
            except OSError:
                return None
            if not more:
                return None
            data, handles = data + more, handles + descriptors
        return json.loads(data), socket.socket(fileno=handles[0]) if handles else None

    def _exit_facts(self, worker: int) -> dict[str, float]:
        """End a worker if it still runs; return the signal it ended by (0 if none) and the processor time of its life."""
        if worker not in self.workers:
            return {"signal": 0, "cpu_s": 0.0}
        self.workers.remove(worker)
        os.kill(worker, signal.SIGKILL)  # a child that has ended keeps its number until it is waited for
        _, status, usage = os.wait4(worker, 0)
        return {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "cpu_s": usage.ru_utime + usage.ru_stime}

    def end_workers(self) -> None:
        """End all workers."""
        for worker in list(self.workers):
            self._exit_facts(worker)


def main(owner: int) -> NoReturn:
    """Serve the process `owner`, then exit silently."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is handled by the owner
    end = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    os.dup2(os.open(os.devnull, os.O_RDWR), sys.stdin.fileno())
    zygote = Zygote(end, owner)
    code = 0
    try:
        zygote.serve()
    except (ClosedWire, TimeoutError):
        code = 1
    except Exception as error:  # sent to the owner, which tells the user
        zygote.wire.send({"failed": f"{type(error).__name__}: {error}"}, REPLY_S)
        code = 1
    finally:
        zygote.end_workers()
    os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]))
