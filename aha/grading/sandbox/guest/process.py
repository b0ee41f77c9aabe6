"""What surrounds a program in its own process: its streams before it runs and its exit code afterwards. Imports nothing of ours."""

from __future__ import annotations

import atexit
import io
import os
import sys
import threading
import types
from typing import NoReturn


def main_module() -> types.ModuleType:
    """A fresh `__main__` with the streams and the arguments of a Python that was just started. Whole numbers are written out however long
    they are: what that costs, the limit of time bounds."""
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
    """The exit code Python ends with, after telling stderr what it would tell."""
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 0xFF
        print(error.code, file=sys.stderr)
        return 1
    trace = error.__traceback__
    sys.excepthook(type(error), error.with_traceback(trace and trace.tb_next), trace and trace.tb_next)
    return 1


def leave(code: int) -> NoReturn:
    """Python's end without its demolition: waits for threads, calls what `atexit` holds, flushes."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:
        code = code or 120
    finally:
        os._exit(code)
