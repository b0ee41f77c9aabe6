"""The torch learner by itself: what one step does, what it refuses, and what it keeps."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from aha.backends.causal import Causal
from aha.backends.torch_learner import TorchLearner
from aha.batch import Batch, collate_documents
from aha.errors import BadInput
from aha.objectives import CrossEntropy
from aha.protocols import Adam, Compute, Metrics, Outputs

SIZES: dict[str, Any] = {
    "vocab_size": 31,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "max_position_embeddings": 32,
}
HEADS: dict[str, Any] = {"num_attention_heads": 2, "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
BATCH = collate_documents([[place * step % 31 for place in range(length)] for step, length in ((2, 7), (3, 12), (5, 4))])


def seeded(build: Any, config: Any) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        made: PreTrainedModel = build(config)
    return made


def llama() -> PreTrainedModel:
    return seeded(LlamaForCausalLM, LlamaConfig(**SIZES, **HEADS))


def learner(optim: Adam | None = None, *, reference: bool = False, model: PreTrainedModel | None = None, **compute: Any) -> TorchLearner:
    return TorchLearner(model or llama(), optim or Adam(lr=1e-2), Compute(device="cpu", **compute), reference=reference)


def moved(made: TorchLearner, before: dict[str, Tensor]) -> float:
    return max((weight - before[name]).abs().max().item() for name, weight in made.weights())


def copied(made: TorchLearner) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in made.weights()}


# --- one step ---------------------------------------------------------------------------------------------------------


def test_the_first_step_of_adam_moves_a_weight_by_the_learning_rate() -> None:
    made = learner(Adam(lr=1e-2))
    before = copied(made)
    metrics = made.update(BATCH, CrossEntropy())
    assert moved(made, before) == pytest.approx(1e-2, rel=1e-3)
    assert metrics["skipped"] == 0.0 and metrics["lr"] == 1e-2


def test_an_untrained_models_loss_is_the_logarithm_of_the_vocabulary_and_falls() -> None:
    made = learner()
    losses = [made.update(BATCH, CrossEntropy())["loss"] for _ in range(10)]
    assert losses[0] == pytest.approx(math.log(31), abs=0.05) and losses[-1] < 0.7 * losses[0]


def test_the_rate_warms_up_in_a_line_and_then_stays() -> None:
    made = learner(Adam(lr=1.0, warmup_steps=4, clip=1e-12))
    assert [made.update(BATCH, CrossEntropy())["lr"] for _ in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_a_multiplier_scales_the_rate() -> None:
    made = learner(Adam(lr=0.5))
    made.set_rate(0.1)
    assert made.update(BATCH, CrossEntropy())["lr"] == pytest.approx(0.05)


def test_the_gradient_is_clipped_by_its_total_norm_and_the_norm_before_is_reported() -> None:
    made, free = learner(Adam(clip=0.5)), learner(Adam(clip=1e9))
    assert made.update(BATCH, CrossEntropy())["grad_norm"] == free.update(BATCH, CrossEntropy())["grad_norm"] > 0.5
    states = [each.adam.state[weight]["exp_avg"] for each in (made,) for weight in each.parameters.values()]
    assert torch.stack([state.norm() for state in states]).norm().item() == pytest.approx(0.1 * 0.5, rel=1e-4)  # (1 - beta1) * clip


def test_weight_decay_touches_matrices_only() -> None:
    made = learner(Adam(lr=0.0, weight_decay=0.5))
    decays = {
        name: group["weight_decay"] for name, weight in made.parameters.items() for group in made.adam.param_groups if _in(weight, group)
    }
    assert decays["model.norm.weight"] == 0.0 and decays["lm_head.weight"] == 0.5 and len(decays) == len(made.parameters)


def _in(weight: nn.Parameter, group: dict[str, Any]) -> bool:
    return any(weight is other for other in group["params"])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_changes_no_weight(bad: float) -> None:
    made = learner()
    made.update(BATCH, CrossEntropy())
    before = made.weights().digest()
    poisoned = replace(BATCH, weight_M=torch.where(torch.arange(BATCH.M) == 3, bad, BATCH.weight_M))
    metrics = made.update(poisoned, CrossEntropy())
    assert metrics["skipped"] == 1.0 and not math.isfinite(metrics["loss"])
    assert made.weights().digest() == before and made.steps == 1
    assert made.update(BATCH, CrossEntropy())["skipped"] == 0.0


@dataclass(frozen=True)
class _Cliff:
    """A finite loss of 0 with a gradient that is not: sqrt at 0."""

    def __call__(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, Metrics]:
        return torch.sqrt(outputs.logp_M * 0.0).sum(), {}


def test_a_gradient_that_is_not_finite_changes_no_weight() -> None:
    made = learner()
    before = made.weights().digest()
    metrics = made.update(BATCH, _Cliff())
    assert metrics["loss"] == 0.0 and metrics["skipped"] == 1.0 and made.weights().digest() == before


def test_nothing_to_train_is_no_step() -> None:
    made = learner()
    before = made.weights().digest()
    nothing = collate_documents([[3], [4]])
    assert made.update(nothing, CrossEntropy())["loss"] == 0.0 and made.weights().digest() == before
    assert made.logprobs(nothing, "policy").shape == (0,)


def test_the_same_steps_give_the_same_bits() -> None:
    first, second = learner(micro_tokens=12), learner(micro_tokens=12)
    assert [first.update(BATCH, CrossEntropy()) for _ in range(3)] == [second.update(BATCH, CrossEntropy()) for _ in range(3)]
    assert first.weights().digest() == second.weights().digest()


def test_recomputing_activations_keeps_fewer_and_changes_no_bit() -> None:
    kept, digests = [], []
    for checkpointing in (False, True):
        made, sizes = learner(checkpointing=checkpointing), list[int]()

        def pack(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            assert isinstance(made.policy, Causal)
            made.policy.logprobs(BATCH)
        made.update(BATCH, CrossEntropy())
        kept.append(sum(sizes))
        digests.append(made.weights().digest())
    assert kept[1] < 0.6 * kept[0] and digests[0] == digests[1]


# --- the reference ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_reference_is_where_the_policy_began_until_it_is_reset(dtype: str) -> None:
    made = learner(reference=True, dtype=dtype)
    start = made.logprobs(BATCH, "policy")
    assert torch.equal(start, made.logprobs(BATCH, "reference"))
    made.update(BATCH, CrossEntropy())
    assert torch.equal(start, made.logprobs(BATCH, "reference")) and not torch.equal(start, made.logprobs(BATCH, "policy"))
    made.reset_reference()
    assert torch.equal(made.logprobs(BATCH, "policy"), made.logprobs(BATCH, "reference"))


def test_a_learner_without_a_reference_holds_none_and_says_so() -> None:
    made = learner()
    made.reset_reference()
    assert made.reference is None
    with pytest.raises(BadInput, match="reference=True"):
        made.logprobs(BATCH, "reference")


def test_bfloat16_products_leave_the_weights_float32() -> None:
    made, exact = learner(dtype="bfloat16"), learner()
    torch.testing.assert_close(made.logprobs(BATCH, "policy"), exact.logprobs(BATCH, "policy"), rtol=0, atol=0.05)
    made.update(BATCH, CrossEntropy())
    assert {weight.dtype for _, weight in made.weights()} == {torch.float32}


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_the_reference_is_written_once_it_is_no_longer_the_starting_model(tmp_path: Path) -> None:
    made = learner(reference=True)
    made.update(BATCH, CrossEntropy())
    made.save(tmp_path / "a")
    made.reset_reference()
    made.save(tmp_path / "b")
    assert not (tmp_path / "a" / "reference.safetensors").exists() and (tmp_path / "b" / "reference.safetensors").exists()
    assert json.loads((tmp_path / "b" / "learner.json").read_text()) == {"steps": 1, "multiplier": 1.0, "reference_moved": True}
    fresh = learner(reference=True)
    start = fresh.logprobs(BATCH, "reference")
    fresh.load(tmp_path / "a")
    assert torch.equal(fresh.logprobs(BATCH, "reference"), start)
    with pytest.raises(BadInput, match="not yet trained"):
        made.load(tmp_path / "a")


def test_the_same_state_is_saved_as_the_same_bytes(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        made = learner(reference=True)
        made.update(BATCH, CrossEntropy())
        made.reset_reference()
        made.save(folder)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name


def test_a_folder_of_another_shape_is_refused(tmp_path: Path) -> None:
    learner(model=seeded(LlamaForCausalLM, LlamaConfig(**SIZES | {"hidden_size": 32}, **HEADS))).save(tmp_path)
    with pytest.raises(BadInput, match=r"lm_head.weight has shape \[31, 32\]"):
        learner().load(tmp_path)


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_row_longer_than_the_models_positions_is_refused() -> None:
    with pytest.raises(BadInput, match="33 tokens: the model knows 32 positions"):
        learner().update(collate_documents([[1] * 33]), CrossEntropy())


class _Scaled(LlamaForCausalLM):
    """A family with a factor of its own on the logits, which no setting names."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        outputs = super().forward(*args, **kwargs)
        outputs.logits = outputs.logits * 30.0
        return outputs


