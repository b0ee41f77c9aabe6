"""A model behind HTTP in OpenAI's form: `/v1/chat/completions` and `/v1/completions`, whole or streamed token by token, `/v1/models`,
`/tokenize`, `/health`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Any, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aha.sampling.rollouts import seed_for
from aha.sampling.scheduler import SchedulerLimits
from aha.serving import Refusal
from aha.serving.access import CLIENT_GONE_STATUS, AccessRules, Bodies, EventStream, Json, event, handlers
from aha.serving.chat.jobs import PREFILL_TOKENS, ChatJob, EngineThread, LoopMailbox, LoopPost
from aha.serving.chat.model import ServedModel, ServedPrompt
from aha.serving.chat.reader import ReplyReader
from aha.serving.chat.request import COMPLETION_TOKENS, ChatRequest, CompletionRequest, ReplyOptions
from aha.serving.chat.response import ReplyChoice, ReplyResponse, Way, seconds_since_1970
from aha.serving.listener import ConnectionLimits, Listener

ALIVE_S = 10.0  # between two comments that keep a silent stream alive, as DeepSeek's server sends them
CLOSING_S = 10.0
PATHS = "/v1/chat/completions, /v1/completions, /v1/models, /tokenize and /health"
Read = Callable[[dict[str, Any]], "PendingReply"]


@dataclass(frozen=True)
class ServerSettings:
    """The settings of a server. `rows`, `cache_tokens`: the most replies in the batch, and the most tokens of these and their prompts.
    `queue`: the most replies that wait for a place in it. `seed`: for replies whose client gives none."""

    rows: int = 256
    cache_tokens: int | None = None
    queue: int = 256
    seed: int = 0
    limits: ConnectionLimits = ConnectionLimits()


@dataclass(frozen=True)
class PendingReply:
    """A request that was read: its kind, its options and its prompts."""

    way: Way
    options: ReplyOptions
    prompts: Sequence[ServedPrompt]


class ChatServer:
    """A server for many clients of one engine."""

    def __init__(
        self, model: ServedModel, host: str, port: int, rules: AccessRules | None = None, settings: ServerSettings | None = None
    ) -> None:
        self.model, self.settings = model, settings or ServerSettings()
        self._start_time, self._numbers = seconds_since_1970(), count()
        self._busy, self._idle = 0, threading.Condition()
        self._bodies = Bodies((rules or AccessRules()).largest)
        self._listener = Listener(self._app(rules or AccessRules()), host, port, self.settings.limits)
        self.port = self._listener.port
        self._prompt_thread = ThreadPoolExecutor(1, thread_name_prefix="prompts")  # a tokenizer may be used by one thread at a time
        self._post = LoopPost()
        limits = SchedulerLimits(self.settings.rows, self.settings.cache_tokens, prefill_tokens=PREFILL_TOKENS)
        self.engine = EngineThread(model.engine, self._post.send, limits, self.settings.queue)

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.engine.close(0.0)
        self._listener.stop()
        self._prompt_thread.shutdown(wait=False, cancel_futures=True)

    def drain(self, timeout_s: float) -> bool:
        """Accept nothing more and wait for accepted requests; return True if all were answered. New clients get 503, and what has not ended
        by then ends with an error that says so."""
        is_drained = self.engine.close(timeout_s)
        with self._idle:
            return self._idle.wait_for(lambda: self._busy == 0, timeout=CLOSING_S) and is_drained

    # --- addresses ------------------------------------------------------------------------------------------------------

    def _app(self, rules: AccessRules) -> Starlette:
        routes = [
            Route("/health", self._health),
            Route("/v1/models", self._models),
            Route("/v1/models/{name:path}", self._one_model),
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/v1/completions", self._completions, methods=["POST"]),
            Route("/tokenize", self._tokenize, methods=["POST"]),
        ]
        return Starlette(routes=routes, middleware=rules.middleware(), exception_handlers=handlers(PATHS))

    async def _health(self, request: Request) -> Response:
        engine = self.engine
        counts = {"waiting": engine.queue_length, "running": engine.batch_size, "served": engine.reply_count, "steps": engine.steps}
        return Json({"status": "ok" if engine.alive else "ended", **counts}, 200 if engine.alive else 503)

    async def _models(self, request: Request) -> Response:
        return Json({"object": "list", "data": [self._card()]})

    async def _one_model(self, request: Request) -> Response:
        if (name := request.path_params["name"]) != self.model.name:
            raise Refusal(404, f"there is no model {name[:80]!r} here; there is {self.model.name!r}", "model", "model_not_found")
        return Json(self._card())

    def _card(self) -> dict[str, Any]:
        card = {"id": self.model.name, "object": "model", "created": self._start_time, "owned_by": "aha"}
        return {**card, "max_model_len": self.model.engine.context}

    async def _chat(self, request: Request) -> Response:
        return await self._reply(request, self._asked_chat)

    async def _completions(self, request: Request) -> Response:
        return await self._reply(request, self._asked_completion)

    async def _tokenize(self, request: Request) -> Response:
        """Return the tokens of a conversation or a text as the model reads it, in vLLM's form."""
        pending = await self._read_request(request, self._asked_chat_or_text)
        tokens = list(pending.prompts[0].tokens)
        return Json({"count": len(tokens), "max_model_len": self.model.engine.context, "tokens": tokens})

    # --- one request ----------------------------------------------------------------------------------------------------

    def _asked_chat(self, body: dict[str, Any]) -> PendingReply:
        request = ChatRequest.read(body, self.model.usual, self.model.vocabulary)
        return PendingReply("chat", request.options, [self.model.chat_prompt(request)])

    def _asked_completion(self, body: dict[str, Any]) -> PendingReply:
        request = CompletionRequest.read(body, self.model.usual, self.model.vocabulary)
        return PendingReply("text", request.options, self.model.text_prompts(request))

    def _asked_chat_or_text(self, body: dict[str, Any]) -> PendingReply:
        return self._asked_completion(body) if "prompt" in body else self._asked_chat(body)

    async def _read_request(self, request: Request, read: Read) -> PendingReply:
        async with self._bodies.of(request) as body:
            return await asyncio.get_running_loop().run_in_executor(self._prompt_thread, read, body)

    async def _reply(self, request: Request, read: Read) -> Response:
        self._count_answers(1)
        jobs: list[ChatJob] = []
        try:
            pending = await self._read_request(request, read)
            jobs = self._jobs(pending)
            mailbox, response = self._post.box(jobs), self._response(pending, jobs)
            for job in jobs:
                self.engine.put(job)
            if pending.options.stream:
                return EventStream(_stream(response, mailbox), lambda: self._end(jobs))
            reply = await _whole(request, response, mailbox)
        except BaseException:
            self._end(jobs)
            raise
        self._end(jobs)
        return reply or Response(status_code=CLIENT_GONE_STATUS)

    def _jobs(self, pending: PendingReply) -> list[ChatJob]:
        """Return one job per prompt. If the client gives no seed, it follows from the request's number."""
        options = pending.options
        first = seed_for(self.settings.seed, next(self._numbers)) if options.seed is None else options.seed
        jobs = []
        for place, prompt in enumerate(pending.prompts):
            settings = self.model.settings(options, prompt.tokens, COMPLETION_TOKENS if pending.way == "text" else None)
            seeds = tuple((first + number) % (1 << 63) for number in range(options.samples))
            jobs.append(ChatJob(prompt.tokens, settings, seeds, _live(options), place * options.samples))
        return jobs

    def _response(self, pending: PendingReply, jobs: Sequence[ChatJob]) -> ReplyResponse:
        options = pending.options
        choices = [
            ReplyChoice(ReplyReader(self.model.tokenizer, prompt.opened, pending.way == "chat", options.stop, self._silent(options)))
            for prompt in pending.prompts
            for _ in range(options.samples)
        ]
        return ReplyResponse(
            pending.way,
            self.model.name,
            choices,
            sum(len(prompt.tokens) for prompt in pending.prompts),
            self.model.tokenizer,
            _live(options),
            options.top is not None,
            options.usage,
            lambda number: self.engine.let_go(jobs[number // options.samples], number),
        )

    def _silent(self, options: ReplyOptions) -> frozenset[int]:
        return frozenset((*self.model.tokenizer.stop, *options.stop_tokens))

    def _end(self, jobs: Sequence[ChatJob]) -> None:
        """Drop these jobs, whether they are complete or not."""
        for job in jobs:
            self.engine.let_go(job)
        self._post.close(jobs)
        self._count_answers(-1)

    def _count_answers(self, more: int) -> None:
        """Count a request that has begun (1) or was wholly answered (-1)."""
        with self._idle:
            self._busy += more
            self._idle.notify_all()


def _live(options: ReplyOptions) -> bool:
    """Return True if tokens are needed as they come: for a stream, for stop words, or for log-probabilities."""
    return options.stream or bool(options.stop) or options.top is not None


async def _whole(request: Request, response: ReplyResponse, mailbox: LoopMailbox) -> Response | None:
    """Return the reply in one piece; None if the client has left."""
    whole = asyncio.ensure_future(response.whole(mailbox))
    departure = asyncio.ensure_future(_departure(request))
    try:
        await asyncio.wait((whole, departure), return_when=asyncio.FIRST_COMPLETED)
        return Json(await whole) if whole.done() else None
    finally:
        whole.cancel()
        departure.cancel()


async def _departure(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _stream(response: ReplyResponse, mailbox: LoopMailbox) -> AsyncIterator[str]:
    """Yield server-sent events; an error after the first one is an event, too."""
    try:
        async for chunk in response.chunks(mailbox, ALIVE_S):
            yield ": keep-alive\n\n" if chunk is None else event(chunk)
        yield "data: [DONE]\n\n"
    except Refusal as refusal:
        yield event(refusal.body())
