"""Access rules of a server: by the host name used, the page that asks, the length of the request, and the key.

An untrusted page can make a browser send requests to this machine, and by giving its own name the address 127.0.0.1 it can read the answers
too. So a server answers only to its own names, to no page that was not allowed, and reads only JSON, which no page of another origin can
send without a preflight request.

A request's body is JSON; it has to arrive in time and within its limits, and is read strictly.

Responses are JSON, an error with its reason, or a stream of events.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from aha.errors import BadInput
from aha.json_text import NotJson, parse_json
from aha.lazy import lazy_pattern
from aha.serving import Refusal

Handlers = dict[Any, Callable[[Request, Exception], Awaitable[Response]]]

LATER = (429, 503)
_HOST = lazy_pattern(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?", re.IGNORECASE | re.ASCII)  # the values of Host that a client may send
CLIENT_GONE_STATUS = 499  # nobody reads this status: the client has left


class Json(JSONResponse):
    """A JSON response whose text may hold half a surrogate pair, which becomes a question mark."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


class EventStream(StreamingResponse):
    """A response of server-sent events. `at_end` is called once, whether the stream ended, broke off or never began."""

    def __init__(self, events: AsyncIterator[str], at_end: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self.at_end = at_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.at_end()


def event(value: dict[str, Any]) -> str:
    """Return one server-sent event that carries JSON."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode("utf-8", "replace").decode()


def response_of(refusal: Refusal) -> Json:
    """Return the error as a response; 429 and 503 tell the client to come back in a second."""
    return Json(refusal.body(), refusal.status, {"Retry-After": "1"} if refusal.status in LATER else None)


def handlers(addresses: str) -> Handlers:
    """Return Starlette's handlers for requests that were refused, or that came to an unknown address; `addresses` lists the known ones."""

    async def refusal_response(request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refusal)
        return response_of(refusal)

    async def nowhere(request: Request, error: Exception) -> Response:
        place = f"{request.method} {request.url.path[:80]}"
        return response_of(Refusal(getattr(error, "status_code", 404), f"there is no {place}; there is {addresses}", code="not_found"))

    return {Refusal: refusal_response, 404: nowhere, 405: nowhere}


@dataclass(frozen=True)
class AccessRules:
    """The rules for requests. `names`: host names that the server answers to, besides addresses and localhost. `origins`: pages that may
    ask, `*` for all. `largest`: bytes of a body. With a `key`, only a client that sends it is answered, except at `open_paths`."""

    names: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    key: str | None = None
    largest: int = 4 << 20
    open_paths: tuple[str, ...] = ("/health",)

    def __post_init__(self) -> None:
        for origin in self.origins:
            parts = urlsplit(origin)
            if origin != "*" and (
                parts.scheme not in ("http", "https") or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}"
            ):
                raise BadInput(f"--cors {origin}: an origin is written http://host:port, without a path; * stands for all")

    def refusal(self, method: str, path: str, headers: Headers) -> Refusal | None:
        """Return the reason to refuse a request, or None."""
        checks = (self._host(headers), self._origin(headers), self._length(headers), self._key(method, path, headers))
        return next((refusal for refusal in checks if refusal is not None), None)

    def _host(self, headers: Headers) -> Refusal | None:
        host = headers.get("host")
        if host is None or _is_here(name := _name_of(host)) or name in self.names:
            return None
        message = f"the Host is {host[:80]!r}: this server answers to addresses, localhost and {', '.join(self.names) or 'no name'}; "
        return Refusal(403, message + "--allowed-host adds a name", code="host_not_allowed")

    def _origin(self, headers: Headers) -> Refusal | None:
        origin = headers.get("origin")
        if origin is None or "*" in self.origins or origin in self.origins:
            return None
        return Refusal(403, f"pages of {origin[:80]!r} may not ask this server; --cors lets them", code="origin_not_allowed")

    def _length(self, headers: Headers) -> Refusal | None:
        length = headers.get("content-length", "0")
        if length != "0" and "transfer-encoding" in headers:  # two servers may differ in which of them ends the request
            return Refusal(400, "a request has a Content-Length or a Transfer-Encoding, not both", code="two_lengths")
        return Refusal(413, f"a request has at most {self.largest} bytes", code="body_too_large") if int(length) > self.largest else None

    def _key(self, method: str, path: str, headers: Headers) -> Refusal | None:
        if self.key is None or path in self.open_paths or method == "OPTIONS":
            return None
        header = headers.get("authorization", "")
        if hmac.compare_digest(header.encode("latin-1", "replace"), f"Bearer {self.key}".encode()):
            return None
        return Refusal(401, "the key is missing or wrong", code="invalid_api_key")

    def middleware(self) -> list[Middleware]:
        """Return these rules as middleware for a Starlette application."""
        layers = [Middleware(AccessCheck, rules=self)]
        if not self.origins:
            return layers
        cors = Middleware(CORSMiddleware, allow_origins=self.origins, allow_methods=("GET", "POST"), allow_headers=("*",))
        return [cors, *layers]


