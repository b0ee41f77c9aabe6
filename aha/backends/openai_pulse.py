"""A server that thinks for long, told from one that hangs: while replies are awaited, it is asked for its models now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aha.backends.event_loop import EventLoop
from aha.backends.openai_answer import LATE, EndpointFailure

FIRST_S, QUIET_S, ANSWER_S = 2.0, 20.0, 10.0
MISSES = 2


class ServerPulse:
    """`ask` fetches what the server always has. Only a server that answered it once while it was at work is judged by it: one that does one
    thing at a time cannot answer before it is done."""

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
        self._answers: bool | None = None  # whether it does while it is at work; None: nobody knows yet

    @property
    def wait_s(self) -> float | None:
        """After how much silence to feel for it; None: there is no use in it."""
        return None if self._answers is False else self._quiet_s if self._answers else self._first_s

    def is_gone(self) -> bool:
        """Whether it hangs, although it used to answer."""
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
        except (
            EndpointFailure
        ) as failure:  # it says something, if only that it has no such list; a broken connection the calls notice themselves
            return failure.reason != LATE
        return True
