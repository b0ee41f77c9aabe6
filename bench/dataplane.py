"""What a token costs between the engine and the learner, and on disk: bytes in completions, processor time to make a batch of them, bytes
and processor time of the table that a run keeps of them.

    python bench/dataplane.py [--tokens 66000000] [--rows 4096] [--from RUN/groups/000000.parquet]

The default is a quarter of the largest rollout of the paper: 8,192 replies of 32,768 tokens are 268 million. The plain way, tuples of
Python's numbers, is measured on a hundredth of it. Tokens are even draws of a vocabulary of 151,936, of which no packer makes less than
2.15 bytes; with `--from`, all numbers are drawn in runs of 512 from what a model sampled.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from array import array
from pathlib import Path

import numpy as np
import torch
from pyarrow import parquet

from aha.batch import collate
from aha.durable import Disk
from aha.objectives import Advantages
from aha.rundir.groups import GroupWriter, read_groups
from aha.types import Completion, Group, Open, Problem, Reply, Score

SAMPLES, PROMPT, RUN = 16, tuple(range(100)), 512
SAMPLED: list[np.ndarray] = []


def learn_numbers(source: Path) -> None:
    """Draw completions from those of a stored rollout."""
    completions = [reply for group in read_groups(source) for reply in group.completions]
    SAMPLED.append(np.fromiter((token for reply in completions for token in reply.tokens), np.int32))
    SAMPLED.append(np.fromiter((logprob for reply in completions for logprob in reply.logprobs), np.float32))


def completion(length: int, seed: int) -> Completion:
    """As an engine gives it: ids of a vocabulary of 151,936, log-probabilities in float32."""
    if SAMPLED:
        ids_N, logprobs_N = SAMPLED
        starts = np.random.default_rng(seed).integers(0, len(ids_N) - RUN, -(-length // RUN))
        where = (starts[:, None] + np.arange(RUN)).ravel()[:length]
        return Completion(array("i", ids_N[where].tobytes()), array("f", logprobs_N[where].tobytes()), "stop", 0)
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 151_936, (length,), generator=draw, dtype=torch.int32)
    logprobs = torch.rand(length, generator=draw).log()
    return Completion(array("i", ids.numpy().tobytes()), array("f", logprobs.numpy().tobytes()), "stop", 0)


def groups(tokens: int, rows: int, source: Path | None) -> list[Group]:
    if source is not None:
        learn_numbers(source)
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
    parser.add_argument("--from", dest="source", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made = groups(asked.tokens, asked.rows, asked.source)
    count = sum(len(reply.tokens) for group in made for reply in group.completions)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(f"{count:,} tokens in {asked.rows:,} replies: {grown / count:.1f} bytes a token in memory (tuples: {tuple_bytes(10_000):.0f})")
    began, wall = time.process_time(), time.perf_counter()
    batch = collate(made, Advantages(), 1.0, "penalise")
    took, passed = time.process_time() - began, time.perf_counter() - wall
    print(f"one batch of {batch.tokens_N.numel():,} tokens: {1e6 * took / count:.3f} µs of processor a token, {passed:.1f} s")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(f"completions and batch at the peak: {grown / count:.1f} bytes a token")
    del batch
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "groups").mkdir()
        on_disk(made, count, Path(folder))


def on_disk(made: list[Group], count: int, root: Path) -> None:
    """Print what the table of these groups costs, and that it holds them."""
    began, wall = time.process_time(), time.perf_counter()
    writer = GroupWriter(Disk(), root, 0)
    for group in made:
        writer.add(group)
    writer.finish()
    took, passed = time.process_time() - began, time.perf_counter() - wall
    path = root / "groups/000000.parquet"
    metadata = parquet.ParquetFile(path).metadata
    row_groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [row_group.column(column) for row_group in row_groups for column in range(metadata.num_columns)]
    sizes = {name: sum(chunk.total_compressed_size for chunk in chunks if name in chunk.path_in_schema) for name in ("tokens", "logprobs")}
    parts = ", ".join(f"{name} {size / count:.2f}" for name, size in sizes.items())
    print(f"on disk: {path.stat().st_size / count:.2f} bytes a token ({parts})")
    print(f"written in {1e6 * took / count:.3f} µs of processor a token, {passed:.1f} s")
    began, wall = time.process_time(), time.perf_counter()
    for mine, theirs in zip(read_groups(path), made, strict=True):
        assert mine == theirs
    took, passed = time.process_time() - began, time.perf_counter() - wall
    print(f"read again and equal: {1e6 * took / count:.3f} µs of this processor a token, {passed:.1f} s beside the process that reads")


if __name__ == "__main__":
    main()
