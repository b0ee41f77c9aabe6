"""A real pre-trained model: what it says is sense, and the same that the library it comes from would say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from aha.backends.local_backend import LocalBackend
from aha.protocols import Ask, Compute, Engine, Sampling
from aha.types import Conversation, Message
from tests.smollm2 import cache

pytestmark = pytest.mark.real


def test_the_real_model_speaks(smollm2: Path) -> None:
    chat = LocalBackend(Compute(device="cpu")).chat(str(smollm2))
    asked = Conversation((Message("user", "What is the capital of France?"),))
    ((_, [said]),) = chat.reply([asked], Sampling(temperature=0.0, max_tokens=16))
    assert said.text == "The capital of France is Paris."


def test_each_digit_is_a_token_of_its_own_and_two_blanks_are_one(smollm2: Path) -> None:
    tokenizer = LocalBackend().tokenizer(str(smollm2))
    assert [tokenizer.decode([token]) for token in tokenizer.encode("is  345")] == ["is", "  ", "3", "4", "5"]


def test_the_model_lies_outside_the_tree(smollm2: Path) -> None:
    assert smollm2.parent == cache() and not smollm2.is_relative_to(Path(__file__).parents[2])
    assert not any(path.is_symlink() for path in smollm2.iterdir()) and os.access(smollm2, os.R_OK)


# --- the engine beside the library that the model comes from ----------------------------------------------------------

PROMPTS = (
    "What is the capital of France?",
    "Who wrote Romeo and Juliet?",
    "Name three animals that can fly.",
    "What is 17 plus 25?",
    "Anna has 12 apples and gives 5 to Ben. How many apples does she have left?",
    "Write a haiku about the sea.",
    "Translate 'good morning' into German.",
    "Explain in one sentence why the sky is blue.",
    "Write a Python function that returns the largest of three numbers.",
    "List the days of the week.",
    "What do bees make?",
    "Give me a short recipe for pancakes.",
    "Is a whale a fish? Answer yes or no, and say why.",
    "Spell the word 'banana' backwards.",
    "Write a polite reply to an email that asks for a refund.",
    "Summarise this: The cat sat on the mat. The dog lay beside it. Both slept until the evening.",
    "2024-02-29 is the 60th day of its year. True?",
    "法国的首都是哪里？",
    "¿Cuántos días tiene una semana?",
    "Once upon a time there was a dragon who was afraid of mice. Go on with the story.",
)
LONGEST = 32


@pytest.fixture(scope="module")
def plain(smollm2: Path) -> Any:
    """The model as transformers has it."""
    return AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def opened(smollm2: Path) -> tuple[Engine, list[tuple[int, ...]]]:
    """Our engine, and the questions in the model's own chat template."""
    laptop = LocalBackend(Compute(device="cpu"))
    tokenizer = laptop.tokenizer(str(smollm2))
    return laptop.engine(str(smollm2)), [tuple(tokenizer.chat(Conversation((Message("user", text),)))) for text in PROMPTS]


def test_greedy_tokens_of_twenty_prompts_are_those_of_transformers(plain: Any, opened: tuple[Engine, list[tuple[int, ...]]]) -> None:
    engine, prompts = opened
    replies = dict(engine.generate([Ask(prompt, (0,)) for prompt in prompts], Sampling(temperature=0.0, max_tokens=LONGEST)))
    theirs = [
        plain.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), do_sample=False, max_new_tokens=LONGEST)
        for prompt in prompts
    ]
    assert [list(replies[i][0].tokens) for i in range(len(prompts))] == [
        row_T[0, len(prompt) :].tolist() for prompt, row_T in zip(prompts, theirs, strict=True)
    ]


def test_sampled_log_probabilities_are_those_of_a_forward_pass(plain: Any, opened: tuple[Engine, list[tuple[int, ...]]]) -> None:
    engine, prompts = opened
    apart = 0.0
    for i, (completion,) in engine.generate([Ask(prompt, (7 * i,)) for i, prompt in enumerate(prompts)], Sampling(max_tokens=LONGEST)):
        row = torch.tensor([[*prompts[i], *completion.tokens]])
        with torch.no_grad():
            logp_TV = torch.log_softmax(plain(row, use_cache=False).logits[0], -1)
        start = len(prompts[i])
        own = logp_TV[start - 1 : -1].gather(-1, row[0, start:, None])[:, 0]
        apart = max(apart, (torch.tensor(completion.logprobs) - own).abs().max().item())
    print(f"largest difference of {len(prompts)} sampled replies: {apart:.2e}")
    assert apart < 1e-4
