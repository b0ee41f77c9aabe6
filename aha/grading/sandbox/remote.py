"""The remote tier: programs and their inputs go to a server over HTTP and bytes come back; expected outputs stay here.

A failure on the way is retried, at the next server if there is one, and ends as INFRA: it is never the program's fault. `AHA_SANDBOX_URLS`
holds the servers: `http://host:8080` for SandboxFusion's form, which `aha sandbox serve` speaks, and `piston+http://host:2000` for
Piston's. `AHA_SANDBOX_KEY` is sent as a bearer token and shown nowhere.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from aha.errors import BadInput
from aha.grading.sandbox.http import Fault, HttpAddress, post
from aha.grading.sandbox.job import Job, Outcome, Tier, infrastructure
from aha.grading.sandbox.wire import Fusion, Piston, RequestForm
from aha.redact.keys import check_connection, host_of, key_for

__all__ = ["RemoteSandbox", "why_not"]

URLS, KEY = "AHA_SANDBOX_URLS", "AHA_SANDBOX_KEY"
NO_SERVER = f"no server is named: set {URLS} to the address of one, for example http://host:8080 where `aha sandbox serve` runs"
ATTEMPTS = 6  # one and five retries
FIRST_PAUSE_S = 0.1  # doubles with every attempt
LONGEST_PAUSE_S = 10.0
BEYOND_S = 20.0  # for an attempt beyond the program's own wall limit: a queue, a compiler, the way there and back
LOOK_S = 2.0


@dataclass(frozen=True)
class RemoteServer:
    """A server's address and the request form that it speaks."""

    place: HttpAddress
    form: RequestForm

    @classmethod
    def of(cls, url: str, key: str | None = None, among: Collection[str] = ()) -> RemoteServer:
        """Return the server at an address. `key`: its key, by default the environment's; `among`: all hosts that $AHA_SANDBOX_KEY may be
        for."""
        kind, _, rest = url.rpartition("+")
        forms: dict[str, RequestForm] = {"": Fusion(), "fusion": Fusion(), "piston": Piston()}
        form = forms.get(kind)
        place = HttpAddress.of(rest)
        if form is None or place is None:
            address = place.display if place else "an address"
            raise BadInput(f"{URLS}: {address} is not of the form http://host:port, https://host:port or piston+http://host:port")
        if place.credentials is None and (server_key := key or key_for(place.display, general=KEY, among=among)):
            place = replace(place, credentials=f"Bearer {server_key}")
        if place.credentials is not None:
            check_connection(place.display, "its key")
        return cls(place, form)


def why_not() -> str | None:
    """Return why no program can be sent away, or None if a server named in the environment accepts connections."""
    try:
        servers = servers_from_environment()
    except BadInput as error:
        return str(error)
    if not servers:
        return NO_SERVER
    silent = [server.place.display for server in servers if not _answers(server.place)]
    return f"nothing answers at {' or '.join(silent)}" if len(silent) == len(servers) else None


def servers_from_environment() -> list[RemoteServer]:
    """Return the servers that the environment names."""
    return _all_of(os.environ.get(URLS, "").replace(",", " ").split())


def _all_of(urls: Sequence[str], key: str | None = None) -> list[RemoteServer]:
    hosts = {host_of(url.rpartition("+")[2]) for url in urls}
    return [RemoteServer.of(url, key, hosts) for url in urls]


def _answers(place: HttpAddress) -> bool:
    try:
        socket.create_connection((place.host, place.port), timeout=LOOK_S).close()
    except OSError:
        return False
    return True


class RemoteSandbox:
    """A sandbox that runs up to `workers` programs at once on servers. `deadline_s` bounds one program with all its attempts; the default
    follows from its limits."""

    def __init__(self, urls: Sequence[str] | str = (), workers: int = 8, key: str | None = None, deadline_s: float | None = None) -> None:
        addresses = [urls] if isinstance(urls, str) else list(urls)
        self._servers = _all_of(addresses, key) or servers_from_environment()
        if not self._servers:
            raise BadInput(f"sandbox remote: {NO_SERVER}")
        self._deadline_s = deadline_s
        self._places = threading.BoundedSemaphore(workers)
        self._turn = 0

    @property
    def tier(self) -> Tier:
        return "remote"

    def run(self, job: Job) -> Outcome:
        """Return the program's outcome, or INFRA with what went wrong on the way."""
        start = time.monotonic()
        patience_s = self._deadline_s if self._deadline_s is not None else ATTEMPTS * BEYOND_S + 3 * job.limits.wall_s
        deadline = start + patience_s
        if not self._places.acquire(timeout=patience_s):
            return infrastructure(f"no place became free in {patience_s:.0f} s", time.monotonic() - start)
        try:
            return self._run(job, start, deadline)
        finally:
            self._places.release()

    def close(self) -> None:
        """Do nothing: no connection stays open between programs."""

    def _run(self, job: Job, start: float, deadline: float) -> Outcome:
        self._turn += 1
        open_to = self._servers[self._turn % len(self._servers) :] + self._servers[: self._turn % len(self._servers)]
        words = ""
        for attempt in range(ATTEMPTS):
            if not open_to or time.monotonic() >= deadline:
                break
            server = open_to[attempt % len(open_to)]
            try:
                return self._ask(server, job, start, deadline)
            except Fault as fault:
                words = f"{server.place.display}: {fault}"
                if fault.final:
                    open_to = [candidate for candidate in open_to if candidate is not server]
                _pause(job, attempt, fault.after_s, deadline)
        return infrastructure(f"{words} (after {time.monotonic() - start:.1f} s)", time.monotonic() - start)

    def _ask(self, server: RemoteServer, job: Job, start: float, deadline: float) -> Outcome:
        until = min(deadline, time.monotonic() + job.limits.wall_s + BEYOND_S)
        answer = post(server.place, server.form.path, server.form.ask(job), until, longest=8 * job.limits.output_bytes + (1 << 20))
        return server.form.read(answer, job, time.monotonic() - start)


def _pause(job: Job, attempt: int, after_s: float | None, deadline: float) -> None:
    """Sleep before the next attempt: longer each time, and differently for each program so that they do not all come back at once."""
    share = 0.5 + random.Random(zlib.crc32(job.source.encode("utf-8", "replace") + job.stdin) + attempt).random()
    pause_s = after_s if after_s is not None else FIRST_PAUSE_S * 2**attempt * share
    time.sleep(max(0.0, min(pause_s, LONGEST_PAUSE_S, deadline - time.monotonic())))
