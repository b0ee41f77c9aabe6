"""Tokens a second and peak memory of our update beside a plain Hugging Face forward and backward pass with whole logits.

    python bench/learner_speed.py [--threads 2] [--repeats 5]

Each way runs in a process of its own, so that its peak is its own; both do the forward pass, the backward pass, clipping and AdamW.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from aha.backends.torch_learner import TorchLearner
from aha.batch import Batch, collate_documents, micro_batches
from aha.objectives import CrossEntropy
from aha.protocols import Adam, Compute

TINY = {"vocab_size": 1632, "hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4}
QWEN = {"vocab_size": 151_936, "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 2, "num_attention_heads": 14}
# Configuration, key-value heads, rows, longest row, tokens in a micro-batch.
SHAPES: dict[str, tuple[dict[str, Any], int, int, int, int]] = {
    "tiny": (TINY, 4, 128, 160, 8192),
    "qwen2": (QWEN, 2, 8, 128, 512),
}


def made(shape: str) -> tuple[PreTrainedModel, Batch, int]:
    sizes, heads, rows, longest, micro_tokens = SHAPES[shape]
    torch.manual_seed(1)
    model = Qwen2ForCausalLM(Qwen2Config(**sizes, num_key_value_heads=heads, max_position_embeddings=512, tie_word_embeddings=True))
    lengths = torch.linspace(longest // 2, longest, rows).long().tolist()
    return model, collate_documents([torch.randint(sizes["vocab_size"], (length,)).tolist() for length in lengths]), micro_tokens


def ours(shape: str) -> tuple[Callable[[], float], Batch]:
    model, batch, micro_tokens = made(shape)
    learner = TorchLearner(model, Adam(lr=1e-4), Compute(device="cpu", micro_tokens=micro_tokens), reference=False)
    return lambda: learner.update(batch, CrossEntropy())["loss"], batch


def plain(shape: str) -> tuple[Callable[[], float], Batch]:
    """What one writes first: padded rows, `model(...).logits`, a log-softmax of all of them, a mask."""
    model, batch, micro_tokens = made(shape)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), fused=True)

    def update() -> float:
        total = 0.0
        for indices in micro_batches(batch, micro_tokens):
            part = batch.rows(indices)
            padded = torch.zeros(part.R, int(part.length_R.max()), dtype=torch.long)
            padded[part.row_N, part.column_N] = part.tokens_N.long()
            mask = torch.arange(padded.shape[1]) < part.length_R[:, None]
            logp = torch.log_softmax(model(input_ids=padded, attention_mask=mask.long(), use_cache=False).logits[:, :-1].float(), dim=-1)
            picked = logp.gather(2, padded[:, 1:, None]).squeeze(2)[mask[:, 1:]]
            with torch.no_grad():
                _ = -(logp.exp() * logp).sum(-1)  # the entropy, which our update reports too
            loss = -(picked * part.weight_M[0]).sum()
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return total

    return update, batch


def measure(way: str, shape: str, threads: int, repeats: int) -> dict[str, float]:
    torch.set_num_threads(threads)
    update, batch = {"ours": ours, "plain": plain}[way](shape)
    loss = update()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        update()
        seconds.append(time.perf_counter() - start)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return {"loss": loss, "tokens_per_s": batch.tokens_N.numel() / min(seconds), "peak_mib": int(status["VmHWM"].split()[0]) / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--one", nargs=2, metavar=("WAY", "SHAPE"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        way, shape = chosen.one
        print(json.dumps(measure(way, shape, chosen.threads, chosen.repeats)))
        return
    for shape in chosen.shapes:
        found = {}
        for way in ("plain", "ours"):
            command = [sys.executable, __file__, "--one", way, shape, "--threads", str(chosen.threads), "--repeats", str(chosen.repeats)]
            found[way] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=900, check=True).stdout)
            speed, peak, loss = (found[way][name] for name in ("tokens_per_s", "peak_mib", "loss"))
            print(f"{shape:6} {way:6} {speed:9,.0f} tokens/s  {peak:7,.0f} MiB  loss {loss:.5f}", flush=True)
        speed, memory = (found["ours"][name] / found["plain"][name] for name in ("tokens_per_s", "peak_mib"))
        print(f"{shape:6} ours / plain: speed x{speed:.2f}, peak memory x{memory:.2f}")


if __name__ == "__main__":
    main()
