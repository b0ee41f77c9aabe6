"""The audit before fine-tuning: every row is checked for faults that fine-tuning hides, and they are reported before any compute is spent.
It checks that every reply ends with a stop token that is learned, that the template reads back what it wrote, that rows are not cut, and
that the cold start's delimiter is one special token."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Literal

from aha.errors import BadInput
from aha.protocols import Tokenizer
from aha.sampling.rollouts import opens_thought
from aha.stages.tokenized_examples import TokenizedExample, TokenizedExamples, tokenize_example
from aha.tasks.examples import MOST_SKIPS, BadRows, ExampleRows, no_examples
from aha.tasks.reading import RefusedRow
from aha.template import ANSWER, END_ANSWER, END_THINK, THINK, Delimited, Instruct, Template
from aha.types import Conversation, Example, Message

TooLong = Literal["stop", "skip", "cut"]
MARKS = (THINK, END_THINK, ANSWER, END_ANSWER)
A_MARK = "A system prompt."
EARLIER = {
    False: "conversations hold several replies: the last one is learned, the others are read",
    True: "rows hold earlier replies, which are only read in them: each has a row of its own",
}
CHAT_MARKS = (  # of the chat templates of known models
    *(f"<|{name}|>" for name in ("im_start", "im_end", "endoftext", "end_of_text", "begin_of_text", "eot_id", "start_header_id")),
    *(f"<|{name}|>" for name in ("channel", "message", "return", "user", "assistant", "system")),
    *("<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<<SYS>>", "</s>", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>"),
)
DIGEST_LIMIT = 1_000_000  # rows of which repetitions are counted, in 60 MB
SHORTEST_QUESTION = 20  # letters; a reply may begin with a shorter one by chance
REASONS = 100  # the most reasons kept of rows that cannot be learned


@dataclass(frozen=True)
class Audit:
    """The result of an audit. `left_out`: the reasons for the first of the `unusable` rows, which cannot be learned; `columns`: the columns
    that were read, as what, and those that were not; `too_long`: rows beyond `limit` tokens, of which `cut` are learned without their end;
    `silent`: replies without a chain of thought; `turns`: rows with earlier replies, which are only read, and
    learned in rows of their own if `all_replies` is true; `echoes`: replies that begin with their question; `twice`: rows again;
    `marked`: rows with marks of other models' chat templates, as in `first_marked`."""

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
    columns: tuple[str, ...] = ()
    unusable: int = 0
    all_replies: bool = False
    echoes: int = 0
    twice: int = 0
    marked: int = 0
    first_marked: str = ""

    def lines(self) -> list[str]:
        """Return the audit as lines for a person, before the start."""
        totals = f"{self.examples:,} examples, {self.tokens:,} tokens, {self.learned:,} of them learned"
        lines = [
            f"{self.source}: {totals}; the longest has {self.longest:,} of at most {self.limit:,}",
            f"{self.ended:,} of {self.examples:,} replies end with {self.end!r}, which is learned; the template reads every one back",
        ]
        notes = {
            f"{self.silent:,} replies have no chain of thought: an empty one is written": self.silent,
            f"{self.turns:,} {EARLIER[self.all_replies]}": self.turns,
            f"{self.echoes:,} replies begin with their whole question, which is learned with them": self.echoes,
            f"{self.twice:,} rows are the same as an earlier one and learned once more": self.twice,
            f"{self.marked:,} rows have marks of another model's chat template, letters to this one ({self.first_marked})": self.marked,
            f"{self.cut:,} replies are cut at {self.limit:,} tokens: they teach a reply that does not end": self.cut,
            f"{self.too_long - self.cut:,} rows are longer than {self.limit:,} tokens and left out": self.too_long > self.cut,
            f"{self.unusable:,} rows cannot be learned and are left out; the first: {''.join(self.left_out[:1])}": self.left_out,
        }
        return [*lines, *(note for note, applies in notes.items() if applies), *self.columns]


@dataclass(frozen=True)
class AuditRules:
    """The rules for rows: at most `limit` tokens, and what happens to rows that are longer or broken."""

    limit: int
    too_long: TooLong
    bad_rows: BadRows


