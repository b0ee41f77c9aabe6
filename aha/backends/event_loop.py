"""An event loop in a thread of its own, so that code which waits in no loop can have many things going on at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

Value = TypeVar("Value")
PATIENCE_S = 5.0


class EventLoop:
    """Runs coroutines from any thread until it is closed. `at_end`: what is awaited last."""

    def __init__(self, name: str) -> None:
        self.at_end: Callable[[], Awaitable[object]] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, Value]) -> Future[Value]:
        """Begins it; to cancel the future cancels the work."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Cancels what still runs. A second time does nothing."""
        if self._loop.is_closed():
            return
        with suppress(TimeoutError):  # something cannot be cancelled; a daemon thread ends with the process
            self.submit(self._end()).result(timeout=PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=PATIENCE_S)
        if not self._thread.is_alive():
            self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.at_end is not None:
            await self.at_end()
