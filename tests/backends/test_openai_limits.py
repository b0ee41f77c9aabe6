"""What a server may make the client read: no more than a limit, whatever the status, and nothing at another address."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from aha.backends.openai.call import LARGEST, LARGEST_REFUSAL, EndpointFailure, EndpointServer, EventLoop
from aha.backends.openai.endpoint import Endpoint
from aha.backends.openai.look import look, name_notes
from aha.protocols import ChatOptions
from aha.types import Conversation, Message
from tests.servers import Server, said

QUICK = ChatOptions(attempt_s=20.0, deadline_s=30.0, retries=0)
ROOM = 16 << 20  # what the sockets on both sides may hold beyond what is read
PIECE = b"x" * 65_536
ASKED = (Conversation((Message("user", "how long is this?"),)),)


@dataclass
class Endless:
    """A server of endless bodies. `sent`: bytes that left it; `paths`: what was asked for."""

    status: int = 200
    headers: str = ""
    sent: int = 0
    paths: list[str] = None  # type: ignore[assignment]
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.paths.append(head.split()[1].decode())
            writer.write(f"HTTP/1.1 {self.status} X\r\n{self.headers}Content-Type: application/json\r\n\r\n".encode())
            while self.sent < 1 << 30:
                writer.write(PIECE)
                await writer.drain()
                self.sent += len(PIECE)
        except OSError:
            pass
        finally:
            writer.close()


@contextmanager
def endless(status: int = 200, headers: str = "") -> Iterator[Endless]:
    found = Endless(status, headers, paths=[])
    loop = EventLoop("endless")
    server = loop.submit(asyncio.start_server(found.serve, "127.0.0.1", 0)).result(timeout=10)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        loop.submit(_closed(server)).result(timeout=10)
        loop.close()


async def _closed(server: asyncio.Server) -> None:
    server.close()


CALLS: dict[str, Callable[[EndpointServer], Awaitable[object]]] = {
    "a reply": lambda server: server.call({"model": "m", "messages": [], "max_tokens": 4}),
    "its models": lambda server: server.models(),
    "a count of tokens": lambda server: server.tokens([], "m"),
}


async def failure(port: int, call: Callable[[EndpointServer], Awaitable[object]]) -> str:
    server = EndpointServer(Endpoint.read(f"http://127.0.0.1:{port}/v1#m"), "", QUICK)
    try:
        await call(server)
    except EndpointFailure as failed:
        return failed.reason
    finally:
        await server.close()
    return "nothing failed"


@pytest.mark.parametrize("status", [200, 307, 404, 429, 500])
@pytest.mark.parametrize("what", CALLS)
def test_an_endless_body_of_any_status_is_cut_at_its_limit(what: str, status: int):
    with endless(status) as server:
        tracemalloc.start()
        reason = asyncio.run(asyncio.wait_for(failure(server.port, CALLS[what]), 20))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    limit = LARGEST if status == 200 else LARGEST_REFUSAL
    assert reason != "nothing failed" and len(reason) < 300
    assert server.sent < limit + ROOM and peak < 4 * limit + (8 << 20)


def test_a_look_at_a_server_of_endless_bodies_ends():
    with endless() as server:
        assert look(f"http://127.0.0.1:{server.port}/v1#m", QUICK, ASKED).longest == 0
        assert server.sent < LARGEST + ROOM


@pytest.mark.parametrize(("models", "name", "notes"), [(["m", "n"], "x", 1), (["m", "n"], "n", 0), ([], "x", 0), (["m"], "", 0)])
def test_a_name_that_a_server_does_not_list_is_noted_and_asked(models: list[str], name: str, notes: int):
    with Server(lambda request, number: said("x"), models) as server:
        place = f"{server.url}#{name}" if name else server.url
        lines = name_notes([place])
        assert look(place, QUICK, ASKED).note == "".join(lines)
    assert len(lines) == notes and all("has no 'x' (it has m, n)" in line for line in lines)
    assert name_notes([place]) == []  # nobody answers any more: the first real request says so


def test_a_body_that_was_packed_unasked_is_not_unpacked():
    with endless(headers="Content-Encoding: gzip\r\n") as server:
        reason = asyncio.run(failure(server.port, CALLS["a reply"]))
    assert reason == "a body packed as 'gzip', which was not asked for"
    assert len(gzip.compress(b"0" * (1 << 20))) < 2_000  # such a body is a thousand times as large


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_carries_no_key(status: int, monkeypatch: pytest.MonkeyPatch):
    with endless() as elsewhere, endless(status, f"Location: http://127.0.0.1:{elsewhere.port}/v1/\r\n") as server:
        for call in CALLS.values():
            asyncio.run(failure(server.port, call))
        assert len(server.paths) == 3 and elsewhere.paths == []
