"""Who may ask a server: by the name that it is called by, by the page that asks, by the length of the question and by the key.

A page of a stranger can make a browser send requests to this machine, and by giving its own name the address 127.0.0.1 it can read
the answers, too. So a server answers only to names that are its own, to no page that was not named, and reads only JSON, which no
page of another origin can send unasked.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from aha.errors import BadInput
from aha.serving.refusal import Refusal
from aha.serving.web.responses import response_of


@dataclass(frozen=True)
class AccessRules:
    """`names`: host names that the server answers to, besides addresses and localhost. `origins`: pages that may ask, `*` for all.
    `largest`: bytes of a body. With a key, only a client that sends it is answered, except at `open_paths`."""

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
        """Why a request is not answered; None where it is."""
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
        if length != "0" and "transfer-encoding" in headers:  # where the one ends a request and the other does not, two servers may differ
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
        """These rules for a Starlette application."""
        layers = [Middleware(AccessCheck, rules=self)]
        if not self.origins:
            return layers
        cors = Middleware(CORSMiddleware, allow_origins=self.origins, allow_methods=("GET", "POST"), allow_headers=("*",))
        return [cors, *layers]


class AccessCheck:
    """ASGI middleware that refuses what the rules refuse, before anything of the body is read."""

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self.app, self.rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self.rules.refusal(scope["method"], scope["path"], Headers(scope=scope))
        await (self.app if refusal is None else response_of(refusal))(scope, receive, send)


def own_names(host: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names that a server at `host` answers to: that host, this machine's own names, and those that were named."""
    return tuple(sorted({name.lower().rstrip(".") for name in (host, socket.gethostname(), socket.getfqdn(), *names)}))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens at `host`."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    """A Host header's name in lower case, without the port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_here(name: str) -> bool:
    """Whether no stranger can have given this name an address: it is one itself, or localhost, which every browser knows."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
