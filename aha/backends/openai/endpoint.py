"""A server's address, model and key, from a name that a person typed and the environment.

The ledger of a server's cost, which stops before the budget is exceeded.

The cache of replies, one file each, so that no request is made twice.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from aha.codec import decode, encode
from aha.durable import disk_errors, read_file, seal, unseal
from aha.errors import BadInput, DiskTrouble, ExceededBudget
from aha.json_text import parse_json
from aha.protocols import Budget, Chat, ChatOptions
from aha.redact import mask
from aha.redact.keys import host_of, is_here, key_for, own_variable
from aha.types import ChatReply

FORM = "a server is written http://host:port/v1#name-of-the-model"


@dataclass(frozen=True)
class Endpoint:
    """The address of a server. `url` is the part before `/chat/completions`; `model` is empty for the server's only one."""

    url: str
    model: str = ""

    @classmethod
    def read(cls, name: str) -> Endpoint:
        """Return the endpoint of `http://host:port/v1#name-of-the-model`. BadInput for another form, or for an address with a key."""
        address, _, model = name.strip().partition("#")
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError as error:
            raise BadInput(f"{mask(address)}: {error}; {FORM}") from None
        if parts.username or parts.password:
            variable = own_variable(parts.hostname or "")
            raise BadInput(f"{mask(address)}: logs and process lists show the name or key in it; put the key into ${variable}")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or port == 0:
            raise BadInput(f"{mask(address)}: not a server's address; {FORM}")
        path = parts.path.rstrip("/").removesuffix("/chat/completions")
        return cls(f"{parts.scheme}://{parts.netloc}{path or '/v1'}", model)

    @property
    def root(self) -> str:
        """The URL of endpoints beside the API."""
        return self.url.removesuffix("/v1")

    @property
    def host(self) -> str:
        return host_of(self.url)

    @property
    def is_here(self) -> bool:
        """True if the server is on this machine, so that no proxy can help."""
        return is_here(self.host)

    def key(self, options: ChatOptions) -> str:
        """Return the server's key, from the environment only; empty if there is none. BadInput if a key is meant for it and cannot be
        sent."""
        return key_for(self.url, options.key_variable)


PATIENCE_S = 5.0


@dataclass(frozen=True)
class TokenUsage:
    """The calls made, and the tokens of prompts and of completions."""

    calls: int = 0
    prompt: int = 0
    completion: int = 0

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(self.calls + other.calls, self.prompt + other.prompt, self.completion + other.completion)

    def __neg__(self) -> TokenUsage:
        return TokenUsage(-self.calls, -self.prompt, -self.completion)

    def beyond(self, budget: Budget) -> str:
        """Return the limit that the usage exceeds, in words; empty if none."""
        dollars = (self.prompt * budget.prompt_price + self.completion * budget.completion_price) / 1e6
        if budget.calls is not None and self.calls > budget.calls:
            return f"{budget.calls:,} calls"
        if budget.tokens is not None and self.prompt + self.completion > budget.tokens:
            return f"{budget.tokens:,} tokens"
        return f"{budget.dollars:g} dollars" if budget.dollars is not None and dollars > budget.dollars else ""


class Ledger:
    """The total usage so far: in a file beside the cache, for all processes and runs that share it, or in this process's memory.

    The most that a call can cost is booked before it and corrected after it, so that the usage never exceeds the budget, and a process that
    dies in between counts the most."""

    def __init__(self, budget: Budget, folder: Path | None) -> None:
        self.budget, self.folder = budget, folder
        self.limited = any(limit is not None for limit in (budget.calls, budget.tokens, budget.dollars))
        self._total, self._lock = TokenUsage(), threading.Lock()
        self._file: int | None = None
        self.open_calls = 0  # this process's calls that are booked and not yet corrected

    def book(self, most: TokenUsage) -> str:
        """Book a call; if it could exceed the budget, return the limit in words instead."""
        with self._lock, self._locked_total() as total:
            if limit := (total + most).beyond(self.budget):
                return limit
            self._write(total + most)
            self.open_calls += 1
            return ""

    def correct(self, most: TokenUsage, really: TokenUsage) -> None:
        """Replace the booked most of a finished call by its real usage."""
        with self._lock, self._locked_total() as total:
            self._write(total + -most + really)
            self.open_calls -= 1

    def total(self) -> TokenUsage:
        with self._lock, self._locked_total() as total:
            return total

    def refusal(self, limit: str, replies: int) -> ExceededBudget:
        """Return the error for the person."""
        total = self.total()
        note = f" (counted in {self.folder})" if self.folder else ""
        return ExceededBudget(
            f"the budget of {limit} leaves no room for the next call: {total.calls:,} calls, {total.prompt:,} tokens asked and "
            f"{total.completion:,} answered so far{note}; {replies:,} replies are still to come. What was answered is kept where there is "
            "a cache: allow more and run the same command again"
        )

    @contextmanager
    def _locked_total(self) -> Iterator[TokenUsage]:
        if self.folder is None or not self.limited:
            self._file = None
            yield self._total
            return
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / "spent.json", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                _lock(descriptor, self.folder)
                self._file = descriptor
                yield _read(descriptor, self.folder)
            finally:
                os.close(descriptor)

    def _write(self, total: TokenUsage) -> None:
        self._total = total
        if self._file is not None:
            os.pwrite(self._file, json.dumps(asdict(total)).ljust(120).encode(), 0)


@runtime_checkable
class ServerChat(Chat, Protocol):
    """A chat with a server: it keeps a ledger, and the server may allow fewer new tokens than requested.

    `lowest_limit`: the lowest limit of new tokens that the server imposed; None if there was none."""

    ledger: Ledger
    lowest_limit: int | None

    def models(self) -> list[str]:
        """Return the names of the server's models. EndpointDown if it does not answer."""


def _read(descriptor: int, folder: Path) -> TokenUsage:
    text = os.pread(descriptor, 1_000, 0)
    if not text:
        return TokenUsage()
    try:
        return TokenUsage(**parse_json(text))
    except (ValueError, TypeError):
        raise DiskTrouble(f"{folder / 'spent.json'}: damaged; write into it what was spent, or delete it to count from nothing") from None


def _lock(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise DiskTrouble(f"{folder / 'spent.json'}: another process has held it for {PATIENCE_S:g} s") from None
            time.sleep(0.001)


def key_of(request: dict[str, Any]) -> str:
    """Return the sha256 of all that a reply depends on."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class Cache:
    """A folder of replies that several processes may share. A file is published by one rename, and has a checksum; a damaged one counts as
    missing. It is not flushed to the device: a reply lost in a power cut is requested again."""

    folder: Path | None

    def get(self, key: str) -> ChatReply | None:
        """Return the cached reply, or None."""
        if self.folder is None:
            return None
        path = self._path(self.folder, key)
        with disk_errors(self.folder):
            if not path.exists():
                return None
        try:
            reply: ChatReply = decode((unseal(read_file(path)) or {}).get("said"), ChatReply)
        except BadInput:
            return None
        return reply

    def put(self, key: str, request: dict[str, Any], reply: ChatReply) -> None:
        """Store a reply with its request, for a person to read, without known secrets."""
        if self.folder is None:
            return
        path = self._path(self.folder, key)
        data = seal({"asked": request, "said": encode(reply, ChatReply)})
        with disk_errors(self.folder, len(data)):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, beside = tempfile.mkstemp(dir=path.parent, suffix=".aside")
            try:
                with open(descriptor, "wb") as file:
                    file.write(data)
                os.replace(beside, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(beside)
                raise

    def _path(self, folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}.json"
