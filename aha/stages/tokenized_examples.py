"""Examples to token ids: what is asked, and what is learned. The boundary lies where the model begins to speak when it is asked."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import overload
from weakref import finalize

from aha.errors import BadInput
from aha.protocols import Tokenizer
from aha.template import THINK, Template, one_question, prompt_after
from aha.types import Conversation, Example, Message

WIDTH = array("i").itemsize
IN_MEMORY = 1 << 30  # bytes of tokens, 268 million
TAIL = 16  # tokens at the end of a prompt, among which the thought is opened


@dataclass(frozen=True)
class TokenizedExample:
    """The tokens of an example: the prompt is read, the reply, which ends with the stop token unless it was cut, is learned."""

    id: str
    prompt: array[int]
    reply: array[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.reply)


class TokenizedExamples(Sequence[TokenizedExample]):
    """Training sequences in the order in which they were added. What does not fit in `memory` bytes lies in a file without a name, since a
    set may be larger than the machine's memory."""

    def __init__(self, sequences: Iterable[TokenizedExample] = (), memory: int = IN_MEMORY) -> None:
        self._file = SpooledTemporaryFile(max_size=memory)  # noqa: SIM115 (it lives as long as this)
        finalize(self, self._file.close)
        self._starts, self._sizes, self._order = array("q"), array("i"), array("q")
        for sequence in sequences:
            self.add(sequence)

    def add(self, sequence: TokenizedExample, times: int = 1) -> None:
        """Add a sequence that stands in the set so many times."""
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
    """The example as the template asks and writes it. BadInput where the template or the model's chat template cannot."""
    conversation = question(example.conversation, template, example.domain)
    prompt = tokenizer.prompt(conversation) if isinstance(conversation, str) else tokenizer.chat(conversation)
    reply = after(tokenizer.decode(prompt[-TAIL:]), target_text(example, template))
    return TokenizedExample(example.id, array("i", prompt), array("i", [*tokenizer.encode(reply), tokenizer.end]))


def after(prompt: str, reply: str) -> str:
    """Return the reply without the blanks that a chat template wrote after it opened the thought."""
    _, mark, blanks = prompt.rpartition(THINK)
    return reply.removeprefix(blanks) if mark and blanks.isspace() else reply


def question(conversation: Conversation, template: Template, domain: str) -> str | Conversation:
    """All before the last message, its last question as the template asks it. Earlier thoughts are left out, as when a model is asked."""
    before = conversation.messages[:-1]
    place = max(index for index, message in enumerate(before) if message.role == "user")
    turns = [Message(message.role, message.content) for message in before]
    wording = prompt_after(template, turns[:place], before[place].content, domain)
    if place + 1 == len(before):
        return wording
    if isinstance(wording, str):
        raise BadInput(one_question(template, len(before)))
    return Conversation((*wording.messages, *turns[place + 1 :]), wording.options)


def target_text(example: Example, template: Template) -> str:
    """What the model is to say, thought and answer, without the blanks around a thought and after it, which are the template's; without a
    chain of thought the thought is empty."""
    message = example.conversation.messages[-1]
    return template.write((message.thought or "").strip(), message.content if message.thought is None else message.content.strip())


def rows_and_marks(sequences: Sequence[TokenizedExample]) -> tuple[list[list[int]], list[list[bool]]]:
    """The tokens of each sequence, and which of them are learned: those of the reply, none of the prompt."""
    rows = [[*sequence.prompt, *sequence.reply] for sequence in sequences]
    marks = [[False] * len(sequence.prompt) + [True] * len(sequence.reply) for sequence in sequences]
    return rows, marks
