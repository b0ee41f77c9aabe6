"""A server that speaks OpenAI's protocol as a chat: many calls at once behind a plain iterator.

A server that thinks for long is told from one that hangs: while replies are awaited, its list of models is requested now and then.
"""

from __future__ import annotations

import asyncio
import queue
import time
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any

from aha.backends.openai.call import LATE, EndpointFailure, EndpointServer, EventLoop
from aha.backends.openai.endpoint import FORM, Cache, Endpoint, Ledger, TokenUsage, key_of
from aha.errors import AhaError, BadInput, EndpointDown
from aha.json_text import parse_json
from aha.protocols import ASK_ONCE, ChatOptions, Sampling
from aha.redact import hide
from aha.types import ChatReply, Conversation

FIRST_S, QUIET_S, ANSWER_S = 2.0, 20.0, 10.0
MISSES = 2


class ServerPulse:
    """A check that a server is alive by a request, `ask`, that it always answers. Only a server that has answered it while at work is
    judged by it: one that does one thing at a time cannot answer before it is done."""

    def __init__(
        self,
        loop: EventLoop,
        ask: Callable[[], Awaitable[object]],
        *,
        first_s: float = FIRST_S,
        quiet_s: float = QUIET_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._loop, self._ask = loop, ask
        self._first_s, self._quiet_s, self._answer_s = first_s, quiet_s, answer_s
        self._answers: bool | None = None  # whether it answers while at work; None: unknown yet

    @property
    def wait_s(self) -> float | None:
        """The seconds of silence before the next check; None if checks are useless."""
        return None if self._answers is False else self._quiet_s if self._answers else self._first_s

    def is_gone(self) -> bool:
        """Return True if the server hangs, although it used to answer."""
        for _ in range(MISSES):
            if self._loop.submit(self._beats()).result(timeout=2 * self._answer_s + self._first_s):
                self._answers = True
                return False
            if not self._answers:
                self._answers = False
                return False
        return True

    async def _beats(self) -> bool:
        try:
            async with asyncio.timeout(self._answer_s):
                await self._ask()
        except TimeoutError:
            return False
        except EndpointFailure as failure:  # any answer will do; the calls themselves notice a broken connection
            return failure.reason != LATE
        return True


HOPELESS_AFTER = 16  # failures in a row after which the server counts as down for all
LONGEST_PAUSE_S = 30.0
SLACK_S = 10.0
MOST_RETRIES_WITH_FEWER = 4  # times that one call is repeated with fewer tokens
LOOK_S = 0.02  # seconds between two looks at a budget that others are using
OVERHEAD = 64  # the most tokens that a chat template puts around a message


@dataclass(frozen=True)
class ReplyRequest:
    """A request for one reply: sample `number` of conversation `index`; `asked` is the key of a cached reply."""

    index: int
    number: int
    identity: dict[str, Any]
    body: dict[str, Any]
    most: TokenUsage

    @property
    def key(self) -> str:
        return key_of(self.identity)


@dataclass(frozen=True)
class RequestResult:
    """The outcome of a request."""

    request: ReplyRequest
    outcome: ChatReply | EndpointFailure | AhaError


Results = queue.SimpleQueue[RequestResult | Future[None]]


class OpenAiChat:
    """Implements `protocols.Chat`; any thread may call it. `close` it, or use it in `with`; else it ends with the process.

    If one call of `reply` has the same conversation several times, each gets samples of its own."""

    def __init__(self, endpoint: Endpoint, options: ChatOptions = ASK_ONCE) -> None:
        self.endpoint, self.options = endpoint, options
        self._key = endpoint.key(options)
        folder = Path(options.cache).expanduser() if options.cache else None
        self.cache, self.ledger = Cache(folder), Ledger(options.budget, folder)
        self._loop = EventLoop(f"chat with {endpoint.host}")
        self._finalizer = weakref.finalize(self, self._loop.close)
        self._server: EndpointServer | None = None
        self._pulse = ServerPulse(self._loop, lambda: self._open().models())
        self._slots = asyncio.Semaphore(options.in_flight)
        self.lowest_limit: int | None = None  # the lowest limit of new tokens that a server imposed, if any
        self._not_before = 0.0  # by the loop's clock: no call starts earlier, since the server requested a pause

    def __repr__(self) -> str:
        return f"{self.endpoint.url}#{self.endpoint.model}"

    def __enter__(self) -> OpenAiChat:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Cancel all calls in progress and close the connections."""
        self._finalizer()

    def reply(self, conversations: Sequence[Conversation], sampling: Sampling) -> Iterator[tuple[int, list[ChatReply]]]:
        """See the protocol: replies are yielded as they arrive. Conversations without a reply are left out, and at the end EndpointDown
        says how many and why.

        ExceededBudget before the budget would be exceeded; BadInput at once if no call can succeed: a key refused, no such model."""
        requests = self._requests(conversations, sampling)
        results: Results = queue.SimpleQueue()
        work = self._loop.submit(self._send_requests(requests, results.put))
        work.add_done_callback(results.put)
        try:
            yield from self._gather(requests, results)
        finally:
            work.cancel()

    def models(self) -> list[str]:
        """Return the names of the server's models."""
        try:
            data = self._loop.submit(self._models()).result(timeout=self.options.deadline_s + SLACK_S)
            return [str(model["id"]) for model in parse_json(data)["data"]]
        except EndpointFailure as failure:
            raise EndpointDown(f"{self.endpoint.url}: it does not say which models it has: {failure.reason}; {FORM}") from None
        except (ValueError, KeyError, TypeError):
            raise EndpointDown(f"{self.endpoint.url}: its list of models cannot be read; {FORM}") from None

    def _requests(self, conversations: Sequence[Conversation], sampling: Sampling) -> list[ReplyRequest]:
        seen: Counter[Conversation] = Counter()
        requests = []
        for index, conversation in enumerate(conversations):
            first = seen[conversation] * self.options.samples
            seen[conversation] += 1
            requests += [self._request(index, conversation, sampling, first + number) for number in range(self.options.samples)]
        return requests

    def _request(self, index: int, conversation: Conversation, sampling: Sampling, number: int) -> ReplyRequest:
        messages = [{"role": message.role, "content": _letters(message.content)} for message in conversation.messages]
        body = {"model": self.endpoint.model, "messages": messages, "temperature": sampling.temperature, "top_p": sampling.top_p}
        body[self.options.limit] = sampling.max_tokens
        if self.options.top:
            body |= {"logprobs": True, "top_logprobs": self.options.top}
        if self.options.seed is not None:
            body["seed"] = self.options.seed + number
        begun = {"continue_final_message": True, "add_generation_prompt": False} if messages[-1]["role"] == "assistant" else {}
        options = {"chat_template_kwargs": dict(conversation.options)} if conversation.options else {}
        if begun or options:  # in the form that vLLM, SGLang and `aha serve` know
            body["extra_body"] = begun | options
        identity = {"url": self.endpoint.url, "dated": self.options.dated, "sample": number, "seeded": self.options.seed, **body}
        longest = sum(len(message["content"].encode()) + OVERHEAD for message in messages)  # no token is shorter than a byte
        return ReplyRequest(index, number % self.options.samples, identity, body, TokenUsage(1, longest, sampling.max_tokens))

    def _gather(self, requests: Sequence[ReplyRequest], results: Results) -> Iterator[tuple[int, list[ChatReply]]]:
        """Yield each conversation once all its samples have arrived."""
        replies: dict[int, dict[int, ChatReply]] = {}
        failures: list[EndpointFailure] = []
        ended_by: AhaError | None = None
        in_a_row = 0
        for remainder in range(len(requests), 0, -1):
            result = self._next(results, remainder)
            match result.outcome:
                case EndpointFailure() as failure:
                    if failure.hopeless:
                        raise BadInput(f"{self}: {failure.reason}")
                    failures.append(failure)
                    in_a_row += 1
                    if in_a_row >= HOPELESS_AFTER:
                        break
                case AhaError() as error:
                    ended_by = error
                case reply:
                    in_a_row = 0
                    samples = replies.setdefault(result.request.index, {})
                    samples[result.request.number] = reply
                    if len(samples) == self.options.samples:
                        yield result.request.index, [samples[number] for number in range(self.options.samples)]
        if ended_by:
            raise ended_by
        if failures:
            raise EndpointDown(
                f"{self}: {len(failures):,} of {len(requests):,} replies did not come; the last: {failures[-1].reason}{self._cache_note}"
                f"{self._limit_note(failures[-1].reason)}"
            )

    def _limit_note(self, reason: str) -> str:
        """Return the setting for a server that takes the limit of tokens under its other name."""
        other = "max_completion_tokens" if self.options.limit == "max_tokens" else "max_tokens"
        return f"; --client.limit {other} says it so" if other in reason and self.options.limit in reason else ""

    def _next(self, results: Results, remainder: int) -> RequestResult:
        try:
            result = self._await_result(results, remainder)
            if isinstance(result, RequestResult):
                return result
            result.result(timeout=0)
        except CancelledError:
            pass
        raise EndpointDown(f"{self}: it was closed with {remainder:,} replies to come")

    def _await_result(self, results: Results, remainder: int) -> RequestResult | Future[None]:
        """Return the next result. EndpointDown if none comes in time, or the server no longer responds at all."""
        began, longest = time.monotonic(), self.options.deadline_s * 1.1 + SLACK_S
        while (silent := time.monotonic() - began) < longest:
            try:
                return results.get(timeout=min(longest - silent, self._pulse.wait_s or longest))
            except queue.Empty:
                if self._pulse.wait_s is not None and self._pulse.is_gone():
                    silent = time.monotonic() - began
                    raise EndpointDown(
                        f"{self}: nothing came for {silent:.0f} s, and it no longer answers anything else, as it did before: it hangs, "
                        f"with {remainder:,} replies to come{self._cache_note}"
                    ) from None
        raise EndpointDown(f"{self}: nothing came for {longest:g} s, with {remainder:,} replies to come")

    @property
    def _cache_note(self) -> str:
        return "; what was answered is in its cache" if self.cache.folder else ""

    # --- in the event loop ---

    async def _send_requests(self, requests: Sequence[ReplyRequest], put: Callable[[RequestResult], None]) -> None:
        queued_requests = iter(requests)

        async def work() -> None:
            for request in queued_requests:
                outcome = await self._outcome(request, len(requests))
                put(RequestResult(request, outcome))
                if isinstance(outcome, EndpointFailure) and outcome.hopeless:
                    return

        await asyncio.gather(*(work() for _ in range(min(len(requests), self.options.in_flight))))

    async def _outcome(self, request: ReplyRequest, of: int) -> ChatReply | EndpointFailure | AhaError:
        try:
            return self.cache.get(request.key) or await self._ask(request, of)
        except (EndpointFailure, AhaError) as failure:
            return failure

    async def _ask(self, request: ReplyRequest, of: int) -> ChatReply:
        """Make up to `retries` + 1 attempts within the deadline, which begins when there is a slot."""
        clock = asyncio.get_running_loop().time
        async with self._slots:
            began = clock()
            deadline = began + self.options.deadline_s
            attempts, failure = 0, EndpointFailure("the server asked for a longer pause than there is time")
            while attempts <= self.options.retries:
                wait = self._pause(request, attempts, self._not_before - clock())
                if clock() + wait >= deadline:
                    break
                await asyncio.sleep(wait)
                attempts += 1
                try:
                    return await self._attempt(request, deadline, of)
                except EndpointFailure as error:
                    failure = error
                if failure.after_s is not None:
                    self._not_before = max(self._not_before, clock() + failure.after_s)
                if not failure.again:
                    break
            reason = f"{failure.reason}, {attempts} attempts in {clock() - began:.1f} s" if failure.again else failure.reason
            raise EndpointFailure(reason, again=failure.again, hopeless=failure.hopeless)

    async def _attempt(self, request: ReplyRequest, deadline: float, of: int) -> ChatReply:
        await self._book(request.most, of)
        cost = request.most
        try:
            async with asyncio.timeout_at(min(deadline, asyncio.get_running_loop().time() + self.options.attempt_s)):
                reply, cost = await self._call(request.body)
        except TimeoutError:
            raise EndpointFailure(LATE, billed=True) from None
        except EndpointFailure as failure:
            cost = request.most if failure.costs else TokenUsage(1)
            raise
        finally:
            self.ledger.correct(request.most, cost)
        self.cache.put(request.key, request.identity, reply)
        return reply

    async def _call(self, body: dict[str, Any]) -> tuple[ChatReply, TokenUsage]:
        """Make a call, again with fewer new tokens if the server refuses so many and says how many it allows."""
        for _ in range(MOST_RETRIES_WITH_FEWER):
            try:
                return await self._open().call(body)
            except EndpointFailure as failure:
                if failure.most is None:
                    raise
                self.lowest_limit = min(failure.most, self.lowest_limit or failure.most)
                body = {**body, self.options.limit: failure.most}
        return await self._open().call(body)

    async def _book(self, most: TokenUsage, of: int) -> None:
        """Book a call; one that might cost too much waits for those in progress, which may turn out cheaper."""
        while limit := self.ledger.book(most):
            if not self.ledger.open_calls:
                raise self.ledger.refusal(limit, of)
            await asyncio.sleep(LOOK_S)

    def _pause(self, request: ReplyRequest, attempts: int, closed_s: float) -> float:
        """Return the pause before an attempt: it doubles each time, is at least as long as the server requested, and varies between calls,
        so that they do not all retry at once."""
        share = Random(f"{request.key} {attempts}").uniform(0.5, 1.5)
        pause = min(LONGEST_PAUSE_S, self.options.pause_s * 2.0 ** (attempts - 1)) * share if attempts else 0.0
        return max(pause, closed_s + self.options.pause_s * share) if closed_s > 0 else pause

    def _open(self) -> EndpointServer:
        if self._server is None:
            self._server = EndpointServer(self.endpoint, self._key, self.options)
            self._loop.at_end = self._server.close
        return self._server

    async def _models(self) -> bytes:
        async with asyncio.timeout(min(self.options.attempt_s, self.options.deadline_s)):
            return await self._open().models()


def _letters(text: str) -> str:
    """Return a text that JSON can carry and every server can read, without the secrets that a model may have seen."""
    return hide(text).encode("utf-8", "replace").decode()


def open_chat(name: str, options: ChatOptions) -> OpenAiChat:
    """Open the chat of a name such as `http://host:port/v1#name-of-the-model`; without a model's name, the server's only one."""
    endpoint = Endpoint.read(name)
    chat = OpenAiChat(endpoint, options)
    if endpoint.model:
        return chat
    with chat:
        models = chat.models()
    if len(models) != 1:
        raise BadInput(
            f"{endpoint.url}: it has {len(models)} models ({', '.join(models[:8])}); say which: {endpoint.url}#{(models or ['name'])[0]}"
        )
    return OpenAiChat(Endpoint(endpoint.url, models[0]), options)
