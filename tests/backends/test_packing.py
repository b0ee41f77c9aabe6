"""Packed rows: the same log-probabilities and gradients as one by one, and nothing of one row in another."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import BloomConfig, BloomForCausalLM, FalconConfig, FalconForCausalLM

from aha.backends.packing import PackLayout
from aha.backends.torch_learner import TorchLearner
from aha.batch import Batch, collate_documents
from aha.objectives import CrossEntropy
from aha.protocols import Adam, Compute
from tests.backends.models import KINDS, VOCABULARY, built, named
from tests.counts import ordinary

LENGTHS = (9, 31, 3, 30, 17, 2, 8, 23)
PACKS = [kind for kind in KINDS if kind[0] != "gemma2"]  # its scores are capped, which PyTorch's attention cannot


def rows(seed: int = 0) -> list[list[int]]:
    draw = random.Random(seed)
    return [[draw.randrange(VOCABULARY) for _ in range(length)] for length in LENGTHS]


def batch(*, packed: bool, documents: list[list[int]] | None = None) -> Batch:
    """The second half of each row is trained."""
    documents = documents or rows()
    marks = [[place >= len(row) // 2 for place in range(len(row))] for row in documents]
    return collate_documents(documents, marks, packed=packed)


def learner(kind: tuple[str, bool], **compute: Any) -> TorchLearner:
    return TorchLearner(built(*kind), Adam(), Compute(device="cpu", **compute), reference=False)


def gradient(made: TorchLearner, of: Batch) -> tuple[float, dict[str, Tensor]]:
    (share,) = made.division.shares(of)
    loss, _ = made._gradient(share, CrossEntropy())
    return loss, {name: weight.grad.clone() for name, weight in made.parameters.items() if weight.grad is not None}


@pytest.mark.parametrize("kind", ordinary(PACKS, *PACKS[::2]), ids=named)
def test_a_packed_step_has_the_gradient_of_its_rows_one_by_one(kind: tuple[str, bool]) -> None:
    together, alone = learner(kind, micro_tokens=1000), learner(kind, micro_tokens=1)
    assert together.policy.packs
    loss, packed = gradient(together, batch(packed=True))
    want, single = gradient(alone, batch(packed=False))
    assert loss == pytest.approx(want, rel=1e-5) and packed.keys() == single.keys()
    for name, grad in single.items():
        torch.testing.assert_close(packed[name], grad, rtol=1e-4, atol=1e-5 * max(1.0, grad.abs().max().item()), msg=name)


@pytest.mark.parametrize("kind", PACKS, ids=named)
def test_another_document_beside_it_changes_no_bit_of_a_row(kind: tuple[str, bool]) -> None:
    made, one, other = learner(kind, micro_tokens=1000), rows(), rows()
    other[1] = [(token + 1) % VOCABULARY for token in other[1]]
    first, second = (made.logprobs(batch(packed=True, documents=each), "policy") for each in (one, other))
    mine = batch(packed=True).row_M == 1
    assert torch.equal(first[~mine], second[~mine]) and not torch.equal(first[mine], second[mine])


@pytest.mark.parametrize("kind", ordinary(PACKS[:6:2], PACKS[0]), ids=named)
def test_the_gradient_does_not_depend_on_the_size_of_a_pack_or_on_recomputing(kind: tuple[str, bool]) -> None:
    _, whole = gradient(learner(kind, micro_tokens=1000), batch(packed=True))
    for compute in ({"micro_tokens": 40}, {"micro_tokens": 1000, "checkpointing": True}):
        _, other = gradient(learner(kind, **compute), batch(packed=True))
        for name, grad in whole.items():
            torch.testing.assert_close(other[name], grad, rtol=1e-4, atol=1e-5 * max(1.0, grad.abs().max().item()), msg=name)


@pytest.mark.parametrize(
    "model",
    [
        lambda: BloomForCausalLM(BloomConfig(vocab_size=61, hidden_size=16, n_layer=2, n_head=2)),
        lambda: FalconForCausalLM(FalconConfig(vocab_size=61, hidden_size=16, num_hidden_layers=2, num_attention_heads=2)),
        lambda: built("gemma2", True),
    ],
    ids=["bloom", "falcon", "gemma2"],
)
def test_a_family_that_cannot_pack_is_padded_and_learns_the_same(model: Any) -> None:
    made = TorchLearner(model(), Adam(), Compute(device="cpu"), reference=False)
    assert not made.policy.packs
    assert torch.equal(made.logprobs(batch(packed=True), "policy"), made.logprobs(batch(packed=False), "policy"))


def test_packing_is_asked_for_by_the_batch_alone() -> None:
    """Batches of RL and pretraining are padded as ever, to the bit."""
    made = learner(("llama", True))
    padded = made.logprobs(batch(packed=False), "policy")
    assert torch.equal(made.logprobs(replace(batch(packed=True), packed=False), "policy"), padded)
    torch.testing.assert_close(made.logprobs(batch(packed=True), "policy"), padded, rtol=1e-4, atol=1e-5)


def test_rows_of_like_length_are_attended_together() -> None:
    layout = PackLayout.of([4, 9, 8, 3, 1], torch.device("cpu"))
    assert [(part.rows, part.width) for part in layout.parts] == [(2, 9), (2, 4), (1, 1)]  # 8 >= 0.75 * 9; 3 >= 0.75 * 4
    assert layout.position_N.tolist() == [*range(4), *range(9), *range(8), *range(3), 0]
    assert layout.parts[1].source_P.tolist() == [0, 1, 2, 3, 21, 22, 23] and layout.parts[1].place_P.tolist() == [0, 1, 2, 3, 4, 5, 6]
