"""Connections are few and short-lived enough that nobody keeps others out."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aha.serving.listener import BACKLOG, ConnectionLimits, Listener, Phase
from tests.counts import examples
from tests.serving.web.echo import answered, dialled, drained, echo, posted

HALVES = (b"", b"POST /echo HTTP/1.1\r\nHost: x", b"GET /health HTTP/1.1\r\n", posted(b'{"a": 1}')[:-3])


@contextmanager
def descriptors(wanted: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this process may open {hard} files, and the test needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def half_open(stack: ExitStack, port: int, count: int) -> list[socket.socket]:
    """Connections that have sent half a request, or nothing, and wait."""
    connections = [stack.enter_context(dialled(port)) for _ in range(count)]
    for number, connection in enumerate(connections):
        connection.sendall(HALVES[number % len(HALVES)])
    return connections


@pytest.mark.parametrize("number", [400, pytest.param(1300, marks=pytest.mark.long)])
def test_half_open_requests_keep_nobody_out(number: int) -> None:
    with descriptors(4096), echo(limits=ConnectionLimits(connections=256)) as server, ExitStack() as stack:
        half_open(stack, server.port, number)
        for _ in range(8):
            assert answered(server.port, posted(b'{"a": 1}')).endswith(b'["a"]')
        assert len(server.connections.open) <= 256


def test_what_is_accepted_before_it_is_counted_has_descriptors_too() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        most = ConnectionLimits().affordable().connections
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    rounds = 3  # of the loop: to accept a connection, to make it, to count it, which may close another one
    assert 256 <= most <= 1024 - rounds * BACKLOG - 100


def test_half_a_request_is_given_up_after_its_time() -> None:
    limits = ConnectionLimits(headers_s=0.2, idle_s=1.0)
    with echo(limits=limits) as server, ExitStack() as stack:
        connections = half_open(stack, server.port, 3)
        assert [drained(connection) for connection in connections] == [b"", b"", b""]
        assert len(server.connections.open) == 0


def test_a_byte_now_and_then_does_not_lengthen_the_time() -> None:
    with echo(limits=ConnectionLimits(headers_s=0.3)) as server, dialled(server.port) as connection:
        began, sent = time.monotonic(), 0
        with pytest.raises(OSError):
            while time.monotonic() < began + 10:
                connection.sendall(b"GET /health HTTP/1.1\r\nX: aaaaaaaa"[sent % 30 : sent % 30 + 1])
                sent += 1
                time.sleep(0.02)
        assert sent < 200


def test_who_finds_all_connections_at_work_is_told_to_come_back() -> None:
    with echo(limits=ConnectionLimits(connections=2)) as server:
        with dialled(server.port) as one, dialled(server.port) as other:
            for connection in (one, other):
                connection.sendall(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while sum(connection.phase is Phase.RESPONSE for connection in list(server.connections.open)) < 2:
                time.sleep(0.01)
            head, _, body = answered(server.port, posted(b"{}")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ") and json.loads(body)["error"]["code"] == "connections"
        while server.connections.open:
            time.sleep(0.01)
        assert answered(server.port, posted(b"{}")).endswith(b"[]")


def test_a_client_that_takes_nothing_of_its_answer_is_dropped() -> None:
    limits = ConnectionLimits(unsent_s=0.3)
    with echo(limits=limits) as server, dialled(server.port) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = json.dumps({f"{number:0500d}": 0 for number in range(1500)}).encode()
        request = posted(body).replace(b"Connection: close\r\n", b"")
        deadline = time.monotonic() + 15
        with pytest.raises(OSError):
            while time.monotonic() < deadline:
                connection.sendall(request)
        assert len(server.connections.open) == 0


@pytest.mark.parametrize(
    "request_head",
    [
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2, 3\r\n\r\n{}",
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -2\r\n\r\n{}",
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 4000 + b"\r\n\r\n{}",
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"hello\r\n\r\n",
    ],
)
def test_what_is_no_http_request_is_refused_in_one_line(request_head: bytes) -> None:
    with echo() as server:
        answer = answered(server.port, request_head)
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]
        assert answered(server.port, posted(b"{}")).endswith(b"[]")


@pytest.fixture(scope="module")
def anyone() -> Iterator[Listener]:
    with echo(limits=ConnectionLimits(connections=64)) as server:
        yield server


HEADERS = (b"Host: a", b"Content-Length: 5", b"Transfer-Encoding: chunked")
PARTS = st.sampled_from([b"POST ", b"/echo", b" HTTP/1.1", b"\r\n", *HEADERS, b"{", b"\x00\xff", b"0\r\n\r\n"])


@examples(60)
@given(st.lists(st.one_of(PARTS, st.binary(max_size=20)), max_size=14))
def test_whatever_a_stranger_sends_the_next_client_is_answered(anyone: Listener, parts: list[bytes]) -> None:
    with dialled(anyone.port) as connection:
        connection.sendall(b"".join(parts))
    assert answered(anyone.port, posted(b"{}")).endswith(b"[]")
