"""The one loop that samples: prompts to completions, with each group scored while the engine goes on.

It also turns prompts into tokens and tokens into replies, and gives each sample a seed that is a function of its place in the run.

A rule reward takes microseconds, and handing it to a thread would cost more, so quick scoring runs where the group arrives. Once a judge, a
sandbox or algebra was slow, scoring goes to threads while the engine goes on. The results are the same either way.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Generic, TypeVar

from aha.errors import BadInput, EndpointDown
from aha.protocols import Ask, Chat, Engine, Sampling, Tokenizer
from aha.template import THINK, Template, prompt_after
from aha.types import ChatReply, Completion, Conversation, Problem, Reply

T = TypeVar("T")
Sample = TypeVar("Sample")

SLOW_S = 0.05
POLL_S = 1.0


@dataclass
class ScoringStats:
    """The seconds since the last `reset`: of scoring, summed over threads, and of waiting for nothing but scoring.

    `slow`: scoring once took longer than SLOW_S."""

    scoring_s: float = 0.0
    alone_s: float = 0.0
    slow: bool = False

    def reset(self) -> tuple[float, float]:
        """Return (scoring_s, alone_s) and count from 0 again."""
        seconds = (self.scoring_s, self.alone_s)
        self.scoring_s = self.alone_s = 0.0
        return seconds

    def timings(self, replies: int) -> dict[str, float]:
        """Return the seconds of scoring in all, those in which the run waited for nothing else, and the replies scored per second of the
        former; count from 0 again."""
        judging_s, alone_s = self.reset()
        return {"judge_s": judging_s, "judge_alone_s": alone_s, "judged_per_s": replies / judging_s if judging_s else 0.0}


class ScoringExecutor(Generic[T]):
    """An executor of calls by index, with their results. An exception in a call is raised when its result is collected."""

    def __init__(self, threads: int, stats: ScoringStats) -> None:
        self.results: dict[int, T] = {}
        self._stats = stats
        self._threads = futures.ThreadPoolExecutor(threads, thread_name_prefix="scoring")
        self._pending: dict[futures.Future[tuple[T, float]], int] = {}

    def submit(self, index: int, call: Callable[[], T]) -> None:
        """Run the call now, or in a thread if scoring is slow."""
        if self._stats.slow:
            self._pending[self._threads.submit(_timed_call, call)] = index
            self._collect(within_s=0.0)
            return
        result, seconds = _timed_call(call)
        self._store(index, result, seconds)
        self._stats.alone_s += seconds

    def wait(self, progress: Callable[[], None]) -> dict[int, T]:
        """Return all results once the last is there; call `progress` whenever some have arrived."""
        start = time.monotonic()
        while self._pending:
            if self._collect(POLL_S):
                progress()
        self._stats.alone_s += time.monotonic() - start
        return self.results

    def _collect(self, within_s: float) -> bool:
        ready, _ = futures.wait(self._pending, timeout=within_s, return_when=futures.FIRST_COMPLETED)
        for future in ready:
            self._store(self._pending.pop(future), *future.result(timeout=0))
        return bool(ready)

    def _store(self, index: int, result: T, seconds: float) -> None:
        self.results[index] = result
        self._stats.scoring_s += seconds
        self._stats.slow = self._stats.slow or seconds > SLOW_S

    def __enter__(self) -> ScoringExecutor[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Shut down the threads. After an exception do not wait: running calls end by themselves, the others never begin."""
        self._threads.shutdown(wait=error is None, cancel_futures=True)


def _timed_call(call: Callable[[], T]) -> tuple[T, float]:
    start = time.monotonic()
    result = call()
    return result, time.monotonic() - start


Progress = Callable[[int, int], None]  # (prompts sampled, prompts scored)


@dataclass(frozen=True)
class RolloutSampler:
    """The settings of sampling and scoring. If scoring is slow, up to `threads` groups are scored at a time beside sampling; `stats` adds
    up the time."""

    sampling: Sampling
    threads: int = 16
    stats: ScoringStats = field(default_factory=ScoringStats)

    def sample(
        self, engine: Engine, requests: Sequence[Ask], score: Callable[[int, Sequence[Completion]], T], progress: Progress
    ) -> list[T]:
        """Return the results of `score(index of the request, its completions)`, in the order of the requests.

        `progress` is called as each group is sampled, and then as groups are scored."""
        return self._score(engine.generate(requests, self.sampling), score, progress)

    def chat(
        self, chat: Chat, conversations: Sequence[Conversation], score: Callable[[int, Sequence[ChatReply]], T], progress: Progress
    ) -> list[T]:
        """Return the same for replies to conversations. EndpointDown if a server gave no reply to some, after all others are scored."""
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
            except EndpointDown:  # the replies before the failure are worth keeping
                executor.wait(lambda: progress(token_count, len(executor.results)))
                raise
            results = executor.wait(lambda: progress(token_count, len(executor.results)))
        return [results[index] for index in sorted(results)]


def prompt_tokens(template: Template, question: str, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return the token ids of a prompt: text as the tokenizer begins it, a conversation through the model's own chat template."""
    prompt = template.prompt(question)
    return tuple(tokenizer.prompt(prompt) if isinstance(prompt, str) else tokenizer.chat(prompt))


def problem_tokens(template: Template, problem: Problem, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return the prompt's token ids for a problem, including any messages before its question. BadInput names a problem whose messages the
    template or the model's chat template cannot write."""
    try:
        prompt = prompt_after(template, problem.turns, problem.question, problem.domain)
        return tuple(tokenizer.prompt(prompt) if isinstance(prompt, str) else tokenizer.chat(prompt))
    except BadInput as error:
        raise BadInput(f"problem {problem.id}: {error}") from None


def opens_thought(tokenizer: Tokenizer, prompt: Sequence[int]) -> bool:
    """Return True if a prompt has opened the thought."""
    return tokenizer.decode(prompt[-16:]).rstrip().endswith(THINK)


def completion_text(completion: Completion, tokenizer: Tokenizer) -> str:
    """Return the text of a completion without its stop token."""
    return tokenizer.decode(completion.tokens[:-1] if completion.finished == "stop" else completion.tokens)


def read_reply(template: Template, completion: Completion, tokenizer: Tokenizer) -> Reply:
    """Return the reply that the template reads in a completion."""
    return template.read(completion_text(completion, tokenizer), len(completion.tokens), completion.finished)


def seed_for(*place: int) -> int:
    """Return a 63-bit seed that is a function of the place in the run (run, rollout, round, problem, sample) and of nothing else."""
    digest = hashlib.blake2b(" ".join(map(str, place)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
