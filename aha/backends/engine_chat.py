"""An engine as a chat: conversations through the model's own template, the thinking shown apart."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aha.protocols import Ask, Engine, Sampling, Tokenizer
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
