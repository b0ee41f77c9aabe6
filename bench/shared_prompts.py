"""An update with the prompt of a group read once beside one that reads it for every reply: seconds of processor time and their ratio.

    python bench/shared_prompts.py [--threads 1] [--turns 3] [--shapes tiny half] [--prompt 512] [--reply 64] [--group 16] [--groups 2]

Both learners have the same weights and take the same steps in turn; their gradients' norms are compared, and a difference ends the bench.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from dataclasses import replace
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from aha.backends.shares import Division
from aha.backends.torch_learner import TorchLearner
from aha.batch import PolicyBatch, collate
from aha.learning import token_weights
from aha.objectives import Advantages, Aggregate, Grpo
from aha.protocols import Adam, Compute
from aha.types import Completion, Group, Number, Part, Problem, Reply, Score

SHAPES: dict[str, dict[str, Any]] = {
    "tiny": {"vocab_size": 1632, "hidden_size": 96, "intermediate_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4},
    "half": {"vocab_size": 151_936, "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 4, "num_attention_heads": 14},
}
HEADS = {"tiny": 4, "half": 2}
WAYS = {"each reply": 2.0, "once": -1.0}  # the least saving for which prompts are shared: more than there can be, and any


def group(draw: random.Random, vocabulary: int, prompt: int, replies: list[int]) -> Group:
    """Random tokens, and a random reward for each reply."""
    ids = [tuple(draw.randrange(vocabulary) for _ in range(length)) for length in (prompt, *replies)]
    rewards = [draw.random() for _ in replies]
    return Group(
        Problem("p", "maths", "?", "en", Number("2")),
        ids[0],
        tuple(Completion(row, (-7.0,) * len(row), "stop", 0) for row in ids[1:]),
        tuple(Reply("", None, None, len(row), "stop") for row in ids[1:]),
        tuple(Score(reward, (Part("accuracy", reward, 1.0, "all"),)) for reward in rewards),
    )


def step(vocabulary: int, options: argparse.Namespace) -> PolicyBatch:
    """One optimizer step of groups, all replies of one length."""
    draw = random.Random(0)
    groups = [group(draw, vocabulary, options.prompt, [options.reply] * options.group) for _ in range(options.groups)]
    batch = collate(groups, Advantages("mean_only"), 1.0, "penalise")
    return replace(batch, weight_M=token_weights(Aggregate("token-mean"), batch))


class SharingLearner(TorchLearner):
    """A learner that reads a prompt once where that saves at least this share of the tokens."""

    least_saving = 0.0

    @property
    def division(self) -> Division:
        return replace(super().division, least_saving=self.least_saving)


def learner(shape: str, micro_tokens: int, least_saving: float) -> TorchLearner:
    torch.manual_seed(1)
    config = Qwen2Config(**SHAPES[shape], num_key_value_heads=HEADS[shape], max_position_embeddings=4096, tie_word_embeddings=True)
    learner = SharingLearner(Qwen2ForCausalLM(config), Adam(lr=1e-5), Compute(device="cpu", micro_tokens=micro_tokens), reference=False)
    learner.least_saving = least_saving
    return learner


def compare(shape: str, options: argparse.Namespace) -> None:
    batch = step(SHAPES[shape]["vocab_size"], options)
    learners = {way: learner(shape, options.micro_tokens, saving) for way, saving in WAYS.items()}
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(options.turns + 1):
        norms = {}
        for way in WAYS:
            start = time.process_time()
            norms[way] = learners[way].update(batch, Grpo(kl=0))["grad_norm"]
            if turn:  # the first one warms up
                seconds[way].append(time.process_time() - start)
        one, other = norms.values()
        if abs(one - other) > 1e-3 * one:
            sys.exit(f"the two do not compute the same: gradients of norm {one} and {other}")
    ratios = sorted(once / apart for once, apart in zip(seconds["once"], seconds["each reply"], strict=True))
    for way, values in seconds.items():
        print(f"{shape:5} prompt read for {way if way != 'once' else 'all replies once':16} {statistics.median(values):8.2f} s a step")
    print(f"{shape:5} once / each reply: x{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    for name, value in {"prompt": 512, "reply": 64, "group": 16, "groups": 2, "micro-tokens": 1024}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for shape in options.shapes:
        compare(shape, options)


if __name__ == "__main__":
    main()
