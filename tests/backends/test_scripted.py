from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from aha.backends.engine_chat import END, Bytes, ScriptedBackend, ScriptedEngine
from aha.errors import BadInput
from aha.protocols import Adam, Ask, ChatOptions, Engine, Sampling, Tokenizer, Weights
from aha.types import Completion, Conversation, Message


def ask(prompt: str, *seeds: int) -> Ask:
    return Ask(tuple(Bytes().encode(prompt)), seeds)


@given(st.text())
def test_every_text_comes_back(text):
    assert Bytes().decode(Bytes().encode(text)) == text


def test_the_end_shows_as_its_name():
    assert Bytes().decode([104, 105, END]) == "hi<|end|>"


def test_a_character_that_was_cut_shows_as_replaced():
    assert Bytes().decode("对".encode()[:2]) == "�"


def test_a_conversation_ends_with_the_assistants_header():
    tokens = Bytes().chat(Conversation((Message("user", "2 + 2?"),)))
    assert Bytes().decode(tokens) == "user: 2 + 2?\nassistant:"


def test_it_says_what_it_was_told_of_prompt_and_seed():
    engine = ScriptedEngine(lambda prompt, seed: f"{prompt}{seed}")
    groups = dict(engine.generate([ask("a", 1, 2), ask("b", 3)], Sampling()))
    assert [Bytes().decode(c.tokens) for c in groups[0]] == ["a1<|end|>", "a2<|end|>"]
    assert groups[1] == [Completion((98, 51, END), (0.0, 0.0, 0.0), "stop", 0)]


def test_a_reply_is_cut_at_max_tokens_and_the_end_counts_as_one():
    engine = ScriptedEngine(lambda prompt, seed: "abc")
    [(_, [whole])] = engine.generate([ask("", 0)], Sampling(max_tokens=4))
    [(_, [cut])] = engine.generate([ask("", 0)], Sampling(max_tokens=3))
    assert (len(whole.tokens), whole.finished) == (4, "stop")
    assert (len(cut.tokens), cut.finished) == (3, "length")


def test_completions_carry_the_version_that_was_loaded():
    class NoWeights:
        def __iter__(self) -> Iterator[tuple[str, Tensor]]:
            return iter(())

        def digest(self) -> str:
            return ""

        def snapshot(self) -> Weights:
            return self

        def save(self, path: Path) -> None:
            raise AssertionError("there is nothing to save")

    engine = ScriptedEngine(lambda prompt, seed: "")
    engine.load(NoWeights(), version=7)
    [(_, [completion])] = engine.generate([ask("", 0)], Sampling())
    assert completion.version == 7


def test_the_backend_opens_engines_that_know_their_model_and_fit_the_seams():
    backend = ScriptedBackend(lambda model, prompt, seed: model)
    engine: Engine = backend.engine("base")
    tokenizer: Tokenizer = backend.tokenizer("base")
    [(_, [completion])] = engine.generate([ask("", 0)], Sampling())
    assert tokenizer.decode(completion.tokens) == "base<|end|>"


def test_it_chats_as_it_was_told():
    backend = ScriptedBackend(lambda model, prompt, seed: f"{model} {seed}")
    conversation = Conversation((Message("user", "?"),))
    [(_, said)] = backend.chat("base", ChatOptions(samples=2, seed=3)).reply([conversation], Sampling())
    assert [each.text for each in said] == ["base 6", "base 7"]


def test_nothing_scripted_learns():
    backend = ScriptedBackend(lambda model, prompt, seed: "")
    with pytest.raises(BadInput, match="cannot learn"):
        backend.learner("base", Adam(), reference=False)
