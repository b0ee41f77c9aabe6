"""What a token costs between the engine and the learner: bytes in completions, and processor time to make a batch of them.

    python bench/dataplane.py [--tokens 66000000] [--rows 4096]

The default is a quarter of the largest rollout of the paper: 8,192 replies of 32,768 tokens are 268 million. The plain way, tuples of
Python's numbers, is measured on a hundredth of it.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from array import array

import torch

from aha.batch import collate
from aha.objectives.advantages import Advantages
from aha.types import Completion, Group, Open, Problem, Reply, Score

SAMPLES, PROMPT = 16, tuple(range(100))


def completion(length: int, seed: int) -> Completion:
    """As an engine gives it: ids of a vocabulary of 151,936, log-probabilities in float32."""
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 151_936, (length,), generator=draw, dtype=torch.int32)
    logprobs = torch.rand(length, generator=draw).log()
    return Completion(array("i", ids.numpy().tobytes()), array("f", logprobs.numpy().tobytes()), "stop", 0)


def groups(tokens: int, rows: int) -> list[Group]:
    problem, length = Problem("p", "maths", "?", "en", Open()), tokens // rows
    replies = tuple(Reply("", None, None, length, "stop") for _ in range(SAMPLES))
    scores = tuple(Score(float(sample % 2), ()) for sample in range(SAMPLES))
    return [
        Group(problem, PROMPT, tuple(completion(length, SAMPLES * group + sample) for sample in range(SAMPLES)), replies, scores)
        for group in range(rows // SAMPLES)
    ]


def tuple_bytes(length: int) -> float:
    """Bytes a token of the same as tuples."""
    whole = completion(length, 0)
    numbers = [*whole.tokens, *whole.logprobs]
    return (sum(map(sys.getsizeof, numbers)) + sys.getsizeof(tuple(whole.tokens)) + sys.getsizeof(tuple(whole.logprobs))) / length


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=66_000_000)
    parser.add_argument("--rows", type=int, default=4_096)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made = groups(asked.tokens, asked.rows)
    count = sum(len(reply.tokens) for group in made for reply in group.completions)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(f"{count:,} tokens in {asked.rows:,} replies: {grown / count:.1f} bytes a token in memory (tuples: {tuple_bytes(10_000):.0f})")
    began, wall = time.process_time(), time.perf_counter()
    batch = collate(made, Advantages(), 1.0, "penalise")
    took, passed = time.process_time() - began, time.perf_counter() - wall
    print(f"one batch of {batch.tokens_N.numel():,} tokens: {1e6 * took / count:.3f} µs of processor a token, {passed:.1f} s")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(f"completions and batch at the peak: {grown / count:.1f} bytes a token")


if __name__ == "__main__":
    main()