@dataclass
class _Count:
    """Counts taken while rows are read."""

    rows: int = 0
    left_out: int = 0
    reasons: list[str] = field(default_factory=list)
    long: int = 0
    worst: tuple[int, str] = (0, "")
    cut: int = 0
    silent: int = 0
    turns: int = 0
    all_replies: bool = False
    echoes: int = 0
    twice: int = 0
    digests: set[bytes] = field(default_factory=set)
    foreign: tuple[str, ...] = ()  # marks of chat templates that are letters to the tokenizer
    marked: int = 0
    first_marked: str = ""
    longest: int = 0
    tokens: int = 0
    target_tokens: int = 0
    domains: Counter[str] = field(default_factory=Counter)

    def leave_out(self, reason: str) -> None:
        self.left_out += 1
        if len(self.reasons) < REASONS:
            self.reasons.append(reason)


def _is_own(mark: str, tokenizer: Tokenizer) -> bool:
    """Return True if a mark is one token of the tokenizer, be it one that the model has no row for."""
    try:
        return len(tokenizer.encode(mark)) == 1
    except BadInput:
        return True


def audited_together(
    source: str, parts: Sequence[tuple[Iterable[Example | RefusedRow], float]], template: Template, tokenizer: Tokenizer, rules: AuditRules
) -> tuple[TokenizedExamples, Audit]:
    """Return the rows as training sequences, and the audit of them. Each part of the source has the number of times that its rows are in
    the set; a fraction is drawn by the rows' ids. BadInput for what would be learned wrong."""
    check_form(template, tokenizer)
    foreign = tuple(mark for mark in CHAT_MARKS if not _is_own(mark, tokenizer))
    sequences, count, columns = TokenizedExamples(), _Count(foreign=foreign), template_lines(template, tokenizer)
    for rows, weight in parts:
        count.all_replies |= isinstance(rows, ExampleRows) and rows.layout.replies == "all"
        for row in rows:
            count.rows += 1
            sequence = _lesson(row, template, tokenizer) if isinstance(row, Example) else str(row)
            if isinstance(sequence, str):
                if rules.bad_rows == "stop":
                    raise BadInput(
                        sequence if isinstance(row, RefusedRow) else f"{source}, example {sequence}; --bad-rows skip leaves such rows out"
                    )
                count.leave_out(sequence)
            elif isinstance(row, Example):
                _take(sequence, row, times_of(row.id, weight), sequences, count, rules)
        columns += rows.columns() if isinstance(rows, ExampleRows) else []
    _accept(source, sequences, count, rules)
    columns += _suffix_lines(source, template, count)
    return sequences, Audit(
        source=source,
        examples=len(sequences),
        left_out=tuple(count.reasons),
        unusable=count.left_out,
        limit=rules.limit,
        too_long=count.long,
        cut=count.cut,
        ended=len(sequences) - count.cut,
        silent=count.silent,
        turns=count.turns,
        all_replies=count.all_replies,
        echoes=count.echoes,
        twice=count.twice,
        marked=count.marked,
        first_marked=count.first_marked,
        longest=count.longest,
        tokens=count.tokens,
        learned=count.target_tokens,
        end=tokenizer.decode([tokenizer.end]),
        columns=tuple(columns),
    )


def _suffix_lines(source: str, template: Template, count: _Count) -> list[str]:
    """Return a line on how many questions get the template's suffix. BadInput if none does: their domains have other names."""
    if not isinstance(template, Instruct) or not template.suffix or template.domains is None:
        return []
    of_domains = sum(count.domains[name] for name in template.domains)
    if not of_domains:
        names = ", ".join(sorted(count.domains))
        raise BadInput(
            f"{source}: template.suffix belongs to the domains {', '.join(template.domains)}, and the rows are of {names}: "
            "--template.domains none lets all have it, --template.suffix '' none"
        )
    return [f"{of_domains:,} questions are of {', '.join(template.domains)} and end with the template's suffix"]


def times_of(name: str, weight: float) -> int:
    """Return how often a row is in a set where its source has this weight: the whole part, and once more for a share of the rows."""
    whole = int(weight)
    point = int.from_bytes(blake2b(f"weight {name}".encode("utf-8", "replace"), digest_size=8).digest(), "big")
    return whole + (point < (weight - whole) * 2**64)


