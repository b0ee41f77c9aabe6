"""On a CUDA device: what the engine samples is what the learner computes, as on the CPU, and no logits of a whole batch are held."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from aha.backends.hf import torch_dtype
from aha.backends.logprobs import token_logprobs
from aha.backends.packing import PackLayout, attend
from aha.backends.torch_engine import TorchEngine
from aha.backends.torch_learner import TorchLearner
from aha.batch import Batch, collate, collate_documents
from aha.objectives import Advantages, CrossEntropy, Grpo
from aha.protocols import Adam, Ask, Compute, DType, Sampling
from aha.sampling.draws import DrawSettings, draw, uniform
from aha.types import Group, Number, Problem, Score

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")]
DTYPES: tuple[DType, ...] = ("float32", "bfloat16")
APART = {"float32": 1e-4, "bfloat16": 0.05}
STOP = (0, 1)
ASKS = [Ask(tuple((5 * i + 3 * j) % 500 for j in range(length)), tuple(range(100 * i, 100 * i + 4))) for i, length in enumerate((3, 11, 6))]


def qwen2(vocabulary: int = 512) -> PreTrainedModel:
    shape: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Qwen2ForCausalLM(Qwen2Config(vocab_size=vocabulary, max_position_embeddings=512, tie_word_embeddings=True, **shape))


def learner(device: str, dtype: DType = "float32", vocabulary: int = 512) -> TorchLearner:
    return TorchLearner(qwen2(vocabulary), Adam(lr=1e-3), Compute(device=device, dtype=dtype), reference=False)


def sampled(device: str, dtype: DType) -> list[Group]:
    """Groups whose second half is worth 1."""
    model = qwen2().eval()
    nn.Module.to(model, device, torch_dtype(dtype))
    engine = TorchEngine(model, STOP, Compute(device=device, dtype=dtype, rows=7))
    said = dict(engine.generate(ASKS, Sampling(max_tokens=40)))
    problem, worth = Problem("any", "none", "", "en", Number("0")), (Score(0.0, ()), Score(0.0, ()), Score(1.0, ()), Score(1.0, ()))
    return [Group(problem, ask.prompt, tuple(said[i]), (), worth) for i, ask in enumerate(ASKS)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_learner_computes_what_the_engine_recorded(dtype: DType) -> None:
    batch = collate(sampled("cuda", dtype), Advantages(), 1.0, "penalise")
    apart_M = (learner("cuda", dtype).logprobs(batch, "policy") - batch.behaviour_M).abs()
    assert batch.M > 200 and apart_M.max() < APART[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_update_moves_every_weight_as_on_the_cpu(dtype: DType) -> None:
    batch = collate(sampled("cpu", "float32"), Advantages(), 1.0, "penalise")
    loss = Grpo(kl=0.0)
    here, there = learner("cuda", dtype), learner("cpu")
    (step,) = there.minibatches(batch, 1, 0, loss.aggregate)
    before = {name: weight.clone() for name, weight in here.weights()}
    seen, wanted = here.update(step, loss), there.update(step, loss)
    assert seen["grad_norm"] == pytest.approx(wanted["grad_norm"], rel=1e-3 if dtype == "float32" else 0.05)
    assert seen["skipped"] == 0 and all(not torch.equal(weight, before[name]) for name, weight in here.weights())


def test_draws_are_the_same_on_cpu_and_cuda() -> None:
    seeds = torch.arange(4096) * 7_919 + 2**61
    positions = torch.arange(4096) % 97
    assert torch.equal(uniform(seeds.cuda(), positions.cuda()).cpu(), uniform(seeds, positions))


def test_equal_logits_give_equal_tokens_but_for_the_rounding_of_a_sum() -> None:
    logits_BV = torch.randn(4096, 512, generator=torch.Generator().manual_seed(0))
    seed_B, position_B = torch.arange(4096), torch.full((4096,), 5)
    here_B, here_logp_B = draw(logits_BV.cuda(), seed_B.cuda(), position_B.cuda(), DrawSettings.repeat(Sampling(), len(seed_B), "cuda"))
    there_B, there_logp_B = draw(logits_BV, seed_B, position_B, DrawSettings.repeat(Sampling(), len(seed_B)))
    same_B = here_B.cpu() == there_B
    assert same_B.float().mean() > 0.999
    torch.testing.assert_close(here_logp_B.cpu()[same_B], there_logp_B[same_B], rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("chunk", [2**16, 2**30], ids=["slices", "whole"])
def test_log_probabilities_and_gradients_are_those_of_the_cpu(dtype: DType, chunk: int) -> None:
    dice = torch.Generator().manual_seed(1)
    hidden_MD, weight_VD = torch.randn(96, 32, generator=dice), torch.randn(1_000, 32, generator=dice) / 6
    targets_M = torch.randint(1_000, (96,), generator=dice)

    def found(device: str, dtype: torch.dtype) -> tuple[Tensor, ...]:
        hidden = hidden_MD.bfloat16().to(device, dtype).requires_grad_()  # what bfloat16 can hold, so that only the products differ
        weight = weight_VD.bfloat16().float().to(device).requires_grad_()
        logp_M, entropy_M = token_logprobs(hidden, weight, None, targets_M.to(device), chunk=chunk)
        logp_M.sum().backward()
        assert hidden.grad is not None and weight.grad is not None and logp_M.dtype == torch.float32
        return tuple(value.detach().float().cpu() for value in (logp_M, entropy_M, hidden.grad, weight.grad))

    for seen, wanted in zip(found("cuda", torch_dtype(dtype)), found("cpu", torch.float32), strict=True):
        torch.testing.assert_close(seen, wanted, rtol=1e-4 if dtype == "float32" else 0.02, atol=1e-4 if dtype == "float32" else 0.05)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_update_holds_no_logits_of_the_whole_batch(dtype: DType) -> None:
    vocabulary = 151_936
    made = learner("cuda", dtype, vocabulary)
    batch: Batch = collate_documents([[(7 * place + row) % vocabulary for place in range(257)] for row in range(16)])
    made.update(batch, CrossEntropy())  # Adam's moments are there from now on
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    made.update(batch, CrossEntropy())
    gradient = 4 * sum(weight.numel() for weight in made.parameters.values())
    whole = 4 * batch.M * vocabulary
    assert batch.M == 4096 and torch.cuda.max_memory_allocated() - before - gradient < whole / 4


LONG = 32_768


def long_rows(vocabulary: int, packed: bool) -> Batch:
    lengths = (LONG - 300, 200, 100) if packed else (LONG,)
    return collate_documents([[(7 * place + 1) % vocabulary for place in range(length)] for length in lengths], packed=packed)


@pytest.mark.parametrize("packed", [False, True])
def test_a_row_of_32768_tokens_needs_neither_a_mask_nor_logits_of_its_square(packed: bool) -> None:
    model = qwen2(4_096)
    model.config.max_position_embeddings = LONG
    made = TorchLearner(model, Adam(), Compute(device="cuda", dtype="bfloat16", micro_tokens=LONG, checkpointing=True), reference=False)
    made.update(long_rows(4_096, packed), CrossEntropy())
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    assert made.update(long_rows(4_096, packed), CrossEntropy())["skipped"] == 0
    assert torch.cuda.max_memory_allocated() - before < LONG * LONG  # bytes of one mask of tokens by tokens


@pytest.mark.parametrize("window", [None, 7])
def test_rows_of_any_length_are_attended_to_as_rows_alone(window: int | None) -> None:
    lengths, draw = [9, 3, 40], torch.Generator().manual_seed(2)
    query, key, value = (torch.randn(1, heads, sum(lengths), 32, generator=draw).cuda() for heads in (4, 2, 2))
    layout, module = PackLayout.of(lengths, torch.device("cuda")), torch.nn.Module()
    module.num_key_value_groups = 2  # type: ignore[assignment]
    exact, _ = attend(module, query, key, value, None, scaling=0.2, layout=layout, sliding_window=window)
    short, _ = attend(module, query.bfloat16(), key.bfloat16(), value.bfloat16(), None, scaling=0.2, layout=layout, sliding_window=window)
    torch.testing.assert_close(short.float(), exact, rtol=0.05, atol=0.02)


def test_moments_that_are_kept_on_the_cpu_give_the_same_step() -> None:
    batch = collate_documents([[3, 1, 4, 1, 5, 9, 2, 6]])
    seen = []
    for offload in (False, True):
        made = TorchLearner(qwen2(), Adam(lr=1e-3), Compute(device="cuda", offload=offload), reference=False)
        for _ in range(2):
            made.update(batch, CrossEntropy())
        seen.append(made.weights().digest())
        devices = {state["exp_avg"].device.type for state in made.adam.state.values()}
        assert devices == {"cpu" if offload else "cuda"}
    assert seen[0] == seen[1]
