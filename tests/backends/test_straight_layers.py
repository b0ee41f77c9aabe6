"""Layers computed without calls of modules say what the modules say, and share their weights."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel

from aha.backends.batch_decoder import BatchDecoder, Kernels, fastest_decoder, shapes_of
from aha.backends.cache import CachedRow, RowCache, Shapes
from aha.backends.hf import ModuleWeights
from aha.backends.lora import _MergedWeights
from aha.backends.native import NativeLayers, NativeSteps, Pages, PanelProduct, _library, steps_for
from aha.backends.straight_layers import AttentionSettings, LinearProduct, StraightLayers
from aha.backends.torch_engine import TorchEngine
from aha.backends.torch_learner import TorchLearner
from aha.errors import BadInput
from aha.objectives import CrossEntropy
from aha.protocols import Adam, Compute, Sampling
from tests.backends.models import GROUPED, KINDS, built, named
from tests.backends.test_engine_contract import ASKS, COMPUTE, STOP, sampled
from tests.counts import ordinary

KERNELS: tuple[Kernels, ...] = ("compiled", "straight", "modules", "plain")
STRAIGHT = ("llama", "qwen2", "qwen3", "mistral")


def way(model: PreTrainedModel) -> str:
    """How an engine of the model decodes without a compiler."""
    make: Any = fastest_decoder(model, shapes_of(model), "straight")
    assert isinstance(make, partial)
    if make.func is not BatchDecoder:
        return "plain"
    return "straight" if len(make.args) == 3 else "modules"


def compiled(model: PreTrainedModel) -> bool:
    """Whether an engine of the model decodes by compiled steps."""
    decoder: Any = fastest_decoder(model, shapes_of(model), "compiled")()
    return isinstance(decoder, BatchDecoder) and isinstance(decoder._layers, NativeLayers)


@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_models_of_the_plain_form_go_straight(kind: tuple[str, bool]) -> None:
    assert (way(built(*kind)) == "straight") == (kind[0] in STRAIGHT)
    assert compiled(built(*kind)) == (kind[0] in STRAIGHT)


@pytest.mark.parametrize("kind", ordinary([kind for kind in KINDS if kind[0] in STRAIGHT], ("llama", True), ("qwen3", True)), ids=named)
def test_the_reply_is_that_of_the_models_own_code(kind: tuple[str, bool]) -> None:
    sampling = Sampling(max_tokens=70 if kind == ("llama", True) else 24)
    by_kernels = {kernels: sampled(TorchEngine(built(*kind), STOP, COMPUTE, kernels=kernels), sampling=sampling) for kernels in KERNELS}
    for number in range(len(ASKS)):
        for compiled, straight, modules, plain in zip(*(replies[number] for replies in by_kernels.values()), strict=True):
            assert compiled.tokens == straight.tokens == modules.tokens == plain.tokens
            assert list(straight.logprobs) == pytest.approx(list(plain.logprobs), abs=1e-4)
            assert list(compiled.logprobs) == pytest.approx(list(plain.logprobs), abs=1e-4)


@pytest.mark.parametrize("biases", [{"attention_bias": True}, {"mlp_bias": True}, {"attention_bias": True, "mlp_bias": True}])
def test_biases_are_added(biases: dict[str, Any]) -> None:
    model = AutoModelForCausalLM.from_config(LlamaConfig(**GROUPED, **biases)).eval()
    for name, weight in model.named_parameters():
        weight.data.normal_(std=1.0 if name.endswith("bias") else 0.3)
    assert way(model) == "straight"


@pytest.mark.parametrize("rope_type", ["linear", "llama3", "yarn", "dynamic"])
def test_angles_that_follow_from_the_position_go_straight(rope_type: str) -> None:
    rope: dict[str, Any] = {"rope_type": rope_type, "rope_theta": 10_000.0, "factor": 4.0, "original_max_position_embeddings": 24}
    if rope_type == "llama3":
        rope |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
    model = AutoModelForCausalLM.from_config(LlamaConfig(**GROUPED, rope_parameters=rope)).eval()
    assert way(model) == ("modules" if rope_type == "dynamic" else "straight")


def test_a_model_that_computes_something_else_is_found_out() -> None:
    class Louder(nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return 2.0 * super().forward(input)

    scaled, replaced = built("llama", True), built("llama", True)
    body: Any = scaled.get_decoder()
    body.embed_tokens.register_forward_hook(lambda module, arguments, output: 3.0 * output)
    assert way(scaled) == "modules"
    body = replaced.get_decoder()
    body.layers[0].mlp.up_proj.__class__ = Louder
    assert way(replaced) == "modules"


def test_weights_are_kept_once_and_keep_their_names_and_values() -> None:
    model = built("qwen2", False)
    before = copy.deepcopy(model.state_dict())
    layers = StraightLayers.of(model)
    assert layers is not None
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    body: Any = model.get_decoder()
    part, whole = body.layers[1].self_attn.k_proj.weight, layers.layers[1].query_key_value.weight_OD
    assert part.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr()
    assert part.untyped_storage().nbytes() == whole.nbytes
    again = StraightLayers.of(model)
    assert again is not None and again.layers[1].query_key_value.weight_OD.data_ptr() == whole.data_ptr()


def test_loaded_weights_are_those_of_every_engine_of_the_module() -> None:
    module, new = built("mistral", False, seed=7), built("mistral", False, seed=8)
    first = TorchEngine(module, STOP, COMPUTE)
    TorchEngine(module, STOP, COMPUTE).load(ModuleWeights(new), version=1)
    plain = TorchEngine(built("mistral", False, seed=8), STOP, COMPUTE, kernels="plain")
    assert [reply.tokens for reply in sampled(first)[1]] == [reply.tokens for reply in sampled(plain)[1]]


def test_compiled_steps_give_the_same_bits_on_any_number_of_threads() -> None:
    steps, before = steps_for("compiled", 8), torch.get_num_threads()
    assert steps is not None
    hidden, gate_up = torch.randn(9, 24), torch.randn(9, 80)
    results = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append((steps.add_norm(hidden.clone(), hidden, torch.ones(24), 1e-6), steps.gate(gate_up)))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for result in results for one, other in zip(result, results[0], strict=True))
    assert torch.allclose(results[0][0], F.rms_norm(2 * hidden, [24], eps=1e-6), atol=1e-6)
    assert torch.allclose(results[0][1], F.silu(gate_up[:, :40]) * gate_up[:, 40:], atol=1e-6)


def test_weights_offered_between_two_tokens_are_used_by_the_next_one() -> None:
    replies = []
    ways: tuple[Kernels, ...] = ("compiled", "plain")
    for kernels in ways:
        engine = TorchEngine(built("qwen3", True, seed=7), (), COMPUTE, kernels=kernels)
        groups = engine.generate(ASKS, Sampling(max_tokens=9))
        first = next(groups)
        engine.offer(ModuleWeights(built("qwen3", True, seed=8)), version=1)
        replies.append({number: [reply.tokens for reply in group] for number, group in (first, *groups)})
    assert replies[0] == replies[1]


@pytest.mark.parametrize("kernels", ["compiled", "straight", "modules", "plain"])
@pytest.mark.parametrize("kind", [("llama", True), ("qwen2", False)], ids=named)
def test_an_engine_with_a_learners_own_weights_samples_what_one_with_a_copy_samples(kind: tuple[str, bool], kernels: Kernels) -> None:
    learner = TorchLearner(built(*kind), Adam(lr=0.01), Compute(device="cpu"), reference=True)
    sharing, copying = (TorchEngine(built(*kind), STOP, COMPUTE, kernels=kernels) for _ in range(2))
    sharing.share(learner.weights())
    for version in (1, 2):
        learner.update(learner.text_batch([[5, 6, 7, 8, 9]]), CrossEntropy())
        for engine in (sharing, copying):
            engine.load(learner.weights(), version)
        assert sampled(sharing) == sampled(copying)
    assert sampled(sharing, sampling=Sampling(max_tokens=9)) != sampled(
        TorchEngine(built(*kind), STOP, COMPUTE), sampling=Sampling(max_tokens=9)
    )
    places = {weight.data_ptr() for weight in learner.policy.model.parameters()}
    assert {weight.data_ptr() for weight in sharing.module.parameters()} == places
    with pytest.raises(ValueError, match="takes no others"):
        sharing.load(ModuleWeights(built(*kind)), 3)


def test_an_engine_that_rounds_a_learners_own_weights_needs_no_copy_of_them() -> None:
    steps = steps_for("compiled", 8)
    if steps is None or not steps.multiplies(torch.bfloat16):
        pytest.skip("this processor has no units for bfloat16")
    learner = TorchLearner(built("llama", True), Adam(lr=0.01), Compute(device="cpu", dtype="bfloat16"), reference=False)
    model: Any = built("llama", True)
    engine = TorchEngine(model.bfloat16(), STOP, COMPUTE)
    engine.share(learner.weights())
    places = {weight.data_ptr() for weight in learner.policy.model.parameters()}
    assert {weight.data_ptr() for weight in engine.module.parameters()} == places
    before = sampled(engine)
    learner.update(learner.text_batch([[5, 6, 7, 8, 9]]), CrossEntropy())
    engine.load(learner.weights(), 1)
    after, policy = sampled(engine, sampling=Sampling(max_tokens=24)), cast(Any, learner.policy.model)
    assert before != sampled(engine)
    apart = []
    for number, group in after.items():
        for reply in group:
            tokens = torch.tensor([[*ASKS[number].prompt, *reply.tokens]])
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                logits_TV = policy(input_ids=tokens).logits[0, len(ASKS[number].prompt) - 1 : -1].float()
            logp_T = torch.log_softmax(logits_TV, -1).gather(1, torch.tensor(reply.tokens)[:, None])[:, 0]
            apart.append((logp_T - torch.tensor(reply.logprobs)).abs())
    assert float(torch.cat(apart).mean()) < 0.02


def test_an_engine_of_another_type_without_compiled_steps_keeps_its_copy() -> None:
    learner = TorchLearner(built("llama", True), Adam(), Compute(device="cpu"), reference=False)
    model: Any = built("llama", True)
    engine = TorchEngine(model.to(torch.bfloat16), STOP, COMPUTE, kernels="straight")
    engine.share(learner.weights())
    engine.load(ModuleWeights(built("llama", True, seed=8)), 1)
    assert engine.version == 1 and torch.equal(learner.policy.head.weight, built("llama", True).get_output_embeddings().weight)


def test_an_engine_does_not_share_weights_that_are_computed_when_they_are_read() -> None:
    engine = TorchEngine(built("llama", True), STOP, COMPUTE)
    engine.share(_MergedWeights(built("llama", True), {}))
    engine.load(ModuleWeights(built("llama", True, seed=8)), 1)
    assert engine.version == 1


def filled(pages: Pages, layers: int, heads: int, size: int, sizes: list[int]) -> list[tuple[Tensor, Tensor]]:
    """Add rows of these sizes with made-up keys and values to `pages`, and return those of each layer [rows, heads, width, size]."""
    cache, states = RowCache(layers), []
    for number, layer in enumerate(cache.rows):
        made = torch.Generator().manual_seed(number)
        layer.keys, layer.values = (torch.randn(len(sizes), heads, max(*sizes, 1), size, generator=made) for _ in range(2))
        states.append((layer.keys, layer.values))
    pages.add(cache, [CachedRow(row, row, count) for row, count in enumerate(sizes)])
    return states


def panel_product(product: LinearProduct, steps: NativeSteps) -> PanelProduct:
    return PanelProduct(product, steps, torch.empty(PanelProduct.units(product, steps, product.weight_OD.dtype), dtype=torch.int32))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (7, 33), (64, 96), (129, 200)])
@pytest.mark.parametrize("has_bias", [False, True], ids=["", "bias"])
def test_products_of_few_rows_are_those_of_pytorch_and_no_row_depends_on_another(
    inputs: int, outputs: int, has_bias: bool, dtype: torch.dtype
) -> None:
    steps, draw = steps_for("compiled", 8), torch.Generator().manual_seed(inputs)
    assert steps is not None
    if not steps.multiplies(dtype):
        pytest.skip("this processor has no units for bfloat16")
    x_PI, weight_OI = torch.randn(31, inputs, generator=draw), torch.randn(outputs, inputs, generator=draw).to(dtype)
    bias_O = torch.randn(outputs, generator=draw).to(dtype) if has_bias else None
    product = panel_product(LinearProduct(weight_OI, bias_O), steps)
    whole_PO = product(x_PI)
    expected_PO = F.linear(x_PI.to(dtype).double(), weight_OI.double(), None if bias_O is None else bias_O.double())
    torch.testing.assert_close(whole_PO.double(), expected_PO, rtol=1e-5, atol=1e-5)  # sums are float32 in either type
    before = torch.get_num_threads()
    try:
        for rows, threads in ((1, 1), (4, 2), (13, 3), (30, 2)):
            torch.set_num_threads(threads)
            assert torch.equal(product(x_PI[:rows].clone()), whole_PO[:rows])
    finally:
        torch.set_num_threads(before)


def test_a_product_hands_on_numbers_that_are_none() -> None:
    steps = steps_for("compiled", 8)
    assert steps is not None
    for dtype in filter(steps.multiplies, (torch.float32, torch.bfloat16)):
        product = panel_product(LinearProduct(torch.ones(3, 2, dtype=dtype), None), steps)
        out = product(torch.tensor([[1.0, 2.0], [float("nan"), 1.0], [float("inf"), 1.0]]))
        assert out[0].tolist() == [3.0] * 3 and bool(out[1].isnan().all()) and bool(out[2].isposinf().all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("size", [6, 8, 24, 64])
@pytest.mark.parametrize("groups", [1, 3, 7])
def test_heads_of_every_size_and_rows_of_every_length_are_attended(size: int, groups: int, dtype: torch.dtype) -> None:
    sizes, heads = [0, 6, 15, 16, 63, 64, 149], 2
    steps = steps_for("compiled", size)
    assert steps is not None
    states = torch.randn(len(sizes), heads * (groups + 2), size, generator=torch.Generator().manual_seed(size))
    query, key, value = states.split((heads * groups, heads, heads), 1)
    still = torch.ones(len(sizes), size), torch.zeros(len(sizes), size)  # no rotation
    for layer, window in ((0, None), (1, 3), (1, 40)):
        pages = Pages(steps, Shapes(((heads, size),) * 2, ((heads, size),) * 2, dtype, torch.device("cpu")))
        known = filled(pages, 2, heads, size, sizes)[layer]
        pages.make_room(dict(enumerate(sizes)))
        pages.begin_step(torch.tensor(sizes))
        out = torch.empty(len(sizes), heads * groups, size)
        steps.attend(states, still, None, pages, layer, AttentionSettings(size**-0.5, None, window), out)
        for row, count in enumerate(sizes):
            first = max(0, count + 1 - (window or count + 1))
            seen = (torch.cat([side[row, :, :count], new[row][:, None]], 1) for side, new in zip(known, (key, value), strict=True))
            keys, values = (side[:, first:].to(dtype).float().repeat_interleave(groups, 0) for side in seen)
            expected = F.scaled_dot_product_attention(query[row][:, None], keys, values)[:, 0]
            assert torch.allclose(out[row], expected, atol=1e-5)


@pytest.mark.parametrize("kind", [("llama", True), ("qwen2", False)], ids=named)
def test_products_in_bfloat16_give_replies_whose_logprobs_are_near_those_of_float32(kind: tuple[str, bool]) -> None:
    steps = steps_for("compiled", 8)
    if steps is None or not steps.multiplies(torch.bfloat16):
        pytest.skip("this processor has no units for bfloat16")
    model = built(*kind)
    engine = TorchEngine(copy.deepcopy(model).to(torch.bfloat16), STOP, COMPUTE, kernels="compiled")
    assert compiled(engine.module)
    apart = []
    for number, group in sampled(engine, sampling=Sampling(max_tokens=24)).items():
        for reply in group:
            tokens = torch.tensor([[*ASKS[number].prompt, *reply.tokens]])
            with torch.no_grad():
                logp_TV = torch.log_softmax(model(input_ids=tokens).logits[0, len(ASKS[number].prompt) - 1 : -1], -1)
            apart.append((logp_TV.gather(1, torch.tensor(reply.tokens)[:, None])[:, 0] - torch.tensor(reply.logprobs)).abs())
    assert float(torch.cat(apart).mean()) < 0.02


@given(st.lists(st.tuples(st.sampled_from(["fork", "drop", "step"]), st.integers(0, 7)), max_size=60))
def test_pages_hold_what_buckets_hold_whatever_forks_and_leaves(moves: list[tuple[str, int]]) -> None:
    """The values of a token are its number: attention with equal scores is the mean of a row's own tokens."""
    size = 8
    steps = steps_for("compiled", size)
    assert steps is not None
    pages = Pages(steps, Shapes(((1, size),), ((1, size),), torch.float32, torch.device("cpu")))
    pages.add(None, [CachedRow(0, 0, 0)])
    rows: dict[int, list[float]] = {0: []}
    for number, (move, pick) in enumerate(moves, 1):
        row = sorted(rows)[pick % len(rows)]
        if move == "fork":
            pages.fork({row: [number]}, {name: len(tokens) for name, tokens in rows.items()})
            rows[number] = [*rows[row]]
        elif move == "drop" and len(rows) > 1:
            pages.drop({row})
            del rows[row]
        else:
            for _ in range(pick + 1):
                sizes = {name: len(tokens) for name, tokens in rows.items()}
                pages.make_room(sizes)
                pages.begin_step(torch.tensor([sizes[name] for name in pages.order]))
                states, out = torch.zeros(len(rows), 3, size), torch.empty(len(rows), 1, size)
                states[:, 2] = torch.tensor([float(name + sizes[name]) for name in pages.order])[:, None]
                still = torch.ones(len(rows), size), torch.zeros(len(rows), size)
                steps.attend(states, still, None, pages, 0, AttentionSettings(1.0), out)
                for name in rows:
                    rows[name].append(float(name + sizes[name]))
                means = [sum(rows[name]) / len(rows[name]) for name in pages.order]
                assert out[:, 0, 0].tolist() == pytest.approx(means, rel=1e-5)
        assert sorted(pages.order) == sorted(rows)
    used = {page for held in pages._rows.values() for page in held}
    assert used.isdisjoint(pages._free) and len(used) + len(pages._free) == len(pages._pages)


def test_without_a_compiler_there_is_one_line_for_who_asks_for_it_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _library.cache_clear()
    monkeypatch.setenv("PATH", "")
    try:
        assert steps_for("auto", 8) is None
        with pytest.raises(BadInput, match=r"compute.kernels is compiled: no C\+\+ compiler is installed"):
            TorchEngine(built("llama", True), STOP, COMPUTE, kernels="compiled")
    finally:
        _library.cache_clear()
