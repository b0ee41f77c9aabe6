"""Tokens a second of our engine, by each of its kernels, beside Hugging Face's `generate` on the same model, prompts, samples and length.

    python bench/sampling.py [--threads 2] [--turns 3] [--rows 64] [--tokens 64] [--shapes tiny qwen2 smollm2] [--ends limit early]
        [--ways generate plain modules straight]

In turns: each way once, then each again. All draw from the whole distribution at temperature 1; ours also records log-probabilities. Shown
are medians, by the clock and by the processor's time, which says more on a machine that is busy with other things, and the range of the
turns' ratios by the processor's time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, cast

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from aha.backends.bucket_decoder import Kernels
from aha.backends.torch_engine import TorchEngine
from aha.protocols import Ask, Compute, Sampling

TINY = LlamaConfig(
    vocab_size=1632,
    hidden_size=96,
    intermediate_size=256,
    num_hidden_layers=4,
    num_attention_heads=4,
    max_position_embeddings=512,
)
QWEN = Qwen2Config(
    vocab_size=151_936,
    hidden_size=128,
    intermediate_size=512,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=1024,
    tie_word_embeddings=True,
)
SMOLLM2 = LlamaConfig(
    vocab_size=49_152,
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    max_position_embeddings=8192,
    tie_word_embeddings=True,
)
STOPS = {
    "tiny": 16,
    "qwen2": 1_500,
    "smollm2": 500,
}  # ids that end a reply: each token one of about a hundred, so that rows finish at different times
ENDS = ("limit", "early")  # all rows go on to the limit, or end early
WAYS = ("generate", "plain", "modules", "straight")  # Hugging Face's, and our engine's kernels
SAMPLES = 8


@dataclass(frozen=True)
class Spent:
    """What one turn took."""

    tokens: int
    wall_s: float
    cpu_s: float


def made(shape: str) -> PreTrainedModel:
    torch.manual_seed(1)
    return (Qwen2ForCausalLM(QWEN) if shape == "qwen2" else LlamaForCausalLM(TINY if shape == "tiny" else SMOLLM2)).eval()


def prompts(rows: int, vocabulary: int) -> list[tuple[int, ...]]:
    """A prompt for each group of samples, of 24 to 40 tokens."""
    return [tuple((31 * i + 7 * j) % (vocabulary // 2) for j in range(24 + i % 17)) for i in range(rows // SAMPLES)]


def ours(
    model: PreTrainedModel, kernels: Kernels, starts: list[tuple[int, ...]], tokens: int, stops: tuple[int, ...]
) -> Callable[[int], int]:
    engine = TorchEngine(model, stops, Compute(device="cpu"), kernels=kernels)

    def sample(turn: int) -> int:
        asks = [Ask(prompt, tuple(1_000 * turn + SAMPLES * i + j for j in range(SAMPLES))) for i, prompt in enumerate(starts)]
        groups = engine.generate(asks, Sampling(max_tokens=tokens))
        return sum(len(completion.tokens) for _, completions in groups for completion in completions)

    return sample


def theirs(model: PreTrainedModel, starts: list[tuple[int, ...]], tokens: int, stops: tuple[int, ...]) -> Callable[[int], int]:
    width = max(map(len, starts))
    rows = [prompt for prompt in starts for _ in range(SAMPLES)]
    ids = torch.tensor([[0] * (width - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    how = GenerationConfig(
        do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=tokens, eos_token_id=list(stops), pad_token_id=stops[0]
    )

    generate: Any = model.generate

    def sample(turn: int) -> int:
        torch.manual_seed(turn)
        with torch.inference_mode():
            said = generate(ids, attention_mask=mask, generation_config=how)[:, width:]
        ended = torch.isin(said, torch.tensor(stops))
        return int((ended.cumsum(1) - ended.long() == 0).sum())  # up to and with the first stop

    return sample


def timed(sample: Callable[[int], int], turn: int) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    tokens = sample(turn)
    return Spent(tokens, time.perf_counter() - wall, time.process_time() - cpu)


def compare(shape: str, end: str, rows: int, tokens: int, turns: int, ways: list[str]) -> None:
    model = made(shape)
    vocabulary = model.config.vocab_size
    stops = (vocabulary - 1,) if end == "limit" else tuple(range(vocabulary - STOPS[shape], vocabulary))
    starts = prompts(rows, vocabulary)
    samplers = {
        way: theirs(model, starts, tokens, stops) if way == "generate" else ours(model, cast(Kernels, way), starts, tokens, stops)
        for way in ways
    }
    for sample in samplers.values():
        sample(0)
    spent: dict[str, list[Spent]] = {way: [] for way in ways}
    for turn in range(1, turns + 1):
        for way, sample in samplers.items():
            spent[way].append(timed(sample, turn))
    for way in ways:
        wall, cpu = (median(turn.tokens / getattr(turn, clock) for turn in spent[way]) for clock in ("wall_s", "cpu_s"))
        ratios = [(own.tokens / own.cpu_s) / (base.tokens / base.cpu_s) for own, base in zip(spent[way], spent[ways[0]], strict=True)]
        print(
            f"{shape:7} {end:5} {way:8} {wall:8,.0f} tokens/s {cpu:8,.0f} tokens/cpu s, "
            f"x{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) of {ways[0]}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--shapes", nargs="+", default=["tiny", "qwen2"], choices=list(STOPS))
    parser.add_argument("--ends", nargs="+", default=list(ENDS), choices=list(ENDS))
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    for shape in chosen.shapes:
        for end in chosen.ends:
            compare(shape, end, chosen.rows, chosen.tokens, chosen.turns, chosen.ways)


if __name__ == "__main__":
    main()
