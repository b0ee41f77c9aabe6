"""A request's body: JSON, in time, within its limits, and read strictly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request

from aha.json_text import NotJson, parse_json
from aha.serving.refusal import Refusal

READ_S = 10.0  # for a body, and a second more for each SLOWEST bytes
SLOWEST = 256 << 10
SMALL = 64 << 10  # bytes of a body that is always taken
MOST_MEMORY = 192 << 20  # bytes of the values in a body


@dataclass
class Bodies:
    """The bodies that one server holds at a time: each has at most `largest` bytes, and all that are not small have `together`."""

    largest: int
    together: int = 64 << 20
    _bytes: int = field(default=0, init=False)

    @asynccontextmanager
    async def of(self, request: Request) -> AsyncIterator[dict[str, Any]]:
        """The JSON object in a request's body; its bytes are counted until the end of the block.

        Refusal where it is too long, too slow or no JSON object, or where others hold too many bytes."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refusal(415, f"the Content-Type is {kind[:40] or 'missing'}: it has to be application/json", code="content_type")
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
    """The JSON object in a body. Refusal where it is none, or would take too much memory."""
    try:
        body = parse_json(data, MOST_MEMORY)
    except NotJson as error:
        raise Refusal(400, f"the body: {error}", code="not_json") from None
    if not isinstance(body, dict):
        raise Refusal(400, "the body is not a JSON object", code="not_an_object")
    return body
