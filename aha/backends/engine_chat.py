"""An engine as a chat: conversations through the model's own template, the thinking shown apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aha.protocols import Ask, Engine, Sampling, Tokenizer
from aha.template import THINK, apart
from aha.types import Completion, Conversation, Said


@dataclass(frozen=True)
class EngineChat:
    """A `Chat` on any engine with its tokenizer. `seed`: of the first conversation; the i-th takes `seed + i`."""

    engine: Engine
    tokenizer: Tokenizer
    seed: int = 0
    samples: int = 1

    def reply(self, conversations: Sequence[Conversation], sampling: Sampling) -> Iterator[tuple[int, list[Said]]]:
        asks = [
            Ask(tuple(self.tokenizer.chat(conversation)), tuple((self.seed + i) * self.samples + j for j in range(self.samples)))
            for i, conversation in enumerate(conversations)
        ]
        for i, completions in self.engine.generate(asks, sampling):
            opened = self.tokenizer.decode(asks[i].prompt).rstrip().endswith(THINK)
            yield i, [self._said(completion, opened) for completion in completions]

    def _said(self, completion: Completion, opened: bool) -> Said:
        tokens = completion.tokens[:-1] if completion.finished == "stop" else completion.tokens
        text = self.tokenizer.decode(tokens)
        visible, thought = apart(THINK + text if opened else text)
        return Said(visible, thought, len(completion.tokens), completion.finished)