def _take(sequence: TokenizedExample, example: Example, times: int, sequences: TokenizedExamples, count: _Count, rules: AuditRules) -> None:
    """Count the sequence and add it to the set `times` times, if it is short enough or may be cut."""
    if len(sequence) > rules.limit:
        count.long += 1
        count.worst = max(count.worst, (len(sequence), sequence.id))
        if rules.too_long != "cut" or len(sequence.prompt) >= rules.limit:
            return
        sequence = _cut(sequence, rules.limit)
        count.cut += times
    sequences.add(sequence, times)
    messages = example.conversation.messages
    count.domains[example.domain] += times
    count.silent += times * (not messages[-1].thought)
    count.turns += times * any(message.role == "assistant" for message in messages[:-1])
    count.echoes += times * _repeats(messages)
    count.twice += times * _is_known(sequence, count.digests)
    if mark := next((mark for mark in count.foreign if any(mark in message.content for message in messages)), ""):
        count.marked += times
        count.first_marked = count.first_marked or f"{example.id}: {mark!r}"
    count.longest = max(count.longest, len(sequence))
    count.tokens += times * len(sequence)
    count.target_tokens += times * len(sequence.reply)


def _repeats(messages: Sequence[Message]) -> bool:
    """Return True if the reply begins with the whole question: a text of both sides stands in its column."""
    question = messages[-2].content.strip() if len(messages) > 1 else ""
    return len(question) >= SHORTEST_QUESTION and messages[-1].content.lstrip().startswith(question)


def _is_known(sequence: TokenizedExample, digests: set[bytes]) -> bool:
    """Return True if the same tokens came before, among the first DIGEST_LIMIT rows."""
    digest = blake2b(sequence.prompt.tobytes() + b"|" + sequence.reply.tobytes(), digest_size=8).digest()
    if digest in digests:
        return True
    if len(digests) < DIGEST_LIMIT:
        digests.add(digest)
    return False


def check_form(template: Template, tokenizer: Tokenizer) -> None:
    """Raise BadInput if the template does not suit the model: its delimiter is not one token, or the chat template opens a thought too."""
    if tokenizer.end not in tokenizer.stop:
        raise BadInput(f"replies would end with {tokenizer.decode([tokenizer.end])!r}, at which nothing stops: name it as an end token")
    if isinstance(template, Delimited) and len(pieces := tokenizer.encode(template.token)) != 1:
        raise BadInput(
            f"template.token {template.token!r} is {len(pieces)} tokens for this model, and has to be one: set --template.token to a "
            "special token of its tokenizer that means nothing yet, or use --template instruct"
        )
    conversation = template.prompt("?")
    if isinstance(conversation, str):
        return
    opens = opens_thought(tokenizer, tokenizer.chat(conversation))
    has_prefill = isinstance(template, Instruct) and template.prefilled
    if opens and not has_prefill:
        raise BadInput(f"the model's chat template opens {THINK} itself: say so with --template instruct --template.prefilled true")
    if has_prefill and not opens:
        raise BadInput(f"template.prefilled is true, and the model's chat template does not open {THINK}: set it to false")


def template_lines(template: Template, tokenizer: Tokenizer) -> list[str]:
    """Return a line about the system prompt that the model's chat template inserts by itself, and one about a header that it leaves out."""
    conversation = template.prompt("?")
    if isinstance(conversation, str):
        return []
    lines = []
    if heading := left_out_header(tokenizer, conversation):
        lead = f"the model's chat template writes {heading[:80]!r} before earlier replies and not where a reply is asked for"
        lines.append(f"{lead}: the model learns and samples replies without it; let the template heed add_generation_prompt")
    if any(message.role == "system" for message in conversation.messages):
        return lines
    if system := inserted_system(tokenizer, conversation):
        problem = f"the model's chat template inserts a system prompt of its own, {system[:80]!r}"
        lines.append(f"{problem}: --template.system '' leaves it empty, --template.system TEXT puts another in its place")
    return lines


