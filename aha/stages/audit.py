"""The audit before imitation starts: what goes wrong silently in fine-tuning is looked for in every row, and told before any compute.

Does every reply end with the stop token, and is it learned? Does the template read back what it wrote? Is a row cut? Is the delimiter of
the cold start one special token?
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aha.errors import BadInput
from aha.protocols import Tokenizer
from aha.stages.lessons import Lesson, lesson
from aha.tasks.examples import MOST_SKIPPED, BadRows, LoadedExamples
from aha.template import THINK, Delimited, Instruct, Template
from aha.types import Example, Message

TooLong = Literal["stop", "skip", "cut"]


@dataclass(frozen=True)
class Audit:
    """What was found. `left_out`: rows that cannot be learned, each with its reason; `too_long`: rows beyond `limit` tokens, of which
    `cut` are learned without their end; `silent`: replies without a chain of thought; `turns`: rows whose earlier replies are only read."""

    source: str
    examples: int
    left_out: tuple[str, ...]
    limit: int
    too_long: int
    cut: int
    ended: int
    silent: int
    turns: int
    longest: int
    tokens: int
    learned: int
    end: str

    def lines(self) -> list[str]:
        """For a person, before the start."""
        counted = f"{self.examples:,} examples, {self.tokens:,} tokens, {self.learned:,} of them learned"
        said = [
            f"{self.source}: {counted}; the longest has {self.longest:,} of at most {self.limit:,}",
            f"{self.ended:,} of {self.examples:,} replies end with {self.end!r}, which is learned; the template reads every one back",
        ]
        if self.silent:
            said.append(f"{self.silent:,} replies have no chain of thought: an empty one is written")
        if self.turns:
            said.append(f"{self.turns:,} conversations hold several replies: the last one is learned, the others are read")
        if self.cut:
            said.append(f"{self.cut:,} replies are cut at {self.limit:,} tokens: they teach a reply that does not end")
        if self.too_long > self.cut:
            said.append(f"{self.too_long - self.cut:,} rows are longer than {self.limit:,} tokens and left out")
        if self.left_out:
            said.append(f"{len(self.left_out):,} rows cannot be learned and are left out; the first: {self.left_out[0]}")
        return said


@dataclass(frozen=True)
class Rules:
    """How rows are judged: `limit` tokens at most, and what is done with those that are longer or broken."""

    limit: int
    too_long: TooLong
    bad_rows: BadRows


def audited(source: str, loaded: LoadedExamples, template: Template, tokenizer: Tokenizer, rules: Rules) -> tuple[list[Lesson], Audit]:
    """The rows as lessons, and what was found. BadInput, in one line, for what would be learned wrong."""
    check_form(template, tokenizer)
    lessons, left_out, long = list[Lesson](), [str(each) for each in loaded.skipped], list[Lesson]()
    told = list[tuple[Message, ...]]()
    for example in loaded.examples:
        made = _lesson(example, template, tokenizer)
        if isinstance(made, str):
            if rules.bad_rows == "stop":
                raise BadInput(f"{source}, example {made}; --bad-rows skip leaves such rows out")
            left_out.append(made)
            continue
        if len(made) > rules.limit:
            long.append(made)
            if rules.too_long != "cut" or len(made.prompt) >= rules.limit:
                continue
            made = _cut(made, rules.limit)
        lessons.append(made)
        told.append(example.conversation.messages)
    _accept(source, loaded, lessons, left_out, long, rules)
    ended = sum(each.reply[-1] in tokenizer.stop for each in lessons)
    return lessons, Audit(
        source=source,
        examples=len(lessons),
        left_out=tuple(left_out),
        limit=rules.limit,
        too_long=len(long),
        cut=len(lessons) - ended,
        ended=ended,
        silent=sum(not messages[-1].thought for messages in told),
        turns=sum(any(message.role == "assistant" for message in messages[:-1]) for messages in told),
        longest=max(map(len, lessons)),
        tokens=sum(map(len, lessons)),
        learned=sum(len(each.reply) for each in lessons),
        end=tokenizer.decode([tokenizer.end]),
    )


def check_form(template: Template, tokenizer: Tokenizer) -> None:
    """BadInput where the template cannot be this model's: a delimiter that is no token, or a thought that the chat template opens too."""
    if tokenizer.end not in tokenizer.stop:
        raise BadInput(f"replies would end with {tokenizer.decode([tokenizer.end])!r}, at which nothing stops: name it as an end token")
    if isinstance(template, Delimited) and len(pieces := tokenizer.encode(template.token)) != 1:
        raise BadInput(
            f"template.token {template.token!r} is {len(pieces)} tokens for this model, and has to be one: set --template.token to a "
            "special token of its tokenizer that means nothing yet, or use --template instruct"
        )
    asked = template.prompt("?")
    if isinstance(asked, str):
        return
    opens = tokenizer.decode(tokenizer.chat(asked)[-16:]).rstrip().endswith(THINK)
    prefilled = isinstance(template, Instruct) and template.prefilled
    if opens and not prefilled:
        raise BadInput(f"the model's chat template opens {THINK} itself: say so with --template instruct --template.prefilled true")
    if prefilled and not opens:
        raise BadInput(f"template.prefilled is true, and the model's chat template does not open {THINK}: set it to false")


