"""One request to one server with a deadline, which holds even against a server that sends a byte a second."""

from __future__ import annotations

import http.client
import io
import json
import socket
import time
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from aha.json_text import NotJson, parse_json

CONNECT_S = 10.0
CHUNK = 1 << 16
AGAIN = (408, 425, 429)  # and every 5xx: the server may answer later; any other status refuses the request itself


class Fault(Exception):
    """The request was not answered. `final`: this server will not answer it later either; `after_s`: the seconds it asked us to wait."""

    def __init__(self, words: str, final: bool = False, after_s: float | None = None) -> None:
        super().__init__(words)
        self.final = final
        self.after_s = after_s


@dataclass(frozen=True)
class HttpAddress:
    """The address of a server. `credentials` is a header's value and stays out of every message."""

    secure: bool
    host: str
    port: int
    prefix: str
    credentials: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str) -> HttpAddress | None:
        """Parse an address; None if it is no http or https URL with a host. A user and a password in it are credentials."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        credentials = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            credentials = f"Basic {b64encode(pair.encode()).decode()}"
        secure = parts.scheme == "https"
        return cls(secure, parts.hostname, port or (443 if secure else 80), parts.path.rstrip("/"), credentials)

    @property
    def display(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.host}:{self.port}{self.prefix}"


def post(place: HttpAddress, path: str, question: dict[str, Any], deadline: float, longest: int) -> dict[str, Any]:
    """Return the JSON object that the server answers by `deadline` (of `time.monotonic`), in at most `longest` bytes; raise `Fault`
    otherwise."""
    try:
        status, after_s, body = _exchange(place, path, json.dumps(question).encode(), deadline, longest)
    except TimeoutError as error:
        raise Fault("no answer in time") from error
    except (OSError, http.client.HTTPException) as error:
        raise Fault(f"{type(error).__name__}: {str(error)[:200]}") from error
    if status != 200:
        raise Fault(f"HTTP {status}", final=status < 500 and status not in AGAIN, after_s=after_s)
    try:
        answer = parse_json(body)
    except NotJson as error:
        raise Fault(f"the answer is no JSON that is read ({error})") from error
    if not isinstance(answer, dict):
        raise Fault("the answer is not a JSON object")
    return answer


def _exchange(place: HttpAddress, path: str, data: bytes, deadline: float, longest: int) -> tuple[int, float | None, bytes]:
    kind = http.client.HTTPSConnection if place.secure else http.client.HTTPConnection
    connection = kind(place.host, place.port, timeout=min(CONNECT_S, left_s(deadline)))
    headers = {"Content-Type": "application/json", "Connection": "close"}
    if place.credentials is not None:
        headers["Authorization"] = place.credentials
    try:
        connection.connect()
        connection.sock = DeadlineStream(connection.sock, deadline)
        connection.request("POST", place.prefix + path, data, headers)
        answer = connection.getresponse()
        body = bytearray()
        while chunk := answer.read1(CHUNK):
            body += chunk
            if len(body) > longest:
                raise Fault(f"the answer is longer than {longest} bytes")
        if answer.length:  # http.client accepts fewer bytes than announced
            raise Fault(f"the answer broke off after {len(body)} bytes")
        return answer.status, _seconds(answer.headers.get("Retry-After")), bytes(body)
    finally:
        connection.close()


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.strip().isdecimal() else None


def left_s(deadline: float) -> float:
    """Return the seconds until the deadline; raise TimeoutError after it."""
    remaining_s = deadline - time.monotonic()
    if remaining_s <= 0:
        raise TimeoutError
    return remaining_s


class DeadlineStream:
    """A socket whose waits all end at one deadline; the timeout of a plain socket starts anew with every byte."""

    def __init__(self, inner: socket.socket, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._inner.settimeout(left_s(self._deadline))
        self._inner.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        # A descriptor of its own: http.client closes the connection before it reads an answer that announces its end.
        return io.BufferedReader(_Bytes(self._inner.dup(), self._deadline), CHUNK)

    def close(self) -> None:
        self._inner.close()


class _Bytes(io.RawIOBase):
    def __init__(self, inner: socket.socket, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._inner.settimeout(left_s(self._deadline))
        return self._inner.recv_into(buffer)

    def close(self) -> None:
        super().close()
        self._inner.close()
