"""An ASGI application behind a port, served by uvicorn in a thread of its own."""

from __future__ import annotations

import socket
import threading
import time
from functools import partial
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from aha.errors import BadInput
from aha.serving.web.connections import BACKLOG, ConnectionLimits, ConnectionTable, LimitedConnection

START_S = 30.0
END_S = 10.0  # for responses under way, once the server is told to end
LOOK_S = 0.005


class Listener:
    """Listens from the moment it is made, and answers between `start` and `stop`, or inside `with`."""

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
            log_level="error",  # what people ask is not ours to show
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
            time.sleep(LOOK_S)

    def stop(self) -> bool:
        """Take no more connections, and wait for the responses under way; whether all of them ended. A second time does nothing."""
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
    """A socket that listens there. BadInput where it cannot."""
    if not 0 <= port <= 65_535:  # the resolver would take another port, without a word
        raise BadInput(f"{host}:{port}: a port is a number from 0 to 65535")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"{host}:{port}: cannot listen there ({reason}); choose another --port or --host") from error
