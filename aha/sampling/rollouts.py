"""The one loop that samples: prompts to completions, each group scored while the engine goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from aha.protocols import Ask, Engine, Sampling
from aha.sampling.executor import ScoringExecutor, ScoringStats
from aha.types import Completion

T = TypeVar("T")
Progress = Callable[[int, int], None]  # (prompts sampled, prompts scored)


@dataclass(frozen=True)
class RolloutSampler:
    """An engine and the settings it samples with. Up to `threads` groups are scored at a time beside sampling, where scoring is slow;
    `stats` adds up how long it took."""

    engine: Engine
    sampling: Sampling
    threads: int = 16
    stats: ScoringStats = field(default_factory=ScoringStats)

    def sample(self, requests: Sequence[Ask], score: Callable[[int, Sequence[Completion]], T], progress: Progress) -> list[T]:
        """Return what `score(index of the request, its completions)` returns for each request, in the order of the requests.

        `progress` is called as each group is sampled, and then as groups are scored."""
        sampled = 0
        with ScoringExecutor[T](self.threads, self.stats) as executor:
            for index, completions in self.engine.generate(requests, self.sampling):
                executor.submit(index, partial(score, index, completions))
                sampled += 1
                progress(sampled, len(executor.results))
            results = executor.wait(lambda: progress(sampled, len(executor.results)))
        return [results[index] for index in range(len(requests))]
