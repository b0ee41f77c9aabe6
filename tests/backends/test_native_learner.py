"""A learner with compiled steps: the gradients and log-probabilities of the model's own code, for each form that the steps know."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, PretrainedConfig, PreTrainedModel, Qwen2Config, Qwen3Config

from aha.backends.causal import Causal
from aha.backends.hf import load_model
from aha.backends.native import steps_for
from aha.backends.native_learner import full_rows
from aha.backends.torch_learner import TorchLearner
from aha.protocols import Adam, Compute
from tests.backends.models import GROUPED
from tests.backends.test_shared_prompts import batch, gradient

pytestmark = pytest.mark.skipif(steps_for("auto", 0) is None, reason="no C++ compiler is installed")
SMALL: dict[str, Any] = GROUPED | {"hidden_size": 32, "head_dim": 8}
FORMS: dict[str, Callable[[], PretrainedConfig]] = {
    "tied": lambda: LlamaConfig(**SMALL, tie_word_embeddings=True),
    "biases": lambda: LlamaConfig(**SMALL, attention_bias=True, mlp_bias=True),
    "biases of queries": lambda: Qwen2Config(**SMALL),
    "window": lambda: MistralConfig(**SMALL, sliding_window=5),
    "one head of keys, large": lambda: LlamaConfig(**SMALL | {"num_key_value_heads": 1, "head_dim": 24}),
    "yarn": lambda: LlamaConfig(
        **SMALL, rope_parameters={"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 24}
    ),
}
SIZES = ((70, (7, 90, 2, 9, 1)), (31, (4, 4, 5)), (9, (8, 3)))  # tokens of a prompt, and of each reply: more than the source takes at once


def model(config: PretrainedConfig) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = AutoModelForCausalLM.from_config(config)
        for weight in made.parameters():
            weight.data.add_(torch.randn_like(weight), alpha=0.1)  # biases of zero and norms of one would hide mistakes
    return made.eval()


def has_native_steps(of: TorchLearner) -> bool:
    parts = [of.policy] if of.reference is None else [of.policy, of.reference]
    return all(isinstance(part, Causal) and part.native is not None for part in parts)


def learner(config: PretrainedConfig, **compute: Any) -> TorchLearner:
    return TorchLearner(model(config), Adam(), Compute(device="cpu", micro_tokens=300, **compute), reference=True)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_and_logprobs_are_those_of_the_models_own_code(form: str) -> None:
    config, steps = FORMS[form](), batch(SIZES)
    config.max_position_embeddings = 200
    compiled, plain = learner(config), learner(config, kernels="plain")
    assert has_native_steps(compiled) and not has_native_steps(plain)
    for of in ("policy", "reference"):
        torch.testing.assert_close(compiled.logprobs(steps, of), plain.logprobs(steps, of), rtol=1e-5, atol=1e-5)
    for shares_prompts in (True, False):
        loss, own = gradient(compiled, steps, shares_prompts=shares_prompts)
        want, other = gradient(plain, steps, shares_prompts=shares_prompts)
        assert loss == pytest.approx(want, rel=1e-5, abs=1e-6) and own.keys() == other.keys()
        for name, grad in other.items():
            torch.testing.assert_close(own[name], grad, rtol=1e-4, atol=2e-5 * max(1.0, grad.abs().max().item()), msg=name)


@pytest.mark.parametrize("form", ["tied", "biases"])
def test_products_in_bfloat16_are_as_near_to_float32_as_those_of_autocast(form: str) -> None:
    steps = steps_for("auto", 8)
    if steps is None or not steps.multiplies(torch.bfloat16):
        pytest.skip("this processor has no units for bfloat16")
    config, rows = FORMS[form](), batch(SIZES)
    config.max_position_embeddings = 200
    low, exact, autocast = (learner(config, **more) for more in ({"dtype": "bfloat16"}, {}, {"dtype": "bfloat16", "kernels": "straight"}))
    assert has_native_steps(low) and not has_native_steps(autocast)
    gradients = [gradient(of, rows, shares_prompts=True)[1] for of in (low, exact, autocast)]
    for of in ("policy", "reference"):
        assert (low.logprobs(rows, of) - exact.logprobs(rows, of)).abs().mean() < 0.02
    for name, grad in gradients[1].items():
        apart, allowed = ((other[name] - grad).norm() for other in gradients[::2])
        assert apart <= 2 * allowed + 1e-3 * grad.norm(), name
    assert all(weight.dtype == torch.float32 for weight in low.parameters.values())


def test_threads_change_no_bit_of_a_row_of_attention() -> None:
    before, states = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            steps = steps_for("compiled", 8)
            assert steps is not None
            draw, sizes = torch.Generator().manual_seed(0), (40, 4, 2, 8)
            rows = torch.tensor([0, 30, 40]), torch.tensor([0, 0]), torch.tensor([0, 12])  # a row, and a tail after its first 12 tokens
            qkv, slope = torch.randn(40, 8 * 8, generator=draw), torch.randn(40, 32, generator=draw)
            out, peaks, grad = torch.empty(40, 32), torch.empty(40, 4), torch.zeros(40, 64)
            steps.call("aha_attend_rows", qkv, *rows, 2, *sizes[1:], 0, 0.3, out, peaks)
            family = torch.tensor([0, 2])
            steps.call("aha_attend_rows_backward", qkv, *rows, family, 1, *sizes[1:], 0, 0.3, out, peaks, slope, grad)
            states.append((out, peaks, grad))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*states, strict=True))


@pytest.mark.parametrize(
    "config",
    [Qwen3Config(**SMALL), LlamaConfig(**SMALL | {"hidden_act": "gelu"}), LlamaConfig(**SMALL | {"head_dim": 6})],
    ids=["norms of queries", "another gate", "heads of another size"],
)
def test_other_forms_are_computed_by_their_own_code(config: PretrainedConfig) -> None:
    assert not has_native_steps(learner(config))


def test_a_model_that_computes_something_else_is_found_out() -> None:
    made = model(FORMS["tied"]())
    body: Any = made.get_decoder()
    body.layers[0].mlp.register_forward_hook(lambda module, arguments, output: 1.5 * output)
    assert not has_native_steps(TorchLearner(made, Adam(), Compute(device="cpu"), reference=False))


def test_gradients_of_products_are_added_in_place_and_lie_together() -> None:
    config, steps = FORMS["tied"](), batch(SIZES)
    config.max_position_embeddings = 200
    made, alone = learner(config), learner(config, kernels="plain")
    assert isinstance(made.policy, Causal) and made.policy.native is not None
    _, once = gradient(made, steps, shares_prompts=True)
    made._make_gradients()
    names = [f"model.layers.0.self_attn.{name}_proj.weight" for name in "qkv"]
    weights = [made.parameters[name] for name in names]
    addresses = [weight.grad.data_ptr() for weight in weights if weight.grad is not None]
    assert [second - first for first, second in itertools.pairwise(addresses)] == [weight.nbytes for weight in weights[:-1]]
    for _ in range(2):
        logp_M, _ = made.policy.logprobs(steps, accumulate=True)
        (logp_M * torch.linspace(-1, 1, len(logp_M))).sum().backward()
    assert [weight.grad.data_ptr() for weight in weights if weight.grad is not None] == addresses
    assert isinstance(alone.policy, Causal) and made.parameters.keys() == once.keys()
    logp_M, _ = alone.policy.logprobs(steps)
    (2 * logp_M * torch.linspace(-1, 1, len(logp_M))).sum().backward()
    for name, weight in made.parameters.items():
        other = alone.parameters[name].grad
        assert weight.grad is not None and other is not None
        other = other.to_dense()
        torch.testing.assert_close(weight.grad, other, rtol=1e-4, atol=2e-5 * max(1.0, other.abs().max().item()), msg=name)


def test_weights_of_a_mapped_file_are_copied_so_that_the_file_leaves_the_memory(tmp_path: Path) -> None:
    model(FORMS["tied"]()).save_pretrained(tmp_path)
    mapped = load_model(str(tmp_path), torch.device("cpu"), torch.float32)
    assert not all(weight.untyped_storage().resizable() for weight in mapped.parameters()), "nothing is mapped: the copy is not needed"
    made = TorchLearner(mapped, Adam(), Compute(device="cpu"), reference=False)
    assert all(weight.untyped_storage().resizable() for weight in made.policy.model.parameters())


@pytest.mark.parametrize("rows", [1, 63, 64, 65])
def test_rows_in_bfloat16_are_filled_up_so_that_there_are_few_kernels(rows: int) -> None:
    x_ND = torch.randn(rows, 3, generator=torch.Generator().manual_seed(rows))
    out_ND = full_rows(x_ND, torch.bfloat16)
    assert len(out_ND) == (64 if rows < 65 else 128) and not out_ND[rows:].any()
    assert torch.equal(out_ND[:rows], x_ND.bfloat16()) and full_rows(x_ND, torch.float32) is x_ND
