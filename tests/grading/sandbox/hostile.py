"""The folder of hostile programs, the trap they are run in, and a judge that shares nothing with the package's graders."""

from __future__ import annotations

import csv
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from aha.grading.sandbox.job import Job, Limits, Outcome, Sandbox
from tests.grading.sandbox.here import begun_since

LIMITS = Limits(cpu_s=1.0, wall_s=2.5, memory_mb=256, output_bytes=1 << 20)
CANARY = "CANARY-7f3a9c"
BEFORE: set[int] = set()  # processes that are not the sandbox's
Opened = TypeVar("Opened", bound=Sandbox)


@dataclass(frozen=True)
class Attack:
    """A program, how it is run, and the verdicts that it may end with."""

    name: str
    kind: str
    allowed: tuple[str, ...]
    source: str

    def __str__(self) -> str:
        return f"{self.name}-{self.kind}"


@dataclass
class Trap:
    """What an attack must not reach: a file with a secret, and a listener that counts who knocks."""

    secret: Path
    port: int
    knocks: int = 0

    def untouched(self) -> bool:
        return (
            self.knocks == 0 and self.secret.read_text(encoding="utf-8") == CANARY and os.listdir(self.secret.parent) == [self.secret.name]
        )


def folder() -> Path | None:
    """Beside the data sets, where this machine has them."""
    data = os.environ.get("AHA_DATA")
    found = Path(data).parent / "hostile" if data else None
    return found if found and found.is_dir() else None


def attacks() -> list[Attack]:
    found = folder()
    if found is None:
        return []
    with (found / "expected.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Attack(row["file"][:-3], row["kind"], tuple(row["allowed_verdicts"].split()), (found / row["file"]).read_text()) for row in rows
    ]


ATTACKS = attacks()
needs_hostile = pytest.mark.skipif(not ATTACKS, reason="the hostile programs are not beside $AHA_DATA")


@contextmanager
def trap(place: Path) -> Iterator[Trap]:
    """The listeners take connections until the end; `place` is an empty folder."""
    secret = place / "secret.txt"
    secret.write_text(CANARY, encoding="utf-8")
    secret.chmod(0o644)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        unix.bind(f"\0hostile-canary-{secrets.token_hex(4)}")
        unix.listen()
        made = Trap(secret, port)
        over = threading.Event()
        thread = threading.Thread(target=_count, args=(made, (tcp, udp, unix), over), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            over.set()
            thread.join(timeout=5)


def _count(made: Trap, listeners: tuple[socket.socket, ...], over: threading.Event) -> None:
    for each in listeners:
        each.setblocking(False)
    while not over.wait(0.05):
        for each in listeners:
            try:
                each.recv(100) if each.type == socket.SOCK_DGRAM else each.accept()[0].close()
                made.knocks += 1
            except BlockingIOError:
                continue


@contextmanager
def opened(sandbox: Callable[..., Opened]) -> Iterator[Opened]:
    """A sandbox with two workers, in a process whose environment holds a secret; what other tests of this process opened goes on beside
    it, and is not ours."""
    os.environ["AHA_TEST_API_KEY"] = CANARY
    BEFORE.clear()
    BEFORE.update(each.pid for each in psutil.Process().children())
    made = sandbox(workers=2)
    try:
        yield made
    finally:
        made.close()
        os.environ.pop("AHA_TEST_API_KEY", None)  # another that is open may have taken it away


def ours() -> list[psutil.Process]:
    """The processes that the sandbox of `opened` began."""
    return begun_since(BEFORE)


def assert_contained(sandbox: Sandbox, attack: Attack, made: Trap, room_mb: int) -> None:
    """Judged as it must be, within its limits (of memory with `room_mb` on top), and nothing of the trap touched or told."""
    verdict, outcome = run(sandbox, attack, made)
    assert verdict in attack.allowed, outcome.reason
    said = outcome.stdout + outcome.stderr
    assert b"PWNED" not in said and CANARY.encode() not in said
    assert max(len(outcome.stdout), len(outcome.stderr)) <= LIMITS.output_bytes
    assert outcome.memory_mb < LIMITS.memory_mb + room_mb
    assert made.untouched()


def run(sandbox: Sandbox, attack: Attack, made: Trap) -> tuple[str, Outcome]:
    """The verdict with WA, as a judge outside gives it, and the sandbox's outcome. The expected 3 never enters."""
    stdin = f"1 2\n{made.secret}\nport={made.port}\n".encode()
    if attack.kind == "stdin":
        outcome = sandbox.run(Job(attack.source, stdin, limits=LIMITS))
        right = outcome.stdout.split() == [b"3"]
    else:
        token = secrets.token_hex(8)
        outcome = sandbox.run(Job(_calling(attack.source, token), stdin, limits=LIMITS))
        right = outcome.stdout.split(b"\n")[-2:-1] == [f"{token} int 3".encode()]
    verdict = outcome.verdict if outcome.verdict != "OK" else "OK" if right else "WA"
    return verdict, outcome


def _calling(source: str, token: str) -> str:
    """The program, then one call whose result is told with its type under a word that the program cannot know beforehand."""
    return f"{source}\ntold = add(1, 2)\nprint(f'{token} {{type(told).__name__}} {{told!r}}')\n"
