"""A real run does not grow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import linear_regression

import pytest

from tests.endtoend.conftest import Warm

GROWTH = '''
"""Optimizer steps on rows of drawn lengths; resident memory, descriptors and threads on the way, as JSON."""
import gc, json, os, random, sys, threading
from pathlib import Path
from aha.backends.local_backend import LocalBackend
from aha.batch import collate_documents
from aha.objectives import CrossEntropy
from aha.protocols import Adam, Ask, Compute, Sampling

model, steps, looks, dtype = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
machine = LocalBackend(Compute(device="cpu", threads=1, micro_tokens=1024, dtype=dtype))
learner, engine = machine.learner(model, Adam(lr=1e-4), reference=True), machine.engine(model)
draw, seen = random.Random(0), []
for step in range(steps + 1):
    if step % (steps // looks) == 0:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        seen.append({"step": step, "mib": pages * os.sysconf("SC_PAGE_SIZE") / 2**20, "objects": len(gc.get_objects()),
                     "descriptors": len(os.listdir("/proc/self/fd")), "threads": threading.active_count()})
    longest = draw.randint(8, 120)
    rows = [[draw.randrange(300) for _ in range(draw.randint(4, longest))] for _ in range(draw.randint(2, 24))]
    learner.update(collate_documents(rows), CrossEntropy())
    if step % 10 == 0:
        asks = [Ask(tuple(row[:20]), (step, step + 1)) for row in rows[:4]]
        list(engine.generate(asks, Sampling(max_tokens=draw.randint(4, 60))))
        engine.load(learner.weights(), version=step)
print(json.dumps(seen))
'''


def growth(warm: Warm, folder: Path, steps: int, dtype: str) -> list[dict[str, float]]:
    script = folder / "growth.py"
    script.write_text(GROWTH)
    command = warm.run(script, warm.model, steps, 10, dtype)
    seen: list[dict[str, float]] = json.loads(command.base.with_suffix(".out").read_text())
    return seen


def slope(seen: list[dict[str, float]], name: str) -> float:
    """Growth per 1,000 steps, by least squares, once everything that is made once is made: a single look is a few MiB of chance."""
    later = seen[2:]
    return 1000 * linear_regression([look["step"] for look in later], [look[name] for look in later]).slope


def said(seen: list[dict[str, float]]) -> str:
    on_the_way = [round(look["mib"], 1) for look in seen]
    return f"{seen[-1]['step']} steps: {slope(seen, 'mib'):.2f} MiB per 1,000 steps; MiB on the way {on_the_way}"


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_three_hundred_steps_of_all_lengths_leave_nothing_behind(
    dtype: str, warm: Warm, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seen = growth(warm, tmp_path, 300, dtype)
    tell(f"{dtype}, {said(seen)}")
    assert slope(seen, "mib") < 50.0
    assert slope(seen, "objects") < 50.0
    assert (seen[5]["descriptors"], seen[5]["threads"]) == (seen[-1]["descriptors"], seen[-1]["threads"])


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_ten_thousand_steps_grow_by_less_than_a_mebibyte_per_thousand(
    dtype: str, warm: Warm, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seen = growth(warm, tmp_path, 10_000, dtype)
    tell(f"{dtype}, {said(seen)}")
    assert slope(seen, "mib") < 1.0
    assert slope(seen, "objects") < 5.0
    assert (seen[5]["descriptors"], seen[5]["threads"]) == (seen[-1]["descriptors"], seen[-1]["threads"])
