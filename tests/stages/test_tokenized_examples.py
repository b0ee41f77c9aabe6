"""Examples as tokens: where the prompt ends, what is learned, and what the loss is on a few tokens counted by hand."""

from __future__ import annotations

from array import array

import pytest
import torch

from aha.backends.engine_chat import END, Bytes
from aha.backends.hf import HFTokenizer, load_tokenizer
from aha.batch import Batch
from aha.errors import BadInput
from aha.learning import Batching, loss_function
from aha.objectives import CrossEntropy
from aha.protocols import Outputs
from aha.stages.tokenized_examples import TokenizedExample, question, rows_and_marks, tokenize_example
from aha.template import Delimited, Instruct, R1Zero, Short, Template
from aha.types import Conversation, Example, Message

ASKED, SAID = Message("user", "1 + 1?"), Message("assistant", "2", "one and one")


def example(*messages: Message) -> Example:
    return Example("a", "sums", "en", Conversation(messages))


@pytest.fixture(scope="module")
def tokenizer() -> HFTokenizer:
    return load_tokenizer("tiny")


def test_a_lesson_is_the_prompt_as_it_is_asked_and_the_reply_as_it_is_written_with_its_end(tokenizer: HFTokenizer) -> None:
    made = tokenize_example(example(ASKED, SAID), Delimited(), tokenizer)
    assert list(made.prompt) == tokenizer.chat(Conversation((ASKED,)))
    assert tokenizer.decode(made.prompt) == "<|user|>1 + 1?<|assistant|>"
    assert tokenizer.decode(made.reply) == "<|reasoning|> one and one<|reasoning|> 2<|end|>"
    assert len(made) == len(made.prompt) + len(made.reply)


@pytest.mark.parametrize(
    ("template", "reply"),
    [
        (Short(), " <think> one and one </think> <answer> 2 </answer>"),
        (Short(prefilled=True), " one and one </think> <answer> 2 </answer>"),
        (R1Zero(), " <think> one and one </think> <answer> 2 </answer>"),
        (Instruct(), "<think>\none and one\n</think>\n\n2"),
        (Instruct(prefilled=True), "\none and one\n</think>\n\n2"),
    ],
)
def test_a_reply_is_written_by_the_template_whatever_form_it_had_in_the_file(template: Template, reply: str) -> None:
    made = tokenize_example(example(ASKED, SAID), template, Bytes())
    assert Bytes().decode(made.reply) == reply + "<|end|>"


@pytest.mark.parametrize("thought", [None, ""])
def test_without_a_chain_of_thought_an_empty_one_is_learned(thought: str | None) -> None:
    made = tokenize_example(example(ASKED, Message("assistant", "hello", thought)), Delimited(), Bytes())
    assert Bytes().decode(made.reply) == "<|reasoning|><|reasoning|> hello<|end|>"


def test_earlier_turns_are_read_without_their_thoughts_and_the_last_question_as_the_template_asks_it() -> None:
    system, again = Message("system", "be brief"), Message("user", "and 2 + 2?")
    told = Conversation((system, ASKED, SAID, again, Message("assistant", "4")))
    assert question(told, Instruct(suffix="Box it."), "math") == Conversation(
        (system, ASKED, Message("assistant", "2"), Message("user", "and 2 + 2?\nBox it."))
    )
    assert question(Conversation((ASKED, SAID)), Instruct(suffix="", system="be kind"), "math") == Conversation(
        (Message("system", "be kind"), ASKED)
    )
    assert question(told, Instruct(suffix="", system="be kind"), "math") == Conversation((system, ASKED, Message("assistant", "2"), again))


def test_a_template_without_roles_asks_one_question() -> None:
    with pytest.raises(BadInput, match="3 messages before the reply: Short asks one question"):
        tokenize_example(example(ASKED, SAID, ASKED, SAID), Short(), Bytes())


# --- the loss, by hand ------------------------------------------------------------------------------------------------


def collate_lessons(sequences: list[TokenizedExample]) -> Batch:
    return Batching().text_batch(*rows_and_marks(sequences), packed=True)


def row(prompt: list[int], reply: list[int]) -> TokenizedExample:
    return TokenizedExample("x", array("i", prompt), array("i", reply))


def test_replies_alone_are_learned_and_every_learned_token_of_the_step_counts_alike() -> None:
    batch = collate_lessons([row([5, 6, 7], [8, END]), row([5], [9, 4, 3, END])])
    assert batch.tokens_N.tolist() == [5, 6, 7, 8, END, 5, 9, 4, 3, END]
    assert batch.trained_N.tolist() == [False, False, False, True, True, False, True, True, True, True]
    assert batch.weight_M.tolist() == pytest.approx([1 / 6] * 6)  # not 1/4 and 1/8: a token-mean over the step, not over each row


def test_the_loss_is_the_mean_surprise_of_the_replies_tokens() -> None:
    batch = collate_lessons([row([5, 6, 7], [8, END]), row([5], [9, END])])
    logp_M = torch.tensor([0.5, 0.25, 0.125, 0.5]).log()
    loss, metrics = loss_function(CrossEntropy())(Outputs(logp_M), batch)
    assert loss.item() == pytest.approx((1 + 2 + 3 + 1) / 4 * 0.6931472)  # in bits: 7 of 4 tokens
    assert metrics["loss"] == pytest.approx(loss.item())


def test_pieces_of_a_step_add_up_to_its_loss() -> None:
    batch = collate_lessons([row([5, 6, 7], [8, END]), row([5], [9, 4, 3, END]), row([5, 6], [1])])
    logp_M = torch.linspace(-3, -0.1, batch.M)
    whole = loss_function(CrossEntropy())(Outputs(logp_M), batch)[0].item()
    pieces = [batch.rows([rows]) for rows in range(3)]
    parts = [loss_function(CrossEntropy())(Outputs(logp_M[batch.row_M == number]), piece)[0].item() for number, piece in enumerate(pieces)]
    assert sum(parts) == pytest.approx(whole) and batch.packed and all(piece.packed for piece in pieces)
