"""A server on this machine that speaks OpenAI's protocol as well or as badly as a test wants."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aha.backends.openai.call import EventLoop
from aha.types import Conversation, Message


@dataclass(frozen=True)
class Answer:
    """What is sent for one request. `drip_s`: the pause after each byte; `cut`: how many bytes of the body are sent before the connection
    closes; `wait_s`: before anything is sent; `silent`: the connection is closed without a byte."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    cut: int | None = None
    wait_s: float = 0.0
    silent: bool = False


@dataclass(frozen=True)
class Request:
    """What came: `at` by the monotonic clock."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    at: float

    @property
    def asked(self) -> str:
        return str(self.body["messages"][-1]["content"])


Script = Callable[[Request, int], Answer]


def said(text: str | None, *, finish: str = "stop", tokens: int | None = 7, **message: object) -> Answer:
    """A whole reply, as a server sends it."""
    usage = {} if tokens is None else {"usage": {"prompt_tokens": 11, "completion_tokens": tokens, "total_tokens": 11 + tokens}}
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    return Answer(json.dumps({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice], **usage}).encode())


class Server:
    """Listens on a free port of the loopback device while it is open. `requests`: all that came, in order; `most`: the most at a time."""

    def __init__(self, script: Script, models: Sequence[str] = ("m",), secure: ssl.SSLContext | None = None) -> None:
        self.script, self.models, self.secure = script, models, secure
        self.requests: list[Request] = []
        self.now = self.most = 0
        self._lock = threading.Lock()
        self._loop = EventLoop("server of a test")
        self._listening = self._loop.submit(self._listen()).result(timeout=10)
        self.port = self._listening.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.at_end = self._stop
        self._loop.close()

    async def _stop(self) -> None:
        self._listening.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 24, backlog=512, ssl=self.secure)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        begun = await reader.readexactly(1)
        if not begun.isalpha():  # TLS, which a plain server takes for a broken request
            return await _send(writer, Answer(status=400, cut=0))
        first, *lines = (begun + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(first.split()[1], headers, json.loads(body or b"{}"), time.monotonic())
        if request.path.endswith("/models"):
            listed = {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]}
            return await _send(writer, Answer(json.dumps(listed).encode()))
        with self._lock:
            self.requests.append(request)
            number = len(self.requests) - 1
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            return await _send(writer, self.script(request, number))
        finally:
            self.now -= 1


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> bool:
    """Whether the connection stays."""
    await asyncio.sleep(answer.wait_s)
    if answer.silent:
        return False
    headers = {"content-type": "application/json", "content-length": str(len(answer.body)), **answer.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {answer.status} Said\r\n{head}\r\n".encode())
    data = answer.body[: answer.cut]
    if answer.drip_s:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(answer.drip_s)
    else:
        writer.write(data)
        await writer.drain()
    return answer.cut is None


def talk(*texts: str) -> list[Conversation]:
    """One conversation a text, with one message each."""
    return [Conversation((Message("user", text),)) for text in texts]
