"""Chat templates and tokenizers, which are programs of a model's author: rendered and tried in processes that can be killed.

The rendering process is started on first use, kept, and replaced if a template killed it.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from aha.errors import BadInput

__all__ = ["Renderer", "check_tokenizer", "render_template", "variables"]


SECONDS = 2.0  # of processor time, all the time of a template: it cannot wait for anything
WALL_S = 300.0  # a process that gets no processor for so long counts as lost
MEMORY = 256 << 20
LETTERS = 1_000_000
ENDING_S = 5.0
TOKENIZER_SECONDS = 60  # of processor time; a large one takes about two
TOKENIZER_MEMORY = 384 << 20  # plus a multiple of the file's size, since words take many times their bytes
TOKENIZER_SHARE = 24
WORKER = Path(__file__).with_name("worker.py")


class Renderer:
    """A rendering process, for any thread. BadInput, in one line, if a template raises, loops, or takes or writes too much."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def render(self, template: str, values: Mapping[str, object]) -> str:
        """Return the template's output for these values, which are plain JSON."""
        answer = self._ask({"template": template, "values": dict(values), "letters": LETTERS})
        if "text" not in answer:
            raise BadInput(f"the chat template takes no such conversation ({_line(answer)}){_beginning(values)}")
        return str(answer["text"])

    def names(self, template: str) -> frozenset[str]:
        """Return the variables that the template reads."""
        answer = self._ask({"template": template})
        if "names" not in answer:
            raise BadInput(f"the chat template is not a valid template ({_line(answer)})")
        return frozenset(answer["names"])

    def close(self) -> None:
        """End the process; the next rendering starts another."""
        with self._turn:
            self._end()

    def _ask(self, request: dict[str, object]) -> dict[str, Any]:
        data = json.dumps({**request, "seconds": self.seconds}).encode()
        with self._turn:
            process = self._alive()
            assert process.stdin is not None
            try:
                process.stdin.write(len(data).to_bytes(4, "big") + data)
                process.stdin.flush()
                deadline = time.monotonic() + WALL_S
                size = int.from_bytes(self._read(process, 4, deadline), "big")
                answer: dict[str, Any] = json.loads(self._read(process, size, deadline))
            except TimeoutError:
                self._end()
                return {"error": f"the process that renders it said nothing for {WALL_S:g} s: this machine is too busy, or stopped it"}
            except (OSError, EOFError):
                late = self._end() == -signal.SIGPROF  # killed by its limit of processor time
                return {"error": f"it took more than {self.seconds:g} s" if late else "the process that renders it broke down"}
            return answer

    def _read(self, process: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
        assert process.stdout is not None
        data, place = b"", process.stdout.fileno()
        while len(data) < size:
            if not select.select([place], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError
            piece = os.read(place, size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            command = [sys.executable, "-I", str(WORKER), str(MEMORY)]
            quiet = subprocess.DEVNULL
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet, env={}, cwd="/")
        return self._process

    def _end(self) -> int | None:
        """End the process and return its exit status, or None if there is none."""
        if self._process is None:
            return None
        process, self._process = self._process, None
        process.kill()  # does nothing to one that has ended itself
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):  # requests that it has not read
                pipe.close()
        return process.wait(timeout=ENDING_S)


@cache
def _renderer(process: int) -> Renderer:
    """Return the renderer of a process: a forked process begins without one."""
    renderer = Renderer()
    atexit.register(renderer.close)
    return renderer


def _beginning(values: Mapping[str, object]) -> str:
    """Return where a system message at the beginning may come from, which many templates refuse."""
    messages = values.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    if not isinstance(first, dict) or first.get("role") != "system":
        return ""
    return "; it begins with a system message, of the row or of --template.system"


def _line(answer: Mapping[str, object]) -> str:
    return " ".join(str(answer["error"]).split())[:300]


def variables(template: str) -> frozenset[str]:
    """Return the variables that a chat template reads."""
    return _renderer(os.getpid()).names(template)


def render_template(template: str, values: Mapping[str, object]) -> str:
    """Return the output of a chat template, rendered in this process's own renderer."""
    return _renderer(os.getpid()).render(template, values)


def check_tokenizer(path: Path) -> None:
    """Raise BadInput if a tokenizer.json is damaged or harmful: a process of its own reads and uses it first."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if trouble := _tokenizer_trouble(TokenizerFile(digest, path.stat().st_size, path.absolute())):
        raise BadInput(f"{path}: the tokenizer cannot be used ({' '.join(trouble.split())[:300]})")


@dataclass(frozen=True)
class TokenizerFile:
    """A tokenizer.json, known by what is in it: every checkpoint of a run has a copy of its own."""

    digest: str
    size: int
    path: Path = field(compare=False)


@lru_cache(maxsize=16)
def _tokenizer_trouble(file: TokenizerFile) -> str | None:
    limits = [str(TOKENIZER_MEMORY + TOKENIZER_SHARE * file.size), str(TOKENIZER_SECONDS)]
    answer = None
    try:
        answer = subprocess.run(
            [sys.executable, "-I", str(WORKER), *limits, str(file.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the library's messages before it ends a process
            env={},
            cwd="/",
            timeout=WALL_S,
        )
        trouble: str | None = json.loads(answer.stdout)
    except subprocess.TimeoutExpired:
        return f"the process that tries it said nothing for {WALL_S:g} s: this machine is too busy, or stopped it"
    except ValueError:  # no answer
        ending = -answer.returncode if answer else 0
        return "it took too long" if ending in (signal.SIGKILL, signal.SIGXCPU) else "it ended the process that tries it"
    return trouble
