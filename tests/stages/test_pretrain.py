"""Pretraining: the rate over its chunks, and steps that are a function of their place."""

from __future__ import annotations

import pytest

from aha.backends.hf import HFTokenizer, load_tokenizer
from aha.stages.pretrain import Pretrain

STAGE = Pretrain("nowhere", chunks=10, decay_from=0.5, decay_to=0.01, chunk_documents=60, step_tokens=500)


@pytest.mark.parametrize(("done", "rate"), [(0.0, 1.0), (4.9, 1.0), (7.5, 0.5), (9.0, 0.2), (9.99, 0.01), (10.0, 0.01)])
def test_the_rate_holds_and_then_falls(done: float, rate: float) -> None:
    assert STAGE.rate_at(done) == pytest.approx(rate, abs=1e-9)


@pytest.fixture(scope="module")
def tokenizer() -> HFTokenizer:
    return load_tokenizer("tiny")


def test_the_steps_of_a_chunk_hold_its_documents_once_each_in_the_same_order_every_time(tokenizer: HFTokenizer) -> None:
    steps = STAGE._steps(3, tokenizer)
    assert sum(map(len, steps)) == 60
    assert steps == STAGE._steps(3, tokenizer) != STAGE._steps(4, tokenizer)
    assert all(row[-1] == tokenizer.stop[0] for step in steps for row in step)


def test_a_step_keeps_to_its_tokens_and_to_documents_of_like_length(tokenizer: HFTokenizer) -> None:
    for step in STAGE._steps(0, tokenizer):
        assert len(step) == 1 or len(step) * max(map(len, step)) <= 500
