"""Seconds until the tiny world's base model answers 60 % of a rollout's problems: ours beside TRL's GRPOTrainer.

    pip install trl && python bench/tiny_world.py [--threads 2] [--seeds 0 1 2] [--target 0.6] [--rates 2e-4 5e-4 1e-3] [--patience 4]

Both start from the model that ships, draw the same problems in the same order, 64 x 8 replies of at most 300 tokens a rollout, and take 8
updates of 64 replies on them with the same rewards (accuracy and format, ours on both sides), clipping bounds, divergence and warm-up.
Ours is the recipe `zero` as it ships. TRL gets each of the learning rates with the first seed, and the best of them with the others. A run
ends with the first rollout of which a share of `--target` is right, since its 512 problems were never trained on before; TRL also ends
after `--patience` times the seconds that ours took, which is then a lower bound. The clock starts before the model is loaded. Each run is a
process of its own; exit code 2 if TRL is not installed.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, cast

import torch

from aha.backends.checkpoint.folder import TINY
from aha.backends.local_backend import LocalBackend
from aha.protocols import Compute, Continue, Observer
from aha.recipes.zero import zero
from aha.rundir import Manifest, RunDir
from aha.stages.rl import Rl
from aha.types import Abstained, Group

RATES = (2e-4, 5e-4, 1e-3)


@dataclass(frozen=True)
class Work:
    """The settings of one run; it ends after `limit_s`."""

    seed: int
    target: float
    rate: float
    limit_s: float


@dataclass(frozen=True)
class Outcome:
    """Seconds until the target, or until the end without it, and the share of right replies of each rollout."""

    seconds: float
    reached: bool
    accuracy: Sequence[float]


class Done(Exception):
    """The target is reached, or the time is over."""


class Course:
    """The clock of a run, and its shares of right replies."""

    def __init__(self, work: Work) -> None:
        self._work, self._start, self.accuracy = work, time.perf_counter(), list[float]()

    def add(self, accuracy: float) -> None:
        """Note a rollout's share of right replies; raise Done at the end of the run."""
        self.accuracy.append(accuracy)
        if accuracy >= self._work.target or time.perf_counter() - self._start > self._work.limit_s:
            raise Done

    def outcome(self) -> Outcome:
        reached = bool(self.accuracy) and self.accuracy[-1] >= self._work.target
        return Outcome(time.perf_counter() - self._start, reached, self.accuracy)


class Watch(Observer):
    """An observer that ends the run."""

    def __init__(self, course: Course) -> None:
        self._course = course

    def rollout(self, number: int, metrics: Mapping[str, float], timings: Mapping[str, float], groups: Sequence[Group]) -> Continue:
        self._course.add(metrics["accuracy"])
        return Continue()


def recipe_stage() -> Rl:
    return cast(Rl, dict(zero().stages)["zero"])


def ours(work: Work) -> Outcome:
    course = Course(work)
    with tempfile.TemporaryDirectory() as folder:
        rundir = RunDir.open(Path(folder) / "run", Manifest("bench", {}, {}, {}, None, (), ""))
        with suppress(Done):
            replace(recipe_stage(), seed=work.seed).run(LocalBackend(Compute(device="cpu", micro_tokens=1_024)), rundir, Watch(course))
        outcome = course.outcome()
        rundir.close()
    return outcome