def test_a_head_that_is_more_than_it_seems_is_refused_by_its_model_type() -> None:
    with pytest.raises(BadInput, match="model type llama cannot be trained"):
        learner(model=seeded(_Scaled, LlamaConfig(**SIZES, **HEADS)))


class _Odd(LlamaForCausalLM):
    def get_output_embeddings(self) -> Any:
        return nn.Sequential(self.lm_head)


def test_a_head_that_is_no_linear_layer_is_refused() -> None:
    with pytest.raises(BadInput, match="Sequential, which is no plain linear layer"):
        learner(model=seeded(_Odd, LlamaConfig(**SIZES, **HEADS)))


@pytest.mark.parametrize(
    ("build", "config"),
    [
        (GraniteForCausalLM, GraniteConfig(**SIZES, **HEADS, logits_scaling=0.05, embedding_multiplier=4.0)),
        (CohereForCausalLM, CohereConfig(**SIZES, **HEADS, logit_scale=7.0)),
    ],
)
def test_logits_that_a_family_scales_are_scaled(build: Any, config: Any) -> None:
    model, row = seeded(build, config).eval(), [3, 1, 4, 1, 5, 9, 2, 6]
    with torch.inference_mode():
        want = torch.log_softmax(model(input_ids=torch.tensor([row])).logits[0, :-1] / 0.7, -1)
    got = learner(model=model).logprobs(collate_documents([row], temperature=0.7), "policy")
    torch.testing.assert_close(got, want.gather(1, torch.tensor(row[1:])[:, None]).squeeze(1), rtol=1e-5, atol=2e-5)


