"""What every learner promises, on six model families, with tied and untied heads, built from tiny configurations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from aha.backends.torch_learner import TorchLearner
from aha.batch import Batch, collate_documents
from aha.learning import loss_function
from aha.objectives import CrossEntropy
from aha.protocols import Adam, Compute, Metrics, Outputs
from tests.counts import ordinary

VOCABULARY, LENGTHS = 61, (9, 3, 20, 6, 14, 2)
SIZES: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2}
GROUPED = SIZES | {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}


def gemma2(tied: bool) -> PreTrainedModel:
    config = Gemma2Config(
        **GROUPED, head_dim=8, tie_word_embeddings=tied, sliding_window=5, final_logit_softcapping=2.0, query_pre_attn_scalar=8
    )
    config._attn_implementation = "eager"
    return Gemma2ForCausalLM(config)


FAMILIES: dict[str, Callable[[bool], PreTrainedModel]] = {
    "llama": lambda tied: LlamaForCausalLM(LlamaConfig(**GROUPED, tie_word_embeddings=tied)),
    "qwen2": lambda tied: Qwen2ForCausalLM(Qwen2Config(**GROUPED, tie_word_embeddings=tied)),
    "qwen3": lambda tied: Qwen3ForCausalLM(Qwen3Config(**GROUPED, head_dim=8, tie_word_embeddings=tied)),
    "gemma2": gemma2,
    "gemma3": lambda tied: Gemma3ForCausalLM(Gemma3TextConfig(**GROUPED, head_dim=8, sliding_window=5, tie_word_embeddings=tied)),
    "mistral": lambda tied: MistralForCausalLM(MistralConfig(**GROUPED, sliding_window=5, tie_word_embeddings=tied)),
    "gpt2": lambda tied: GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCABULARY, n_embd=24, n_layer=2, n_head=4, n_positions=64, resid_pdrop=0.5, tie_word_embeddings=tied)
    ),
}


@pytest.fixture(
    params=ordinary([(name, tied) for name in FAMILIES for tied in (True, False)], ("llama", False), *((name, True) for name in FAMILIES)),
    ids=lambda param: f"{param[0]}-{'tied' if param[1] else 'untied'}",
)
def build(request: pytest.FixtureRequest) -> Callable[[], PreTrainedModel]:
    name, tied = request.param

    def built() -> PreTrainedModel:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            model = FAMILIES[name](tied)
        for weight in model.parameters():
            weight.data.mul_(4.0)  # far enough from uniform that a mistake shows
        return model

    return built


def learner(model: PreTrainedModel, micro_tokens: int = 64, *, reference: bool = False, **compute: Any) -> TorchLearner:
    return TorchLearner(model, Adam(lr=1e-2), Compute(device="cpu", micro_tokens=micro_tokens, **compute), reference=reference)


def documents(temperature: float = 1.0) -> Batch:
    draw = torch.Generator().manual_seed(3)
    rows = [torch.randint(VOCABULARY, (length,), generator=draw).tolist() for length in LENGTHS]
    marks = [[place % 4 != 2 for place in range(length)] for length in LENGTHS]
    return collate_documents(rows, marks, temperature)


def by_hand(model: PreTrainedModel, batch: Batch) -> Tensor:
    """Each row alone, unpadded, through the model's own forward pass."""
    found = []
    for row, marks in zip(batch.tokens_N.split(batch.length_R.tolist()), batch.trained_N.split(batch.length_R.tolist()), strict=True):
        with torch.inference_mode():
            logp_TV = torch.log_softmax(model(input_ids=row[None]).logits[0].float() / batch.temperature, dim=-1)
        found.append(logp_TV[:-1].gather(1, row[1:, None]).squeeze(1)[marks[1:]])
    return torch.cat(found)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_logprobs_are_those_of_the_models_own_forward_pass(build: Callable[[], PreTrainedModel], temperature: float) -> None:
    batch = documents(temperature)
    want = by_hand(build().eval(), batch)
    assert want.std() > 0.1
    torch.testing.assert_close(learner(build()).logprobs(batch, "policy"), want, rtol=1e-5, atol=2e-5)


def test_neither_padding_nor_the_split_into_micro_batches_changes_logprobs(build: Callable[[], PreTrainedModel]) -> None:
    batch = documents()
    one_by_one, together = (learner(build(), tokens).logprobs(batch, "policy") for tokens in (1, 10_000))
    torch.testing.assert_close(one_by_one, together, rtol=1e-5, atol=2e-5)


def gradient(made: TorchLearner, batch: Batch) -> dict[str, Tensor]:
    made._gradient(made.division.shares(batch)[0], CrossEntropy())
    return {name: weight.grad for name, weight in made.parameters.items() if weight.grad is not None}


@pytest.mark.parametrize("checkpointing", ordinary([False, True], True))
def test_every_split_gives_the_gradient_of_the_models_own_loss(build: Callable[[], PreTrainedModel], checkpointing: bool) -> None:
    batch, model = documents(), build().eval()
    rows = zip(batch.tokens_N.split(batch.length_R.tolist()), batch.trained_N.split(batch.length_R.tolist()), strict=True)
    for row, marks in rows:
        logits_TV = model(input_ids=row[None]).logits[0, :-1][marks[1:]]
        (torch.nn.functional.cross_entropy(logits_TV, row[1:][marks[1:]].long(), reduction="sum") / batch.M).backward()
    want = {name: weight.grad for name, weight in model.named_parameters()}
    for micro_tokens in (1, 50, 10_000):
        got = gradient(learner(build(), micro_tokens, checkpointing=checkpointing), batch)
        for name in want:
            torch.testing.assert_close(got[name], want[name], rtol=1e-3, atol=5e-5, msg=(name + ": {}").format)


def test_the_metrics_of_a_step_do_not_depend_on_the_split(build: Callable[[], PreTrainedModel]) -> None:
    one_by_one, together = (learner(build(), tokens).update(documents(), CrossEntropy()) for tokens in (1, 10_000))
    assert one_by_one == pytest.approx(together, rel=1e-4)


def test_dropout_is_off_so_that_the_policy_that_learns_is_the_one_that_is_asked(build: Callable[[], PreTrainedModel]) -> None:
    made, seen = learner(build(), checkpointing=True), list[Tensor]()

    @dataclass(frozen=True)
    class Recording:
        """Cross-entropy that keeps the log-probabilities it is computed from."""

        def __call__(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
            seen.append(outputs.logp_M.detach())
            return loss_function(CrossEntropy())(outputs, batch)

    row = documents().rows([2])
    asked = made.logprobs(row, "policy")
    made.update(row, Recording())
    assert torch.equal(seen[0], asked)


def test_what_was_saved_goes_on_to_the_bit(build: Callable[[], PreTrainedModel], tmp_path: Path) -> None:
    batch, first, second = documents(), learner(build(), reference=True), learner(build(), reference=True)
    first.update(batch, CrossEntropy())
    first.reset_reference()
    first.update(batch, CrossEntropy())
    first.save(tmp_path)
    second.load(tmp_path)
    assert second.weights().digest() == first.weights().digest()
    assert torch.equal(first.logprobs(batch, "reference"), second.logprobs(batch, "reference"))
    assert first.update(batch, CrossEntropy()) == second.update(batch, CrossEntropy())
    assert second.weights().digest() == first.weights().digest()
