"""Runs inside WebAssembly: prepares the interpreter once, before the snapshot, and then runs one program in each copy of it.

The package reads this file as data; the component runs it. It knows nothing of the host: the source comes in, bytes and one number go out.
"""

from __future__ import annotations

import gc
import importlib
import importlib.abc
import importlib.util
import io
import linecache
import opcode
import os
import sys
import traceback
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any, NoReturn

import wit_world

COMMON = """
abc argparse array ast asyncio atexit base64 binascii bisect builtins calendar cmath codecs collections collections.abc concurrent.futures
contextlib contextvars copy csv dataclasses datetime decimal difflib email enum errno fileinput fnmatch fractions functools gc glob
graphlib hashlib heapq hmac html inspect io ipaddress itertools json keyword linecache locale logging math numbers operator os os.path
pathlib pickle platform pprint queue random re reprlib sched secrets select selectors shlex shutil signal socket stat statistics string
string.templatelib struct subprocess symtable sys tempfile textwrap threading time timeit token tokenize traceback types typing
unicodedata unittest unittest.mock urllib.parse uuid warnings weakref xml.etree.ElementTree zlib zoneinfo
""".split()
LEFT_OUT = ("site-packages", "idlelib", "tkinter", "turtledemo", "ensurepip", "venv", "pydoc_data", "curses", "sqlite3", "test", "_pyrepl")
ELSEWHERE = frozenset(
    "numpy scipy pandas sympy networkx sortedcontainers numba torch sklearn matplotlib gmpy2 mpmath more_itertools".split()
)
OUT_OF_MEMORY, NEEDS_MORE = 1000, 1001  # beside the exit codes 0 to 255
NO_LOOP = "can't start an event loop"
BY_HAND = frozenset("RAISE_VARARGS RERAISE YIELD_VALUE RESUME SEND RETURN_GENERATOR".split())  # where what a program raises comes from
OWN_RAISES: set[types.CodeType] = set()  # code of the library that raises where something is missing here
HOME = "/python"
SPARE = [bytearray(1 << 20)]  # to report with, once memory is gone
SPARE_PLACES: list[list[Any]] = []
FRAMES = 50  # the innermost, of a traceback: to show a thousand takes a tenth of a second


class Library(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """The rest of the standard library, from text that the snapshot holds: there is no file to read once a program runs."""

    def __init__(self) -> None:
        self.texts: dict[str, tuple[bool, str]] = {}
        for folder, below, names in os.walk(HOME):
            below[:] = [name for name in below if name not in LEFT_OUT and not name.startswith("__")]
            for name in names:
                if name.endswith(".py"):
                    self._keep(os.path.join(folder, name))

    def _keep(self, path: str) -> None:
        module = path[len(HOME) + 1 : -3].replace("/", ".")
        package = module.endswith(".__init__")
        with open(path, encoding="utf-8") as file:
            self.texts[module.removesuffix(".__init__")] = (package, file.read())

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name not in self.texts:
            return None
        return importlib.util.spec_from_loader(name, self, origin=f"{HOME}/{name}", is_package=self.is_package(name))

    def is_package(self, name: str) -> bool:
        return self.texts[name][0]

    def get_source(self, name: str) -> str:
        return self.texts[name][1]


def prepare() -> Callable[..., None]:
    """Do all that is the same for every program, so that the snapshot holds it. Return the true `random.seed`."""
    sys.meta_path.append(Library())
    sys.set_int_max_str_digits(0)
    for name in COMMON:
        try:
            importlib.import_module(name)
        except ImportError:  # the component has no such module
            continue
    import _thread
    import asyncio
    import random
    import threading
    import time

    random.seed, seed = (lambda *_: None), random.seed  # what starts a component seeds it from 2,500 random bytes; ours is fixed
    raisers: tuple[Any, ...] = (no_loop, threading.Thread.start, vars(importlib)["_bootstrap"]._find_and_load_unlocked)
    OWN_RAISES.update(function.__code__ for function in raisers)
    threading.stack_size = _thread.stack_size = lambda size=0: 0  # harmless, and often the first line of a deep recursion
    asyncio.new_event_loop = asyncio.events.new_event_loop = no_loop
    vars(time).update(sleep=sleep)
    time.thread_time, time.thread_time_ns = time.process_time, time.process_time_ns
    sys.path[:] = []
    os.environ.clear()
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)), encoding="utf-8", errors="surrogateescape")
    sys.stdout = writer(1, "surrogateescape")
    sys.stderr = writer(2, "backslashreplace")
    vars(sys).update(__stdin__=sys.stdin, __stdout__=sys.stdout, __stderr__=sys.stderr)
    gc.collect()
    fill()
    gc.freeze()
    return seed


