"""A small server on the loopback device that says what it read, and raw connections to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aha.serving.access import AccessRules, Bodies, Json, handlers
from aha.serving.listener import ConnectionLimits, Listener

LARGEST = 1 << 20


class EchoListener(Listener):
    """`bodies`: what it reads requests with."""

    bodies: Bodies


@contextmanager
def echo(rules: AccessRules | None = None, limits: ConnectionLimits | None = None, together: int = 64 << 20) -> Iterator[EchoListener]:
    """`POST /echo` says which keys it read; `GET /health` says ok; `GET /wait` answers when the client has left."""
    bodies = Bodies(LARGEST, together)

    async def said(request: Request) -> Response:
        async with bodies.of(request) as body:
            return Json(sorted(body))

    async def health(request: Request) -> Response:
        return Json("ok")

    async def wait(request: Request) -> Response:
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        return Json("gone")

    routes = [Route("/echo", said, methods=["POST"]), Route("/health", health), Route("/wait", wait)]
    middleware = (rules or AccessRules(largest=LARGEST)).middleware()
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=handlers("/echo"))
    with EchoListener(app, "127.0.0.1", 0, limits) as listener:
        listener.bodies = bodies
        yield listener


def dialled(port: int, timeout: float = 20.0) -> socket.socket:
    """A connection that has said nothing yet."""
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def answered(port: int, request: bytes, timeout: float = 20.0) -> bytes:
    """All that comes back until the server closes or stops."""
    with dialled(port, timeout) as connection:
        connection.sendall(request)
        return drained(connection)


def drained(connection: socket.socket) -> bytes:
    """What a connection still brings, until its end."""
    data = b""
    try:
        while chunk := connection.recv(1 << 16):
            data += chunk
    except ConnectionResetError:
        pass
    return data


def posted(body: bytes, path: str = "/echo", **headers: str) -> bytes:
    """A whole request that asks for the connection's end."""
    sent = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body
