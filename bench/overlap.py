"""Sampling beside learning, two engines beside one, and weights by way of Ray's object store: on a Ray cluster of this machine.

    python bench/overlap.py [--rollouts 3] [--questions 32] [--parts handover engines overlap] [--wide 39m]

Every process has one thread. A step at lag 0 samples and then learns, and tells how long both take; at lag 1 both go on at once, and a step
is compared with the longer of the two. Engines are compared by tokens in a second, by the clock and by the processor time of their own
processes, which other work on the machine changes less, on eight times the questions. The hand-over is that of a model of 39 million
weights, or of Qwen2.5-0.5B's shape, to one engine, beside one copy in memory.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import psutil
import ray
import torch

from aha.backends.hf import ModuleWeights, load_model
from aha.backends.local_backend import LocalBackend, write_fresh
from aha.backends.ray_cluster import Cluster, connect
from aha.commands.arguments import CliArgs
from aha.commands.choose import choose
from aha.pipeline import run as run_stages
from aha.protocols import Ask, Compute, Continue, Observer
from aha.rundir import RunDir, describe
from aha.sampling.rollouts import problem_tokens
from aha.stages.rl import Rl
from aha.tasks import vocabulary
from aha.types import Group

COMPUTE = Compute(device="cpu", threads=1, micro_tokens=1_024)
WIDE = {
    "39m": {"hidden_size": 384, "intermediate_size": 1_024, "num_hidden_layers": 8, "num_attention_heads": 6, "vocab_size": 32_000},
    "0.5b": {"hidden_size": 896, "intermediate_size": 4_864, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2}
    | {"vocab_size": 151_936, "tie_word_embeddings": True},
}
PARTS = ("handover", "engines", "overlap")


class Timings(Observer):
    """Keep the timings of each rollout."""

    def __init__(self) -> None:
        self.lines: list[dict[str, float]] = []

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue:
        self.lines.append(dict(timings))
        return Continue()


def steps(cluster: Cluster, stage: Rl, root: Path) -> list[dict[str, float]]:
    """Return the timings of each rollout but the first, which also opens models."""
    rundir, timings = RunDir.open(root, describe("bench", {}, seeds={}, argv=())), Timings()
    try:
        run_stages([("zero", stage)], cluster, rundir, timings)
    finally:
        rundir.close()
    return timings.lines[1:]


def overlap(cluster: Cluster, stage: Rl, folder: Path) -> None:
    turns = steps(cluster, stage, folder / "turns")
    sampling, learning = (median(line[name] for line in turns) for name in ("ask_s", "learn_s"))
    ahead = median(line["seconds"] for line in steps(cluster, replace(stage, lag=1), folder / "ahead"))
    print(f"lag 0: sampling {sampling:.2f} s, learning with hand-over {learning:.2f} s; lag 1: a step {ahead:.2f} s, ", end="")
    print(f"{ahead / max(sampling, learning):.2f} times the longer of the two")


def engines(cluster: Cluster, stage: Rl, questions: int) -> None:
    """Tokens in a second of one engine and of two."""
    assert cluster.machines is not None
    tokenizer, problems = cluster.tokenizer(stage.model), stage.problems.at(0, 0, questions, 0)
    asks = [Ask(problem_tokens(stage.template, problem, tokenizer), tuple(range(8 * i, 8 * i + 8))) for i, problem in enumerate(problems)]
    speeds = []
    for count in (1, 2):
        engine = replace(cluster, counts=(count, 1, 0)).engine(stage.model)
        list(engine.generate(asks[:2], stage.sampling))
        processes = [
            psutil.Process(ray.get(cluster.machines.alive[f"engine {place}"].pid.remote(), timeout=60.0)) for place in range(count)
        ]
        before, began = [sum(process.cpu_times()[:2]) for process in processes], time.perf_counter()
        tokens = sum(len(completion.tokens) for _, group in engine.generate(asks, stage.sampling) for completion in group)
        clock = time.perf_counter() - began
        longest = max(sum(process.cpu_times()[:2]) - start for process, start in zip(processes, before, strict=True))
        speeds.append((tokens / clock, tokens / longest))
        print(f"{count} engines: {tokens:,} tokens, {speeds[-1][0]:,.0f} a second by the clock, {speeds[-1][1]:,.0f} by cpu of the busiest")
    print(f"two engines beside one: {speeds[1][0] / speeds[0][0]:.2f} by the clock, {speeds[1][1] / speeds[0][1]:.2f} by processor time")


def handover(cluster: Cluster, folder: Path, wide: str) -> None:
    vocabulary.save(folder, 128)
    write_fresh({"model_type": "llama", **WIDE[wide], "max_position_embeddings": 128, "eos_token_id": 1, "pad_token_id": 0}, folder, seed=0)
    weights = ModuleWeights(load_model(str(folder), torch.device("cpu"), torch.float32))
    size = 4 * sum(weight.numel() for _, weight in weights)
    source, target = torch.ones(size // 4), torch.empty(size // 4)
    target.copy_(source)
    copies, loads = [], []
    engine = replace(cluster, counts=(1, 1, 0)).engine(str(folder))
    for version in range(1, 4):
        began = time.perf_counter()
        target.copy_(source)
        copies.append(time.perf_counter() - began)
        began = time.perf_counter()
        engine.load(weights, version)
        loads.append(time.perf_counter() - began)
    print(f"{size / 1e6:,.0f} MB to an engine: {min(loads):.3f} s, {min(loads) / min(copies):.2f} copies of {min(copies):.3f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=3)
    parser.add_argument("--questions", type=int, default=32)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--wide", choices=WIDE, default="39m")
    chosen = parser.parse_args()
    words = (("questions", str(chosen.questions)), ("minibatches", "4"), ("steps", str(4 * chosen.rollouts + 4)), ("save_every", "1000"))
    stage = dict(choose("zero", CliArgs(settings=words)).recipe.stages)["zero"]
    assert isinstance(stage, Rl)
    with tempfile.TemporaryDirectory() as name, connect(COMPUTE, (2, 1, 0), "", 600.0, Path(name), print) as cluster:
        folder = Path(name)
        LocalBackend(COMPUTE)  # one thread here, too
        if "handover" in chosen.parts:
            handover(cluster, folder / "wide", chosen.wide)
        if "engines" in chosen.parts:
            engines(cluster, stage, 8 * chosen.questions)
        if "overlap" in chosen.parts:
            overlap(replace(cluster, counts=(1, 1, 0)), stage, folder)


if __name__ == "__main__":
    main()
