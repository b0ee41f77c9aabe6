"""One request to a server through the openai client, with every failure as one kind of error.

Replies are read strictly: a reply that is not complete and well formed is a failure.

An event loop in a thread of its own lets code without a loop have many calls in progress.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.request import proxy_bypass

import httpx2
from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncOpenAI, DefaultAsyncHttpxClient, OpenAIError

from aha.backends.openai.endpoint import Endpoint, TokenUsage
from aha.errors import BadInput
from aha.json_text import NotJson, parse_json
from aha.lazy import lazy_pattern
from aha.protocols import ChatOptions
from aha.redact import clip, hide
from aha.template import apart
from aha.types import ChatReply, FinishReason

FINISH_REASONS: dict[str, FinishReason] = {  # the names that servers give them
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "content_filter": "stop",
    "length": "length",
    "max_tokens": "length",
    "end_turn": "stop",
}
LATE = "no whole reply in time"
MOST_TOKENS = 1 << 40  # more than any reply can cost
BYTES_A_TOKEN = 4  # the estimate for a server that counts no tokens
_NUMBER = lazy_pattern(r"(?<![\w.])\d[\d,]*(?![\w.]*\w)")
_ABOUT_TOKENS = lazy_pattern(
    r"(?i)max_(?:completion_|new_|output_)?tokens|context (?:length|window|size)|tokens of context|maximum \w+ tokens"
)
_CONTEXT = lazy_pattern(
    r"(?i)(?:context (?:length|window|size)|max_model_len)(?:\s+(?:is|of|=|limit)|\s*[=:(])*\s*(\d[\d,]*)|(\d[\d,]*) tokens of context"
)
_PROMPT = lazy_pattern(
    r"(?i)(?:prompt (?:contains|has|takes)(?: at least)?|messages take) (\d[\d,]*)|(\d[\d,]*) (?:input|prompt) tokens"
    r"|(\d[\d,]*) (?:tokens )?(?:in|from) the (?:messages|prompt)"
)


class EndpointFailure(Exception):
    """A call without a valid reply. `again`: another try may help, after `after_s` if the server says so. `billed`: it may have cost
    something. `hopeless`: no call to this server can succeed. `most`: the new tokens that the server would have allowed."""

    def __init__(
        self, reason: str, *, again: bool = True, after_s: float | None = None, billed: bool = False, hopeless: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason, self.again, self.after_s, self.costs, self.hopeless = reason, again, after_s, billed, hopeless
        self.most: int | None = None


def read(data: bytes) -> tuple[ChatReply, TokenUsage]:
    """Return the one reply in a response's body, and its cost; EndpointFailure for anything else. A key that the server echoes is
    hidden."""
    body = _json(data)
    match body:
        case {"choices": [{"message": dict() as message, "finish_reason": str(reason)}]} if reason.lower() in FINISH_REASONS:
            text, thought = _text(message, "content"), _text(message, "reasoning_content") or _text(message, "reasoning")
        case {"choices": [{"message": dict(), "finish_reason": reason}]}:
            raise EndpointFailure(f"a reply that ended with '{clip(str(reason), 40)}'", billed=True)
        case {"error": error}:
            raise EndpointFailure(f"an error in place of a reply: {clip(str(error))}", billed=True)
        case _:
            raise EndpointFailure(f"a body that is no reply of a chat: {clip(str(body))}", billed=True)
    if text is None and thought is None and (text := _text(message, "refusal")) is None:  # some models refuse in a field of its own
        raise EndpointFailure("a reply without content", billed=True)
    if thought is None:
        text, thought = apart(text or "")
    prompt, completion = _usage(body, "prompt_tokens"), _usage(body, "completion_tokens")
    if completion is None:
        completion = -(-len(((thought or "") + (text or "")).encode()) // BYTES_A_TOKEN)
    reply = ChatReply(hide(text or ""), thought and hide(thought), completion, FINISH_REASONS[reason.lower()], _top(body["choices"][0]))
    return reply, TokenUsage(1, prompt or 0, completion)


def token_allowance(refusal: str, tokens: int) -> int | None:
    """Return the new tokens, below `tokens`, that a server's refusal says it allows; None if the refusal is about something else."""
    if not _ABOUT_TOKENS.search(refusal):
        return None
    context, prompt = _CONTEXT.search(refusal), _PROMPT.search(refusal)
    if context is not None:
        limits = [_count(context) - (_count(prompt) if prompt is not None else 0)]
    else:
        limits = [int(digits.replace(",", "")) for digits in _NUMBER.findall(refusal)]
    return max((limit for limit in limits if 0 < limit < tokens), default=None)


def _count(match: re.Match[str]) -> int:
    return int(next(group for group in match.groups() if group).replace(",", ""))


