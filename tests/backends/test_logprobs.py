"""Log-probabilities without the logits: the same numbers and gradients as the plain way, and memory that the vocabulary does not move."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aha.backends.logprobs import token_logprobs
from aha.backends.native import steps_for
from tests.counts import ordinary
from tests.endtoend.conftest import Warm

ONE_SLICE, MANY_SLICES = 2**20, 4 * 5 * 3  # bytes: all 11 columns of 5 tokens, or 3 columns at a time


def made(dtype: torch.dtype, tokens: int = 5, width: int = 4, vocabulary: int = 11) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    hidden, weight = torch.randn(tokens, width, generator=draw), torch.randn(vocabulary, width, generator=draw)
    bias, targets = torch.randn(vocabulary, generator=draw), torch.randint(vocabulary, (tokens,), generator=draw)
    return *(t.to(dtype).requires_grad_() for t in (hidden, weight, bias)), targets  # type: ignore[return-value]


def plain(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, temperature: float, softcap: float | None
) -> tuple[Tensor, Tensor]:
    logits = torch.nn.functional.linear(hidden, weight, bias)
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    logp = torch.log_softmax(logits / temperature, dim=-1)
    return logp.gather(1, targets[:, None]).squeeze(1), -(logp.exp() * logp).sum(dim=1)


def test_two_equal_logits_are_half_each() -> None:
    logp, entropy = token_logprobs(torch.ones(1, 1), torch.ones(2, 1), None, torch.tensor([1]))
    assert logp.item() == pytest.approx(-math.log(2)) and entropy.item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("chunk", [ONE_SLICE, MANY_SLICES])
@pytest.mark.parametrize("temperature", ordinary([1.0, 0.6], 0.6))
@pytest.mark.parametrize("softcap", [None, 1.5])
@pytest.mark.parametrize("biased", ordinary([False, True], True))
def test_the_gradient_is_the_derivative(chunk: int, temperature: float, softcap: float | None, biased: bool) -> None:
    hidden, weight, bias, targets = made(torch.float64)

    def logp(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return token_logprobs(hidden, weight, bias if biased else None, targets, temperature, softcap, chunk)[0]

    assert torch.autograd.gradcheck(logp, (hidden, weight, bias))


@pytest.mark.parametrize("chunk", [ONE_SLICE, MANY_SLICES])
@pytest.mark.parametrize("softcap", [None, 1.5])
def test_values_and_gradients_equal_the_plain_way(chunk: int, softcap: float | None) -> None:
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0, 0.0])
    got, want = made(torch.float32), made(torch.float32)
    logp, entropy = token_logprobs(*got, 0.7, softcap, chunk)
    plain_logp, plain_entropy = plain(*want, 0.7, softcap)
    (weights * logp).sum().backward()
    (weights * plain_logp).sum().backward()
    torch.testing.assert_close(logp, plain_logp, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(entropy, plain_entropy, rtol=1e-5, atol=1e-5)
    for mine, theirs in zip(got[:3], want[:3], strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("chunk", [ONE_SLICE, MANY_SLICES])
def test_logits_of_a_thousand_overflow_nothing(chunk: int) -> None:
    hidden, weight, bias, targets = made(torch.float32)
    logp, entropy = token_logprobs(hidden * 1000, weight, bias, targets, chunk=chunk)
    logp.sum().backward()
    assert logp.isfinite().all() and entropy.isfinite().all() and hidden.grad is not None and hidden.grad.isfinite().all()


@pytest.mark.skipif(steps_for("auto", 0) is None, reason="no C++ compiler is installed")
@pytest.mark.parametrize("scale", [1.0, 1000.0])
@pytest.mark.parametrize("columns", [1, 7, 8, 20])
def test_compiled_slices_give_the_plain_values_and_gradients(columns: int, scale: float) -> None:
    steps, weights = steps_for("compiled", 0), torch.tensor([1.0, -2.0, 0.5, 3.0, 0.0])
    results = []
    for compiled in (steps, None):
        hidden, weight, bias, targets = made(torch.float32)
        logp, entropy = token_logprobs(hidden * scale, weight, bias, targets, 0.7, chunk=4 * len(hidden) * columns, steps=compiled)
        (weights * logp).sum().backward()
        results.append((logp.detach(), entropy, hidden.grad, weight.grad, bias.grad))
    for own, other in zip(*results, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("chunk", [ONE_SLICE, MANY_SLICES])
def test_bfloat16_products_stay_near_float32_and_the_weight_gradient_is_float32(chunk: int) -> None:
    hidden, weight, bias, targets = made(torch.float32)
    logp, _ = token_logprobs(hidden.bfloat16(), weight, bias, targets, chunk=chunk)
    logp.sum().backward()
    want = plain(hidden, weight, bias, targets, 1.0, None)[0]
    assert logp.dtype == torch.float32 and weight.grad is not None and weight.grad.dtype == torch.float32
    torch.testing.assert_close(logp, want, rtol=0.02, atol=0.03)


@pytest.mark.parametrize("chunk", [ONE_SLICE, MANY_SLICES])
def test_accumulate_adds_to_the_gradient_that_is_there(chunk: int) -> None:
    hidden, weight, bias, targets = made(torch.float32)
    token_logprobs(hidden, weight, bias, targets, chunk=chunk)[0].sum().backward()
    once_weight, once_bias = weight.grad.clone(), bias.grad.clone()  # type: ignore[union-attr]
    held = weight.grad
    token_logprobs(hidden, weight, bias, targets, chunk=chunk, accumulate=True)[0].sum().backward()
    assert weight.grad is held
    torch.testing.assert_close(weight.grad, 2 * once_weight)
    torch.testing.assert_close(bias.grad, 2 * once_bias)


def test_no_trained_token_is_no_trouble() -> None:
    hidden, weight, bias, _ = made(torch.float32)
    logp, _ = token_logprobs(hidden[:0], weight, bias, torch.empty(0, dtype=torch.long))
    logp.sum().backward()
    assert logp.shape == (0,)


MEASURE = """
import re, sys, torch
from pathlib import Path
from aha.backends.logprobs import token_logprobs
torch.set_num_threads(1)
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
draw = torch.Generator().manual_seed(1)
vocabulary, tokens = int(sys.argv[1]), 256
hidden = torch.randn(tokens, 64, generator=draw).requires_grad_()
targets = torch.randint(vocabulary, (tokens,), generator=draw)
warm = torch.randn(10, 64, generator=draw).requires_grad_()
token_logprobs(hidden, warm, None, targets % 10, chunk=4 * 256 * 3)[0].sum().backward()
weight = torch.randn(vocabulary, 64, generator=draw).requires_grad_()
weight.grad = torch.ones_like(weight)
before = peak()
token_logprobs(hidden, weight, None, targets, chunk=16 * 2**20, accumulate=True)[0].sum().backward()
print(peak() - before)
"""


def peak_kib(warm: Warm, script: Path, vocabulary: int) -> int:
    """The most memory that log-probabilities and their gradient add to a head and its gradient."""
    script.write_text(MEASURE)
    command = warm.start(script, vocabulary)
    assert command.code == 0, command.said
    return int(command.out)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from Linux's /proc")
def test_a_vocabulary_four_times_as_large_takes_the_same_memory(warm: Warm, tmp_path: Path) -> None:
    small, large = (peak_kib(warm, tmp_path / "measure.py", vocabulary) for vocabulary in (40_000, 160_000))
    assert 16 * 1024 < small < 80 * 1024  # a slice is 16 MiB; whole logits would be 39 MiB and 156 MiB, three times in the plain way
    assert large < 1.1 * small
