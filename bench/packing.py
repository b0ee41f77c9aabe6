"""Packed rows beside padded ones: processor time of an optimizer step on examples of very different lengths.

    python bench/packing.py [--threads 1] [--rounds 5]

Both make the same gradient; rounds alternate, and the least time of each counts.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import replace

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from aha.backends.torch_learner import TorchLearner
from aha.batch import Batch, collate_documents
from aha.objectives import CrossEntropy
from aha.protocols import Adam, Compute

SHAPES = {  # hidden, between, layers, heads, vocabulary, micro-batch, median length, longest
    "tiny": (96, 256, 4, 4, 1_636, 4_096, 60, 500),
    "wider": (512, 1_536, 4, 8, 8_192, 4_096, 150, 2_000),
}


def examples(rows: int, median: int, longest: int, vocabulary: int) -> Batch:
    """Lengths as reasoning has them: most short, a few very long."""
    draw = random.Random(0)
    lengths = [min(longest, max(8, round(median * 2.0 ** draw.gauss(0, 1.5)))) for _ in range(rows)]
    return collate_documents([[draw.randrange(vocabulary) for _ in range(length)] for length in lengths], packed=True)


def seconds(learner: TorchLearner, batch: Batch) -> tuple[float, float]:
    began = time.process_time()
    metrics = learner.update(batch, CrossEntropy())
    return time.process_time() - began, metrics["loss"]


def compare(name: str, rows: int, rounds: int) -> None:
    hidden, between, layers, heads, vocabulary, micro_tokens, median, longest = SHAPES[name]
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=hidden, intermediate_size=between, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=heads // 2, max_position_embeddings=longest,
    )  # fmt: skip
    compute = Compute(device="cpu", micro_tokens=micro_tokens)
    learner = TorchLearner(LlamaForCausalLM(config), Adam(lr=0.0), compute, reference=False)
    packed = examples(rows, median, longest, vocabulary)
    padded = replace(packed, packed=False)
    took: dict[str, list[float]] = {"packed": [], "padded": []}
    for _ in range(rounds):
        for way, batch in (("packed", packed), ("padded", padded)):
            took[way].append(seconds(learner, batch)[0])
    tokens = int(packed.length_R.sum())
    for way, times in took.items():
        print(f"{name}: {way} {min(times):.2f} s of processor, {tokens / min(times):,.0f} tokens/s ({tokens:,} tokens in {rows} rows)")
    print(f"{name}: packed takes {min(took['packed']) / min(took['padded']):.2f} of the time")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=128)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    compare("tiny", given.rows, given.rounds)
    compare("wider", given.rows // 4, max(1, given.rounds // 2))


if __name__ == "__main__":
    main()
