"""Maths answers graded a second, ours beside math-verify's: the same pairs, a process each, no cache, both tables of verdicts.

    AHA_DATA=... python bench/maths.py [--rounds 3]

Ours is the whole path: `quick`, and where that leaves it open `slow` in the same process (training runs it in a pool of limited ones).
Time is the processor's, libraries loaded and warm on other pairs; the ratio is of the medians of the rounds, which alternate.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

Rows = list[tuple[str, str, bool]]  # reference, answer, label

WARM = [("\\frac{1}{2}", "\\boxed{0.5}"), ("3\\sqrt{2}", "\\boxed{\\sqrt{18}}"), ("x^2-1", "\\boxed{(x-1)(x+1)}"), ("7", "so 8")]
GSM8K, MATH = "outputs/gsm8k_example_solutions/example_model_solutions.jsonl", "outputs/qwen25_math_cot_100/math_cot_100.jsonl"


def gsm8k(folder: Path) -> Rows:
    rows = map(json.loads, (folder / GSM8K).read_text(encoding="utf-8").splitlines())
    return [
        (row["ground_truth"].rpartition("A:")[2].strip(), said["solution"], said["is_correct"])
        for row in rows
        for said in row.values()
        if isinstance(said, dict)
    ]


def math(folder: Path) -> Rows:
    rows = map(json.loads, (folder / MATH).read_text(encoding="utf-8").splitlines())
    return [(row["answer"], said, mark) for row in rows for said, mark in zip(row["code"], row["score"], strict=True)]


def ours() -> Callable[[str, str], str]:
    from aha.grading.maths import quick, slow
    from aha.lazy import compile_patterns
    from aha.types import Latex

    compile_patterns()  # as math-verify compiles its own when it is imported,
    import_module("mpmath")  # which it imports then, too

    def judge(gold: str, said: str) -> str:
        grade = quick(Latex(gold), said)
        return type(slow(Latex(gold), said) if grade is None else grade).__name__.lower()

    return judge


def theirs() -> Callable[[str, str], str]:
    from math_verify import parse, verify

    def judge(gold: str, said: str) -> str:
        return "right" if verify(parse(f"${gold}$"), parse(said)) else "wrong"

    return judge


SETS: dict[str, Callable[[Path], Rows]] = {"gsm8k_example_solutions": gsm8k, "qwen25_math_cot_100": math}
SIDES: dict[str, Callable[[], Callable[[str, str], str]]] = {"ours": ours, "math-verify": theirs}


def measured(side: str, folder: Path) -> dict[str, Any]:
    """Verdicts and seconds of one side, in this process."""
    judge = SIDES[side]()
    for gold, said in WARM:
        judge(gold, said)
    found = {}
    for name, read in SETS.items():
        rows = list({(gold, said): mark for gold, said, mark in read(folder)}.items())
        start = time.process_time()
        verdicts = [judge(gold, said) for (gold, said), _ in rows]
        seconds = time.process_time() - start
        counts = Counter(f"{verdict}, labelled {'right' if mark else 'wrong'}" for verdict, (_, mark) in zip(verdicts, rows, strict=True))
        apart = [(gold, said[-60:]) for verdict, ((gold, said), mark) in zip(verdicts, rows, strict=True) if (verdict == "right") != mark]
        found[name] = {"pairs": len(rows), "seconds": seconds, "verdicts": dict(sorted(counts.items())), "apart": apart}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = Path(os.environ.get("AHA_DATA", ""))
    if not (folder / MATH).is_file():
        print("AHA_DATA does not name a folder with outputs/: nothing to measure")
        return 0
    if arguments.side:
        print(json.dumps(measured(arguments.side, folder)))
        return 0
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(arguments.rounds):
        for side in SIDES:
            command = [sys.executable, __file__, "--side", side]
            said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1800).stdout
            found[side].append(json.loads(said.splitlines()[-1]))
    report(found)
    return 0


def report(found: dict[str, list[dict[str, Any]]]) -> None:
    for name in SETS:
        print(name)
        speeds = {}
        for side, rounds in found.items():
            speeds[side] = rounds[0][name]["pairs"] / median(each[name]["seconds"] for each in rounds)
            print(f"  {side:<12} {speeds[side]:9,.0f} answers/s of processor time   {rounds[0][name]['pairs']} distinct pairs")
            for verdict, count in rounds[0][name]["verdicts"].items():
                print(f"      {verdict:<26} {count:6}")
            for gold, said in rounds[0][name]["apart"][:20]:
                print(f"      against the label: {gold!r} and ...{said!r}")
        print(f"  ratio {speeds['ours'] / speeds['math-verify']:.1f}")


if __name__ == "__main__":
    sys.exit(main())
