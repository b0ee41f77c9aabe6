"""New weights from the learner to the engine, beside one copy of the same bytes in memory.

    python bench/handover.py [--shape 0.5b] [--rounds 3] [--engine torch vllm]

torch: into the engine's own module, in this process. vllm (where AHA_VLLM names its environment): into memory that its process maps, then
vLLM's own reload and the probe, both timed apart. No file is written between. The least time of all rounds counts.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from aha.backends.hf import ModuleWeights, load_model
from aha.backends.local_backend import write_fresh
from aha.backends.torch_engine import TorchEngine
from aha.backends.vllm_engine import VllmEngine
from aha.protocols import Compute
from aha.tasks import vocabulary

CONTEXT = 512
SHAPES = {  # hidden, between, layers, heads, heads of keys, vocabulary
    "tiny": (96, 256, 4, 3, 1, 1_636),
    "135m": (576, 1_536, 30, 9, 3, 49_152),
    "0.5b": (896, 4_864, 24, 14, 2, 151_936),
}


def write(shape: str, folder: Path) -> None:
    hidden, between, layers, heads, key_heads, tokens = SHAPES[shape]
    vocabulary.save(folder, CONTEXT)
    sizes = {"hidden_size": hidden, "intermediate_size": between, "num_hidden_layers": layers, "vocab_size": tokens}
    sizes |= {"num_attention_heads": heads, "num_key_value_heads": key_heads, "max_position_embeddings": CONTEXT}
    write_fresh({"model_type": "llama", **sizes, "tie_word_embeddings": True, "eos_token_id": 1, "pad_token_id": 0}, folder, seed=0)


def least(rounds: int, call: Callable[[], object]) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


def copied(size: int, rounds: int) -> float:
    """Seconds for one copy of so many bytes."""
    source, target = torch.ones(size // 4), torch.ones(size // 4)
    return least(rounds, lambda: target.copy_(source))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="135m")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--engine", nargs="+", choices=("torch", "vllm"), default=["torch", "vllm"] if os.environ.get("AHA_VLLM") else ["torch"]
    )
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(asked.shape, folder)
        model = load_model(str(folder), torch.device("cpu"), torch.float32)
        weights = ModuleWeights(model)
        size = sum(weight.numel() for _, weight in weights) * 4
        copy_s = copied(size, asked.rounds)
        print(f"{asked.shape}: {size / 1e6:,.0f} MB of weights, one copy in memory {copy_s:.3f} s")
        if "torch" in asked.engine:
            engine = TorchEngine(load_model(str(folder), torch.device("cpu"), torch.float32), (1,), Compute(device="cpu"))
            took = least(asked.rounds, lambda: engine.load(weights, 1))
            print(f"{asked.shape}: torch, in this process {took:.3f} s, {took / copy_s:.2f} copies")
            del engine
        if "vllm" in asked.engine:
            vllm = VllmEngine(str(folder), Compute(device="cpu", threads=1, rows=8))
            vllm.load(weights, 1)
            wrote = least(asked.rounds, lambda: vllm._shared_weights.write(weights))
            took = least(asked.rounds, lambda: vllm.load(weights, 2))
            print(f"{asked.shape}: vllm, into shared memory {wrote:.3f} s, {wrote / copy_s:.2f} copies; its own reload {vllm.load_s:.3f} s")
            print(f"{asked.shape}: vllm, all with the probe {took:.3f} s, {took / copy_s:.2f} copies; log-probabilities {vllm.agreement}")
            vllm.close()


if __name__ == "__main__":
    main()
