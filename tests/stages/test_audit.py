"""The audit: each thing that would be learned wrong is told in one line, before anything is learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import pytest

from aha.backends.engine_chat import Bytes
from aha.backends.hf import HFTokenizer, load_tokenizer
from aha.errors import BadInput
from aha.stages.audit import Audit, AuditRules, audited_together, check_form
from aha.stages.tokenized_examples import TokenizedExamples
from aha.tasks.reading import RefusedRow
from aha.template import Delimited, Instruct, Short, Template
from aha.types import Conversation, Example, Message

RULES = AuditRules(limit=40, too_long="stop", bad_rows="stop")
TINY = Delimited()


@pytest.fixture(scope="module")
def tokenizer() -> HFTokenizer:
    return load_tokenizer("tiny")


def example(name: str, answer: str, thought: str | None = "1 + 2", *before: Message) -> Example:
    return Example(name, "sums", "en", Conversation((*before, Message("user", "use 1 2"), Message("assistant", answer, thought))))


def loaded(*examples: Example, skipped: tuple[RefusedRow, ...] = ()) -> list[Example | RefusedRow]:
    return [*examples, *skipped]


def audit_rows(
    source: str, rows: list[Example | RefusedRow], template: Template, tokenizer: HFTokenizer | Bytes, rules: AuditRules
) -> tuple[TokenizedExamples, Audit]:
    return audited_together(source, [(rows, 1.0)], template, tokenizer, rules)


GOOD = example("good", "3")


def refusal(tokenizer: HFTokenizer | Bytes, rows: list[Example | RefusedRow], template: Template = TINY, rules: AuditRules = RULES) -> str:
    with pytest.raises(BadInput) as refused:
        audit_rows("file.jsonl", rows, template, tokenizer, rules)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_is_found_is_counted(tokenizer: HFTokenizer) -> None:
    turns = (Message("user", "hello"), Message("assistant", "hello"))
    sequences, audit = audit_rows(
        "file.jsonl", loaded(GOOD, example("b", "3", ""), example("c", "4", None, *turns)), TINY, tokenizer, RULES
    )
    assert [len(sequence) for sequence in sequences] == [13, 10, 15]
    assert (audit.examples, audit.ended, audit.cut, audit.silent, audit.turns) == (3, 3, 0, 2, 1)
    assert (audit.longest, audit.tokens, audit.learned, audit.end) == (15, 38, 7 + 4 + 4, "<|end|>")
    assert audit.lines() == [
        "file.jsonl: 3 examples, 38 tokens, 15 of them learned; the longest has 15 of at most 40",
        "3 of 3 replies end with '<|end|>', which is learned; the template reads every one back",
        "2 replies have no chain of thought: an empty one is written",
        "1 conversations hold several replies: the last one is learned, the others are read",
    ]


# --- rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "thought", "template", "reason"),
    [
        ("3<|end|>4", "1", TINY, "bad: its reply holds the stop token '<|end|>', and would teach to stop there"),
        ("3<|reasoning|>", "1", TINY, "bad: Delimited does not read it back: its text holds one of the template's own marks"),
        ("3", "a </think> b", Instruct(), "bad: Instruct does not read it back"),
        ("<answer> 3 </answer>", "1", Short(), "bad: Short does not read it back"),
    ],
)
def test_a_row_that_would_teach_something_else_is_refused(
    tokenizer: HFTokenizer, answer: str, thought: str, template: Template, reason: str
) -> None:
    said = refusal(tokenizer, loaded(GOOD, example("bad", answer, thought)), template)
    assert said.startswith(f"file.jsonl, example {reason}") and said.endswith("--bad-rows skip leaves such rows out")


@dataclass(frozen=True)
class Lower(Bytes):
    """A tokenizer that does not round-trip."""

    def encode(self, text: str) -> list[int]:
        return super().encode(text.lower())


def test_a_tokenizer_that_changes_the_text_is_shown_where() -> None:
    said = refusal(Lower(), loaded(example("bad", "the Sum is 3")), Short(), replace(RULES, limit=999))
    assert "bad: its answer changes at character 5: 'Sum is 3' comes back as 'sum is 3'" in said


def test_text_that_is_only_composed_differently_is_no_change(tokenizer: HFTokenizer) -> None:
    assert audit_rows("f", loaded(example("a", "cafe\u0301")), TINY, tokenizer, RULES)[1].examples == 1


def test_bad_rows_are_left_out_when_asked_up_to_one_in_a_hundred(tokenizer: HFTokenizer) -> None:
    skip = replace(RULES, bad_rows="skip")
    many = [example(str(number), "3") for number in range(99)]
    sequences, audit = audit_rows("f", loaded(*many, example("bad", "3<|end|>4")), TINY, tokenizer, skip)
    assert len(sequences) == 99 and len(audit.left_out) == 1 and "left out; the first: bad: its reply holds" in audit.lines()[-1]
    skipped = (RefusedRow("f, line 3", "not JSON"),)
    assert "2 of 101 rows cannot be learned, more than 1 %; the first: bad: its reply holds" in refusal(
        tokenizer, loaded(*many, example("bad", "3<|end|>4"), skipped=skipped), rules=skip
    )


# --- rows that are too long -------------------------------------------------------------------------------------------

LONG = example("long", "9", " ".join(["1 + 2"] * 10))  # 3 tokens ten times, and the 10 that any has


def test_rows_that_would_be_cut_stop_the_run_with_what_would_help(tokenizer: HFTokenizer) -> None:
    said = refusal(tokenizer, loaded(GOOD, LONG), rules=replace(RULES, limit=20))
    assert said == (
        "file.jsonl: 1 of 2 examples are longer than 20 tokens (the longest, long, has 40): raise --max-tokens as far as the model knows "
        "positions, or leave them out with --too-long skip, or let them be cut with --too-long cut"
    )


def test_long_rows_are_left_out_or_cut_when_asked_and_counted(tokenizer: HFTokenizer) -> None:
    sequences, audit = audit_rows("f", loaded(GOOD, LONG), TINY, tokenizer, replace(RULES, limit=20, too_long="skip"))
    assert [sequence.id for sequence in sequences] == ["good"] and (audit.too_long, audit.cut) == (1, 0)
    assert "1 rows are longer than 20 tokens and left out" in audit.lines()
    sequences, audit = audit_rows("f", loaded(GOOD, LONG), TINY, tokenizer, replace(RULES, limit=20, too_long="cut"))
    assert [len(sequence) for sequence in sequences] == [13, 20] and (audit.too_long, audit.cut, audit.ended) == (1, 1, 1)
    assert sequences[1].reply[-1] not in tokenizer.stop
    assert "1 replies are cut at 20 tokens: they teach a reply that does not end" in audit.lines()


def test_nothing_that_is_short_enough_is_refused(tokenizer: HFTokenizer) -> None:
    assert "not one of 1 examples has at most 20 tokens" in refusal(
        tokenizer, loaded(LONG), rules=replace(RULES, limit=20, too_long="skip")
    )


# --- the form ---------------------------------------------------------------------------------------------------------


def test_the_delimiter_has_to_be_one_token(tokenizer: HFTokenizer) -> None:
    check_form(TINY, tokenizer)
    with pytest.raises(BadInput, match=r"template.token '<\|nothing\|>' is \d+ tokens for this model, and has to be one"):
        check_form(Delimited("<|nothing|>"), tokenizer)


@dataclass(frozen=True)
class Opening(Bytes):
    """A chat template that opens the thought."""

    def chat(self, conversation: Conversation, options: Mapping[str, object] = MappingProxyType({})) -> list[int]:
        return [*super().chat(conversation, options), *self.encode("<think>\n")]


def test_who_opens_the_thought_has_to_be_said() -> None:
    check_form(Instruct(prefilled=True), Opening())
    with pytest.raises(BadInput, match="opens <think> itself: say so with --template instruct --template.prefilled true"):
        check_form(Instruct(), Opening())
    with pytest.raises(BadInput, match="does not open <think>: set it to false"):
        check_form(Instruct(prefilled=True), Bytes())


@dataclass(frozen=True)
class Endless(Bytes):
    end: int = 65


def test_an_end_that_stops_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="replies would end with 'A', at which nothing stops"):
        check_form(Short(), Endless())


# --- the suffix, and columns ----------------------------------------------------------------------------------------------


def test_a_suffix_is_for_its_domain_and_a_set_without_that_domain_is_refused(tokenizer: HFTokenizer) -> None:
    rules = replace(RULES, limit=400)
    boxed = Instruct(suffix="show it", domains=("sums",))
    sequences, audit = audit_rows("f", loaded(GOOD, replace(GOOD, id="poem", domain="poems")), boxed, tokenizer, rules)
    assert len(sequences[0].prompt) > len(sequences[1].prompt)
    assert audit.lines()[-1] == "1 questions are of sums and end with the template's suffix"
    said = refusal(tokenizer, loaded(GOOD), Instruct(suffix="show it"), rules)
    assert "template.suffix belongs to the domains math, and the rows are of sums: --template.domains none lets all have it" in said


def test_sources_with_weights_stand_in_the_set_so_often(tokenizer: HFTokenizer) -> None:
    many = [example(str(number), "3") for number in range(400)]
    sequences, audit = audited_together("f", [([GOOD], 2.0), (many, 0.5)], TINY, tokenizer, RULES)
    names = [sequence.id for sequence in sequences]
    assert names.count("good") == 2 and 150 < len(names) - 2 < 250 and len(set(names)) == len(names) - 1
    assert audit.examples == len(names) and audit.tokens == sum(map(len, sequences))


def test_lessons_beyond_memory_are_the_same(tokenizer: HFTokenizer) -> None:
    sequences, _ = audit_rows("f", loaded(*(example(str(number), "3 4") for number in range(20))), TINY, tokenizer, RULES)
    assert (
        list(TokenizedExamples(sequences, memory=16)) == list(sequences)
        and TokenizedExamples(sequences, memory=16)[3:5] == list(sequences)[3:5]
    )


def test_what_is_learned_twice_is_counted(tokenizer: HFTokenizer) -> None:
    long = "use the numbers 1 2 3"
    whole = Example("c", "sums", "en", Conversation((Message("user", long), Message("assistant", f"{long} 3", "1"))))
    _, audit = audit_rows("file.jsonl", loaded(GOOD, replace(GOOD, id="b"), whole), TINY, tokenizer, RULES)
    assert (audit.twice, audit.echoes) == (1, 1)
    assert "1 rows are the same as an earlier one and learned once more" in audit.lines()
    assert "1 replies begin with their whole question, which is learned with them" in audit.lines()


def test_of_a_reply_that_is_not_read_back_the_mark_is_named(tokenizer: HFTokenizer) -> None:
    said = refusal(Bytes(), [example("a", "x <think> y")], Instruct(suffix=""))
    assert "its text holds <think> of the template's own marks" in said


def test_marks_of_another_models_chats_are_counted_and_those_that_the_tokenizer_knows_are_not(tokenizer: HFTokenizer) -> None:
    turns = (Message("user", "[INST] 2 + 2 [/INST]"), Message("assistant", "4"))
    rows = loaded(GOOD, example("r", "3 <|eot_id|>"), example("s", "4", None, *turns))
    _, audit = audit_rows("file.jsonl", rows, TINY, tokenizer, replace(RULES, limit=99))
    assert (audit.marked, audit.first_marked) == (2, "r: '<|eot_id|>'")
    assert any(line.startswith("2 rows have marks of another model's chat template") for line in audit.lines())