def left_out_header(tokenizer: Tokenizer, conversation: Conversation) -> str:
    """Return what a chat template writes between a question and its reply, but not after the last question. It is none if the template
    ends a conversation otherwise than it parts two turns, with a header of which it may leave the rest (a channel) to the model."""
    question, reply, last = (f"{A_MARK}{number}" for number in range(3))
    messages = (Message("user", question), Message("assistant", reply), Message("user", last))
    try:
        whole, shorter = (tokenizer.decode(tokenizer.chat(replace(conversation, messages=messages[:count]))) for count in (3, 2))
    except BadInput:  # the template takes one question only
        return ""
    if not whole.partition(reply)[2].startswith(shorter.partition(reply)[2]):
        return ""
    between, end = whole.partition(question)[2].partition(reply)[0], whole.rpartition(last)[2]
    return between[len(end) :].strip() if between.startswith(end) else ""


def inserted_system(tokenizer: Tokenizer, conversation: Conversation) -> str:
    """Return the system prompt that a chat template inserts if nobody gives one; empty if it inserts none."""
    try:
        bare = tokenizer.decode(tokenizer.chat(conversation))
        text = tokenizer.decode(tokenizer.chat(replace(conversation, messages=(Message("system", A_MARK), *conversation.messages))))
    except BadInput:  # a template that takes no system message inserts none
        return ""
    before, mark, after = text.partition(A_MARK)
    if not mark or not bare.startswith(before) or not bare.endswith(after) or len(bare) < len(before) + len(after):
        return ""
    return bare[len(before) : len(bare) - len(after)].strip()


def _lesson(example: Example, template: Template, tokenizer: Tokenizer) -> TokenizedExample | str:
    """Return the sequence, or the reason in words why there is none."""
    try:
        sequence = tokenize_example(example, template, tokenizer)
    except BadInput as error:
        return f"{example.id}: {error}"
    stops = [token for token in sequence.reply[:-1] if token in tokenizer.stop]
    if stops:
        return f"{example.id}: its reply holds the stop token {tokenizer.decode(stops[:1])!r}, and would teach to stop there"
    return _difference(example, sequence, template, tokenizer) or sequence


def _difference(example: Example, sequence: TokenizedExample, template: Template, tokenizer: Tokenizer) -> str:
    """Return how the text read back from the tokens differs from what was written; empty if it does not."""
    message = example.conversation.messages[-1]
    read = template.read(tokenizer.decode(sequence.reply[:-1]), len(sequence.reply), "stop")
    if read.answer is None:
        mark = next((mark for mark in MARKS if mark in f"{message.thought or ''} {message.content}"), "one")
        return f"{example.id}: {type(template).__name__} does not read it back: its text holds {mark} of the template's own marks"
    for name, before, after in (("thought", message.thought or "", read.thought or ""), ("answer", message.content, read.answer)):
        first, second = (unicodedata.normalize("NFC", text).strip() for text in (before, after))
        if first != second:
            place = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second)))
            seen = f"{first[place : place + 12]!r} comes back as {second[place : place + 12]!r}"
            return f"{example.id}: its {name} changes at character {place + 1}: {seen} from the template and the tokenizer"
    return ""


def _cut(sequence: TokenizedExample, limit: int) -> TokenizedExample:
    return TokenizedExample(sequence.id, sequence.prompt, sequence.reply[: limit - len(sequence.prompt)])


def _accept(source: str, sequences: TokenizedExamples, count: _Count, rules: AuditRules) -> None:
    if not count.rows:
        raise BadInput(no_examples(source))
    if count.left_out > MOST_SKIPS * count.rows:
        raise BadInput(f"{source}: {count.left_out} of {count.rows} rows cannot be learned, more than 1 %; the first: {count.reasons[0]}")
    if count.long and rules.too_long == "stop":
        longest, name = count.worst
        raise BadInput(
            f"{source}: {count.long} of {count.rows} examples are longer than {rules.limit:,} tokens (the longest, {name}, has "
            f"{longest:,}): raise --max-tokens as far as the model knows positions, or leave them out with --too-long skip, or "
            "let them be cut with --too-long cut"
        )
    if not len(sequences):
        raise BadInput(f"{source}: not one of {count.rows} examples has at most {rules.limit:,} tokens, the most that is learned here")
