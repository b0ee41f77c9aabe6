"""Examples as token ids: the prompt, and the reply that is learned. The boundary is where the model begins to speak when it is asked.
The stop-rate probe finds a fine-tuned model that never ends its replies after the first steps, not after the last."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import overload
from weakref import finalize

from aha.errors import BadInput
from aha.protocols import Ask, Backend, Learner, Metrics, Sampling, Tokenizer
from aha.sampling.rollouts import seed_for
from aha.template import THINK, Template, one_question, prompt_after
from aha.types import Conversation, Example, Message

WIDTH = array("i").itemsize
IN_MEMORY = 1 << 30  # bytes of tokens, 268 million
TAIL = 16  # tokens at the end of a prompt that may open the thought


@dataclass(frozen=True)
class TokenizedExample:
    """The tokens of an example: the prompt is only read; the reply, which ends with the stop token unless it was cut, is learned."""

    id: str
    prompt: array[int]
    reply: array[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.reply)


class TokenizedExamples(Sequence[TokenizedExample]):
    """Training sequences in the order in which they were added. Beyond `memory` bytes they are in an unnamed file, since a set may be
    larger than the machine's memory."""

    def __init__(self, sequences: Iterable[TokenizedExample] = (), memory: int = IN_MEMORY) -> None:
        self._file = SpooledTemporaryFile(max_size=memory)  # noqa: SIM115 (it lives as long as this)
        finalize(self, self._file.close)
        self._starts, self._sizes, self._order = array("q"), array("i"), array("q")
        for sequence in sequences:
            self.add(sequence)

    def add(self, sequence: TokenizedExample, times: int = 1) -> None:
        """Add a sequence that is in the set `times` times."""
        name = sequence.id.encode("utf-8", "replace")
        self._order.extend([len(self._starts)] * times)
        self._starts.append(self._file.seek(0, SEEK_END))
        self._sizes.extend((len(name), len(sequence.prompt), len(sequence.reply)))
        self._file.write(name + sequence.prompt.tobytes() + sequence.reply.tobytes())

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, place: int) -> TokenizedExample: ...

    @overload
    def __getitem__(self, place: slice) -> list[TokenizedExample]: ...

    def __getitem__(self, place: int | slice) -> TokenizedExample | list[TokenizedExample]:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        index = self._order[place]
        name, prompt, reply = self._sizes[3 * index : 3 * index + 3]
        self._file.seek(self._starts[index])
        data, width = self._file.read(name + (prompt + reply) * WIDTH), WIDTH
        ends = name, name + prompt * width
        return TokenizedExample(data[:name].decode(), array("i", data[ends[0] : ends[1]]), array("i", data[ends[1] :]))


def tokenize_example(example: Example, template: Template, tokenizer: Tokenizer) -> TokenizedExample:
    """Return the example as the template asks and writes it. BadInput if the template or the model's chat template cannot."""
    conversation = question(example.conversation, template, example.domain)
    prompt = tokenizer.prompt(conversation) if isinstance(conversation, str) else tokenizer.chat(conversation)
    reply = after(tokenizer.decode(prompt[-TAIL:]), target_text(example, template))
    return TokenizedExample(example.id, array("i", prompt), array("i", [*tokenizer.encode(reply), tokenizer.end]))


def after(prompt: str, reply: str) -> str:
    """Return the reply without the blanks that a chat template wrote after it opened the thought."""
    _, mark, blanks = prompt.rpartition(THINK)
    return reply.removeprefix(blanks) if mark and blanks.isspace() else reply


def question(conversation: Conversation, template: Template, domain: str) -> str | Conversation:
    """Return all before the last message, with the last question in the template's form. Earlier thoughts are left out, as in sampling."""
    before = conversation.messages[:-1]
    place = max(index for index, message in enumerate(before) if message.role == "user")
    turns = [Message(message.role, message.content) for message in before]
    prompt = prompt_after(template, turns[:place], before[place].content, domain)
    if place + 1 == len(before):
        return prompt
    if isinstance(prompt, str):
        raise BadInput(one_question(template, len(before)))
    return Conversation((*prompt.messages, *turns[place + 1 :]), prompt.options)


def target_text(example: Example, template: Template) -> str:
    """Return the text to learn, thought and answer, without blanks around the thought and after it, which belong to the template; an
    example without a chain of thought has an empty thought."""
    message = example.conversation.messages[-1]
    return template.write((message.thought or "").strip(), message.content if message.thought is None else message.content.strip())


def rows_and_marks(sequences: Sequence[TokenizedExample]) -> tuple[list[list[int]], list[list[bool]]]:
    """Return the tokens of each sequence, and a mark for each token: true for the reply, false for the prompt."""
    rows = [[*sequence.prompt, *sequence.reply] for sequence in sequences]
    marks = [[False] * len(sequence.prompt) + [True] * len(sequence.reply) for sequence in sequences]
    return rows, marks


@dataclass(frozen=True)
class Stopping:
    """A check after `after` optimizer steps (or the last): `questions` prompts of the data are answered, each with up to `times` as many
    tokens as the longest of their own replies (at most `sampling.max_tokens`). If less than the share `least` of them end by themselves,
    the run ends; the same command resumes it nonetheless."""

    after: int = 50
    questions: int = 8
    times: float = 2.0
    least: float = 0.1
    sampling: Sampling = Sampling(temperature=0.6, top_p=0.95, max_tokens=4_096)

    def __post_init__(self) -> None:
        if min(self.after, self.questions) < 1 or self.times <= 0 or not 0 <= self.least <= 1:
            raise BadInput(
                f"after {self.after}, questions {self.questions}, times {self.times}, least {self.least}: 1 or more, 1 or more, above 0, "
                "and a share from 0 to 1"
            )

    def measure(
        self, model: str, template: Template, sequences: Sequence[TokenizedExample], seed: int, backend: Backend, learner: Learner
    ) -> Metrics:
        """Return `stop_rate`, `stop_format` (the share of stopped replies that keep the template) and `stop_length`, in tokens."""
        tokenizer, engine = backend.tokenizer(model), backend.engine(model)
        engine.load(learner.weights(), version=self.after)
        sample = random.Random(f"stopping {seed}").sample(sequences, min(self.questions, len(sequences)))
        room = min(self.sampling.max_tokens, round(self.times * max(len(sequence.reply) for sequence in sample)))
        if tokenizer.context is not None:
            room = min(room, tokenizer.context - max(len(sequence.prompt) for sequence in sample))
        asks = [Ask(tuple(sequence.prompt), (seed_for(seed, place),)) for place, sequence in enumerate(sample)]
        completions = [done for _, (done,) in engine.generate(asks, replace(self.sampling, max_tokens=max(1, room)))]
        endings = [done for done in completions if done.finished == "stop"]
        forms = [template.read(tokenizer.decode(done.tokens[:-1]), len(done.tokens), "stop").well_formed for done in endings]
        return {
            "stop_rate": len(endings) / len(completions),
            "stop_format": sum(forms) / len(forms) if forms else 0.0,
            "stop_length": sum(len(done.tokens) for done in completions) / len(completions),
        }

    def reason(self, metrics: Metrics) -> str:
        """Return the reason why the run should end; empty if it goes on."""
        if (rate := metrics["stop_rate"]) >= self.least:
            return ""
        return (
            f"after the first steps {100 * rate:.0f} % of the replies end by themselves, and {100 * self.least:.0f} % have to: look "
            "whether the data's replies end, or learn faster (--optim.lr); the same command goes on nonetheless"
        )
