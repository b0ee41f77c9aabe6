"""Responses of a server of ours: JSON, the reason why there is none, and a stream of events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from aha.serving.refusal import Refusal

Handlers = dict[Any, Callable[[Request, Exception], Awaitable[Response]]]

LATER = (429, 503)
CLIENT_GONE_STATUS = 499  # nobody reads it: whoever asked has left


class Json(JSONResponse):
    """A JSON response whose text may hold half a surrogate pair, which becomes a question mark."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


class EventStream(StreamingResponse):
    """Server-sent events. `at_end` is called once, whether the stream ended, broke off or never began."""

    def __init__(self, events: AsyncIterator[str], at_end: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self.at_end = at_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.at_end()


def event(value: dict[str, Any]) -> str:
    """One server-sent event that carries JSON."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode("utf-8", "replace").decode()


def response_of(refusal: Refusal) -> Json:
    """The error as a response; a client that came at a bad time is told to come back in a second."""
    return Json(refusal.body(), refusal.status, {"Retry-After": "1"} if refusal.status in LATER else None)


def handlers(addresses: str) -> Handlers:
    """What Starlette answers to a request that was refused on the way, or that came to another place than the addresses."""

    async def refusal_response(request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refusal)
        return response_of(refusal)

    async def nowhere(request: Request, error: Exception) -> Response:
        place = f"{request.method} {request.url.path[:80]}"
        return response_of(Refusal(getattr(error, "status_code", 404), f"there is no {place}; there is {addresses}", code="not_found"))

    return {Refusal: refusal_response, 404: nowhere, 405: nowhere}