def fill() -> None:
    """Take the free places between what was loaded, so that a program's objects lie together: each page that is written to is copied."""
    for size in range(0, 496, 16):
        SPARE_PLACES.append([bytes(size) for _ in range(1500)])
    SPARE_PLACES.append([[] for _ in range(3000)] + [{} for _ in range(1000)] + [(1, 2, 3, i) for i in range(2000)])


def writer(descriptor: int, errors: str) -> io.TextIOWrapper:
    """Return a buffered stream, as a file or a pipe gets one."""
    return io.TextIOWrapper(io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False), 1 << 16), encoding="utf-8", errors=errors)


def sleep(seconds: float) -> None:
    """Count the time as passed, without waiting."""
    nanoseconds = int(seconds * 1_000_000_000)
    if nanoseconds < 0:
        raise ValueError("sleep length must be non-negative")
    wit_world.pause(min(nanoseconds, 1 << 62))


def no_loop() -> NoReturn:
    """Refuse an event loop: it would wait for descriptors, and there are none."""
    raise RuntimeError(NO_LOOP)


def execute(source: str) -> int:
    """Run the program and return the exit code that it would have, or one of the two numbers above."""
    main = types.ModuleType("__main__")
    main.__file__ = "main.py"
    sys.modules["__main__"] = main
    sys.argv = ["main.py"]
    linecache.cache["main.py"] = (len(source), None, source.splitlines(True), "main.py")
    try:
        exec(compile(source, "main.py", "exec", dont_inherit=True), main.__dict__)
    except SystemExit as end:
        return exit_code(end.code)
    except BaseException as error:
        SPARE.clear()
        return report_error(error)
    return 0


def exit_code(code: object) -> int:
    """Return what `sys.exit(code)` ends a process with."""
    if code is None or isinstance(code, int):
        return int(code or 0) & 255
    print(code, file=sys.stderr)
    return 1


def report_error(error: BaseException) -> int:
    """Print the traceback as Python does and return the exit code."""
    trace = error.__traceback__
    frame = trace.tb_next if trace is not None else None
    error.__traceback__ = frame
    if isinstance(error, MemoryError):
        frame = None  # frames hold what filled the memory
        error.__traceback__ = None
    traceback.print_exception(type(error), error, frame, limit=-FRAMES)
    if isinstance(error, MemoryError):
        return OUT_OF_MEMORY
    return NEEDS_MORE if needs_more(error) else 1


def needs_more(error: BaseException) -> bool:
    """Tell whether the program failed for want of something that other sandboxes have, and does not only claim so."""
    if raised_by_hand(error):
        return False
    if isinstance(error, ImportError):
        return (error.name or "").partition(".")[0] in ELSEWHERE
    if isinstance(error, RecursionError):  # through C, where the stack here is 1 MiB; one that asked for no more depth fails everywhere
        return str(error).startswith("Stack overflow") and sys.getrecursionlimit() > 2000
    return isinstance(error, RuntimeError) and str(error) in ("can't start new thread", NO_LOOP)


def raised_by_hand(error: BaseException) -> bool:
    """Tell whether the innermost instruction was to raise, in a program and not in the library: words prove nothing."""
    trace = error.__traceback__
    if trace is None:
        return True
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return code not in OWN_RAISES and opcode.opname[code.co_code[trace.tb_lasti]] in BY_HAND


class WitWorld(wit_world.WitWorld):
    """The component's one export."""

    def run(self, source: str) -> int:
        """Run one program and return its exit code."""
        import random

        random.seed = SEED
        random.seed(0)
        code = execute(source)
        try:
            vars(importlib.import_module("atexit"))["_run_exitfuncs"]()
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:  # what it left behind may not be ours any more
            return code or 1
        return code


SEED = prepare()
