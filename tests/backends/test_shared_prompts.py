"""A prompt that is read once for all replies to it: the same log-probabilities and gradients as with a prompt for each."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

from aha.backends.packing import PackLayout
from aha.backends.shares import Division
from aha.backends.torch_learner import TorchLearner
from aha.batch import PolicyBatch, collate, micro_batches
from aha.learning import token_weights
from aha.objectives import Advantages, Aggregate, Grpo
from aha.protocols import Adam, Compute
from aha.types import Completion, Group
from tests.backends.models import KINDS, VOCABULARY, built, named
from tests.counts import ordinary
from tests.objectives.samples import group

SHARES = [kind for kind in KINDS if kind[0] != "gemma2"]  # its scores are capped, which PyTorch's attention cannot
SIZES = ((20, (7, 6, 2, 9, 1)), (31, (4, 4, 5)), (9, (8, 3)))  # tokens of a prompt, and of each reply to it


def batch(sizes: Any = SIZES, seed: int = 0) -> PolicyBatch:
    """A step of groups with random tokens, advantages r - mean, and log-probabilities somewhat off those sampled."""
    draw = random.Random(seed)
    whole = collate([_group(draw, prompt, replies) for prompt, replies in sizes], Advantages("mean_only"), 1.0, "penalise")
    return replace(whole, weight_M=token_weights(Aggregate("token-mean"), whole))


def _group(draw: random.Random, prompt: int, replies: tuple[int, ...]) -> Group:
    ids = [[draw.randrange(VOCABULARY) for _ in range(length)] for length in (prompt, *replies)]
    judged = group([draw.random() for _ in replies], replies, prompt=ids[0])
    completions = (Completion(tuple(row), tuple(-draw.uniform(1, 4) for _ in row), "stop", 0) for row in ids[1:])
    return replace(judged, completions=tuple(completions))


def learner(kind: tuple[str, bool], micro_tokens: int = 1000, **compute: Any) -> TorchLearner:
    return TorchLearner(built(*kind), Adam(), Compute(device="cpu", micro_tokens=micro_tokens, **compute), reference=False)


def division(of: TorchLearner, *, shares_prompts: bool) -> Division:
    return replace(of.division, shares_prompts=shares_prompts)


def gradient(made: TorchLearner, of: PolicyBatch, *, shares_prompts: bool) -> tuple[float, dict[str, Tensor]]:
    (share,) = division(made, shares_prompts=shares_prompts).shares(of)
    assert share.batch.shared_prompts is shares_prompts  # type: ignore[attr-defined]
    loss, _ = made._gradient(share, Grpo(kl=0))
    return loss, {name: weight.grad.clone() for name, weight in made.parameters.items() if weight.grad is not None}


@pytest.mark.parametrize("kind", ordinary(SHARES, *SHARES[::4]), ids=named)
@pytest.mark.parametrize("micro_tokens", [1000, 45])
def test_a_step_has_the_gradient_that_it_has_with_a_prompt_for_each_reply(kind: tuple[str, bool], micro_tokens: int) -> None:
    loss, together = gradient(learner(kind, micro_tokens), batch(), shares_prompts=True)
    want, alone = gradient(learner(kind, 1), batch(), shares_prompts=False)
    assert loss == pytest.approx(want, rel=1e-5, abs=1e-7) and together.keys() == alone.keys()
    for name, grad in alone.items():
        torch.testing.assert_close(together[name], grad, rtol=1e-4, atol=1e-5 * max(1.0, grad.abs().max().item()), msg=name)


@pytest.mark.parametrize("kind", SHARES[:4], ids=named)
def test_long_replies_are_attended_in_blocks_and_recomputing_changes_nothing(
    kind: tuple[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = gradient(learner(kind), batch(), shares_prompts=True)
    monkeypatch.setattr("aha.backends.packing.BLOCK", 2)
    for compute in ({}, {"checkpointing": True}):
        _, blocks = gradient(learner(kind, **compute), batch(), shares_prompts=True)
        for name, grad in whole.items():
            torch.testing.assert_close(blocks[name], grad, rtol=1e-4, atol=1e-5 * max(1.0, grad.abs().max().item()), msg=name)


@pytest.mark.parametrize("kind", SHARES[:4], ids=named)
def test_what_replies_have_in_common_is_read_once_and_learned_for_each(kind: tuple[str, bool]) -> None:
    """Replies of 6 to 9 tokens after a prompt of 12: one three times, one that another begins with, two that part at their third token."""
    (judged,) = [_group(random.Random(3), 12, (9, 6, 9, 9, 7))]
    rows = [completion.tokens for completion in judged.completions]
    replies = [rows[0], rows[0][:6], rows[0], (*rows[0][:3], *rows[2][3:]), (*rows[0][:3], *rows[2][3:6], rows[4][6]), rows[0], rows[3]]
    made = group([0.9, 0.1, 0.3, 0.7, 0.2, 0.8, 0.4], tuple(map(len, replies)), prompt=judged.prompt)
    made = replace(made, completions=tuple(Completion(reply, (-2.0,) * len(reply), "stop", 0) for reply in replies))
    step = collate([made], Advantages("mean_only"), 1.0, "penalise")
    step = replace(step, weight_M=torch.linspace(0.5, 1.5, step.M))
    families, sizes = step.families(1000)
    assert sizes == [12 + 9 + (6 + 4 + 9)] and [step.shared_length(families[0][0], row) for row in range(7)] == [21, 18, 21, 15, 15, 21, 12]
    loss, together = gradient(learner(kind), step, shares_prompts=True)
    want, alone = gradient(learner(kind, 1), step, shares_prompts=False)
    assert loss == pytest.approx(want, rel=1e-5, abs=1e-7)
    for name, grad in alone.items():
        torch.testing.assert_close(together[name], grad, rtol=1e-4, atol=1e-5 * max(1.0, grad.abs().max().item()), msg=name)


def test_what_is_shared_is_less_than_half_of_the_tokens() -> None:
    """Three prompts of 20, 31 and 9 tokens before 10 replies of 49 tokens: 109 of 260 tokens."""
    step = batch()
    families, sizes = step.families(1000)
    assert sorted(sizes) == [9 + 11, 31 + 13, 20 + 25] and sum(sizes) == 109 and int(step.length_R.sum()) == 260
    assert [len(rows) for rows in sorted(families, key=len)] == [2, 3, 5]
    assert Division(1, 1000, packs=True, width=24, shares_prompts=True).shares(step)[0].batch.shared_prompts  # type: ignore[attr-defined]


def test_what_saves_less_than_half_is_padded_as_ever() -> None:
    long = batch([(10, (20, 20, 20)), (5, (30, 2))])
    assert not Division(1, 1000, packs=True, width=24, shares_prompts=True).shares(long)[0].batch.shared_prompts  # type: ignore[attr-defined]


def test_a_family_fits_in_a_pass_with_its_prompt_once() -> None:
    step = replace(batch([(10, (5, 4, 3, 2, 1))]), shared_prompts=True)
    assert step.families(18) == ([[0], [1, 2], [3, 4]], [15, 17, 13])  # 10 + 5; 10 + 4 + 3; 10 + 2 + 1
    assert [part.tolist() for part in micro_batches(step, 18)] == [[1, 2], [0], [3, 4]]
    assert step.families(1)[1] == [15, 14, 13, 12, 11]  # a row alone where not even that fits


def test_passes_are_larger_where_a_long_prompt_would_be_read_for_every_reply() -> None:
    """A prompt of 50 tokens before five replies: passes of 60 hold one reply each, those of 100 all five."""
    division = Division(1, 60, packs=True, width=24, shares_prompts=True)
    long, short = batch([(50, (9, 8, 7, 6, 5))]), batch([(10, (9, 8, 7, 6, 5)), (10, (9, 8, 7, 6, 5))])
    assert division.shares(long)[0].count == 5
    larger = replace(division, most_tokens=100)
    assert [share.count for share in larger.shares(long)] == [1] and larger.shares(long)[0].batch.shared_prompts  # type: ignore[attr-defined]
    assert [rows.tolist() for rows in larger.shares(short)[0].passes] == [rows.tolist() for rows in division.shares(short)[0].passes]


def test_a_group_stays_on_one_rank() -> None:
    step = batch()
    shares = Division(2, 1000, packs=True, width=24, shares_prompts=True).shares(step)
    groups = [set(step.group_R[share.rows].tolist()) for share in shares]
    assert not groups[0] & groups[1] and groups[0] | groups[1] == {0, 1, 2}


def test_rows_of_a_group_with_other_prompts_share_none() -> None:
    step = batch()
    tokens_N = step.tokens_N.clone()
    tokens_N[0] = (tokens_N[0] + 1) % VOCABULARY  # the first row's prompt is not that of the others now
    assert step.has_common_prompts() and not replace(step, tokens_N=tokens_N).has_common_prompts()


def test_the_loss_of_a_mixture_of_experts_counts_each_prompt() -> None:
    heads: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    config = Qwen3MoeConfig(
        vocab_size=VOCABULARY, hidden_size=24, intermediate_size=40, moe_intermediate_size=16, num_hidden_layers=2, **heads,
        num_experts=4, num_experts_per_tok=2, output_router_logits=True, router_aux_loss_coef=0.01,
    )  # fmt: skip
    made = TorchLearner(Qwen3MoeForCausalLM(config), Adam(), Compute(device="cpu"), reference=False)
    assert not made.division.shares_prompts


def test_a_tail_sees_its_prompt_and_itself_by_hand() -> None:
    """A whole row of 3 tokens, whose first 2 are the prompt of a tail of 2: places 0, 1 and then its own."""
    layout = PackLayout.of([3, 2], torch.device("cpu"), [0, 2])
    (tails,) = layout.tails
    assert layout.position_N.tolist() == [0, 1, 2, 2, 3] and layout.longest == 4
    assert tails.key_P.tolist() == [0, 1, 3, 4]
    assert tails.mask(0, 2, None)[0, 0].tolist() == [[True, True, True, False], [True, True, True, True]]
    assert tails.mask(0, 2, 2)[0, 0].tolist() == [[False, True, True, False], [False, False, True, True]]
    assert layout.spans is not None and layout.spans.key_P.tolist() == [0, 1, 2, 0, 1, 3, 4] and layout.spans.start_R.tolist() == [0, 3, 7]
