"""Templates: from a question to a prompt, and from a completion to its thought and answer.

Replies are read strictly: every tag once, in order, nothing but blanks outside them. Tags are compared letter by letter, so another case or
a look-alike letter is ordinary text. A reply cut at the length limit has no answer even with complete tags: it never ended.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import cast

from aha.errors import BadInput
from aha.json_text import NotJson, parse_json
from aha.lazy import lazy_pattern
from aha.types import Conversation, FinishReason, Message, Reply

THINK, END_THINK = "<think>", "</think>"
ANSWER, END_ANSWER = "<answer>", "</answer>"
THINK_AND_ANSWER_TAGS = (THINK, END_THINK, ANSWER, END_ANSWER)
THINK_TAGS = (THINK, END_THINK)
THOUGHT_MARKS = (  # with which published data opens and closes a thought
    THINK_TAGS,
    *((f"<{name}>", f"</{name}>") for name in ("thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad", "seed:think")),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
_OPENING = lazy_pattern(r"\s*(" + "|".join(re.escape(opens) for opens, _ in THOUGHT_MARKS) + ")")
_SOLUTION = lazy_pattern(r"\s*<\|begin_of_solution\|>(.*)<\|end_of_solution\|>\s*", re.S)

TABLE_1 = (
    "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. The assistant first thinks about "
    "the reasoning process in the mind and then provides the user with the answer. The reasoning process and answer are enclosed within "
    "<think> </think> and <answer> </answer> tags, respectively, i.e., <think> reasoning process here </think> <answer> answer here "
    "</answer>. User: {question}. Assistant:"
)
BOX = r"\boxed{}"
BOX_PROMPT = r"Please reason step by step, and put your final answer within \boxed{}."


def _pieces(text: str, tags: tuple[str, ...]) -> list[str] | None:
    """Return the texts before, between and after the tags, or `None` unless the text has each tag exactly once and in this order."""
    if any(text.count(tag) != 1 for tag in tags):
        return None
    pieces = []
    for tag in tags:
        piece, sep, text = text.partition(tag)
        if not sep:
            return None
        pieces.append(piece)
    return [*pieces, text]


def _inside(text: str, tags: tuple[str, ...]) -> tuple[str, str] | None:
    """Return thought and answer, stripped, or `None` if the text breaks the form or its answer is blank."""
    match _pieces(text, tags):
        case [before, thought, between, answer, after] if not (before + between + after).strip() and answer.strip():
            return thought.strip(), answer.strip()
        case [before, thought, summary] if not before.strip() and summary.strip():
            return thought.strip(), summary.strip()
    return None


def apart(text: str) -> tuple[str, str | None]:
    """Split a chat's text into the visible text and the thought before it; the prompt may have opened the thought. With a thought that
    never ends, the visible text is empty."""
    before, end_mark, after = text.partition(END_THINK)
    has_start = before.lstrip().startswith(THINK)
    if not end_mark and not has_start:
        return text, None
    return after.strip(), before.strip().removeprefix(THINK).strip()


def from_any_marks(text: str) -> tuple[str, str | None]:
    """Split a reply from other people's data into the visible text and the thought at its beginning, by whichever marks its author used.
    Marks around the whole solution are left out."""
    if (opening := _OPENING.match(text)) is None:  # a prompt that opened the thought leaves only its end in the reply
        thought, mark, visible = text.partition(END_THINK)
        alone = bool(mark and thought.strip() and visible.strip()) and THINK not in text and END_THINK not in visible
        return (visible.strip(), thought.strip()) if alone else (text, None)
    closing = next(close for opens, close in THOUGHT_MARKS if opens == opening[1])
    thought, end, visible = text[opening.end() :].partition(closing)
    if whole := _SOLUTION.fullmatch(visible):
        visible = whole[1]
    return (visible.strip(), thought.strip()) if end else ("", text[opening.end() :].strip())


def _with_tags(thought: str, answer: str, prefilled: bool) -> str:
    opening = "" if prefilled else f" {THINK}"
    return f"{opening} {thought} {END_THINK} {ANSWER} {answer} {END_ANSWER}"


def _read(text: str, tokens: int, finished: FinishReason, tags: tuple[str, ...], prefilled: bool) -> Reply:
    whole = THINK + text if prefilled else text
    inside = _inside(whole, tags) if finished == "stop" else None
    thought, answer = inside or (None, None)
    return Reply(text, thought, answer, tokens, finished)


@dataclass(frozen=True)
class R1Zero:
    """The paper's Table 1 to the letter, with the period after the question. `prefilled` appends ` <think>` to the prompt."""

    prefilled: bool = False

    def write(self, thought: str, answer: str) -> str:
        """Return the reply that `read` splits into this thought and answer."""
        return _with_tags(thought, answer, self.prefilled)

    def prompt(self, question: str) -> str:
        return TABLE_1.replace("{question}", question) + f" {THINK}" * self.prefilled

    def read(self, text: str, tokens: int, finished: FinishReason) -> Reply:
        """Return the reply in `text`, the sampled text without the stop token."""
        return _read(text, tokens, finished, THINK_AND_ANSWER_TAGS, self.prefilled)