def _json(data: bytes) -> Any:
    try:
        return parse_json(data)
    except NotJson as error:
        beginning = clip(data.decode("utf-8", "replace"), 100)
        raise EndpointFailure(f"a body that is no JSON ({clip(str(error), 100)}): {beginning}", billed=True) from None


def _text(message: dict[str, Any], name: str) -> str | None:
    """Return a text, or the texts of a list of parts, with valid letters only: half a surrogate pair becomes a question mark."""
    value = message.get(name)
    if isinstance(value, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in value):
        value = "".join(part["text"] for part in value)
    if value is not None and not isinstance(value, str):
        raise EndpointFailure(f"a message whose {name} is no text", billed=True)
    return None if value is None else value.encode("utf-8", "replace").decode()


def _top(choice: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    """Return the likeliest tokens with their log-probabilities; empty if the server gave none."""
    match choice:
        case {"logprobs": {"content": [{"top_logprobs": [*top]}, *_]}}:
            return tuple(_likely(place) for place in top)
    return ()


def _likely(alternative: Any) -> tuple[str, float]:
    match alternative:
        case {"token": str(token), "logprob": float() | int() as logprob}:
            return hide(token), float(logprob)
    raise EndpointFailure("malformed log-probabilities", billed=True)


def _usage(body: dict[str, Any], name: str) -> int | None:
    """Return a number of tokens in the server's usage; None if it gives none."""
    match body.get("usage"):
        case {**usage} if type(count := usage.get(name)) is int:
            if 0 <= count <= MOST_TOKENS:
                return count
            raise EndpointFailure(f"a usage of {clip(str(count), 40)} {name}", billed=True)
    return None


LARGEST = 4 * 1024 * 1024  # bytes of a response: 32,768 tokens take less than a tenth of it
LARGEST_REFUSAL = 64 * 1024  # bytes of any other answer; the rest is not read
LARGEST_TOGETHER = 64 * 1024 * 1024  # bytes of all responses in transit at once
CONNECT_S = 20.0
AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # variables, the first of which counts
ANOTHER_AUTHORITY = "name the right authority in $SSL_CERT_FILE"
ADVICE_OF_CODES = {  # advice by OpenSSL's numbers
    (62, 64): "ask it by a name or an address that stands in its certificate",
    (9, 10): "its owner has to renew it, unless the clock of this machine is wrong",
}
NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST")
TRANSIENT = (408, 409, 425, 429)  # HTTP statuses to retry, with all from 500 on
HOPELESS = (301, 302, 303, 307, 308, 401, 404, 405)
UNSUPPORTED = ("unsupported_parameter", "unsupported_value")  # of a request whose settings no other request would change
RAW = "x-stainless-raw-response"  # a header by which the client returns the response unread
REQUEST_HEADERS = {RAW, "host", "accept", "accept-encoding", "connection", "content-type", "content-length", "authorization", "user-agent"}


class EndpointServer:
    """A client of one server that makes calls, each a single attempt. It lives in one event loop."""

    def __init__(self, endpoint: Endpoint, key: str, options: ChatOptions) -> None:
        self.url, self._key, self._root = endpoint.url, key, endpoint.root
        self._limit = options.limit
        self._under_way = _UnderWay()
        self._proxy = "" if endpoint.is_here else _proxy_of(endpoint)
        try:
            self._http = http = DefaultAsyncHttpxClient(
                limits=httpx2.Limits(max_connections=options.in_flight, max_keepalive_connections=options.in_flight),
                timeout=httpx2.Timeout(options.attempt_s, connect=min(options.attempt_s, CONNECT_S)),
                follow_redirects=False,  # a key must not follow a redirection
                trust_env=not endpoint.is_here,
                verify=_authorities(endpoint),
                event_hooks={"request": [self._bare], "response": [self._bound_body]},
            )
        except (ImportError, ValueError) as error:
            raise BadInput(
                f"{endpoint.url}: a proxy of the environment ({self._proxy or 'of another kind'}) cannot be used: {clip(str(error))}; "
                "give an http:// address, or name the host in $NO_PROXY"
            ) from None
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
        """Return a reply and its cost. EndpointFailure has the limit of tokens that would have been allowed, if the server says so."""
        try:
            return read(await self._fetch("POST", body))
        except EndpointFailure as failure:
            if not failure.again and not failure.hopeless:
                failure.most = token_allowance(failure.reason.partition("(")[2], int(body[self._limit]))
            raise

    async def models(self) -> bytes:
        """Return the server's list of its models, as it sent it."""
        return await self._fetch("GET", {})

    async def tokens(self, messages: Sequence[Mapping[str, str]], model: str) -> bytes:
        """Return the answer of the server's tokenizer to a conversation, if it has the endpoint `/tokenize` beside the API, as vLLM
        does."""
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
            failure = _connection_failure(error.__cause__)
            if self._proxy:
                failure.reason += f" through {self._proxy}"
            raise failure from None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as error:
            raise EndpointFailure(f"a connection that broke ({type(error).__name__})", billed=True) from None
        except OpenAIError as error:
            raise EndpointFailure(f"a response that the client refused ({type(error).__name__})", billed=True) from None

    def _status_failure(self, error: APIStatusError) -> EndpointFailure:
        status = error.status_code
        message = clip(error.message)
        if place := error.response.headers.get("location"):
            message = f"to {clip(place, 100)}: nobody is followed elsewhere with a key; if that is the right address, give it"
        unsupported = status in (400, 422) and (error.code in UNSUPPORTED or "unsupported parameter" in message.lower())
        if unsupported and "max_completion_tokens" in message:
            message = f"{message.rstrip('.')}; --client.limit max_completion_tokens sends that"
        again = status in TRANSIENT or status >= 500
        after = retry_after(error.response.headers) if again else None
        return EndpointFailure(f"HTTP {status} ({message})", again=again, after_s=after, hopeless=unsupported or status in HOPELESS)

    async def _bare(self, request: httpx2.Request) -> None:
        """Remove all headers that the call does not need: the client's own variables may hold headers for another server."""
        for name in {name.lower() for name in request.headers} - (REQUEST_HEADERS if self._key else REQUEST_HEADERS - {"authorization"}):
            del request.headers[name]
        request.headers["accept-encoding"] = "identity"

    async def _bound_body(self, response: httpx2.Response) -> None:
        """Limit the body that is read, of whatever status, and refuse a compressed one, which was not requested."""
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
    """A body up to its limit: a longer reply is an EndpointFailure; of any other response the rest is not read."""

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


def _proxy_of(endpoint: Endpoint) -> str:
    """Return the environment's variables that may name a proxy for this server; empty if there are none, or it is to be asked without."""
    names = [name for kind in (endpoint.url.partition(":")[0], "all") for name in (f"{kind}_proxy", f"{kind}_PROXY".upper())]
    return "" if proxy_bypass(endpoint.host) else " or ".join(f"${name}" for name in names if os.environ.get(name))


def _authorities(endpoint: Endpoint) -> ssl.SSLContext | bool:
    """Return the authorities that the environment names for certificates, which hold for servers on this machine too; True if it names
    none. BadInput for a file or folder that holds none."""
    names = [name for name in AUTHORITIES if os.environ.get(name)]
    if not names or not endpoint.url.startswith("https:"):
        return True
    place = os.environ[names[0]]
    try:
        is_file = names[0] == AUTHORITIES[0]
        return ssl.create_default_context(cafile=place if is_file else None, capath=None if is_file else place)
    except (OSError, ValueError) as error:  # errors of TLS are OSErrors
        raise BadInput(f"${names[0]} is {place}, which holds no certificates in PEM form: {clip(str(error), 100)}") from None


def _connection_failure(cause: BaseException | None) -> EndpointFailure:
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            advice = next((advice for codes, advice in ADVICE_OF_CODES.items() if cause.verify_code in codes), ANOTHER_AUTHORITY)
            why = f"its certificate is not trusted ({cause.verify_message.rstrip('.')}); {advice}"
            return EndpointFailure(why, again=False, hopeless=True)
        if isinstance(cause, ssl.SSLError) and cause.reason in NOT_TLS:
            why = "it does not answer in TLS; where it speaks plain HTTP, its address begins with http://"
            return EndpointFailure(why, again=False, hopeless=True)
        if isinstance(cause, ssl.SSLError):
            return EndpointFailure(f"no secure connection ({cause.reason or 'TLS failed'})")
        if isinstance(cause, OSError) and cause.strerror:
            return EndpointFailure(f"no connection ({cause.strerror})")
        cause = cause.__cause__ or cause.__context__
    return EndpointFailure("a connection that broke", billed=True)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait: a number, or a date compared with the server's own clock."""
    text = headers.get("retry-after", "")
    with suppress(ValueError):
        if 0 <= (seconds := float(headers.get("retry-after-ms", "")) / 1000) < float("inf"):
            return seconds
    with suppress(ValueError):
        return seconds if 0 <= (seconds := float(text)) < float("inf") else None
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("date", ""))).total_seconds())
    return None


Value = TypeVar("Value")
PATIENCE_S = 5.0


class EventLoop:
    """An event loop that runs coroutines from any thread until it is closed. `at_end`: the coroutine to await last."""

    def __init__(self, name: str) -> None:
        self.at_end: Callable[[], Awaitable[object]] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, Value]) -> Future[Value]:
        """Start a coroutine; cancelling the future cancels it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Cancel all running work. Further calls do nothing."""
        if self._loop.is_closed():
            return
        with suppress(TimeoutError):  # some work cannot be cancelled; a daemon thread ends with the process
            self.submit(self._end()).result(timeout=PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=PATIENCE_S)
        if not self._thread.is_alive():
            self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.at_end is not None:
            await self.at_end()
