"""An engine as a chat: conversations go through the model's own template, and the thinking is returned apart.

A scripted machine without a model gives prepared replies, so that rewards, templates and evaluations are tried in milliseconds.
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
    """A `Chat` on any engine with its tokenizer. `seed`: the first conversation's seed; the i-th has `seed + i`."""

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
        with self._turn:  # an engine does one thing at a time; calls from other threads wait
            for i, completions in self.engine.generate(asks, sampling):
                in_thought = self.tokenizer.decode(asks[i].prompt).rstrip().endswith(THINK)
                yield i, [self._reply_of(completion, in_thought) for completion in completions]

    def close(self) -> None:
        """Do nothing: the engine's opener closes it."""

    def _reply_of(self, completion: Completion, in_thought: bool) -> ChatReply:
        tokens = completion.tokens[:-1] if completion.finished == "stop" else completion.tokens
        text = self.tokenizer.decode(tokens)
        visible, thought = apart(THINK + text if in_thought else text)
        return ChatReply(visible, thought, len(completion.tokens), completion.finished)


Say = Callable[[str, int], str]
Script = Callable[[str, str, int], str]

END = 256


class Bytes:
    """A tokenizer with one token per byte, and one, `<|end|>`, that ends a reply."""

    stop: tuple[int, ...] = (END,)
    end = END
    context: int | None = None

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def prompt(self, text: str) -> list[int]:
        """Return the tokens of the text: none is put before it."""
        return self.encode(text)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text; bytes that are not UTF-8, as in a cut reply, become U+FFFD."""
        pieces = bytes(token for token in tokens if token < END).decode(errors="replace")
        return pieces + "<|end|>" * sum(token == END for token in tokens)

    def chat(self, conversation: Conversation, options: Mapping[str, object] = MappingProxyType({})) -> list[int]:
        """Return one line per message, `role: content`, and the header of the assistant's turn; there are no options."""
        if unknown := {**dict(conversation.options), **options}:
            raise BadInput(f"the model's chat template knows no option {next(iter(unknown))!r}; it knows none")
        lines = [f"{message.role}: {message.content}\n" for message in conversation.messages]
        return self.encode("".join(lines) + "assistant:")


class ScriptedEngine:
    """An engine that replies with `say(prompt, seed)`, cut at `max_tokens` bytes, with log-probability 0 for every token."""

    def __init__(self, say: Say, tokenizer: Bytes | None = None) -> None:
        self.say = say
        self.tokenizer = tokenizer or Bytes()
        self.version = 0

    def generate(self, asks: Sequence[Ask], sampling: Sampling) -> Iterator[tuple[int, list[Completion]]]:
        """Yield groups in the order of the asks."""
        for index, ask in enumerate(asks):
            prompt = self.tokenizer.decode(ask.prompt)
            yield index, [self._complete(self.say(prompt, seed), sampling.max_tokens) for seed in ask.seeds]

    def load(self, weights: Weights, version: int) -> None:
        """Set the version of completions; the replies do not change."""
        self.version = version

    def _complete(self, text: str, max_tokens: int) -> Completion:
        tokens = (*self.tokenizer.encode(text), END)
        head = tokens[:max_tokens]
        return Completion(head, (0.0,) * len(head), "stop" if len(head) == len(tokens) else "length", self.version)


@dataclass(frozen=True)
class ScriptedBackend:
    """A backend of engines that reply with `script(model, prompt, seed)`. It has no learners."""

    script: Script

    def tokenizer(self, model: str) -> Bytes:
        return Bytes()

    def engine(self, model: str) -> ScriptedEngine:
        return ScriptedEngine(partial(self.script, model))

    def chat(self, model: str, options: ChatOptions = ASK_ONCE) -> Chat:
        return EngineChat(self.engine(model), self.tokenizer(model), options.seed or 0, options.samples)

    def learner(self, model: str, optim: Adam, *, reference: bool, head: Head = "lm") -> Learner:
        raise BadInput(f"{model}: the scripted backend only repeats its script and cannot learn; use a model on the local backend")

    def with_adapter(self, adaptation: Adaptation) -> ScriptedBackend:
        """Return the same backend: it has no positions and no learners."""
        return self

    def scorer(self, model: str) -> Scorer:
        raise BadInput(f"{model}: the scripted backend only repeats its script and scores nothing; use a model on the local backend")
