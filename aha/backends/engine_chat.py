"""An engine as a chat: conversations through the model's own template, the thinking shown apart.

A machine without a model: it says what it was told, so that rewards, templates and evaluations are tried in milliseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from aha.errors import BadInput
from aha.protocols import ASK_ONCE, Adam, Adaptation, Ask, Chat, ChatOptions, Engine, Head, Learner, Sampling, Scorer, Tokenizer, Weights
from aha.template import THINK, apart
from aha.types import ChatReply, Completion, Conversation


@dataclass(frozen=True)
class EngineChat:
    """A `Chat` on any engine with its tokenizer. `seed`: of the first conversation; the i-th takes `seed + i`."""

    engine: Engine
    tokenizer: Tokenizer
    seed: int = 0
    samples: int = 1
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def reply(self, conversations: Sequence[Conversation], sampling: Sampling) -> Iterator[tuple[int, list[ChatReply]]]:
        asks = [
            Ask(tuple(self.tokenizer.chat(conversation)), tuple((self.seed + i) * self.samples + j for j in range(self.samples)))
            for i, conversation in enumerate(conversations)
        ]
        with self._turn:  # an engine does one thing at a time; whoever asks from another thread waits
            for i, completions in self.engine.generate(asks, sampling):
                in_thought = self.tokenizer.decode(asks[i].prompt).rstrip().endswith(THINK)
                yield i, [self._reply_of(completion, in_thought) for completion in completions]

    def close(self) -> None:
        """Nothing: the engine ends with whoever opened it."""

    def _reply_of(self, completion: Completion, in_thought: bool) -> ChatReply:
        tokens = completion.tokens[:-1] if completion.finished == "stop" else completion.tokens
        text = self.tokenizer.decode(tokens)
        visible, thought = apart(THINK + text if in_thought else text)
        return ChatReply(visible, thought, len(completion.tokens), completion.finished)


Say = Callable[[str, int], str]
Script = Callable[[str, str, int], str]

END = 256


class Bytes:
    """One token a byte, and one, `<|end|>`, that ends a reply."""

    stop: tuple[int, ...] = (END,)
    end = END
    context: int | None = None

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def prompt(self, text: str) -> list[int]:
        """The same: no text begins with anything of its own."""
        return self.encode(text)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text; bytes that are no UTF-8, as where a reply was cut, show as U+FFFD."""
        pieces = bytes(token for token in tokens if token < END).decode(errors="replace")
        return pieces + "<|end|>" * sum(token == END for token in tokens)

    def chat(self, conversation: Conversation, options: Mapping[str, object] = MappingProxyType({})) -> list[int]:
        """One line a message, `role: content`, and the header of the assistant's turn; it has no options."""
        if unknown := {**dict(conversation.options), **options}:
            raise BadInput(f"the model's chat template knows no option {next(iter(unknown))!r}; it knows none")
        lines = [f"{message.role}: {message.content}\n" for message in conversation.messages]
        return self.encode("".join(lines) + "assistant:")


class ScriptedEngine:
    """Replies with `say(prompt, seed)`, cut at `max_tokens` bytes, every token certain (log-probability 0)."""

    def __init__(self, say: Say, tokenizer: Bytes | None = None) -> None:
        self.say = say
        self.tokenizer = tokenizer or Bytes()
        self.version = 0

    def generate(self, asks: Sequence[Ask], sampling: Sampling) -> Iterator[tuple[int, list[Completion]]]:
        """Groups in the order of the asks."""
        for index, ask in enumerate(asks):
            prompt = self.tokenizer.decode(ask.prompt)
            yield index, [self._complete(self.say(prompt, seed), sampling.max_tokens) for seed in ask.seeds]

    def load(self, weights: Weights, version: int) -> None:
        """Changes nothing that is said; completions carry the new version."""
        self.version = version

    def _complete(self, text: str, max_tokens: int) -> Completion:
        tokens = (*self.tokenizer.encode(text), END)
        head = tokens[:max_tokens]
        return Completion(head, (0.0,) * len(head), "stop" if len(head) == len(tokens) else "length", self.version)


@dataclass(frozen=True)
class ScriptedBackend:
    """Opens engines that reply with `script(model, prompt, seed)`. Nothing on it learns."""

    script: Script

    def tokenizer(self, model: str) -> Bytes:
        return Bytes()

    def engine(self, model: str) -> ScriptedEngine:
        return ScriptedEngine(partial(self.script, model))

    def chat(self, model: str, options: ChatOptions = ASK_ONCE) -> Chat:
        return EngineChat(self.engine(model), self.tokenizer(model), options.seed or 0, options.samples)

    def learner(self, model: str, optim: Adam, *, reference: bool, head: Head = "lm") -> Learner:
        raise BadInput(f"{model}: the scripted backend says what it was told and cannot learn; use a model on the local backend")

    def with_adapter(self, adaptation: Adaptation) -> ScriptedBackend:
        """The same: nothing here has positions or learns."""
        return self

    def scorer(self, model: str) -> Scorer:
        raise BadInput(f"{model}: the scripted backend says what it was told and prefers nothing; use a model on the local backend")
