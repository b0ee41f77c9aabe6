"""A process that grades: one answer after the other, each within its share of processor time and memory.

The kernel keeps the limits. SIGPROF has no handler here, so that at the end of an answer's processor time it ends the process whatever
the process is doing, be it a power of a million digits inside one instruction."""

from __future__ import annotations

import ctypes
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

from aha.codec import decode, encode
from aha.grading.maths import slow
from aha.grading.maths.algebra import equivalent
from aha.grading.maths.settings import DEFAULT, Settings
from aha.grading.pool.wire import Bounds, ClosedWire, Gold, Wire
from aha.types import Abstained, Grade

IDLE_S = 60.0
REPLY_S = 5.0
ANSWERS = 500  # until a process is let go: libraries of algebra remember what they have seen
GROWN_MB = 256
PR_SET_PDEATHSIG = 1


def work(end: socket.socket, bounds: Bounds) -> None:
    """Grades what comes until the other side hangs up."""
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
    """An integral done, so that what algebra loads at its first use is there before the first fork."""
    equivalent("\\frac{1}{2}x^2", "\\int x dx", DEFAULT)


def grade_question(question: Mapping[str, Any], bounds: Bounds) -> tuple[Grade, bool]:
    """The grade, and whether the process is as good as before."""
    try:
        return slow(decode(question["reference"], Gold), question["answer"], decode(question["settings"], Settings)), True
    except MemoryError:
        return Abstained(f"needs more than {bounds.memory_mb:,} MiB of memory", "memory"), False
    except RecursionError:
        return Abstained("nested too deep", "depth"), False
    except Exception as error:  # algebra on what a model wrote: whatever it raises, it is no verdict
        return Abstained(f"cannot be graded: {type(error).__name__}: {str(error)[:200]}", "fault"), True


def _confine(bounds: Bounds) -> None:
    """No more than its memory, no file, no core; dies with the process that forked it."""
    memory = bounds.memory_mb * 1024 * 1024
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _megabytes(maxrss: int) -> float:
    return maxrss / 1024**2 if sys.platform == "darwin" else maxrss / 1024
