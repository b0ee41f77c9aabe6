"""Checks and messages for what a user's own code returns or raises: even its numbers and errors may have methods that raise."""

from __future__ import annotations

import ctypes
import inspect
import math
import os
import shlex
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, SupportsFloat

from aha.protocols import Opens, Reward
from aha.redact import clip
from aha.types import Abstained, Problem, Reply

LONGEST = 60
MOST = 1e60


def is_ours(reward: object) -> bool:
    """Return True if the reward is part of the package, so that an exception in it is a bug of ours."""
    own = reward.reward if isinstance(reward, TidyReward) else reward
    return str(getattr(own, "__module__", "")).startswith("aha.")


def is_number(value: SupportsFloat) -> bool:
    """Return True if the value can be weighted, summed and squared: a finite number of at most `MOST` in size."""
    try:
        return math.isfinite(value) and abs(float(value)) <= MOST
    except Exception:
        return False


def shorten(value: object) -> str:
    """Return a value as a short text for a message, or its type if it cannot be written."""
    with suppress(Exception):  # an integer of ten thousand digits raises
        return clip(repr(value), LONGEST)
    return f"a value of type {type(value).__name__}"


def error_text(error: BaseException) -> str:
    """Return the message of an exception in one line."""
    try:
        return clip(str(error))
    except Exception:
        return "it cannot say what"


def describe_error(error: BaseException) -> str:
    """Return an exception in one line, with the place where it was raised."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename not in (__file__, ctypes.__file__, "<frozen os>")
    ]
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error_text(error)}{place}"


def why_no_reward(reward: object) -> str:
    """Return why this cannot be called with a problem and its replies, in words that follow its name; empty if it can."""
    if isinstance(reward, type):
        return f"is the class {reward.__name__}: an object of it is needed, {reward.__name__}()"
    if isinstance(reward, Opens):
        return ""
    if not callable(reward):
        return f"is {shorten(reward)}, which cannot be called"
    if inspect.iscoroutinefunction(reward) or inspect.iscoroutinefunction(type(reward).__call__):
        return "is a coroutine, which nobody awaits: make it a plain function"
    with suppress(ValueError):  # a function in C may not say what it takes
        signature = inspect.signature(reward)
        try:
            signature.bind(None, None)
        except TypeError as error:
            return f"takes {signature} ({error}): it is called with a problem and the list of its replies, and returns one number a reply"
    return ""


class EarlyExit(SystemExit):
    """A person's own code asked for the end of the process without any further step, as `os._exit(0)` does."""


LEAVES = ("_exit", "execv", "execve")  # functions that end a program before it can say a word
CLOSES = ("close", "closerange")  # functions that close descriptors by their number
C_LEAVES = ("exit", "_exit", "_Exit", "quick_exit", "Py_Exit")  # the same in C, as they are named when a library is searched
TEXT_BYTES = 1024
_own_threads: set[tuple[int, int]] = set()  # the processes and threads that run a person's own code
_farewell: list[ctypes.Array[ctypes.c_char]] = []  # what C's `exit` hands to a shell; empty while none of a person's own code runs


@contextmanager
def no_exit(name: str = "code of one's own") -> Iterator[None]:
    """Refuse, while a person's own code runs, to end this process in silence, or to close the descriptors it had before: `EarlyExit` is
    raised in its place. Another thread that asks for it, and a library in C, end the process with one line and no exit code 0.
    Forked processes and the package itself end as they always do. `name` is the name of the code in the line of C's `exit`."""
    _stand_in()
    key = os.getpid(), threading.get_ident()
    _open_files(key[0])
    _own_threads.add(key)
    _arm(name)
    try:
        yield
    finally:
        _own_threads.discard(key)
        if all(place[0] != key[0] for place in _own_threads):
            _arm("")


def _stand_in() -> None:
    for name in LEAVES + CLOSES:
        if not isinstance(getattr(os, name), _StandIn):
            setattr(os, name, (_Leave if name in LEAVES else _Close)(name, getattr(os, name)))
    if not isinstance(ctypes.CDLL.__getitem__, _Search):
        ctypes.CDLL.__getitem__ = _Search(ctypes.CDLL.__getitem__)  # type: ignore[method-assign]


@cache
def _open_files(process: int) -> dict[int, tuple[int, int]]:
    """Return the descriptors that were open before any of a person's own code ran in this process, and the file of each."""
    files = {}
    for number in range(256):
        with suppress(OSError):
            files[number] = _file_of(number)
    return files


def _file_of(number: int) -> tuple[int, int]:
    stat = os.fstat(number)
    return stat.st_dev, stat.st_ino


def _arm(name: str) -> None:
    """Have C's `exit` say a line that names this code and end with SIGKILL, or do nothing more if `name` is empty.
    Its handlers are called after the interpreter has ended, so that the handler is C's own `system`, with a text in C's own memory."""
    if not _farewell:
        library = ctypes.CDLL(None)
        library.calloc.restype = ctypes.c_void_p
        text = library.calloc(1, TEXT_BYTES)
        with suppress(AttributeError):  # a system without the function has no such line
            library.__cxa_atexit(library.system, ctypes.c_void_p(text), None)
        _farewell.append((ctypes.c_char * TEXT_BYTES).from_address(text))
    line = f"aha: {name} called C's exit, which would end the whole run without a word: all saved before is kept" if name else ""
    command = f"[ $PPID = {os.getpid()} ] && echo {shlex.quote(line)} >&2 && kill -9 $PPID" if name else ""
    _farewell[0].value = command.encode("utf-8", "replace")