class AccessCheck:
    """ASGI middleware that applies the rules before anything of the body is read."""

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self.app, self.rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self.rules.refusal(scope["method"], scope["path"], Headers(scope=scope))
        await (self.app if refusal is None else response_of(refusal))(scope, receive, send)


def own_names(host: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a server at `host` answers to: that host, this machine's own names, and `names`."""
    return tuple(sorted({name.lower().rstrip(".") for name in (host, socket.gethostname(), socket.getfqdn(), *names)}))


def is_loopback(host: str) -> bool:
    """Return True if a server that listens at `host` can only be reached from this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    """Return a Host header's name in lower case, without the port; empty if it is more than a name and a port."""
    form = _HOST.fullmatch(host)
    return form[1].strip("[]").lower().rstrip(".") if form else ""


def _is_here(name: str) -> bool:
    """Return True if no other party can give this name an address: it is an address itself, or localhost, which every browser knows."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


READ_S = 10.0  # for a body, plus a second for each SLOWEST bytes
SLOWEST = 256 << 10
SMALL = 64 << 10  # bytes up to which a body is always accepted
MOST_MEMORY = 192 << 20  # bytes of the values in a body


@dataclass
class Bodies:
    """The bodies that a server holds at a time. Each has at most `largest` bytes; all bodies that are not small share `together` bytes."""

    largest: int
    together: int = 64 << 20
    _bytes: int = field(default=0, init=False)

    @asynccontextmanager
    async def of(self, request: Request) -> AsyncIterator[dict[str, Any]]:
        """Yield the JSON object in a request's body; its bytes are counted until the end of the block.

        Refusal if it is too long, too slow or no JSON object, or if other requests hold too many bytes."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refusal(415, f"the Content-Type is {kind[:40] or 'missing'}: it has to be application/json", code="content_type")
        if (encoding := request.headers.get("content-encoding", "identity").strip().lower()) != "identity":
            raise Refusal(415, f"the Content-Encoding is {encoding[:40]}: send the body as it is", code="content_encoding")
        data = bytearray()
        try:
            await self._read(request, data)
            yield parse_body(bytes(data))
        finally:
            self._bytes -= _countable(len(data))

    async def _read(self, request: Request, data: bytearray) -> None:
        length = int(request.headers.get("content-length", self.largest))
        try:
            async with asyncio.timeout(READ_S + min(length, self.largest) / SLOWEST):
                async for chunk in request.stream():
                    self._take(chunk, data)
        except TimeoutError:
            raise Refusal(408, "the rest of the request did not come in time", code="timeout") from None
        except ClientDisconnect:
            raise Refusal(400, "the rest of the request did not come", code="disconnected") from None

    def _take(self, chunk: bytes, data: bytearray) -> None:
        size = len(data) + len(chunk)
        if size > self.largest:
            raise Refusal(413, f"a request has at most {self.largest} bytes", code="body_too_large")
        more = _countable(size) - _countable(len(data))
        if more and self._bytes + more > self.together:
            raise Refusal(503, "too many long requests at a time: come back later", code="busy", kind="server_error")
        self._bytes += more
        data += chunk


def _countable(size: int) -> int:
    return size if size > SMALL else 0


def parse_body(data: bytes) -> dict[str, Any]:
    """Return the JSON object in a body. Refusal if it is none, or would take too much memory."""
    try:
        body = parse_json(data, MOST_MEMORY)
    except NotJson as error:
        raise Refusal(400, f"the body: {error}", code="not_json") from None
    if not isinstance(body, dict):
        raise Refusal(400, "the body is not a JSON object", code="not_an_object")
    return body
