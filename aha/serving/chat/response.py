"""Replies as JSON, whole or as a stream of pieces: `chat.completion` with the thought as `reasoning_content`, as in DeepSeek's API, and
`text_completion`."""

from __future__ import annotations

import calendar
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from aha.protocols import Tokenizer
from aha.sampling.scheduler import TopTokens
from aha.serving.chat.jobs import LoopMailbox, NextToken, WholeSample
from aha.serving.chat.reader import UNREADABLE, Kind, Piece, ReplyReader
from aha.types import Completion, FinishReason

Json = dict[str, Any]
Way = Literal["chat", "text"]
FIELDS: dict[Kind, str] = {"thought": "reasoning_content", "said": "content"}
IMPOSSIBLE = -9999.0  # JSON has no infinity; OpenAI's servers say this
_NUMBERS = count(1)


def seconds_since_1970() -> int:
    """Return the time for logs; nothing is decided by it."""
    return calendar.timegm(time.gmtime())


@dataclass
class ReplyChoice:
    """One reply as it comes. `logprobs`: of its tokens that were not sent yet, if any are wanted; `offset`: the number of characters of the
    tokens before."""

    reader: ReplyReader
    finished: FinishReason | None = None
    logprobs: list[tuple[int, TopTokens]] = field(default_factory=list)
    offset: int = 0

    def take(self, event: NextToken) -> list[Piece]:
        """Add a token and return the new pieces; after a stop word tokens are ignored."""
        if self.finished is not None:
            return []
        pieces = self.reader.take(event.token)
        if event.top is not None:
            self.logprobs.append((event.token, event.top))
        if self.reader.stopped:
            self.finished = "stop"
            pieces += self.reader.end()
        return pieces

    def end(self, completion: Completion, live: bool) -> list[Piece]:
        """Complete the reply and return the remaining pieces: only those held back if its tokens were taken one by one (`live`)."""
        if self.finished is not None:
            return []
        self.finished = completion.finished
        return self.reader.end() if live else self.reader.read_reply(completion.tokens)


@dataclass
class ReplyResponse:
    """The replies to one request. `live`: their tokens are reported as they are sampled. `let_go` is called with the number of a choice
    whose row may end."""

    way: Way
    model: str
    choices: list[ReplyChoice]
    prompt_tokens: int
    tokenizer: Tokenizer
    live: bool
    wants_logprobs: bool
    usage: bool
    let_go: Callable[[int], None]
    created: int = field(default_factory=seconds_since_1970)
    id: str = ""

    def __post_init__(self) -> None:
        self.id = f"{'chatcmpl' if self.way == 'chat' else 'cmpl'}-{next(_NUMBERS):08d}"

    async def whole(self, mailbox: LoopMailbox) -> Json:
        """Return the one object for a client that asked for no stream."""
        async for _ in self._pieces(mailbox, None):
            pass
        choices = [
            {**self._choice_json(choice), "index": index, "logprobs": self._logprobs(choice), "finish_reason": choice.finished}
            for index, choice in enumerate(self.choices)
        ]
        return {**self._head("chat.completion" if self.way == "chat" else "text_completion"), "choices": choices, "usage": self._usage()}

    async def chunks(self, mailbox: LoopMailbox, wait_s: float) -> AsyncIterator[Json | None]:
        """Yield a stream's objects, token by token; None after `wait_s` seconds without an event."""
        if self.way == "chat":
            for index in range(len(self.choices)):
                yield self._chunk(index, {"role": "assistant", "content": None, "reasoning_content": None})
        async for event in self._pieces(mailbox, wait_s):
            if event is None:
                yield None
                continue
            index, pieces = event
            for chunk in self._chunks_of(index, pieces):
                yield chunk
        if self.usage:
            yield {**self._head(self._stream_kind), "choices": [], "usage": self._usage()}

    async def _pieces(self, mailbox: LoopMailbox, wait_s: float | None) -> AsyncIterator[tuple[int, list[Piece]] | None]:
        async for event in mailbox.events(*(() if wait_s is None else (wait_s,))):
            match event:
                case None:
                    yield None
                case NextToken(number):
                    before = self.choices[number].finished
                    pieces = self.choices[number].take(event)
                    if before is None and self.choices[number].finished is not None:
                        mailbox.open_samples -= 1  # no more events of this choice are needed
                        self.let_go(number)
                    yield number, pieces
                case WholeSample(number, completion):
                    if self.choices[number].finished is not None:
                        mailbox.open_samples += 1  # it was counted at its stop word
                    else:
                        yield number, self.choices[number].end(completion, self.live)

    def _chunks_of(self, index: int, pieces: Sequence[Piece]) -> Iterator[Json]:
        choice = self.choices[index]
        for kind, text in pieces:
            yield self._chunk(index, {FIELDS[kind]: text} if self.way == "chat" else {"text": text}, self._logprobs(choice))
        if choice.finished is not None:
            yield self._chunk(index, {} if self.way == "chat" else {"text": ""}, self._logprobs(choice), choice.finished)

    def _chunk(self, index: int, delta: Json, logprobs: Json | None = None, finished: str | None = None) -> Json:
        content = {"delta": delta} if self.way == "chat" else delta
        choice = {"index": index, **content, "logprobs": logprobs, "finish_reason": finished}
        return {**self._head(self._stream_kind), "choices": [choice], **({"usage": None} if self.usage else {})}

    @property
    def _stream_kind(self) -> str:
        return "chat.completion.chunk" if self.way == "chat" else "text_completion"

    def _choice_json(self, choice: ReplyChoice) -> Json:
        texts = choice.reader.texts
        if self.way == "text":
            return {"text": texts["said"]}
        return {"message": {"role": "assistant", "content": texts["said"], "reasoning_content": choice.reader.thought}}

    def _logprobs(self, choice: ReplyChoice) -> Json | None:
        """Return the log-probabilities not sent yet, in the form of the endpoint; None if none are wanted or there are none."""
        if not self.wants_logprobs or (not choice.logprobs and choice.finished is None):
            return None
        tokens, choice.logprobs = choice.logprobs, []
        if self.way == "chat":
            return {"content": [self._entry(token, top) for token, top in tokens], "refusal": None}
        texts, offsets = [self._text(token) for token, _ in tokens], []
        for text in texts:
            offsets.append(choice.offset)
            choice.offset += len(text)
        likeliest = [{self._text(entry): _finite(logprob) for entry, logprob in top.tokens} for _, top in tokens]
        logprobs = [_finite(top.logprob) for _, top in tokens]
        return {"tokens": texts, "token_logprobs": logprobs, "top_logprobs": likeliest, "text_offset": offsets}

    def _entry(self, token: int, top: TopTokens) -> Json:
        likeliest = [self._likely(entry, logprob) for entry, logprob in top.tokens]
        return {**self._likely(token, top.logprob), "top_logprobs": likeliest}

    def _likely(self, token: int, logprob: float) -> Json:
        text = self._text(token)
        return {"token": text, "logprob": _finite(logprob), "bytes": None if UNREADABLE in text else list(text.encode())}

    def _text(self, token: int) -> str:
        return self.tokenizer.decode([token])

    def _head(self, kind: str) -> Json:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, "system_fingerprint": None}

    def _usage(self) -> Json:
        completion = sum(choice.reader.tokens for choice in self.choices)
        counts: Json = {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        }
        if self.way == "chat":
            counts["completion_tokens_details"] = {"reasoning_tokens": sum(choice.reader.reasoning for choice in self.choices)}
        return counts


def _finite(logprob: float) -> float:
    return logprob if math.isfinite(logprob) else IMPOSSIBLE
