"""One request to a server through the openai client, and what may go wrong with it, as one kind of error."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncOpenAI, DefaultAsyncHttpxClient, OpenAIError

from aha.backends.openai_answer import LATE, EndpointFailure, read, token_allowance
from aha.backends.openai_budget import TokenUsage
from aha.backends.openai_endpoint import Endpoint
from aha.protocols import ChatOptions
from aha.redact import clip
from aha.types import ChatReply

LARGEST = 4 * 1024 * 1024  # bytes of a response: 32,768 tokens take less than a tenth of it
LARGEST_REFUSAL = 64 * 1024  # bytes of any other answer; the rest is not read
LARGEST_TOGETHER = 64 * 1024 * 1024  # bytes of all responses that are on their way at once
CONNECT_S = 20.0
TRANSIENT = (408, 409, 425, 429)  # and all from 500 on
HOPELESS = (301, 302, 303, 307, 308, 401, 404, 405)
RAW = "x-stainless-raw-response"  # the client reads it off its own request, to hand the response over unread
REQUEST_HEADERS = {RAW, "host", "accept", "accept-encoding", "connection", "content-type", "content-length", "authorization", "user-agent"}


class EndpointServer:
    """Makes calls, each one attempt. Lives in one event loop."""

    def __init__(self, endpoint: Endpoint, key: str, options: ChatOptions) -> None:
        self.url, self._key, self._root = endpoint.url, key, endpoint.root
        self._limit = options.limit
        self._under_way = _UnderWay()
        self._http = http = DefaultAsyncHttpxClient(
            limits=httpx2.Limits(max_connections=options.in_flight, max_keepalive_connections=options.in_flight),
            timeout=httpx2.Timeout(options.attempt_s, connect=min(options.attempt_s, CONNECT_S)),
            follow_redirects=False,  # a key goes where it was meant to go
            trust_env=not endpoint.is_here,
            event_hooks={"request": [self._bare], "response": [self._bound_body]},
        )
        self._client = AsyncOpenAI(
            api_key=key or "none",
            base_url=endpoint.url,
            max_retries=0,
            http_client=http,
            default_headers={"Authorization": f"Bearer {key}", "User-Agent": "aha"},
        )

    def __repr__(self) -> str:
        return f"Server({self.url})"

    async def call(self, body: Mapping[str, Any]) -> tuple[ChatReply, TokenUsage]:
        """A reply and its cost, or EndpointFailure, which knows what limit of tokens would have been allowed where the server says so."""
        try:
            return read(await self._fetch("POST", body))
        except EndpointFailure as failure:
            if not failure.again and not failure.hopeless:
                failure.most = token_allowance(failure.reason.partition("(")[2], int(body[self._limit]))
            raise

    async def models(self) -> bytes:
        """The server's list of its models, as it sent it."""
        return await self._fetch("GET", {})

    async def tokens(self, messages: Sequence[Mapping[str, str]], model: str) -> bytes:
        """What the server's own tokenizer makes of a conversation, where it tells; it stands beside the API, as vLLM has it."""
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            response = await self._http.post(f"{self._root}/tokenize", json={"model": model, "messages": messages}, headers=headers)
        except httpx2.HTTPError as error:
            raise EndpointFailure(f"no count of tokens ({type(error).__name__})") from None
        if response.status_code != 200:
            raise EndpointFailure(f"HTTP {response.status_code} for a count of tokens", again=False)
        return bytes(response.content)

    async def close(self) -> None:
        await self._client.close()

    async def _fetch(self, method: str, body: Mapping[str, Any]) -> bytes:
        try:
            if method == "GET":
                async with self._client.models.with_streaming_response.list() as model_stream:
                    return bytes(await model_stream.http_response.aread())
            async with self._client.chat.completions.with_streaming_response.create(**body) as response:
                return bytes(await response.http_response.aread())
        except APIStatusError as error:
            raise self._status_failure(error) from None
        except (APITimeoutError, httpx2.TimeoutException):
            raise EndpointFailure(LATE, billed=True) from None
        except APIConnectionError as error:
            raise _connection_failure(error.__cause__) from None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as error:
            raise EndpointFailure(f"a connection that broke ({type(error).__name__})", billed=True) from None
        except OpenAIError as error:
            raise EndpointFailure(f"a response that the client refused ({type(error).__name__})", billed=True) from None

    def _status_failure(self, error: APIStatusError) -> EndpointFailure:
        status = error.status_code
        message = clip(error.message)
        again = status in TRANSIENT or status >= 500
        after = retry_after(error.response.headers) if again else None
        return EndpointFailure(f"HTTP {status} ({message})", again=again, after_s=after, hopeless=status in HOPELESS)

    async def _bare(self, request: httpx2.Request) -> None:
        """Nothing leaves but what the call needs: the client's own variables may hold headers for another server."""
        for name in {name.lower() for name in request.headers} - (REQUEST_HEADERS if self._key else REQUEST_HEADERS - {"authorization"}):
            del request.headers[name]
        request.headers["accept-encoding"] = "identity"

    async def _bound_body(self, response: httpx2.Response) -> None:
        """Whoever reads the body, of whatever status, reads no more than its limit, and nothing is unpacked that was not asked for."""
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise EndpointFailure(f"a body packed as '{clip(encoding, 20)}', which was not asked for", billed=True)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _BoundedBody(response.stream, response.is_success, self._under_way)


@dataclass
class _UnderWay:
    """The bytes of all responses of a server that are in memory."""

    size: int = 0


class _BoundedBody(httpx2.AsyncByteStream):
    """A body up to its limit: a reply that is longer is a EndpointFailure; of any other answer the rest is not read."""

    def __init__(self, inner: httpx2.AsyncByteStream, whole: bool, together: _UnderWay) -> None:
        self._inner, self._whole, self._together = inner, whole, together
        self._size = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._size += len(chunk)
            self._together.size += len(chunk)
            if self._size > (LARGEST if self._whole else LARGEST_REFUSAL):
                if self._whole:
                    raise EndpointFailure(f"a body of more than {LARGEST:,} bytes", billed=True)
                return
            if self._together.size > LARGEST_TOGETHER:
                raise EndpointFailure(f"bodies of more than {LARGEST_TOGETHER:,} bytes at once", billed=True)
            yield chunk

    async def aclose(self) -> None:
        self._together.size -= self._size
        self._size = 0
        await self._inner.aclose()


def _connection_failure(cause: BaseException | None) -> EndpointFailure:
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = f"its certificate is not trusted ({cause.verify_message}); name the right authority in $SSL_CERT_FILE"
            return EndpointFailure(why, again=False, hopeless=True)
        if isinstance(cause, ssl.SSLError):
            return EndpointFailure(f"no secure connection ({cause.reason or 'TLS failed'})")
        if isinstance(cause, OSError) and cause.strerror:
            return EndpointFailure(f"no connection ({cause.strerror})")
        cause = cause.__cause__ or cause.__context__
    return EndpointFailure("a connection that broke", billed=True)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds: a number, or a date against the server's own clock."""
    text = headers.get("retry-after", "")
    with suppress(ValueError):
        if 0 <= (seconds := float(headers.get("retry-after-ms", "")) / 1000) < float("inf"):
            return seconds
    with suppress(ValueError):
        return seconds if 0 <= (seconds := float(text)) < float("inf") else None
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("date", ""))).total_seconds())
    return None
