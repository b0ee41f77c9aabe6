"""A server that speaks OpenAI's protocol as a chat: many calls at once behind a plain iterator."""

from __future__ import annotations

import asyncio
import queue
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, cast

from aha.backends.event_loop import EventLoop
from aha.backends.openai_answer import LATE, Failed
from aha.backends.openai_budget import Ledger, TokensSpent
from aha.backends.openai_cache import Cache, key_of
from aha.backends.openai_call import EndpointServer
from aha.backends.openai_endpoint import FORM, Endpoint
from aha.backends.openai_pulse import ServerPulse
from aha.errors import AhaError, BadInput, EndpointDown
from aha.json_text import parse_json
from aha.protocols import ASK_ONCE, Asking, Sampling
from aha.redact import hide
from aha.types import Conversation, Said

HOPELESS_AFTER = 16  # failures without one success between them: the server is down for everybody
LONGEST_PAUSE_S = 30.0
SLACK_S = 10.0
LOWERED = 4  # times that one call asks for fewer tokens
LOOK_S = 0.02  # between two looks at a budget that others are using
OVERHEAD = 64  # tokens at most that a chat template puts around a message


@dataclass(frozen=True)
class Wanted:
    """One reply that is wanted: sample `number` of conversation `index`; `asked` is what a cached answer is known by."""

    index: int
    number: int
    asked: dict[str, Any]
    body: dict[str, Any]
    most: TokensSpent

    @property
    def key(self) -> str:
        return key_of(self.asked)


@dataclass(frozen=True)
class Got:
    """What became of it."""

    wanted: Wanted
    said: Said | Failed | AhaError


Results = queue.SimpleQueue[Got | Future[None]]


