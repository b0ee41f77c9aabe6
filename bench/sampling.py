"""Tokens a second of our engine, by each of its kernels, beside Hugging Face's `generate` and vLLM on the same model, prompts, samples
and length.

    [AHA_VLLM=ENVIRONMENT] python bench/sampling.py [--threads 2] [--turns 3] [--rows 64] [--tokens 64] [--shapes tiny qwen2 smollm2]
        [--ends limit early] [--ways generate plain modules straight compiled vllm] [--dtype float32]

In turns: each way once, then each again. All draw from the whole distribution at temperature 1; ours also records log-probabilities. Shown
are medians, by the clock and by the processor's time, which says more on a machine that is busy with other things, and the range of the
turns' ratios by the processor's time. Every way has weights of `--dtype`. vLLM runs in a process of its own, from the environment that
AHA_VLLM names (`make vllm`), and only with `--ends limit`; its first greedy tokens have to be the model's (in bfloat16: up to its
rounding), or the bench ends with exit code 1. Exit code 2 where vLLM is named and not there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, cast

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from aha.backends.batch_decoder import Kernels
from aha.backends.hf import torch_dtype
from aha.backends.torch_engine import TorchEngine
from aha.backends.vllm_worker import ENVIRONMENT, ON_A_CPU
from aha.protocols import Ask, Compute, DType, Sampling
from aha.recipes.zero import SHAPE

TINY = LlamaConfig(vocab_size=1_632, **cast("dict[str, Any]", SHAPE))  # the model that ships with the package
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
QWEN05 = Qwen2Config(
    vocab_size=151_936,
    hidden_size=896,
    intermediate_size=4864,
    num_hidden_layers=24,
    num_attention_heads=14,
    num_key_value_heads=2,
    max_position_embeddings=1024,
    tie_word_embeddings=True,
)
LLAMAS = {"tiny": TINY, "smollm2": SMOLLM2}
STOPS = {
    "tiny": 16,
    "qwen2": 1_500,
    "qwen05": 1_500,
    "smollm2": 500,
}  # ids that end a reply: each token one of about a hundred, so that rows finish at different times
ENDS = ("limit", "early")  # all rows go on to the limit, or end early
WAYS = ("generate", "plain", "modules", "straight", "compiled")  # Hugging Face's, and our engine's kernels
VLLM = "vllm"
SLACK = {"float32": 0.0, "bfloat16": 0.1}  # how far below the largest logit a greedy token may lie, as a share of their spread
SAMPLES = 8


@dataclass(frozen=True)
class Spent:
    """What one turn took."""

    tokens: int
    wall_s: float
    cpu_s: float


def made(shape: str, dtype: DType) -> PreTrainedModel:
    torch.manual_seed(1)
    model = Qwen2ForCausalLM(QWEN05 if shape == "qwen05" else QWEN) if "qwen" in shape else LlamaForCausalLM(LLAMAS[shape])
    return model.eval().to(torch_dtype(dtype))


def prompts(rows: int, vocabulary: int) -> list[tuple[int, ...]]:
    """A prompt for each group of samples, of 24 to 40 tokens."""
    return [tuple((31 * i + 7 * j) % (vocabulary // 2) for j in range(24 + i % 17)) for i in range(rows // SAMPLES)]


def ours(
    model: PreTrainedModel, kernels: Kernels, starts: list[tuple[int, ...]], tokens: int, stops: tuple[int, ...]
) -> Callable[[int], int]:
    dtype: DType = "bfloat16" if model.dtype == torch.bfloat16 else "float32"
    engine = TorchEngine(model, stops, Compute(device="cpu", dtype=dtype), kernels=kernels)

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


class Vllm:
    """vLLM in its own environment and process, with the same weights. SystemExit if it is not there, or if its greedy tokens differ."""

    def __init__(self, model: PreTrainedModel, starts: list[tuple[int, ...]], tokens: int, threads: int, dtype: DType) -> None:
        python = Path(os.environ.get("AHA_VLLM", "nowhere")) / "bin" / "python"
        if not python.exists():
            print("vllm: AHA_VLLM names no environment with vLLM (make vllm makes one): nothing to compare with", file=sys.stderr)
            raise SystemExit(2)
        self._folder = tempfile.TemporaryDirectory()
        model.save_pretrained(self._folder.name)
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        environment |= ENVIRONMENT | ON_A_CPU | {"OMP_NUM_THREADS": str(threads)}
        del environment["TORCHDYNAMO_DISABLE"]  # we shorten its start with that; here it may compile, which is faster
        script = Path(__file__).parent / "peers" / "vllm_generate.py"
        self._process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        rows = len(starts) * SAMPLES
        context = max(map(len, starts)) + tokens
        sizes = {"samples": SAMPLES, "tokens": tokens, "rows": rows, "context": context}
        greedy = self._ask({"model": self._folder.name, "dtype": dtype, "prompts": starts, **sizes})["greedy"]
        with torch.inference_mode():
            ids = torch.tensor([starts[0]])
            for token in greedy:
                logits_V = model(ids).logits[0, -1].float()
                best = int(logits_V.argmax())
                if token != best and logits_V.max() - logits_V[token] > SLACK[dtype] * logits_V.std():
                    raise SystemExit(
                        f"vllm: greedy tokens {greedy} are not the model's, which are {[*ids[0, len(starts[0]) :].tolist(), best]} …"
                    )
                ids = torch.cat([ids, torch.tensor([[token]])], dim=1)

    def _ask(self, line: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(line), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"vllm: its process ended with exit code {self._process.wait()}")
        return cast("dict[str, Any]", json.loads(answer))

    def spend(self, turn: int) -> Spent:
        return Spent(**self._ask(turn))


def timed(sample: Callable[[int], int], turn: int) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    tokens = sample(turn)
    return Spent(tokens, time.perf_counter() - wall, time.process_time() - cpu)


def compare(shape: str, end: str, rows: int, tokens: int, turns: int, ways: list[str], threads: int, dtype: DType) -> None:
    model = made(shape, dtype)
    vocabulary = model.config.vocab_size
    stops = (vocabulary - 1,) if end == "limit" else tuple(range(vocabulary - STOPS[shape], vocabulary))
    starts = prompts(rows, vocabulary)
    samplers = {
        way: theirs(model, starts, tokens, stops) if way == "generate" else ours(model, cast(Kernels, way), starts, tokens, stops)
        for way in ways
        if way != VLLM
    }
    for sample in samplers.values():
        sample(0)
    clocks: dict[str, Callable[[int], Spent]] = {way: partial(timed, sample) for way, sample in samplers.items()}
    if VLLM in ways:
        clocks[VLLM] = Vllm(model, starts, tokens, threads, dtype).spend
        clocks[VLLM](0)
    spent: dict[str, list[Spent]] = {way: [] for way in ways}
    for turn in range(1, turns + 1):
        for way, clock in clocks.items():
            spent[way].append(clock(turn))
    for way in ways:
        wall, cpu = (median(turn.tokens / getattr(turn, seconds) for turn in spent[way]) for seconds in ("wall_s", "cpu_s"))
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
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=[*WAYS, VLLM])
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    for shape in chosen.shapes:
        for end in chosen.ends:
            ways = [way for way in chosen.ways if way != VLLM or end == "limit"]
            compare(shape, end, chosen.rows, chosen.tokens, chosen.turns, ways, chosen.threads, chosen.dtype)


if __name__ == "__main__":
    main()
