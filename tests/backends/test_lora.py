"""An adapter learns and the model rests; merged weights compute what the learner does; the reference is a copy of the adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM

from aha.backends.lora import ADAPTER, LoraLearner
from aha.backends.torch_learner import TorchLearner
from aha.batch import collate_documents
from aha.errors import BadInput
from aha.objectives import CrossEntropy
from aha.protocols import Adam, Compute, DType
from aha.types import Lora
from tests.backends.models import built
from tests.counts import ordinary, ordinary_rows

BATCH = collate_documents([[place * step % 61 for place in range(length)] for step, length in ((2, 7), (3, 12), (5, 4))], packed=True)
LORA = Lora(rank=4, alpha=8)


def learner(family: str = "llama", dtype: DType = "float32", lora: Lora = LORA, **others: Any) -> LoraLearner:
    optim = Adam(lr=1e-2)
    return LoraLearner(built(family, True), optim, Compute(device="cpu", dtype=dtype), lora, **{"reference": True, **others})


def learned(one: LoraLearner, steps: int = 3) -> LoraLearner:
    for _ in range(steps):
        one.update(BATCH, CrossEntropy())
    return one


@pytest.mark.parametrize(("dtype", "apart"), ordinary_rows([("float32", 1e-5), ("bfloat16", 0.2)], ("float32", 1e-5)))
@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma2", "gemma3", "mistral", "qwen3"])
def test_merged_weights_compute_what_the_learner_does(family: str, dtype: DType, apart: float) -> None:
    one = learned(learner(family, dtype))
    plain = built(family, True)
    weights = dict(plain.named_parameters())
    merged = dict(one.weights())
    assert merged.keys() == weights.keys()
    for name, weight in merged.items():
        weights[name].data.copy_(weight)
    whole = TorchLearner(plain, Adam(), Compute(device="cpu", dtype=dtype), reference=False)
    assert (whole.logprobs(BATCH, "policy") - one.logprobs(BATCH, "policy")).abs().max() < apart


def test_merging_adds_alpha_over_rank_times_b_a_and_touches_nothing_else() -> None:
    one, before = learned(learner(lora=Lora(rank=2, alpha=6, targets=("q_proj",)))), dict(built("llama", True).named_parameters())
    merged = dict(one.weights())
    name = "model.layers.1.self_attn.q_proj"
    change = 3.0 * one.parameters[f"{name}.lora_B.default.weight"] @ one.parameters[f"{name}.lora_A.default.weight"]
    torch.testing.assert_close(merged[f"{name}.weight"], before[f"{name}.weight"] + change)
    assert [key for key in merged if not torch.equal(merged[key], before[key])] == [
        f"model.layers.{layer}.self_attn.q_proj.weight" for layer in (0, 1)
    ]


def test_only_the_adapter_has_moments_and_gradients() -> None:
    one = learned(learner())
    assert all(".lora_" in name for name in one.parameters) and len(one.adam.state) == len(one.parameters)
    assert all(weight.grad is None for weight in one.policy.model.parameters())


def test_the_reference_is_the_model_without_adapter_until_the_first_reset_and_then_a_copy_of_it() -> None:
    one = learner()
    start = one.logprobs(BATCH, "policy")
    learned(one)
    assert torch.equal(one.logprobs(BATCH, "reference"), start)
    assert (one.logprobs(BATCH, "policy") - start).abs().max() > 1e-3
    one.reset_reference()
    then = one.logprobs(BATCH, "policy")
    learned(one)
    assert torch.equal(one.logprobs(BATCH, "reference"), then)
    assert not torch.equal(one.logprobs(BATCH, "policy"), then)


def test_a_learner_without_reference_refuses_to_compare() -> None:
    with pytest.raises(BadInput, match="this learner has none"):
        learner(reference=False).logprobs(BATCH, "reference")


@pytest.mark.parametrize("dtype", ordinary(["float32", "bfloat16"], "bfloat16"))
@pytest.mark.parametrize("resets", [False, True])
def test_going_on_is_exact(tmp_path: Path, dtype: DType, resets: bool) -> None:
    one = learned(learner(dtype=dtype))
    if resets:
        one.reset_reference()
    learned(one)
    one.save(tmp_path)
    other = learner(dtype=dtype)
    other.load(tmp_path)
    assert one.update(BATCH, CrossEntropy()) == other.update(BATCH, CrossEntropy())
    for of in ("policy", "reference"):
        assert torch.equal(one.logprobs(BATCH, of), other.logprobs(BATCH, of))


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks transformers by an old name
def test_what_is_saved_loads_as_any_model_and_its_adapter_in_peft(tmp_path: Path) -> None:
    one = learned(learner())
    one.save(tmp_path)
    tokens = torch.tensor([[2, 3, 5, 7, 11, 13]])

    def logits(model: Any) -> Tensor:
        with torch.inference_mode():
            return model.eval()(input_ids=tokens).logits

    merged = logits(AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32))
    adapted = logits(PeftModel.from_pretrained(built("llama", True), tmp_path / ADAPTER))
    torch.testing.assert_close(merged, logits(one.policy.model), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(adapted, logits(one.policy.model), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("lora", "words"),
    [
        (Lora(rank=4, targets=("wq",)), "lora.targets is wq: no layer of this model has that name; its linear layers are down_proj"),
        (Lora(rank=4, targets=("q_proj", "wq")), "lora.targets names wq"),
        (Lora(rank=10_000), "lora.rank is 10000: no matrix of this model has a rank above"),
    ],
)
def test_layers_that_are_not_there_are_refused(lora: Lora, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        learner(lora=lora)


def test_a_checkpoint_of_another_rank_or_without_adapter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "whole").mkdir()
    learned(learner(), 1).save(tmp_path / "adapter")
    TorchLearner(built("llama", True), Adam(), Compute(device="cpu"), reference=False).save(tmp_path / "whole")
    with pytest.raises(BadInput, match="another adapter"):
        learner(lora=Lora(rank=8)).load(tmp_path / "adapter")
    with pytest.raises(BadInput, match=r"there is no adapter, and this learner trains one"):
        learner().load(tmp_path / "whole")