@dataclass(frozen=True)
class Short:
    """The template of the tiny world, whose prompt is written as in its corpus; replies as in `R1Zero`."""

    prefilled: bool = False

    def write(self, thought: str, answer: str) -> str:
        """Return the reply that `read` splits into this thought and answer."""
        return _with_tags(thought, answer, self.prefilled)

    def prompt(self, question: str) -> str:
        return f"User: {question}\nAssistant:" + f" {THINK}" * self.prefilled

    def read(self, text: str, tokens: int, finished: FinishReason) -> Reply:
        """Return the reply in `text`, the sampled text without the stop token."""
        return _read(text, tokens, finished, THINK_AND_ANSWER_TAGS, self.prefilled)


@dataclass(frozen=True)
class Instruct:
    """A conversation for the model's own chat template; the reply is `<think>…</think>` and then a summary, the answer being all of it.

    `prefilled`: that chat template already opens `<think>`. There is no system message by default, as R1's release notes advise; an empty
    one replaces the chat template's own. `suffix` follows questions of `domains` (none: of all) that do not say it themselves. `options`:
    arguments for that chat template, each as `name=value`."""

    suffix: str = BOX_PROMPT
    system: str | None = None
    prefilled: bool = False
    domains: tuple[str, ...] | None = ("math",)
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _ = self.option_pairs

    @property
    def option_pairs(self) -> tuple[tuple[str, str | int | float | bool | None], ...]:
        """The options as names and values. BadInput for one that is not `name=value`."""
        return tuple(map(_option, self.options))

    def prompt(self, question: str) -> Conversation:
        has_suffix = self.suffix in question or (BOX in self.suffix and BOX in question)  # many data sets write it into their questions
        message = Message("user", f"{question}\n{self.suffix}" if self.suffix and not has_suffix else question)
        return Conversation((message,) if self.system is None else (Message("system", self.system), message), self.option_pairs)

    def write(self, thought: str, answer: str) -> str:
        """Return the reply that `read` splits into this thought and answer."""
        opening = "" if self.prefilled else THINK
        return f"{opening}\n{thought}\n{END_THINK}\n\n{answer}"

    def read(self, text: str, tokens: int, finished: FinishReason) -> Reply:
        """Return the reply in `text`, the sampled text without the stop token."""
        return _read(text, tokens, finished, THINK_TAGS, self.prefilled)


def _option(text: str) -> tuple[str, str | int | float | bool | None]:
    """Return a name and its value: JSON's true, false, numbers and null as such, all else as text."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise BadInput(f"template.options: {text!r} is no option: name=value is needed, as in enable_thinking=false")
    with suppress(NotJson):
        plain = parse_json({"True": "true", "False": "false", "None": "null"}.get(value, value))
        if plain is None or isinstance(plain, str | int | float | bool):
            return name, plain
    return name, value


@dataclass(frozen=True)
class Delimited:
    """R1's own form from the cold start on (paper §2.3.1): `|special_token|<reasoning_process>|special_token|<summary>`, with a prompt in
    the model's own chat template. A reply without a chain of thought has an empty reasoning process."""

    token: str = "<|reasoning|>"

    def prompt(self, question: str) -> Conversation:
        return Conversation((Message("user", question),))

    def write(self, thought: str, answer: str) -> str:
        """Return the reply that `read` splits into this thought and answer."""
        return f"{self.token} {thought}{self.token} {answer}" if thought else f"{self.token}{self.token} {answer}"

    def read(self, text: str, tokens: int, finished: FinishReason) -> Reply:
        """Return the reply in `text`, the sampled text without the stop token."""
        match text.split(self.token) if finished == "stop" else []:
            case [before, thought, summary] if not before.strip() and summary.strip():
                return Reply(text, thought.strip(), summary.strip(), tokens, finished)
        return Reply(text, None, None, tokens, finished)


