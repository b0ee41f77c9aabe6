"""The streams and the exit code of a program that runs in a process of its own. Imports nothing of the package."""

from __future__ import annotations

import atexit
import io
import os
import sys
import threading
import types
from typing import NoReturn


def main_module() -> types.ModuleType:
    """Return a fresh `__main__` with the streams and the arguments of a newly started Python. Integers are printed at any length, since the
    time limit bounds the cost."""
    sys.set_int_max_str_digits(0)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", "backslashreplace", write_through=True)
    vars(sys).update(__stdin__=sys.stdin, __stdout__=sys.stdout, __stderr__=sys.stderr, argv=["main.py"])
    main = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=__builtins__, __file__="main.py")
    sys.modules["__main__"] = main
    return main


def code_of(error: BaseException) -> int:
    """Return the exit code that Python would end with, after printing to stderr what Python would print."""
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 0xFF
        print(error.code, file=sys.stderr)
        return 1
    trace = error.__traceback__
    sys.excepthook(type(error), error.with_traceback(trace and trace.tb_next), trace and trace.tb_next)
    return 1


def leave(code: int) -> NoReturn:
    """End the process as Python does, without tearing down the interpreter: wait for threads, call `atexit` functions, flush stdout."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:
        code = code or 120
    finally:
        os._exit(code)
