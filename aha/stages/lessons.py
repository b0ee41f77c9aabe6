"""Examples to token ids: what is asked, and what is learned. The boundary lies where the model begins to speak when it is asked."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from aha.errors import BadInput
from aha.protocols import Tokenizer
from aha.template import THINK, Template
from aha.types import Conversation, Example, Message

TAIL = 16  # tokens at the end of a prompt, among which the thought is opened


@dataclass(frozen=True)
class Lesson:
    """The tokens of an example: the prompt is read, the reply, which ends with the stop token unless it was cut, is learned."""

    id: str
    prompt: array[int]
    reply: array[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.reply)


def lesson(example: Example, template: Template, tokenizer: Tokenizer) -> Lesson:
    """The example as the template asks and writes it. BadInput where the template or the model's chat template cannot."""
    asked = question(example.conversation, template)
    prompt = tokenizer.prompt(asked) if isinstance(asked, str) else tokenizer.chat(asked)
    reply = after(tokenizer.decode(prompt[-TAIL:]), written(example, template))
    return Lesson(example.id, array("i", prompt), array("i", [*tokenizer.encode(reply), tokenizer.end]))


def after(prompt: str, reply: str) -> str:
    """Return the reply without the blanks that a chat template wrote after it opened the thought."""
    _, opened, blanks = prompt.rpartition(THINK)
    return reply.removeprefix(blanks) if opened and blanks.isspace() else reply


def question(conversation: Conversation, template: Template) -> str | Conversation:
    """All before the last message, its last question as the template asks it. Earlier thoughts are left out, as when a model is asked."""
    before = conversation.messages[:-1]
    place = max(index for index, message in enumerate(before) if message.role == "user")
    asked = template.prompt(before[place].content)
    if isinstance(asked, str):
        if len(before) > 1:
            raise BadInput(
                f"it has {len(before)} messages before the reply: {type(template).__name__} asks one question and knows no roles"
            )
        return asked
    own = [message for message in asked.messages if message.role != "system" or not any(each.role == "system" for each in before)]
    system = [message for message in own if message.role == "system"]
    said = [Message(message.role, message.content) for message in before]
    return Conversation((*system, *said[:place], *(message for message in own if message.role != "system"), *said[place + 1 :]))


def written(example: Example, template: Template) -> str:
    """What the model is to say, thought and answer; without a chain of thought the thought is empty."""
    said = example.conversation.messages[-1]
    return template.write(said.thought or "", said.content)


def rows_and_marks(lessons: Sequence[Lesson]) -> tuple[list[list[int]], list[list[bool]]]:
    """The tokens of each lesson, and which of them are learned: those of the reply, none of the prompt."""
    rows = [[*lesson.prompt, *lesson.reply] for lesson in lessons]
    marks = [[False] * len(lesson.prompt) + [True] * len(lesson.reply) for lesson in lessons]
    return rows, marks
