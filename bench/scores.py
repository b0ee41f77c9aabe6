"""How long the statistics of 30 problems with 64 samples take: every k of pass@k, cons@k and best of k, intervals, a paired comparison;
and the scaling lab's curves with their intervals, weighted votes and levels."""

from __future__ import annotations

import time
from random import Random

from aha.evals.attempts import Attempt, Sheet, Tried
from aha.evals.paired import compare_paired
from aha.evals.scaling import scaling
from aha.evals.scored import score

PROBLEMS, SAMPLES = 30, 64


def sheet(seed: int) -> Sheet:
    """Problems from easy to hopeless; wrong answers scatter over up to 40 different ones."""
    draw = Random(seed)
    problems = []
    for number in range(PROBLEMS):
        chance = number / PROBLEMS
        rights = [draw.random() < chance for _ in range(SAMPLES)]
        tried = tuple(Attempt(right, "right" if right else f"wrong {draw.randrange(1, 41)}", draw.gauss(right, 1.0)) for right in rights)
        problems.append(Tried(str(number), tried))
    return Sheet(tuple(problems), answers=True, rewards=True, texts=False, ends=False)


def main() -> None:
    """Prints seconds of processor and of wall-clock time."""
    before, after = sheet(0), sheet(1)
    wall, processor = time.perf_counter(), time.process_time()
    scored = score(before)
    compare_paired([tried.verdicts for tried in before.problems], [tried.verdicts for tried in after.problems])
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"{PROBLEMS} problems x {SAMPLES} samples, every k: {processor:.2f} s of processor time, {wall:.2f} s by the clock")
    wall, processor = time.perf_counter(), time.process_time()
    scaling(before, {"reward": [[attempt.reward or 0.0 for attempt in tried.attempts] for tried in before.problems]})
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"all curves of the scaling lab: {processor:.2f} s of processor time, {wall:.2f} s by the clock")
    for name in ("pass", "cons", "rm"):
        print(f"{name}@1 {100 * scored.at(name, 1):.2f}   {name}@64 {100 * scored.at(name, 64):.2f}")


if __name__ == "__main__":
    main()
