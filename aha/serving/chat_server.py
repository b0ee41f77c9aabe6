"""A model behind HTTP in OpenAI's form: `/v1/chat/completions`, whole or streamed token by token, `/v1/models`, `/tokenize`, `/health`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from itertools import count
from types import TracebackType
from typing import Any, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aha.protocols import Sampling
from aha.sampling.seeds import seed_for
from aha.serving.chat_answer import Answer, dated
from aha.serving.chat_asked import Asked, asked
from aha.serving.chat_batch import Batcher, Job
from aha.serving.chat_model import Model, Prompt
from aha.serving.chat_reading import Reading
from aha.serving.mailbox import LoopMailbox
from aha.serving.refusal import Refusal
from aha.serving.web.access import AccessRules
from aha.serving.web.body import Bodies
from aha.serving.web.connections import ConnectionLimits
from aha.serving.web.listener import Listener
from aha.serving.web.responses import GONE, EventStream, Json, event, handlers

ALIVE_S = 10.0  # between two comments that keep a silent stream alive, as DeepSeek's server sends them
CLOSING_S = 10.0
PATHS = "/v1/chat/completions, /v1/models, /tokenize and /health"


class ChatServer:
    """Clients before one batcher. `seed`: of replies whose client names none."""

    def __init__(
        self,
        model: Model,
        batcher: Batcher,
        host: str,
        port: int,
        rules: AccessRules | None = None,
        seed: int = 0,
        limits: ConnectionLimits | None = None,
    ) -> None:
        self.model, self.batcher, self.seed = model, batcher, seed
        self.begun = dated()
        self.numbers = count()
        self._busy = 0
        self._idle = threading.Condition()
        rules = rules or AccessRules()
        self._bodies = Bodies(rules.largest)
        self._listener = Listener(self._app(rules), host, port, limits)
        self.port = self._listener.port

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.stop()

    def drain(self, timeout_s: float) -> bool:
        """Takes on nothing more and waits for what was taken on; whether all of it was answered. Whoever comes meanwhile is told 503."""
        ended = self.batcher.close(timeout_s)
        with self._idle:
            return self._idle.wait_for(lambda: self._busy == 0, timeout=CLOSING_S) and ended

    # --- what is asked, without HTTP ----------------------------------------------------------------------------------

    def prompt(self, request: Asked) -> Prompt:
        """What the engine is asked with. Refused where another model is meant."""
        if request.model != self.model.name:
            message = f"there is no model {request.model[:80]!r} here; there is {self.model.name!r}"
            raise Refusal(404, message, "model", "model_not_found")
        return self.model.prompt(request.conversation)

    def job(self, request: Asked, mailbox: LoopMailbox) -> Job:
        """What the engine is asked. Without a seed of the client's, one of the request's number."""
        prompt = self.prompt(request)
        sampling = Sampling(request.temperature, request.top_p, self.model.room(prompt, request.max_tokens))
        first = seed_for(self.seed, next(self.numbers)) if request.seed is None else request.seed
        return Job(prompt, sampling, tuple((first + i) % (1 << 63) for i in range(request.samples)), mailbox.put, live=request.stream)

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    def _app(self, rules: AccessRules) -> Starlette:
        routes = [
            Route("/health", self._health),
            Route("/v1/models", self._models),
            Route("/v1/models/{name:path}", self._one_model),
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/tokenize", self._tokenize, methods=["POST"]),
        ]
        return Starlette(routes=routes, middleware=rules.middleware(), exception_handlers=handlers(PATHS))

    async def _health(self, request: Request) -> Response:
        batcher = self.batcher
        return Json({"status": "ok", "waiting": batcher.waiting, "served": batcher.served, "batches": batcher.batches})

    async def _models(self, request: Request) -> Response:
        return Json({"object": "list", "data": [self._card()]})

    async def _one_model(self, request: Request) -> Response:
        if (name := request.path_params["name"]) != self.model.name:
            raise Refusal(404, f"there is no model {name[:80]!r} here; there is {self.model.name!r}", "model", "model_not_found")
        return Json(self._card())

    def _card(self) -> dict[str, Any]:
        card = {"id": self.model.name, "object": "model", "created": self.begun, "owned_by": "aha"}
        return {**card, "max_model_len": self.model.engine.context}

    async def _tokenize(self, request: Request) -> Response:
        """A conversation as the model reads it, in vLLM's form."""
        async with self._bodies.of(request) as body:
            tokens = list(self.prompt(asked(body, self.model.usual)).tokens)
        return Json({"count": len(tokens), "max_model_len": self.model.engine.context, "tokens": tokens})

    async def _chat(self, request: Request) -> Response:
        self._answering(1)
        try:
            async with self._bodies.of(request) as body:
                wanted = asked(body, self.model.usual)
            mailbox = LoopMailbox(asyncio.get_running_loop())
            job = self.job(wanted, mailbox)
            readings = [Reading(self.model.tokenizer, job.prompt.opened) for _ in job.seeds]
            self.batcher.put(job)
            answer = Answer(wanted, job, readings)
        except BaseException:
            self._answering(-1)
            raise
        if wanted.stream:
            return EventStream(_streamed(answer, mailbox), lambda: self._ended(answer))
        return await self._whole(request, answer, mailbox)

    async def _whole(self, request: Request, answer: Answer, mailbox: LoopMailbox) -> Response:
        """The reply in one piece; a client that leaves takes its work along."""
        whole = asyncio.ensure_future(answer.whole(mailbox))
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait((whole, gone), return_when=asyncio.FIRST_COMPLETED)
            return Json(await whole) if whole.done() else Response(status_code=GONE)
        finally:
            whole.cancel()
            gone.cancel()
            self._ended(answer)

    def _ended(self, answer: Answer) -> None:
        """Nobody waits for this answer any more, whether it is whole or not."""
        answer.job.gone = True
        self._answering(-1)

    def _answering(self, more: int) -> None:
        """A request is begun (1) or wholly answered (-1)."""
        with self._idle:
            self._busy += more
            self._idle.notify_all()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _streamed(answer: Answer, mailbox: LoopMailbox) -> AsyncIterator[str]:
    """Server-sent events; an error after the first of them is an event, too."""
    try:
        async for chunk in answer.pieces(mailbox, ALIVE_S):
            yield ": keep-alive\n\n" if chunk is None else event(chunk)
        yield "data: [DONE]\n\n"
    except Refusal as refusal:
        yield event(refusal.body())
