"""A sandbox of this machine behind HTTP, in SandboxFusion's form: `POST /run_code`; `GET /health` names its tier."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aha.grading.sandbox.http import Fault
from aha.grading.sandbox.job import Job, Limits, Sandbox
from aha.grading.sandbox.wire import answer_from_outcome, job_from_request
from aha.serving import Refusal
from aha.serving.access import CLIENT_GONE_STATUS, AccessRules, Bodies, Json, handlers
from aha.serving.listener import Listener

LONGEST = 32 << 20  # bytes of a request
MOST = Limits(cpu_s=120.0, wall_s=300.0, memory_mb=4096, output_bytes=16 << 20)  # the highest limits that a request gets
WAIT_S = 10.0  # to wait for a free place, before the client has to try again later


class SandboxServer:
    """A server that runs `workers` programs at once; a client that gets no place within `wait_s` seconds has to try again later."""

    def __init__(
        self, sandbox: Sandbox, host: str, port: int, workers: int, rules: AccessRules | None = None, wait_s: float = WAIT_S
    ) -> None:
        self.sandbox, self.wait_s = sandbox, wait_s
        rules = replace(rules or AccessRules(), largest=LONGEST)
        self._bodies = Bodies(rules.largest)
        self._places = asyncio.Semaphore(workers)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="sandbox")
        routes = [Route("/health", self._health), Route("/run_code", self._run_code, methods=["POST"])]
        app = Starlette(routes=routes, middleware=rules.middleware(), exception_handlers=handlers("/run_code"))
        self._listener = Listener(app, host, port)
        self.port = self._listener.port

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _health(self, request: Request) -> Response:
        return Json({"status": "ok", "tier": self.sandbox.tier})

    async def _run_code(self, request: Request) -> Response:
        async with self._bodies.of(request) as question:
            try:
                job = job_from_request(question)
            except Fault as fault:
                raise Refusal(422, str(fault)) from None
            job = replace(job, limits=bound(job.limits))
            try:
                async with asyncio.timeout(self.wait_s) as timeout, self._places:
                    timeout.reschedule(None)
                    return await self._run(request, job)
            except TimeoutError:
                raise Refusal(429, "every place is taken", code="busy", kind="server_error") from None

    async def _run(self, request: Request, job: Job) -> Response:
        if await request.is_disconnected():
            return Response(status_code=CLIENT_GONE_STATUS)
        return Json(answer_from_outcome(await asyncio.get_running_loop().run_in_executor(self._threads, self.sandbox.run, job)))


def bound(limits: Limits) -> Limits:
    """Return the limits of a request, capped at the server's."""
    return Limits(
        min(limits.cpu_s, MOST.cpu_s),
        min(limits.wall_s, MOST.wall_s),
        min(limits.memory_mb, MOST.memory_mb),
        min(limits.output_bytes, MOST.output_bytes),
    )
