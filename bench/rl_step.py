"""One whole step of ours, from asking to updated weights, beside one of TRL's GRPOTrainer: the same model, prompts, samples and lengths.

    pip install trl && python bench/rl_step.py [--threads 2] [--turns 2] [--steps 4] [--questions 16] [--samples 8] [--tokens 128]
        [--model FOLDER] [--kl 0.001] [--dtype float32]

In turns, each in a process of its own: TRL, ours, TRL, ours. A step samples questions x samples replies and makes one update on them, with
clipping and the divergence from a reference, without recomputed activations, in float32 or with products in bfloat16 (`--dtype`, TRL's
`bf16`; the weights that learn are float32). Counted are tokens sampled and tokens trained.
Ours also writes each rollout's groups to disk. Medians, by the clock and by the processor's time, with the range of the turns' ratios and
the peak memory of each process; the first step of a turn warms up.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import torch

from aha.backends.local_backend import LocalBackend, write_fresh
from aha.objectives import Grpo
from aha.protocols import Adam, Compute, Continue, DType, Observer, Sampling
from aha.rewards import RewardPart, Rewards
from aha.rundir import Manifest, RunDir
from aha.stages.rl import Rl
from aha.tasks import vocabulary
from aha.tasks.countdown import CountdownProblems
from aha.template import Short
from aha.types import Abstained, Group, Problem, Reply

SHAPE = {"model_type": "llama", "hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4}
RATE = 1e-4


@dataclass(frozen=True)
class Work:
    """How much a turn does."""

    model: str
    steps: int
    questions: int
    samples: int
    tokens: int
    turn: int
    kl: float = 0.001
    dtype: DType = "float32"


@dataclass(frozen=True)
class Spent:
    """What one step took; `tokens` counts those sampled."""

    tokens: float
    wall_s: float
    cpu_s: float

    def clock(self) -> float:
        return self.wall_s

    def processor(self) -> float:
        return self.cpu_s


@dataclass(frozen=True)
class Turn:
    """One side's medians, in tokens sampled and trained a second by the clock and by the processor's time, and its peak in bytes."""

    wall: float
    cpu: float
    peak: int


def even(text: str) -> float:
    """Splits the groups of any model."""
    return float(sum(map(ord, text)) % 2 == 0)


def reward(problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
    return [even(reply.text) for reply in replies]


class Clock:
    """Differences between looks."""

    def __init__(self) -> None:
        self.look()

    def look(self) -> tuple[float, float]:
        before, now = getattr(self, "now", (0.0, 0.0)), (time.perf_counter(), time.process_time())
        self.now = now
        return now[0] - before[0], now[1] - before[1]


class Listening(Observer):
    """An observer that keeps what each rollout took, the writing of the one before included."""

    def __init__(self) -> None:
        self.clock, self.spent = Clock(), list[Spent]()

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue:
        self.spent.append(Spent(timings["tokens"], *self.clock.look()))
        return Continue()


def ours(work: Work) -> list[Spent]:
    rl = Rl(
        model=work.model,
        problems=CountdownProblems(),
        template=Short(),
        rewards=Rewards((RewardPart("even", reward),)),
        loss=Grpo(kl=work.kl, aggregation="seq-mean", dual_clip=None),
        sampling=Sampling(max_tokens=work.tokens),
        optim=Adam(lr=RATE),
        questions=work.questions,
        samples=work.samples,
        minibatches=1,
        steps=work.steps,
        reference_every=None,
        seed=work.turn,
        save_every=work.steps,
    )
    listening = Listening()
    with tempfile.TemporaryDirectory() as folder:
        rundir = RunDir.open(Path(folder) / "run", Manifest("bench", {}, {}, {}, None, (), ""))
        rl.run(LocalBackend(Compute(device="cpu", dtype=work.dtype)), rundir, listening)
        rundir.close()
    return listening.spent


def theirs(work: Work) -> list[Spent]:
    from datasets import Dataset
    from transformers import AutoTokenizer, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    class Watch(TrainerCallback):
        def __init__(self) -> None:
            self.clock, self.spent = Clock(), list[Spent]()

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.clock.look()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.spent.append(Spent(0, *self.clock.look()))

    said: list[int] = []

    def rewarded(completions: list[str], completion_ids: list[list[int]], **_: Any) -> list[float]:
        said.append(sum(map(len, completion_ids)))
        return [even(text) for text in completions]

    problems = CountdownProblems().at(0, 0, work.questions * work.steps, work.turn)
    rows = Dataset.from_list([{"prompt": Short().prompt(problem.question)} for problem in problems])
    with tempfile.TemporaryDirectory() as folder:
        how = GRPOConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=work.dtype == "bfloat16",
            gradient_checkpointing=False,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            per_device_train_batch_size=work.questions * work.samples,
            gradient_accumulation_steps=1,
            num_generations=work.samples,
            max_completion_length=work.tokens,
            max_steps=work.steps,
            temperature=1.0,
            beta=work.kl,
            loss_type="grpo",
            model_init_kwargs={"dtype": "float32"},
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            logging_strategy="no",
            seed=work.turn,
        )
        watch = Watch()
        tokenizer = AutoTokenizer.from_pretrained(work.model, padding_side="left")
        GRPOTrainer(work.model, rewarded, how, rows, processing_class=tokenizer, callbacks=[watch]).train()
    return [Spent(tokens, each.wall_s, each.cpu_s) for tokens, each in zip(said, watch.spent, strict=True)]


def base(folder: Path) -> str:
    built = vocabulary.build()
    size, end = built.get_vocab_size(), built.token_to_id(vocabulary.END)
    vocabulary.save(folder, 512)
    write_fresh({**SHAPE, "vocab_size": size, "eos_token_id": end, "bos_token_id": None, "max_position_embeddings": 512}, folder, seed=0)
    return str(folder)


def one_turn(way: str, work: Work) -> None:
    """Print what the steps of one side took after the first, which warms up, and the peak of this process."""
    spent = (ours if way == "ours" else theirs)(work)[1:]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    print(json.dumps({"spent": [[step.tokens, step.wall_s, step.cpu_s] for step in spent], "peak": peak}))


def in_a_process(way: str, chosen: argparse.Namespace, model: str, turn: int) -> Turn:
    options = [f"--{name}={value}" for name, value in vars(chosen).items() if name not in ("model", "turns", "side", "turn")]
    command = [sys.executable, __file__, *options, f"--model={model}", f"--side={way}", f"--turn={turn}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    said = json.loads(done.stdout.splitlines()[-1])
    steps = [Spent(*step) for step in said["spent"]]
    by_clock, by_cpu = (median(2 * step.tokens / seconds(step) for step in steps) for seconds in (Spent.clock, Spent.processor))
    return Turn(by_clock, by_cpu, said["peak"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--model", help="a folder in Hugging Face format; default: 0.8M random weights")
    parser.add_argument("--kl", type=float, default=0.001, help="the weight of the divergence; at 0 neither side has a reference")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="the type of the products on both sides")
    parser.add_argument("--side", choices=["trl", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("--turn", type=int, default=0, help=argparse.SUPPRESS)
    for name, count in (("steps", 4), ("questions", 16), ("samples", 8), ("tokens", 128)):
        parser.add_argument(f"--{name}", type=int, default=count)
    chosen = parser.parse_args()
    if find_spec("trl") is None:
        print("trl is not installed: nothing to compare with (pip install trl)", file=sys.stderr)
        return 2
    logging.disable(logging.WARNING)
    torch.set_num_threads(chosen.threads)
    if chosen.side:
        sizes = chosen.steps, chosen.questions, chosen.samples, chosen.tokens
        one_turn(chosen.side, Work(chosen.model, *sizes, chosen.turn, chosen.kl, chosen.dtype))
        return 0
    turns: dict[str, list[Turn]] = {"trl": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder:
        model = chosen.model or base(Path(folder) / "base")
        for turn in range(chosen.turns):
            for way, done in turns.items():
                done.append(in_a_process(way, chosen, model, turn))
    for way, done in turns.items():
        wall, cpu, peak = (median(value) for value in zip(*((turn.wall, turn.cpu, turn.peak) for turn in done), strict=True))
        print(f"{way:5} {wall:9,.0f} tokens/s {cpu:9,.0f} tokens/cpu s, at most {peak / 2**20:7,.0f} MiB  ({len(done)} turns)")
    for name in ("wall", "cpu", "peak"):
        ratios = sorted(getattr(o, name) / getattr(t, name) for t, o in zip(turns["trl"], turns["ours"], strict=True))
        print(f"ours / trl, {name}: x{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
