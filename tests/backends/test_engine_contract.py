"""What every engine promises, on six model families: what is sampled is what the model says, whatever the batch looks like."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from aha.backends.batch_decoder import Kernels
from aha.backends.cache import Bucket
from aha.backends.hf import ModuleWeights
from aha.backends.torch_engine import TorchEngine
from aha.errors import BadInput
from aha.protocols import Ask, Compute, Sampling
from aha.types import Completion
from tests.backends.models import FAMILIES, KINDS, VOCABULARY, built, named
from tests.counts import ordinary

COMPUTE = Compute(device="cpu", rows=5)
STOP = (1, 7)
LENGTHS = (3, 9, 1, 14, 6, 9)
ASKS = [Ask(tuple((5 * i + 3 * j) % VOCABULARY for j in range(n)), tuple(100 * i + j for j in range(4))) for i, n in enumerate(LENGTHS)]
SAMPLING = Sampling(max_tokens=30)


def sampled(engine: TorchEngine, asks: list[Ask] = ASKS, sampling: Sampling = SAMPLING) -> dict[int, list[Completion]]:
    return dict(engine.generate(asks, sampling))


def own_logprobs(model: torch.nn.Module, ask: Ask, completion: Completion, temperature: float = 1.0) -> Tensor:
    """The model's own full forward pass over one unpadded row."""
    row = torch.tensor([[*ask.prompt, *completion.tokens]])
    with torch.no_grad():
        logp_TV = torch.log_softmax(model(input_ids=row, use_cache=False).logits[0].float() / temperature, -1)
    start = len(ask.prompt)
    return logp_TV[start - 1 : -1].gather(-1, row[0, start:, None])[:, 0]


@pytest.mark.parametrize("kind", ordinary(KINDS, *KINDS[::3]), ids=named)
def test_recorded_logprobs_are_the_models_own(kind: tuple[str, bool]) -> None:
    model = built(*kind)
    for i, completions in sampled(TorchEngine(model, STOP, COMPUTE)).items():
        for completion in completions:
            assert torch.allclose(torch.tensor(completion.logprobs), own_logprobs(model, ASKS[i], completion), atol=1e-4)


@pytest.mark.parametrize("family", ordinary(FAMILIES, "llama", "gemma3"))
def test_a_reply_does_not_depend_on_its_neighbours(family: str) -> None:
    model, asks, sampling = built(family, True), [Ask(ask.prompt, ask.seeds[:2]) for ask in ASKS], Sampling(max_tokens=20)
    together = sampled(TorchEngine(model, STOP, replace(COMPUTE, rows=100)), asks, sampling)
    refilled = sampled(TorchEngine(model, STOP, COMPUTE), asks, sampling)
    lone = TorchEngine(model, STOP, COMPUTE)
    alone = {i: [sampled(lone, [Ask(ask.prompt, (seed,))], sampling)[0][0] for seed in ask.seeds] for i, ask in enumerate(asks)}
    tokens = [[[reply.tokens for reply in group[i]] for i in range(len(asks))] for group in (together, refilled, alone)]
    assert tokens[0] == tokens[1] == tokens[2]


