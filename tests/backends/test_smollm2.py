"""A real pre-trained model: what it says is sense, and the same that the library it comes from would say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aha.backends.laptop import Laptop
from aha.protocols import Compute, Sampling
from aha.types import Conversation, Message
from tests.smollm2 import cache

pytestmark = pytest.mark.real


def test_the_real_model_speaks(smollm2: Path) -> None:
    chat = Laptop(Compute(device="cpu")).chat(str(smollm2))
    asked = Conversation((Message("user", "What is the capital of France?"),))
    ((_, [said]),) = chat.reply([asked], Sampling(temperature=0.0, max_tokens=16))
    assert said.text == "The capital of France is Paris."


def test_each_digit_is_a_token_of_its_own_and_two_blanks_are_one(smollm2: Path) -> None:
    tokenizer = Laptop().tokenizer(str(smollm2))
    assert [tokenizer.decode([token]) for token in tokenizer.encode("is  345")] == ["is", "  ", "3", "4", "5"]


def test_the_model_lies_outside_the_tree(smollm2: Path) -> None:
    assert smollm2.parent == cache() and not smollm2.is_relative_to(Path(__file__).parents[2])
    assert not any(path.is_symlink() for path in smollm2.iterdir()) and os.access(smollm2, os.R_OK)