def theirs(work: Work) -> Outcome:
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    course, rl = Course(work), recipe_stage()
    backend = LocalBackend(Compute(device="cpu"))
    own, template = backend.tokenizer("tiny"), rl.template
    rollouts = rl.steps // rl.minibatches
    problems = [problem for number in range(rollouts) for problem in rl.problems.at(number, 0, rl.questions, work.seed)]
    rows = Dataset.from_list([{"prompt": template.prompt(problem.question), "number": number} for number, problem in enumerate(problems)])
    with rl.rewards.open(backend) as live, tempfile.TemporaryDirectory() as folder:

        def rewarded(completion_ids: list[list[int]], number: list[int], **_: Any) -> list[float]:
            totals, right = [0.0] * len(number), 0.0
            for place, (ids, problem) in enumerate(zip(completion_ids, number, strict=True)):
                ended = bool(ids) and ids[-1] in own.stop
                reply = template.read(own.decode(ids[:-1] if ended else ids), len(ids), "stop" if ended else "length")
                (score,) = live(problems[problem], [reply])
                assert not isinstance(score.total, Abstained)
                totals[place] = score.total
                right += next(float(cast(float, part.value)) for part in score.parts if part.name == "accuracy")
            course.add(right / len(number))
            return totals

        settings = GRPOConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            learning_rate=work.rate,
            lr_scheduler_type="constant_with_warmup",
            warmup_steps=rl.optim.warmup_steps,
            adam_beta1=rl.optim.betas[0],
            adam_beta2=rl.optim.betas[1],
            per_device_train_batch_size=rl.questions * rl.samples // rl.minibatches,
            gradient_accumulation_steps=1,
            steps_per_generation=rl.minibatches,
            num_generations=rl.samples,
            max_completion_length=rl.sampling.max_tokens,
            max_steps=rl.steps,
            temperature=1.0,
            beta=0.001,
            epsilon=0.2,
            epsilon_high=0.28,
            loss_type="dapo",
            shuffle_dataset=False,
            model_init_kwargs={"dtype": "float32"},
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            logging_strategy="no",
            seed=work.seed,
        )
        tokenizer = AutoTokenizer.from_pretrained(TINY, padding_side="left")
        with suppress(Done):
            GRPOTrainer(str(TINY), rewarded, settings, rows, processing_class=tokenizer).train()
        return course.outcome()


def in_a_process(side: str, work: Work, threads: int) -> Outcome:
    options = [f"--side={side}", f"--seed={work.seed}", f"--rate={work.rate}", f"--limit-s={work.limit_s}"]
    command = [sys.executable, __file__, *options, f"--target={work.target}", f"--threads={threads}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    outcome = Outcome(**json.loads(done.stdout.splitlines()[-1]))
    rate = "" if side == "ours" else f" at {work.rate:g}"
    end = "reached" if outcome.reached else f"not reached (best {max(outcome.accuracy, default=0.0):.3f})"
    print(f"{side:4} seed {work.seed}{rate}: {outcome.seconds:6.1f} s, {len(outcome.accuracy)} rollouts, {end}", flush=True)
    return outcome


def best(outcomes: Mapping[float, Outcome]) -> float:
    """Return the learning rate that reached the target first, or came nearest to it."""

    def rank(rate: float) -> tuple[bool, float]:
        outcome = outcomes[rate]
        return outcome.reached, -outcome.seconds if outcome.reached else max(outcome.accuracy, default=0.0)

    return max(outcomes, key=rank)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--target", type=float, default=0.6)
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES))
    parser.add_argument("--patience", type=float, default=4.0)
    parser.add_argument("--side", choices=["trl", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--limit-s", type=float, default=3_600.0, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if find_spec("trl") is None:
        print("trl is not installed: nothing to compare with (pip install trl)", file=sys.stderr)
        return 2
    logging.disable(logging.WARNING)
    torch.set_num_threads(chosen.threads)
    if chosen.side:
        work = Work(chosen.seed, chosen.target, chosen.rate, chosen.limit_s)
        outcome = (ours if chosen.side == "ours" else theirs)(work)
        print(json.dumps({"seconds": outcome.seconds, "reached": outcome.reached, "accuracy": outcome.accuracy}))
        return 0
    pairs: list[tuple[Outcome, Outcome]] = []
    rates = chosen.rates
    for seed in chosen.seeds:
        own = in_a_process("ours", Work(seed, chosen.target, 0.0, 3_600.0), chosen.threads)
        limit_s = chosen.patience * own.seconds
        peers = {rate: in_a_process("trl", Work(seed, chosen.target, rate, limit_s), chosen.threads) for rate in rates}
        rates = [best(peers)]
        pairs.append((own, peers[rates[0]]))
    ratios = sorted(own.seconds / peer.seconds for own, peer in pairs)
    missed = sum(not peer.reached for _, peer in pairs)
    print(f"ours / trl at {rates[0]:g}, seconds: x{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})", end="")
    print(f"; TRL did not reach {chosen.target:g} in {missed} of {len(pairs)} runs: there the ratio is an upper bound" if missed else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