@dataclass(frozen=True)
class _StandIn:
    """A stand-in for a function of `os`."""

    name: str
    real: Callable[..., Any]


class _Leave(_StandIn):
    """A stand-in for a function of `LEAVES`, which does what the real one does unless `no_exit` is in force."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        process, caller = os.getpid(), str(sys._getframe(1).f_globals.get("__name__"))
        if caller.startswith("aha.") or all(place[0] != process for place in _own_threads):
            return self.real(*args, **options)
        line = f"os.{self.name} would end the whole run without a word: return or raise in its place"
        if (process, threading.get_ident()) in _own_threads:
            raise EarlyExit(line)
        os.write(2, f"aha: {line}\n".encode())
        return LEAVE_NOW(1)


class _Close(_StandIn):
    """A stand-in for a function of `CLOSES`, which refuses the files of the run to a person's own code."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        process, bounds = os.getpid(), (*args, *options.values())  # os.close takes its descriptor by name, too
        if (process, threading.get_ident()) in _own_threads and bounds and all(isinstance(bound, int) for bound in bounds):
            first, last = bounds[0], bounds[1] if len(bounds) > 1 else bounds[0] + 1
            for number, file in _open_files(process).items():
                if first <= number < last and _leads_to(number, file):
                    raise EarlyExit(f"os.{self.name} would close descriptor {number}, which the run needs: close your own files alone")
        return self.real(*args, **options)


class _Search:
    """A stand-in for the search of a function in a library in C, where a person's own code finds none of `C_LEAVES`."""

    def __init__(self, real: Callable[..., Any]) -> None:
        self.real = real

    def __get__(self, library: Any, kind: Any = None) -> Any:
        return self if library is None else partial(self, library)

    def __call__(self, library: Any, name: Any) -> Any:
        if name in C_LEAVES and (os.getpid(), threading.get_ident()) in _own_threads:
            raise EarlyExit(f"C's {name} would end the whole run without a word: return or raise in its place")
        return self.real(library, name)


LEAVE_NOW = os._exit


class _OpenStream:
    """A stream that others may write to and close, which does not close it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def close(self) -> None:
        self._stream.flush()


@contextmanager
def _same_descriptors() -> Iterator[None]:
    """Put back the descriptors 0, 1 and 2 at the end, if they were closed or lead elsewhere."""
    spares = {number: (os.dup(number), _file_of(number)) for number in range(3) if number in _open_files(os.getpid())}
    try:
        yield
    finally:
        for number, (spare, file) in spares.items():
            with suppress(OSError):
                if not _leads_to(number, file):
                    os.dup2(spare, number)
                os.close(spare)


def _leads_to(number: int, file: tuple[int, int]) -> bool:
    try:
        return _file_of(number) == file
    except OSError:
        return False


TORCH = ("default_dtype", "default_device", "num_threads")  # settings of torch for a whole process: `get_...` and `set_...`
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


@dataclass
class ProcessState:
    """The state of a process or thread that a person's own code may change: the working folder, the handlers of signals, the
    filters of warnings, the depth of calls, the streams, and torch's settings."""

    folder: str = field(default_factory=os.getcwd)
    handlers: dict[signal.Signals, Any] = field(default_factory=lambda: {number: signal.getsignal(number) for number in STOPS})
    filters: list[Any] = field(default_factory=lambda: list(warnings.filters))
    depth: int = field(default_factory=sys.getrecursionlimit)
    streams: tuple[Any, Any] = field(default_factory=lambda: (sys.stdout, sys.stderr))
    torch: dict[str, Any] = field(default_factory=lambda: _torch_settings())

    def restore(self) -> None:
        """Put back what has changed. Handlers of signals can be put back by the main thread alone."""
        with suppress(OSError):  # the folder may be gone, or closed to this process
            if os.getcwd() != self.folder:
                os.chdir(self.folder)
        if threading.current_thread() is threading.main_thread():
            for number, handler in self.handlers.items():
                if signal.getsignal(number) is not handler and handler is not None:
                    signal.signal(number, handler)
        warnings.filters[:] = self.filters  # type: ignore[index]
        if sys.getrecursionlimit() != self.depth:
            sys.setrecursionlimit(self.depth)
        sys.stdout, sys.stderr = self.streams
        self._restore_torch()

    def _restore_torch(self) -> None:
        torch = sys.modules.get("torch")
        if torch is None:
            return
        for name, value in self.torch.items():
            if getattr(torch, f"get_{name}")() != value:
                getattr(torch, f"set_{name}")(value)


def _torch_settings() -> dict[str, Any]:
    torch = sys.modules.get("torch")
    return {} if torch is None else {name: getattr(torch, f"get_{name}")() for name in TORCH}


@dataclass(frozen=True)
class TidyReward:
    """A person's own reward, after each call of which the process is as it was when the reward was opened. What it prints goes to stderr.
    A process that the reward forked ends with the call, since it would do the rest of the run a second time."""

    reward: Reward
    name: str
    state: ProcessState = field(default_factory=ProcessState, compare=False)

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        """Return the reward's values."""
        process, torch = os.getpid(), sys.modules.get("torch")
        learns = torch is not None and torch.is_grad_enabled()
        sys.stdout = sys.stderr = _OpenStream(sys.stderr)  # a program may read the command's output
        try:
            with _same_descriptors(), no_exit(f"reward '{self.name}'"):
                return self.reward(problem, replies)
        finally:
            if os.getpid() != process:
                os._exit(0)
            self.state.restore()
            if torch is not None:
                torch.set_grad_enabled(learns)
