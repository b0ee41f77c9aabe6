"""An ASGI application behind a port, served by uvicorn in a thread of its own.

The number of connections is limited, and so is the time that a client may take for each part of a request.

uvicorn alone waits as long as a client likes. A few hundred clients that send half a request and then nothing would use up all descriptors
of the process. Here a request that does not arrive in time ends its connection, and if there are too many connections, the one that has
waited longest for the rest of a request is closed for the new one.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
import time
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from types import TracebackType
from typing import Any, Self

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from aha.errors import BadInput

LOOK_S = 0.5
OTHER_DESCRIPTORS = 128  # files, pipes and sockets that are no client's connection
BACKLOG = 128  # connections accepted in one go
UNCOUNTED = 3 * BACKLOG  # connections accepted in the event loop before the first is counted, and before those it replaces are closed
BAD = b'{"error": {"message": "this is no HTTP request", "type": "invalid_request_error", "param": null, "code": "bad_request"}}'
FULL = b'{"error": {"message": "too many connections: come back later", "type": "server_error", "param": null, "code": "connections"}}'


class Phase(IntEnum):
    """The state of a connection; a connection with a lower number is closed first if there are too many."""

    IDLE = 0
    HEADERS = 1
    LINGER = 2  # the response is sent, and the rest of the request is thrown away
    BODY = 3
    RESPONSE = 4


@dataclass(frozen=True)
class ConnectionLimits:
    """The most connections, and the seconds for headers, between two requests, for a refused body to end, and for a client to take the
    response. The time for a body is checked by its reader, since it depends on the length."""

    connections: int = 1024
    headers_s: float = 10.0
    idle_s: float = 30.0
    linger_s: float = 5.0
    unsent_s: float = 60.0

    def affordable(self) -> ConnectionLimits:
        """Return these limits with no more connections than this process has descriptors for."""
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if descriptors == resource.RLIM_INFINITY:
            return self
        most = max(16, descriptors - OTHER_DESCRIPTORS - UNCOUNTED)
        return ConnectionLimits(min(self.connections, most), self.headers_s, self.idle_s, self.linger_s, self.unsent_s)


@dataclass
class ConnectionTable:
    """The open connections of one server; used only from the server's event loop."""

    limits: ConnectionLimits
    open: dict[LimitedConnection, None] = field(default_factory=dict)
    _timer: asyncio.TimerHandle | None = None

    def add(self, connection: LimitedConnection) -> bool:
        """Count a new connection, and close an old one if there are too many; return False if all of them are in the middle of a
        response."""
        if len(self.open) >= self.limits.connections:
            oldest = min(self.open, key=lambda state: (state.phase, state.since))
            if oldest.phase is Phase.RESPONSE:
                return False
            oldest.drop()
        self.open[connection] = None
        if self._timer is None:
            self._look(connection.loop)
        return True

    def remove(self, connection: LimitedConnection) -> None:
        """Forget a connection that has ended."""
        self.open.pop(connection, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        for connection in list(self.open):
            connection.check(loop.time())
        self._timer = loop.call_later(LOOK_S, self._look, loop) if self.open else None


class LimitedConnection(H11Protocol):
    """One client's connection, in uvicorn's protocol, in a `ConnectionTable`."""

    def __init__(self, table: ConnectionTable, **settings: Any) -> None:
        super().__init__(**settings)
        self.table = table
        self.phase, self.since = Phase.IDLE, self.loop.time()
        self.unsent_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if not self.table.add(self):
            self._answer(503, FULL)

    def connection_lost(self, exc: Exception | None) -> None:
        self.table.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._note_phase()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._note_phase()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that is not HTTP; a connection in the middle of a response just ends."""
        self._answer(400, BAD)

    def drop(self) -> None:
        """End the connection at once, without sending the rest."""
        self.table.remove(self)
        self.transport.abort()

    def check(self, now: float) -> None:
        """End the connection if its client has taken too long."""
        self._note_phase()
        limits = self.table.limits
        within = {Phase.IDLE: limits.idle_s, Phase.HEADERS: limits.headers_s, Phase.LINGER: limits.linger_s}
        if now - self.since > within.get(self.phase, float("inf")):
            self.drop()
        elif not self.transport.get_write_buffer_size():
            self.unsent_since = None
        elif self.unsent_since is None:
            self.unsent_since = now
        elif now - self.unsent_since > limits.unsent_s:
            self.drop()

    def _note_phase(self) -> None:
        if (phase := self._phase()) is not self.phase:
            self.phase, self.since = phase, self.loop.time()

    def _phase(self) -> Phase:
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            return Phase.BODY if cycle.more_body else Phase.RESPONSE
        if self.conn.their_state is h11.IDLE:
            return Phase.HEADERS if self.conn.trailing_data[0] else Phase.IDLE
        return Phase.LINGER

    def _answer(self, status: int, body: bytes) -> None:
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.drop()
            return
        headers = [("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close")]
        for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


START_S = 30.0
END_S = 10.0  # for responses in progress, once the server is asked to shut down
START_LOOK_S = 0.005


class Listener:
    """A server that listens from its construction on, and answers between `start` and `stop`, or inside `with`. BadInput if it cannot
    listen there."""

    def __init__(self, app: ASGIApp, host: str, port: int, limits: ConnectionLimits | None = None) -> None:
        self._socket = _bound(host, port)
        self.port = int(self._socket.getsockname()[1])
        self.connections = ConnectionTable((limits or ConnectionLimits()).affordable())
        config = uvicorn.Config(
            app,
            http=partial(LimitedConnection, self.connections),  # type: ignore[arg-type]  # a class in all but name
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # requests of users are not logged
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=int(self.connections.limits.idle_s),
            timeout_graceful_shutdown=int(END_S),
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="listener", daemon=True)

    def start(self) -> None:
        """Answer requests from now on."""
        self._thread.start()
        deadline = time.monotonic() + START_S
        while not self._server.started and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(START_LOOK_S)

    def stop(self) -> bool:
        """Accept no more connections and wait for the responses in progress; return True if all of them ended. A second call does
        nothing."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(timeout=END_S + 1.0)
        self._socket.close()
        return not self._thread.is_alive()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens at this address. BadInput if that is not possible."""
    if not 0 <= port <= 65_535:  # the resolver would silently take another port
        raise BadInput(f"{host}:{port}: a port is a number from 0 to 65535")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"{host}:{port}: cannot listen there ({reason}); choose another --port or --host") from error