def _lesson(example: Example, template: Template, tokenizer: Tokenizer) -> Lesson | str:
    """The lesson, or in words why there is none."""
    try:
        made = lesson(example, template, tokenizer)
    except BadInput as error:
        return f"{example.id}: {error}"
    stops = [token for token in made.reply[:-1] if token in tokenizer.stop]
    if stops:
        return f"{example.id}: its reply holds the stop token {tokenizer.decode(stops[:1])!r}, and would teach to stop there"
    return _changed(example, made, template, tokenizer) or made


def _changed(example: Example, made: Lesson, template: Template, tokenizer: Tokenizer) -> str:
    """What is not read back from the tokens as it was written; empty where all is."""
    said = example.conversation.messages[-1]
    read = template.read(tokenizer.decode(made.reply[:-1]), len(made.reply), "stop")
    if read.answer is None:
        return f"{example.id}: {type(template).__name__} does not read it back: its text holds one of the template's own marks"
    for name, before, after in (("thought", said.thought or "", read.thought or ""), ("answer", said.content, read.answer)):
        one, other = (unicodedata.normalize("NFC", text).strip() for text in (before, after))
        if one != other:
            place = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
            seen = f"{one[place : place + 12]!r} comes back as {other[place : place + 12]!r}"
            return f"{example.id}: its {name} changes at character {place + 1}: {seen} from the template and the tokenizer"
    return ""


def _cut(made: Lesson, limit: int) -> Lesson:
    return Lesson(made.id, made.prompt, made.reply[: limit - len(made.prompt)])


def _accept(
    source: str, loaded: LoadedExamples, lessons: Sequence[Lesson], left_out: Sequence[str], long: Sequence[Lesson], rules: Rules
) -> None:
    total = len(loaded.examples) + len(loaded.skipped)
    if len(left_out) > MOST_SKIPPED * total:
        raise BadInput(f"{source}: {len(left_out)} of {total} rows cannot be learned, more than 1 %; the first: {left_out[0]}")
    longest = max(long, key=len, default=None)
    if longest is not None and rules.too_long == "stop":
        raise BadInput(
            f"{source}: {len(long)} of {total} examples are longer than {rules.limit:,} tokens (the longest, {longest.id}, has "
            f"{len(longest):,}): raise --max-tokens as far as the model knows positions, or leave them out with --too-long skip, or "
            "let them be cut with --too-long cut"
        )
    if not any(len(each.reply) for each in lessons):
        raise BadInput(f"{source}: not one of {total} examples is short enough to be learned; raise --max-tokens")
