"""Replies in the form of DeepSeek's API: the thought as `reasoning_content` apart from `content`, whole or as a stream of pieces."""

from __future__ import annotations

import calendar
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aha.serving.chat_asked import Asked
from aha.serving.chat_batch import Ended, Job, Token
from aha.serving.chat_reading import Kind, Piece, Reading
from aha.serving.mailbox import LoopMailbox

NAMES: dict[Kind, str] = {"thought": "reasoning_content", "said": "content"}
Chunk = dict[str, Any]
_NUMBERS = count(1)


def dated() -> int:
    """Seconds since 1970, for whoever reads logs; nothing is decided by it."""
    return calendar.timegm(time.gmtime())


@dataclass
class Answer:
    """The replies to one request."""

    asked: Asked
    job: Job
    readings: list[Reading]
    begun: int = field(default_factory=dated)
    id: str = field(default_factory=lambda: f"chatcmpl-{next(_NUMBERS):08d}")

    async def whole(self, mailbox: LoopMailbox) -> Chunk:
        """The one object for who asked for no stream."""
        ends = {}
        async for event in mailbox.events(len(self.readings)):
            if isinstance(event, Ended):
                ends[event.number] = event.completion.finished
                for token in event.completion.tokens:
                    self.readings[event.number].take(token)
                self.readings[event.number].end()
        choices = [
            {"index": i, "message": _message(reading), "logprobs": None, "finish_reason": ends[i]}
            for i, reading in enumerate(self.readings)
        ]
        return {**self._head("chat.completion"), "choices": choices, "usage": self._usage()}

    async def pieces(self, mailbox: LoopMailbox, look_s: float) -> AsyncIterator[Chunk | None]:
        """A stream's objects, token by token; None where nothing came for `look_s` seconds."""
        for index in range(len(self.readings)):
            yield self._chunk(index, {"role": "assistant", "content": None, "reasoning_content": None})
        async for event in mailbox.events(len(self.readings), look_s):
            match event:
                case None:
                    yield None
                case Token(number, token):
                    for chunk in self._told(number, self.readings[number].take(token)):
                        yield chunk
                case Ended(number, completion):
                    for chunk in self._told(number, self.readings[number].end()):
                        yield chunk
                    yield self._chunk(number, {}, completion.finished)
        if self.asked.usage:
            yield {**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage()}

    def _told(self, index: int, pieces: list[Piece]) -> Iterator[Chunk]:
        for kind, text in pieces:
            yield self._chunk(index, {NAMES[kind]: text})

    def _chunk(self, index: int, delta: dict[str, Any], finished: str | None = None) -> Chunk:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finished}
        return {**self._head("chat.completion.chunk"), "choices": [choice], **({"usage": None} if self.asked.usage else {})}

    def _head(self, kind: str) -> Chunk:
        return {"id": self.id, "object": kind, "created": self.begun, "model": self.asked.model, "system_fingerprint": None}

    def _usage(self) -> dict[str, Any]:
        prompt, completion = len(self.job.prompt.tokens), sum(reading.tokens for reading in self.readings)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "completion_tokens_details": {"reasoning_tokens": sum(reading.reasoning for reading in self.readings)},
        }


def _message(reading: Reading) -> dict[str, Any]:
    return {"role": "assistant", "content": reading.texts["said"], "reasoning_content": reading.thought}
