"""The plan of a rollout beside the rollout itself: seconds by part, and the peak of memory, on this machine.

    python bench/plan.py [--shapes tiny smollm2] [--rollouts 4] [--threads 0]

Each shape runs in a process of its own: RL on countdown, with random weights of that shape (the tiny one with the model that ships).
The plan gets the lengths of prompts and replies that the run had, since nobody can know them before, and this machine's speeds as measured
after it. Medians over the rollouts after the first, which also opens models.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median

from aha.backends.local_backend import LocalBackend, write_fresh
from aha.commands.arguments import CliArgs
from aha.commands.choose import choose
from aha.commands.fitting import peak_bytes
from aha.commands.plan import with_measures
from aha.pipeline import run as run_stages
from aha.plan import machine, plan_stage, read_shape
from aha.plan.machines import Work, seconds
from aha.plan.memory import memory
from aha.protocols import Compute, Continue, Observer
from aha.rundir import RunDir, describe
from aha.stages.rl import Rl
from aha.tasks import vocabulary
from aha.types import Group

SMOLLM2 = {"model_type": "llama", "hidden_size": 576, "intermediate_size": 1_536, "num_hidden_layers": 30, "num_attention_heads": 9}
QWEN = {"model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4_864, "num_hidden_layers": 24, "num_attention_heads": 14}
WIDTHS: dict[str, dict[str, object]] = {
    "smollm2": SMOLLM2 | {"num_key_value_heads": 3, "vocab_size": 49_152, "tie_word_embeddings": True},
    "0.5b": QWEN | {"num_key_value_heads": 2, "vocab_size": 151_936, "tie_word_embeddings": True},
}
SIZES = {"tiny": (64, 8, 300), "smollm2": (4, 8, 96), "0.5b": (2, 8, 64)}  # questions, samples, most tokens of a reply
PARTS = {
    "prefill": ("prefill_s",),
    "decoding": ("decode_s", "draw_s"),
    "learning": ("logprobs_s", "gradient_s", "optimizer_s"),
    "handing_over": ("load_s",),
}


class Figures(Observer):
    """Keep the timings and the lengths of each rollout."""

    def __init__(self) -> None:
        self.timings: list[dict[str, float]] = []
        self.prompts: list[float] = []
        self.replies: list[float] = []

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue:
        lengths = [len(completion.tokens) for group in groups for completion in group.completions]
        self.timings.append(dict(timings))
        self.prompts.append(fmean(len(group.prompt) for group in groups))
        self.replies.append(fmean(lengths))
        return Continue()


def measure(shape: str, rollouts: int, threads: int) -> dict[str, object]:
    """Return what a run of this shape took, and its plan."""
    questions, samples, longest = SIZES[shape]
    updates = 8 if shape == "tiny" else 1
    values = {"questions": questions, "samples": samples, "minibatches": updates, "steps": rollouts * updates, "save_every": 1_000}
    values |= {"sampling.max_tokens": longest}
    settings = (*((path, str(value)) for path, value in values.items()), ("filter.drop_dead", "false"))
    stage = dict(choose("zero", CliArgs(settings=settings)).recipe.stages)["zero"]
    assert isinstance(stage, Rl)
    compute, figures = Compute(device="cpu", threads=threads), Figures()
    with tempfile.TemporaryDirectory() as name:
        model = "tiny"
        if shape in WIDTHS:
            model = str(Path(name) / shape)
            vocabulary.save(Path(model), 2_048)
            write_fresh({**WIDTHS[shape], "max_position_embeddings": 2_048, "eos_token_id": 1, "pad_token_id": 0}, Path(model), seed=0)
        stage = replace(stage, model=model)
        rundir = RunDir.open(Path(name) / "run", describe("bench", {}, seeds={}, argv=()))
        run_stages([("zero", stage)], LocalBackend(compute), rundir, figures)
        rundir.close()
        peak = peak_bytes()
        prompt, reply = round(fmean(figures.prompts)), fmean(figures.replies)
        plan = plan_stage("zero", stage, compute, read_shape(model), machine("cpu"), prompt)
    assert plan is not None
    hardware = with_measures(machine("cpu"), [plan])
    predicted = seconds(plan.shape, plan.need, hardware, Work(questions * samples, prompt, longest, reply / longest, samples))
    later = figures.timings[1:]
    return {
        "prompt": prompt,
        "reply": reply,
        "gflops": hardware.flops["float32"] / 1e9,
        "measured": {part: median(sum(line.get(key, 0.0) for key in keys) for line in later) for part, keys in PARTS.items()},
        "plan": {part: getattr(predicted, part) for part in PARTS},
        "rollout": median(line["seconds"] for line in later),
        "total": predicted.total,
        "peak": peak,
        "planned peak": memory(plan.shape, replace(plan.need, reply=round(reply))).peak,
        "most": plan.memory.peak,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=SIZES, default=["tiny", "smollm2"])
    parser.add_argument("--rollouts", type=int, default=4)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--child", choices=SIZES, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        print(json.dumps(measure(chosen.child, chosen.rollouts, chosen.threads)))
        return
    for shape in chosen.shapes:
        command = [sys.executable, __file__, "--child", shape, "--rollouts", str(chosen.rollouts), "--threads", str(chosen.threads)]
        row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        print(f"{shape}: prompts of {row['prompt']} tokens, replies of {row['reply']:.0f}; {row['gflops']:.0f} GFLOP/s")
        for part, value in row["measured"].items():
            plan = row["plan"][part]
            print(f"  {part:14} measured {value:8.3f} s, plan {plan:8.3f} s" + (f", {plan / value:.2f} of it" if value > 0.05 else ""))
        print(f"  {'rollout':14} measured {row['rollout']:8.3f} s, plan {row['total']:8.3f} s, {row['total'] / row['rollout']:.2f} of it")
        print(f"  peak: measured {row['peak'] / 2**20:,.0f} MiB, plan {row['planned peak'] / 2**20:,.0f} MiB, ", end="")
        print(f"{row['planned peak'] / row['peak']:.2f} of it; at most {row['most'] / 2**20:,.0f} MiB with the longest replies")


if __name__ == "__main__":
    main()
