"""A model behind HTTP in OpenAI's form: `/v1/chat/completions`, whole or streamed token by token, `/v1/models`, `/tokenize`, `/health`."""

from __future__ import annotations

import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

from aha.errors import BadInput
from aha.protocols import Sampling
from aha.sampling.seeds import seed_for
from aha.serving.chat_answer import Answer, dated
from aha.serving.chat_asked import Asked, Refused, asked
from aha.serving.chat_batch import Batcher, Job
from aha.serving.chat_model import Model, Prompt
from aha.serving.chat_reading import Reading

LONGEST = 16 << 20  # bytes of a request
IDLE_S = 30.0  # for a client to say something, or to take what is sent
ALIVE_S = 10.0  # between two comments that keep a silent stream alive, as DeepSeek's server sends them
CLOSING_S = 10.0
ASKED, COUNTED = "/v1/chat/completions", "/tokenize"
PATHS = f"{ASKED}, /v1/models, {COUNTED} and /health"


class ChatServer(ThreadingHTTPServer):
    """Clients' threads before one batcher. `seed`: of replies whose client names none. With a key, only who sends it is served."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, model: Model, batcher: Batcher, host: str, port: int, key: str | None = None, seed: int = 0) -> None:
        self.model, self.batcher, self.key, self.seed = model, batcher, key, seed
        self.begun = dated()
        self.numbers = count()
        self._busy = 0
        self._idle = threading.Condition()
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise BadInput(f"{host}:{port}: cannot listen there ({error.strerror}); choose another --port or --host") from error

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def __enter__(self) -> ChatServer:
        return self

    def answering(self, more: int) -> None:
        """A request is begun (1) or wholly answered (-1)."""
        with self._idle:
            self._busy += more
            self._idle.notify_all()

    def drain(self, timeout_s: float) -> bool:
        """Takes on nothing more and waits for what was taken on; whether all of it was answered. Whoever comes meanwhile is told 503."""
        ended = self.batcher.close(timeout_s)
        with self._idle:
            return self._idle.wait_for(lambda: self._busy == 0, timeout=CLOSING_S) and ended

    def prompt(self, request: Asked) -> Prompt:
        """What the engine is asked with. Refused where another model is meant."""
        if request.model != self.model.name:
            message = f"there is no model {request.model[:80]!r} here; there is {self.model.name!r}"
            raise Refused(404, message, "model", "model_not_found")
        return self.model.prompt(request.conversation)

    def counted(self, request: Asked) -> dict[str, Any]:
        """A conversation as the model reads it, in vLLM's form."""
        tokens = list(self.prompt(request).tokens)
        return {"count": len(tokens), "max_model_len": self.model.engine.context, "tokens": tokens}

    def job(self, request: Asked) -> Job:
        """What the engine is asked. Without a seed of the client's, one of the request's number."""
        prompt = self.prompt(request)
        sampling = Sampling(request.temperature, request.top_p, self.model.room(prompt, request.max_tokens))
        first = seed_for(self.seed, next(self.numbers)) if request.seed is None else request.seed
        return Job(prompt, sampling, tuple((first + i) % (1 << 63) for i in range(request.samples)), live=request.stream)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: ChatServer
    timeout = IDLE_S
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "aha", ""
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """What is there?"""
        batcher = self.server.batcher
        model: dict[str, Any] = {"id": self.server.model.name, "object": "model", "created": self.server.begun, "owned_by": "aha"}
        model["max_model_len"] = self.server.model.engine.context
        match self.path.partition("?")[0]:
            case "/health":
                self._say(200, {"status": "ok", "waiting": batcher.waiting, "served": batcher.served, "batches": batcher.batches})
            case "/v1/models" if self._may():
                self._say(200, {"object": "list", "data": [model]})
            case path if path == f"/v1/models/{self.server.model.name}" and self._may():
                self._say(200, model)
            case path:
                known = path.startswith("/v1/models") and not self._may()
                self._refuse(_no_key() if known else Refused(404, f"there is no {path[:80]}; there are {PATHS}", code="not_found"))

    def do_POST(self) -> None:
        """A conversation to be gone on with."""
        self.server.answering(1)
        try:
            request = asked(self._body(), self.server.model.usual)
            if self.path.partition("?")[0] == COUNTED:
                return self._say(200, self.server.counted(request))
            job = self.server.job(request)
            readings = [Reading(self.server.model.tokenizer, job.prompt.opened) for _ in job.seeds]
            self.server.batcher.put(job)
            answer = Answer(request, job, readings)
            if request.stream:
                self._stream(answer)
            else:
                self._say(200, answer.whole())
        except Refused as refused:
            self._refuse(refused)
        finally:
            self.server.answering(-1)

    def _body(self) -> bytes:
        """What was not read is no next request: the connection ends where a body is refused unread."""
        length = self.headers.get("Content-Length", "")
        kept, self.close_connection = self.close_connection, True
        if not self._may():
            raise _no_key()
        if self.path.partition("?")[0] not in (ASKED, COUNTED):
            raise Refused(404, f"there is no {self.path[:80]}; there are {PATHS}", code="not_found")
        if not (length.isascii() and length.isdecimal()):
            raise Refused(411, "the request has to say its Content-Length")
        if len(length) > 12 or int(length) > LONGEST:
            raise Refused(413, f"a request has at most {LONGEST} bytes")
        try:
            data = self.rfile.read(int(length))
        except OSError:
            raise Refused(408, "the rest of the request did not come") from None
        if len(data) < int(length):
            raise Refused(400, "the rest of the request did not come")
        self.close_connection = kept
        return data

    def _stream(self, answer: Answer) -> None:
        """Server-sent events; an error after the first of them is an event, too."""
        try:
            chunked = self.request_version != "HTTP/1.0"
            self.close_connection = self.close_connection or not chunked
            coded = {"Transfer-Encoding": "chunked"} if chunked else {}
            self._head(200, {"Content-Type": "text/event-stream", "Cache-Control": "no-store", **coded})
            try:
                for chunk in answer.pieces(ALIVE_S):
                    self._send(": keep-alive\n\n" if chunk is None else _event(chunk), chunked)
                self._send("data: [DONE]\n\n", chunked)
            except Refused as refused:
                self._send(_event(refused.body()), chunked)
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:  # whoever asked has gone
            answer.job.gone = self.close_connection = True

    def _send(self, text: str, chunked: bool) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)

    def _may(self) -> bool:
        given = self.headers.get("Authorization", "")
        return self.server.key is None or hmac.compare_digest(given.encode(), f"Bearer {self.server.key}".encode())

    def _refuse(self, refused: Refused) -> None:
        later = {"Retry-After": "1"} if refused.status == 503 else {}
        self._say(refused.status, refused.body(), later)

    def _say(self, status: int, answer: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
        try:
            self._head(status, {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})})
            self.wfile.write(data)
        except OSError:  # whoever asked has gone
            self.close_connection = True

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | ({"Connection": "close"} if self.close_connection else {})).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what people ask is not ours to show."""


def _no_key() -> Refused:
    return Refused(401, "the key is missing or wrong", code="invalid_api_key")


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode("utf-8", "replace").decode()