@dataclass(frozen=True)
class Shot:
    """An example question and reply, shown to a model before its own question."""

    question: str
    thought: str
    answer: str


@dataclass(frozen=True)
class FewShot:
    """The form `inner`, with long chains of thought shown before the question (paper §2.3.1). A base model may go on after its answer with
    a question of its own: the text after the last tag is cut off."""

    inner: R1Zero | Short | Instruct = Short()
    shots: tuple[Shot, ...] = ()

    def prompt(self, question: str) -> str | Conversation:
        match self.inner:
            case Instruct() as inner:
                *before, last = inner.prompt(question).messages
                return Conversation(
                    (*before, *(turn for shot in self.shots for turn in self._turns(inner, shot)), last), inner.option_pairs
                )
            case inner:
                examples = (inner.prompt(shot.question) + inner.write(shot.thought, shot.answer) for shot in self.shots)
                return "\n\n".join([*examples, inner.prompt(question)])

    def write(self, thought: str, answer: str) -> str:
        """Return the reply that `read` splits into this thought and answer."""
        return self.inner.write(thought, answer)

    def read(self, text: str, tokens: int, finished: FinishReason) -> Reply:
        """Return the reply in `text`, the sampled text without the stop token."""
        head, end_mark, _ = text.partition(END_ANSWER)
        if isinstance(self.inner, Instruct) or not end_mark:
            return self.inner.read(text, tokens, finished)
        return self.inner.read(head + end_mark, tokens, "stop")

    def _turns(self, inner: Instruct, shot: Shot) -> tuple[Message, Message]:
        message = inner.prompt(shot.question).messages[-1]
        return message, Message("assistant", replace(inner, prefilled=False).write(shot.thought, shot.answer).strip())


@dataclass(frozen=True)
class ChatTemplate:
    """The model's own chat template without added words, as in published benchmarks (R1's release notes): the prompt is the only user
    turn. The answer is all visible text after the thought.

    `prefilled`: the prompt opens the thought."""

    prefilled: bool = False

    def prompt(self, question: str) -> Conversation:
        return Conversation((Message("user", question),))

    def write(self, thought: str, answer: str) -> str:
        """Return the reply that `read` splits into this thought and answer."""
        opening = "" if self.prefilled else THINK
        return f"{opening}\n{thought}\n{END_THINK}\n\n{answer}" if thought or self.prefilled else answer

    def read(self, text: str, tokens: int, finished: FinishReason) -> Reply:
        """Return the reply in `text`, the sampled text without the stop token; the reply's text is only the visible part."""
        visible, thought = apart(THINK + text if self.prefilled else text)
        return Reply(visible, thought, visible, tokens, finished)


Template = R1Zero | Short | Instruct | Delimited | FewShot | ChatTemplate


def of_domain(template: Template, domain: str) -> Template:
    """Return the template for questions of a domain: without a suffix that belongs to other domains."""
    match template:
        case Instruct(domains=tuple() as domains) if template.suffix and domain not in domains:
            return replace(template, suffix="")
        case FewShot(inner=inner):
            return replace(template, inner=cast(R1Zero | Short | Instruct, of_domain(inner, domain)))
    return template


def prompt_after(template: Template, before: Sequence[Message], question: str, domain: str) -> str | Conversation:
    """Return the template's prompt for a question after earlier messages. A system message among them replaces the template's own.
    BadInput for a template that is plain text and knows no roles."""
    conversation = of_domain(template, domain).prompt(question)
    if not before:
        return conversation
    if isinstance(conversation, str):
        raise BadInput(one_question(template, len(before) + 1))
    system = [message for message in conversation.messages if message.role == "system"]
    if any(message.role == "system" for message in before):
        system = []
    return Conversation(
        (*system, *before, *(message for message in conversation.messages if message.role != "system")), conversation.options
    )


def one_question(template: Template, messages: int) -> str:
    """Return the error line with which a plain-text template refuses a conversation."""
    return f"it has {messages} messages before the reply: {type(template).__name__} asks one question and knows no roles"
