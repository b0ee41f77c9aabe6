"""The sources of replies to imitate: a model on this machine, token by token, or a server, which has to show its thoughts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol

from aha.errors import BadInput
from aha.lazy import lazy_pattern
from aha.protocols import Ask, Backend, Chat, ChatOptions, Engine, Sampling, Tokenizer
from aha.sampling.rollouts import problem_tokens, read_reply, seed_for
from aha.stages.assessors import RetryingChat, RetryPolicy
from aha.template import ANSWER, END_ANSWER, Template, prompt_after
from aha.types import ChatReply, Conversation, Message, Open, Problem, Reply

MOST_THOUGHTLESS = 8  # a teacher with no thought in this many replies shows none

_GREETING = lazy_pattern(
    r"(?i)\W*(?:(?:hello|hi|hey|good (?:morning|afternoon|evening|night)|thanks|thank you|bye|goodbye|ok)(?: there| so much| very much)?"
    r"|你好|您好|嗨|早上好|下午好|晚上好|晚安|谢谢(?:你|您)?|多谢|再见|好的)\W*"
)


@dataclass(frozen=True)
class SampledReply:
    """One reply and the seed it was drawn with; `None` if the server was given no seed."""

    seed: int | None
    reply: Reply


@dataclass(frozen=True)
class SampleRequest:
    """A problem to answer `count` more times, the first of them as sample number `first`. `place`: the problem's index in its chunk;
    `plain`: without a chain of thought."""

    problem: Problem
    place: int
    first: int
    count: int
    plain: bool


class ReplySource(Protocol):
    """A source of replies. Draws depend on the place in the run alone."""

    def draw(self, requests: Sequence[SampleRequest], chunk: int) -> Iterator[tuple[int, list[SampledReply]]]:
        """Yield each request's index with its replies, as they come; a request without a reply from the server is left out."""
        ...

    @property
    def why(self) -> str:
        """The reason for which replies are missing; empty if none are."""
        ...

    def close(self) -> None: ...


class NoSource:
    """The source for a run with no problem left to ask."""

    def draw(self, requests: Sequence[SampleRequest], chunk: int) -> Iterator[tuple[int, list[SampledReply]]]:
        return iter(())

    why = ""

    def close(self) -> None:
        """Do nothing, since nothing is open."""


def needs_no_thought(problem: Problem, domains: Sequence[str]) -> bool:
    """Return True if a problem is answered without a chain of thought (paper §2.3.3: simple queries such as "hello"): its domain is in
    `domains`, or it is only a greeting."""
    return problem.domain in domains or (isinstance(problem.reference, Open) and _GREETING.fullmatch(problem.question) is not None)


@dataclass(frozen=True)
class EngineSource:
    """A model on this machine. A reply without a chain of thought is drawn like any other, and its thought is left out."""

    why: ClassVar[str] = ""

    engine: Engine
    tokenizer: Tokenizer
    template: Template
    sampling: Sampling
    seed: int
    heartbeat: Callable[[str], None]

    def draw(self, requests: Sequence[SampleRequest], chunk: int) -> Iterator[tuple[int, list[SampledReply]]]:
        asks = [
            Ask(
                problem_tokens(self.template, request.problem, self.tokenizer),
                tuple(seed_for(self.seed, chunk, request.place, number) for number in range(request.first, request.first + request.count)),
            )
            for request in requests
        ]
        for done, (index, completions) in enumerate(self.engine.generate(asks, self.sampling), start=1):
            replies = [read_reply(self.template, completion, self.tokenizer) for completion in completions]
            self.heartbeat(f"sampled {done} of {len(requests)} questions")
            yield index, [SampledReply(seed, reply) for seed, reply in zip(asks[index].seeds, replies, strict=True)]

    def close(self) -> None:
        """Do nothing, since the engine belongs to the code that opened it."""


