"""`python -m aha` without the seconds of importing torch: a server that has loaded everything forks a process for each command.

The process is the command to the letter, with a session of its own, and may be killed like any other. A thread in it notes in a mapped
file, every two milliseconds, what the main thread is doing; the note outlives it.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import io
import json
import mmap
import os
import runpy
import signal
import sys
import threading
import time
from contextlib import redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from tests.endtoend.world import write_model

DOING = {
    "_check": "reading input",
    "check_inputs": "reading input",
    "prepare": "reading input",
    "preflight": "preflight",
    "_open": "loading",
    "_resume": "resuming",
    "resume": "resuming",
    "render_template": "rendering",
    "draw": "sampling",
    "generate": "sampling",
    "publish": "publishing",
    "_publish": "publishing",
    "_learn": "learning",
    "_steps": "writing documents",
    "_update": "learning",
    "update": "learning",
    "fingerprint_of": "comparing",
    "open": "opening",
    "commit": "recording",
    "_checkpoint": "saving",
    "_conclude": "reporting",
}
SIZE = 32


def serve(model: Path) -> None:
    """A line in, the path of an order in JSON, starts a command; its process leaves `N.pid`, and at its end `N.code`: exit code and CPU
    seconds."""
    load()
    if os.fork() == 0:  # a progress bar shown here would make a semaphore that all commands share, and one killed with it in hand stops all
        write_model(model)
        os._exit(0)
    os.wait()
    print("ready", flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if os.fork() == 0:
            attend(**json.loads(Path(line.strip()).read_text()))


def attend(base: str, **order: Any) -> None:
    """Between the server and the command: waits for it, so that any number may run. Never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        become(base, **order)
    leave(Path(f"{base}.pid"), str(pid))
    _, status, used = os.wait4(pid, 0)
    leave(Path(f"{base}.code"), f"{os.waitstatus_to_exitcode(status)} {used.ru_utime + used.ru_stime:.3f}")
    os._exit(0)


def leave(path: Path, text: str) -> None:
    aside = path.with_suffix(".aside" + path.suffix)
    aside.write_text(text)
    aside.rename(path)


def load() -> None:
    """What every run imports sooner or later."""
    import torch  # noqa: F401
    import transformers.models.llama.modeling_llama
    import transformers.tokenization_utils_tokenizers  # noqa: F401

    import aha.backends.local_backend
    import aha.backends.openai.chat  # noqa: F401
    from aha.cli import main
    from aha.lazy import compile_patterns
    from aha.tasks.countdown import all_keys
    from tests.runs import draw_no_charts

    with redirect_stdout(io.StringIO()):
        main(["--help"])  # every command's module
    compile_patterns()
    draw_no_charts(lambda module, name, value: setattr(importlib.import_module(module), name, value))
    for numbers in (3, 4):  # seconds of counting, for whoever reads the corpus
        all_keys(numbers)
    gc.freeze()  # a child copies no page only to count what is on it


def become(base: str, argv: list[str], folder: str, tty: str | None, environ: dict[str, str]) -> NoReturn:
    """This process is the command now: `aha` with those words, or the script that the first word names."""
    os.setsid()
    os.chdir(folder)
    os.environ.update(environ)
    targets = [tty] * 3 if tty else ["/dev/null", f"{base}.out", f"{base}.err"]  # the first terminal opened sends it ctrl-C
    for number, path in enumerate(targets):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND * (not tty), 0o644)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, "w" if number else "r", 1, closefd=False) for number in range(3))
    faulthandler.register(
        signal.SIGUSR2, os.open(f"{base}.stacks", os.O_WRONLY | os.O_CREAT, 0o644)
    )  # a command that does not end is asked where it stands
    threading.Thread(target=watch, args=(Path(f"{base}.note"),), daemon=True).start()
    if argv[0].endswith(".py"):
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")
        sys.exit(0)
    sys.argv = ["aha", *argv]
    runpy.run_module("aha", run_name="__main__", alter_sys=True)
    raise AssertionError("the command exits by itself")


def watch(note: Path) -> None:
    main = threading.main_thread().ident
    note.write_bytes(b"starting".ljust(SIZE))
    with note.open("r+b") as file, mmap.mmap(file.fileno(), SIZE) as room:
        while True:
            room[:] = doing(frame_of(main or 0)).encode().ljust(SIZE)
            time.sleep(0.002)


def frame_of(thread: int) -> FrameType | None:
    """Where a thread stands. Python 3.11 holds a lock while it gathers frames, and frees a `threading.local` under the same lock: garbage
    that is collected in between, of whatever thread, would stop the process for ever (python/cpython issue 106883), so none is."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames().get(thread)
    finally:
        if collects:
            gc.enable()


def doing(frame: FrameType | None) -> str:
    while frame is not None:
        name = frame.f_code.co_name
        if name in DOING and "/aha/" in frame.f_code.co_filename:
            return DOING[name]
        frame = frame.f_back
    return "starting"


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