def test_gpt2s_dropout_does_not_reach_the_learner() -> None:
    config = GPT2Config(vocab_size=31, n_embd=16, n_layer=2, n_head=2, n_positions=32, bos_token_id=1, eos_token_id=2)
    made = learner(model=seeded(GPT2LMHeadModel, config).train(), checkpointing=True)
    assert isinstance(made.policy, Causal)
    assert config.resid_pdrop == 0.1 and torch.equal(made.policy.logprobs(BATCH)[0], made.policy.logprobs(BATCH)[0])


# --- memory -----------------------------------------------------------------------------------------------------------

MEASURE = """
import re, sys, torch
from pathlib import Path
from transformers import Qwen2Config, Qwen2ForCausalLM
from aha.backends.torch_learner import TorchLearner
from aha.batch import collate_documents
from aha.objectives import CrossEntropy
from aha.protocols import Adam, Compute
torch.set_num_threads(1)
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
sizes = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2)
vocabulary, before = int(sys.argv[1]), peak()
model = Qwen2ForCausalLM(Qwen2Config(vocab_size=vocabulary, tie_word_embeddings=sys.argv[2] == "tied", **sizes))
learner = TorchLearner(model, Adam(), Compute(device="cpu", micro_tokens=512), reference=False)
batch = collate_documents([torch.randint(vocabulary, (120,)).tolist() for _ in range(8)])
for _ in range(2):
    learner.update(batch, CrossEntropy())
print(peak() - before - 16 * sum(weight.numel() for weight in model.parameters()) // 1024)
"""


def _beyond_kib(vocabulary: int, head: str) -> int:
    """The most memory of two updates of two micro-batches each, beyond weights, gradient and Adam's two moments."""
    command = [sys.executable, "-c", MEASURE, str(vocabulary), head]
    exact = os.environ | {
        "MALLOC_MMAP_THRESHOLD_": str(2**20)
    }  # every large tensor is given back at once: the heap's own gaps are not ours
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=True, env=exact).stdout)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from Linux's /proc")
@pytest.mark.parametrize("head", ["tied", "untied"])
def test_a_vocabulary_four_times_as_large_takes_the_same_memory_beyond_the_weights(head: str) -> None:
    small, large = _beyond_kib(38_000, head), _beyond_kib(152_000, head)
    assert small > 64 * 1024 and large < 1.1 * small  # a slice of logits is 64 MiB; whole ones would be 70 MiB and 278 MiB