class OpenAiChat:
    """Implements `protocols.Chat`; any thread may ask. `close` it, or use it in `with`; else it ends with the process.

    The i-th time that one call of `reply` holds the same conversation it gets samples of its own."""

    def __init__(self, endpoint: Endpoint, asking: Asking = ASK_ONCE) -> None:
        self.endpoint, self.asking = endpoint, asking
        self._key = endpoint.key(asking)
        folder = Path(asking.cache).expanduser() if asking.cache else None
        self.cache, self.ledger = Cache(folder), Ledger(asking.budget, folder)
        self._loop = EventLoop(f"chat with {endpoint.host}")
        self._ended = weakref.finalize(self, self._loop.close)
        self._server: EndpointServer | None = None
        self._pulse = ServerPulse(self._loop, lambda: self._open().models())
        self._slots = asyncio.Semaphore(asking.in_flight)
        self.lowered: int | None = None  # new tokens at most in the call that was allowed the fewest, where it was fewer than asked for
        self._not_before = 0.0  # by the loop's clock: no call leaves earlier, since the server asked for a pause

    def __repr__(self) -> str:
        return f"{self.endpoint.url}#{self.endpoint.model}"

    def __enter__(self) -> OpenAiChat:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Cancels what is under way and lets the connections go."""
        self._ended()

    def reply(self, conversations: Sequence[Conversation], sampling: Sampling) -> Iterator[tuple[int, list[Said]]]:
        """See the protocol: as they arrive. Those that got no reply are left out, and at the end EndpointDown says how many and why.

        BudgetSpent before more is spent than may be; BadInput at once where no call can succeed: a key refused, no such model."""
        wanted = self._wanted(conversations, sampling)
        results: Results = queue.SimpleQueue()
        work = self._loop.submit(self._all(wanted, results.put))
        work.add_done_callback(results.put)
        try:
            yield from self._gathered(wanted, results)
        finally:
            work.cancel()

    def models(self) -> list[str]:
        """What the server says it has."""
        try:
            data = self._loop.submit(self._models()).result(timeout=self.asking.deadline_s + SLACK_S)
            return [str(each["id"]) for each in parse_json(data)["data"]]
        except Failed as failed:
            raise EndpointDown(f"{self.endpoint.url}: it does not say which models it has: {failed.reason}; {FORM}") from None
        except (ValueError, KeyError, TypeError):
            raise EndpointDown(f"{self.endpoint.url}: its list of models is none; {FORM}") from None

    def _wanted(self, conversations: Sequence[Conversation], sampling: Sampling) -> list[Wanted]:
        seen: Counter[Conversation] = Counter()
        wanted = []
        for index, conversation in enumerate(conversations):
            first = seen[conversation] * self.asking.samples
            seen[conversation] += 1
            wanted += [self._one(index, conversation, sampling, first + number) for number in range(self.asking.samples)]
        return wanted

    def _one(self, index: int, conversation: Conversation, sampling: Sampling, number: int) -> Wanted:
        messages = [{"role": message.role, "content": _letters(message.content)} for message in conversation.messages]
        body = {"model": self.endpoint.model, "messages": messages, "temperature": sampling.temperature, "top_p": sampling.top_p}
        body[self.asking.limit] = sampling.max_tokens
        if self.asking.top:
            body |= {"logprobs": True, "top_logprobs": self.asking.top}
        if self.asking.seed is not None:
            body["seed"] = self.asking.seed + number
        if messages[-1]["role"] == "assistant":  # begun words are gone on with, in the form that vLLM and others know
            body["extra_body"] = {"continue_final_message": True, "add_generation_prompt": False}
        if conversation.options:  # in the form that vLLM, SGLang and `aha serve` know
            extra = cast(dict[str, object], body.get("extra_body", {}))
            body["extra_body"] = {**extra, "chat_template_kwargs": dict(conversation.options)}
        asked = {"url": self.endpoint.url, "dated": self.asking.dated, "sample": number, "seeded": self.asking.seed, **body}
        longest = sum(len(message["content"].encode()) + OVERHEAD for message in messages)  # no token is shorter than a byte
        return Wanted(index, number % self.asking.samples, asked, body, TokensSpent(1, longest, sampling.max_tokens))

    def _gathered(self, wanted: Sequence[Wanted], results: Results) -> Iterator[tuple[int, list[Said]]]:
        """Each conversation once all its samples are there."""
        found: dict[int, dict[int, Said]] = {}
        failures: list[Failed] = []
        ended_by: AhaError | None = None
        in_a_row = 0
        for left in range(len(wanted), 0, -1):
            got = self._next(results, left)
            match got.said:
                case Failed() as failed:
                    if failed.hopeless:
                        raise BadInput(f"{self}: {failed.reason}")
                    failures.append(failed)
                    in_a_row += 1
                    if in_a_row >= HOPELESS_AFTER:
                        break
                case AhaError() as error:
                    ended_by = error
                case said:
                    in_a_row = 0
                    samples = found.setdefault(got.wanted.index, {})
                    samples[got.wanted.number] = said
                    if len(samples) == self.asking.samples:
                        yield got.wanted.index, [samples[number] for number in range(self.asking.samples)]
        if ended_by:
            raise ended_by
        if failures:
            raise EndpointDown(
                f"{self}: {len(failures):,} of {len(wanted):,} replies did not come; the last: {failures[-1].reason}{self._kept}"
            )

    def _next(self, results: Results, left: int) -> Got:
        try:
            got = self._awaited(results, left)
            if isinstance(got, Got):
                return got
            got.result(timeout=0)
        except CancelledError:
            pass
        raise EndpointDown(f"{self}: it was closed with {left:,} replies to come")

    def _awaited(self, results: Results, left: int) -> Got | Future[None]:
        """The next result. EndpointDown where none comes in time, or the server no longer answers anything."""
        began, longest = time.monotonic(), self.asking.deadline_s * 1.1 + SLACK_S
        while (silent := time.monotonic() - began) < longest:
            try:
                return results.get(timeout=min(longest - silent, self._pulse.wait_s or longest))
            except queue.Empty:
                if self._pulse.wait_s is not None and self._pulse.is_gone():
                    silent = time.monotonic() - began
                    raise EndpointDown(
                        f"{self}: nothing came for {silent:.0f} s, and it no longer answers anything else, as it did before: it hangs, "
                        f"with {left:,} replies to come{self._kept}"
                    ) from None
        raise EndpointDown(f"{self}: nothing came for {longest:g} s, with {left:,} replies to come")

    @property
    def _kept(self) -> str:
        return "; what was answered is in its cache" if self.cache.folder else ""

    # --- in the event loop ---

    async def _all(self, wanted: Sequence[Wanted], put: Callable[[Got], None]) -> None:
        waiting = iter(wanted)

        async def work() -> None:
            for each in waiting:
                found = await self._said(each, len(wanted))
                put(Got(each, found))
                if isinstance(found, Failed) and found.hopeless:
                    return

        await asyncio.gather(*(work() for _ in range(min(len(wanted), self.asking.in_flight))))

    async def _said(self, wanted: Wanted, of: int) -> Said | Failed | AhaError:
        try:
            return self.cache.get(wanted.key) or await self._asked(wanted, of)
        except (Failed, AhaError) as failure:
            return failure

    async def _asked(self, wanted: Wanted, of: int) -> Said:
        """Up to `retries` + 1 attempts within the deadline, which begins when there is a slot."""
        clock = asyncio.get_running_loop().time
        async with self._slots:
            began = clock()
            deadline = began + self.asking.deadline_s
            attempts, failed = 0, Failed("the server asked for a longer pause than there is time")
            while attempts <= self.asking.retries:
                wait = self._pause(wanted, attempts, self._not_before - clock())
                if clock() + wait >= deadline:
                    break
                await asyncio.sleep(wait)
                attempts += 1
                try:
                    return await self._attempt(wanted, deadline, of)
                except Failed as error:
                    failed = error
                if failed.after_s is not None:
                    self._not_before = max(self._not_before, clock() + failed.after_s)
                if not failed.again:
                    break
            reason = f"{failed.reason}, {attempts} attempts in {clock() - began:.1f} s" if failed.again else failed.reason
            raise Failed(reason, again=failed.again, hopeless=failed.hopeless)

    async def _attempt(self, wanted: Wanted, deadline: float, of: int) -> Said:
        await self._book(wanted.most, of)
        cost = wanted.most
        try:
            async with asyncio.timeout_at(min(deadline, asyncio.get_running_loop().time() + self.asking.attempt_s)):
                said, cost = await self._called(wanted.body)
        except TimeoutError:
            raise Failed(LATE, billed=True) from None
        except Failed as failed:
            cost = wanted.most if failed.billed else TokensSpent(1)
            raise
        finally:
            self.ledger.correct(wanted.most, cost)
        self.cache.put(wanted.key, wanted.asked, said)
        return said

    async def _called(self, body: dict[str, Any]) -> tuple[Said, TokensSpent]:
        """With fewer new tokens, where the server refuses so many and says how many it allows."""
        for _ in range(LOWERED):
            try:
                return await self._open().call(body)
            except Failed as failed:
                if failed.most is None:
                    raise
                self.lowered = min(failed.most, self.lowered or failed.most)
                body = {**body, self.asking.limit: failed.most}
        return await self._open().call(body)

    async def _book(self, most: TokensSpent, of: int) -> None:
        """A call that might cost too much waits for those under way, which may turn out to have cost less."""
        while limit := self.ledger.book(most):
            if not self.ledger.open_calls:
                raise self.ledger.refusal(limit, of)
            await asyncio.sleep(LOOK_S)

    def _pause(self, wanted: Wanted, attempts: int, closed_s: float) -> float:
        """Twice as long each time, at least as long as the server asked for, and for each call another share more, so that they do not
        come back together."""
        share = Random(f"{wanted.key} {attempts}").uniform(0.5, 1.5)
        pause = min(LONGEST_PAUSE_S, self.asking.pause_s * 2.0 ** (attempts - 1)) * share if attempts else 0.0
        return max(pause, closed_s + self.asking.pause_s * share) if closed_s > 0 else pause

    def _open(self) -> EndpointServer:
        if self._server is None:
            self._server = EndpointServer(self.endpoint, self._key, self.asking)
            self._loop.at_end = self._server.close
        return self._server

    async def _models(self) -> bytes:
        async with asyncio.timeout(min(self.asking.attempt_s, self.asking.deadline_s)):
            return await self._open().models()


def _letters(text: str) -> str:
    """What JSON can carry and every server can read, without the secrets that a model may have seen."""
    return hide(text).encode("utf-8", "replace").decode()


def open_chat(name: str, asking: Asking) -> OpenAiChat:
    """The chat that a name such as `http://host:port/v1#name-of-the-model` means; without a model's name, the server's only one."""
    endpoint = Endpoint.read(name)
    chat = OpenAiChat(endpoint, asking)
    if endpoint.model:
        return chat
    with chat:
        models = chat.models()
    if len(models) != 1:
        raise BadInput(
            f"{endpoint.url}: it has {len(models)} models ({', '.join(models[:8])}); say which: {endpoint.url}#{(models or ['name'])[0]}"
        )
    return OpenAiChat(Endpoint(endpoint.url, models[0]), asking)
