"""The one loop that samples: prompts to completions, each group scored while the engine goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from aha.errors import EndpointDown
from aha.protocols import Ask, Chat, Engine, Sampling
from aha.sampling.executor import ScoringExecutor, ScoringStats
from aha.types import ChatReply, Completion, Conversation

Sample = TypeVar("Sample")
T = TypeVar("T")
Progress = Callable[[int, int], None]  # (prompts sampled, prompts scored)


@dataclass(frozen=True)
class RolloutSampler:
    """The settings that replies are sampled with. Up to `threads` groups are scored at a time beside sampling, where scoring is slow;
    `stats` adds up how long it took."""

    sampling: Sampling
    threads: int = 16
    stats: ScoringStats = field(default_factory=ScoringStats)

    def sample(
        self, engine: Engine, requests: Sequence[Ask], score: Callable[[int, Sequence[Completion]], T], progress: Progress
    ) -> list[T]:
        """Return what `score(index of the request, its completions)` returns for each request, in the order of the requests.

        `progress` is called as each group is sampled, and then as groups are scored."""
        return self._score(engine.generate(requests, self.sampling), score, progress)

    def chat(
        self, chat: Chat, conversations: Sequence[Conversation], score: Callable[[int, Sequence[ChatReply]], T], progress: Progress
    ) -> list[T]:
        """Return the same of replies to conversations. EndpointDown where a server gave no reply to some, once all others are scored."""
        return self._score(chat.reply(conversations, self.sampling), score, progress)

    def _score(
        self, groups: Iterable[tuple[int, Sequence[Sample]]], score: Callable[[int, Sequence[Sample]], T], progress: Progress
    ) -> list[T]:
        token_count = 0
        with ScoringExecutor[T](self.threads, self.stats) as executor:
            try:
                for index, replies in groups:
                    executor.submit(index, partial(score, index, replies))
                    token_count += 1
                    progress(token_count, len(executor.results))
            except EndpointDown:  # what came before is worth keeping
                executor.wait(lambda: progress(token_count, len(executor.results)))
                raise
            results = executor.wait(lambda: progress(token_count, len(executor.results)))
        return [results[index] for index in sorted(results)]