@dataclass
class ChatSource:
    """A server. Samples of a later round are asked with later seeds, so that none comes from the cache twice."""

    backend: Backend
    model: str
    template: Template
    sampling: Sampling
    client: ChatOptions
    retry: RetryPolicy
    heartbeat: Callable[[str], None]
    _chats: dict[tuple[int, int], Chat] = field(default_factory=dict)
    _retrying_chats: dict[tuple[int, int], RetryingChat] = field(default_factory=dict)
    _replies: int = 0
    _thoughts: int = 0

    def draw(self, requests: Sequence[SampleRequest], chunk: int) -> Iterator[tuple[int, list[SampledReply]]]:
        for first, count in sorted({(request.first, request.count) for request in requests}):
            places = [index for index, request in enumerate(requests) if (request.first, request.count) == (first, count)]
            conversations = [self._conversation(requests[index]) for index in places]
            replies = self._patient(first, count).replies(
                conversations,
                lambda at, batch, places=places: self._look(requests[places[at]], batch),  # type: ignore[misc]
            )
            for at, index in enumerate(places):
                if at in replies:
                    replies_by_number = enumerate(replies[at], start=first)
                    yield index, [self._sample(chat_reply, requests[index], number) for number, chat_reply in replies_by_number]
        if self._replies and not self._thoughts:
            raise BadInput(no_reasoning(self.model, self._replies))

    @property
    def why(self) -> str:
        """See the protocol."""
        return next((chat.why for chat in self._retrying_chats.values() if chat.why), "")

    def close(self) -> None:
        """Close all connections."""
        for chat in self._chats.values():
            chat.close()

    def _patient(self, first: int, count: int) -> RetryingChat:
        key = (first, count)
        if key not in self._retrying_chats:
            seed = None if self.client.seed is None else self.client.seed + first
            self._chats[key] = self.backend.chat(self.model, replace(self.client, samples=count, seed=seed))
            self._retrying_chats[key] = RetryingChat(f"model {self.model}", self._chats[key], self.sampling, self.retry, self.heartbeat)
        return self._retrying_chats[key]

    def _conversation(self, request: SampleRequest) -> Conversation:
        if request.plain:
            return Conversation((*request.problem.turns, Message("user", request.problem.question)))
        match prompt_after(self.template, request.problem.turns, request.problem.question, request.problem.domain):
            case Conversation() as conversation:
                return conversation
            case _:
                raise BadInput(asked_in_conversations(self.template))

    def _look(self, request: SampleRequest, batch: Sequence[ChatReply]) -> None:
        """Raise BadInput once it is clear that the server shows no thought: its rows would teach a model not to think."""
        if request.plain:
            return
        self._replies += len(batch)
        self._thoughts += sum(bool(reply.thought and reply.thought.strip()) for reply in batch)
        if self._replies >= MOST_THOUGHTLESS and not self._thoughts:
            raise BadInput(no_reasoning(self.model, self._replies))

    def _sample(self, reply: ChatReply, request: SampleRequest, number: int) -> SampledReply:
        """Return the reply as a sample; if it was cut, or lacks the thought that was wanted, it has no thought and no answer."""
        thought = "" if request.plain else (reply.thought or "").strip()
        answer = unwrap(reply.text)
        whole = reply.finished == "stop" and answer and (thought or request.plain)
        seed = None if self.client.seed is None else self.client.seed + number
        text = reply.text if reply.thought is None else f"{reply.thought}\n\n{reply.text}"
        if not whole:
            return SampledReply(seed, Reply(text, None, None, reply.tokens, reply.finished))
        return SampledReply(seed, Reply(text, thought, answer, reply.tokens, reply.finished))


def unwrap(text: str) -> str:
    """Return the visible part of a reply, without R1-Zero's tags around the whole of it."""
    bare = text.strip()
    inside = bare.removeprefix(ANSWER).removesuffix(END_ANSWER)
    return inside.strip() if bare == f"{ANSWER}{inside}{END_ANSWER}" else bare


def asked_in_conversations(template: Template) -> str:
    """Return the error for a template of base models, which cannot be used with a server."""
    return f"template {type(template).__name__}: a server is asked in conversations; take instruct (--template instruct)"


def no_reasoning(model: str, replies: int) -> str:
    """Return the error for a teacher that shows no thoughts."""
    return (
        f"model {model}: none of its {replies} replies shows what it thought; a teacher has to return `reasoning_content` (or begin with "
        "<think>...</think>): take a reasoning model, start its server with a reasoning parser, or name the domains that need no thought "
        "in `plain`"
    )