@pytest.mark.parametrize("kernels", ordinary(["straight", "modules"], "straight"))
def test_replies_that_begin_alike_are_computed_once_until_they_part(kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    model, seeds, sampling = built("llama", True), tuple(range(8)), Sampling(temperature=0.15, max_tokens=12)
    asks = [Ask(ask.prompt, seeds) for ask in ASKS[:4]]
    alone = [
        [sampled(TorchEngine(model, (), COMPUTE, kernels="plain"), [Ask(ask.prompt, (seed,))], sampling)[0][0] for seed in seeds]
        for ask in asks
    ]
    computed, write = list[int](), Bucket.write

    def count(bucket: Bucket, layer: int, key_NHD: Tensor, value_NHD: Tensor) -> None:
        computed.append(len(bucket.rows))
        write(bucket, layer, key_NHD, value_NHD)

    monkeypatch.setattr(Bucket, "write", count)
    engine = TorchEngine(model, (), replace(COMPUTE, rows=100), kernels=kernels)
    computed.clear()
    together = sampled(engine, asks, sampling)
    for number, group in enumerate(alone):
        assert [reply.tokens for reply in together[number]] == [reply.tokens for reply in group]
        for one, other in zip(together[number], group, strict=True):
            assert list(one.logprobs) == pytest.approx(list(other.logprobs), abs=1e-4)
    beginnings = {(number, reply.tokens[:size]) for number, group in together.items() for reply in group for size in range(12)}
    layers = model.config.num_hidden_layers
    assert sum(computed) == layers * len(beginnings) < 0.8 * layers * 32 * 12


def test_a_reply_ends_with_its_stop_token_or_at_the_limit() -> None:
    said = [completion for group in sampled(TorchEngine(built("llama", True), STOP, COMPUTE)).values() for completion in group]
    assert {completion.finished for completion in said} == {"stop", "length"}
    for completion in said:
        assert not set(completion.tokens[:-1]) & set(STOP)
        assert (completion.tokens[-1] in STOP) == (completion.finished == "stop")
        assert completion.finished == "stop" or len(completion.tokens) == SAMPLING.max_tokens


def test_every_ask_is_answered_once_with_one_completion_a_seed() -> None:
    answered = list(TorchEngine(built("qwen2", True), STOP, COMPUTE).generate(ASKS, SAMPLING))
    assert sorted(i for i, _ in answered) == list(range(len(ASKS)))
    assert all(len(completions) == 4 for _, completions in answered)


def test_the_same_seed_says_the_same_and_another_seed_something_else() -> None:
    engine, prompt = TorchEngine(built("llama", False), STOP, COMPUTE), ASKS[1].prompt
    same = sampled(engine, [Ask(prompt, (11, 11, 12))])[0]
    assert same[0].tokens == same[1].tokens != same[2].tokens


def test_groups_arrive_before_the_last_one_is_done() -> None:
    stream = TorchEngine(built("llama", True), STOP, replace(COMPUTE, rows=4)).generate(ASKS, SAMPLING)
    first, _ = next(stream)
    assert first in range(len(ASKS)) and len(list(stream)) == len(ASKS) - 1


def test_temperature_scales_what_is_recorded() -> None:
    model = built("gpt2", True)
    completion = sampled(TorchEngine(model, STOP, COMPUTE), sampling=Sampling(temperature=0.7, max_tokens=12))[3][2]
    assert torch.allclose(torch.tensor(completion.logprobs), own_logprobs(model, ASKS[3], completion, 0.7), atol=1e-4)


def test_after_load_the_engine_samples_from_the_new_weights() -> None:
    old, new = built("qwen3", True, seed=7), built("qwen3", True, seed=8)
    engine = TorchEngine(old, STOP, COMPUTE)
    before = sampled(engine)
    engine.load(ModuleWeights(new), version=3)
    after = sampled(engine)
    assert before[1] != after[1] and after[1][0].version == 3
    assert torch.allclose(torch.tensor(after[1][0].logprobs), own_logprobs(new, ASKS[1], after[1][0]), atol=1e-4)


def test_an_engine_that_kept_its_old_weights_would_be_found_out() -> None:
    old, new = built("llama", True, seed=7), built("llama", True, seed=8)
    stale = sampled(TorchEngine(old, STOP, COMPUTE))[1][0]
    assert not torch.allclose(torch.tensor(stale.logprobs), own_logprobs(new, ASKS[1], stale), atol=1e-2)


def test_more_tokens_than_the_context_holds_are_refused_before_any_compute() -> None:
    with pytest.raises(BadInput, match="exceed the model's context of 96: set sampling.max_tokens to 82 or less"):
        next(TorchEngine(built("gpt2", True), STOP, COMPUTE).generate(ASKS, Sampling(max_tokens=90)))


def test_no_ask_is_no_work() -> None:
    assert sampled(TorchEngine(built("llama", True), STOP, COMPUTE), []) == {}
