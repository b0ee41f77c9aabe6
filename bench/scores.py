"""How long the statistics of 30 problems with 64 samples take: every k of pass@k, cons@k and best of k, intervals, a paired comparison;
and the scaling lab's curves with their intervals, weighted votes and levels."""

from __future__ import annotations

import time
from random import Random

from aha.evals.intervals import compare_pairs
from aha.evals.result import result_of
from aha.evals.samples import GradedSample, ProblemSamples, SampleSet
from aha.evals.scaling import scaling

PROBLEMS, SAMPLES = 30, 64


def sample_set(seed: int) -> SampleSet:
    """Problems from easy to hopeless; wrong answers scatter over up to 40 different ones."""
    draw = Random(seed)
    problems = []
    for number in range(PROBLEMS):
        chance = number / PROBLEMS
        rights = [draw.random() < chance for _ in range(SAMPLES)]
        claims = ["right" if right else f"wrong {draw.randrange(1, 41)}" for right in rights]
        samples = tuple(
            GradedSample(str(number), place, float(right), claim=claim, reward=draw.gauss(right, 1.0))
            for place, (right, claim) in enumerate(zip(rights, claims, strict=True))
        )
        problems.append(ProblemSamples(str(number), samples))
    return SampleSet(tuple(problems), answers=True, rewards=True, texts=False, ends=False)


def main() -> None:
    """Prints seconds of processor and of wall-clock time."""
    before, after = sample_set(0), sample_set(1)
    wall, processor = time.perf_counter(), time.process_time()
    result = result_of(before)
    compare_pairs([part.verdicts for part in before.problems], [part.verdicts for part in after.problems])
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"{PROBLEMS} problems x {SAMPLES} samples, every k: {processor:.2f} s of processor time, {wall:.2f} s by the clock")
    wall, processor = time.perf_counter(), time.process_time()
    scaling(before, {"reward": [[sample.reward or 0.0 for sample in part.samples] for part in before.problems]})
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"all curves of the scaling lab: {processor:.2f} s of processor time, {wall:.2f} s by the clock")
    for name in ("pass", "cons", "rm"):
        print(f"{name}@1 {100 * result.at(name, 1):.2f}   {name}@64 {100 * result.at(name, 64):.2f}")


if __name__ == "__main__":
    main()
