"""What the scaling lab found, told: a page, numbers, and a few lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from aha.commands.terminal import Terminal
from aha.durable import Disk, replace_file, trouble
from aha.evals.scaling import Scaling
from aha.reports.scaling import Example, scaling_html

PAGE, NUMBERS = "scale.html", "scale.json"
UNITS = {"n": "samples", "budget": "tokens", "times": "times"}


@dataclass(frozen=True)
class Told:
    """What stands beside the numbers: the page's title, what was asked and how, and one thought cut later and later."""

    title: str
    facts: dict[str, str]
    example: Example | None = None


def tell(found: Scaling, told: Told, out: Path, terminal: Terminal) -> int:
    """Writes both files; says the page's name and the ends of each curve, or all numbers as one line of JSON."""
    facts = {**told.facts, "problems": f"{found.problems:,}", "samples of each": f"{found.k:,}"}
    numbers = {"title": told.title, **told.facts, **found.to_json()}
    with trouble(out):
        out.mkdir(parents=True, exist_ok=True)
    replace_file(Disk(), out / NUMBERS, (json.dumps(numbers, ensure_ascii=False, indent=2) + "\n").encode())
    replace_file(Disk(), out / PAGE, scaling_html(numbers, told.title, facts, told.example).encode("utf-8", "backslashreplace"))
    if terminal.json:
        print(json.dumps({**numbers, "page": str(out / PAGE)}, ensure_ascii=False))
        return 0
    for curve in (*found.samples, *found.budget, *([found.longer] if found.longer else [])):
        ends = " -> ".join(f"{100 * point.value.value:.1f} % at {point.x:g}" for point in (curve.points[0], curve.points[-1]))
        terminal.say(f"{curve.name:28}{ends} {UNITS[curve.x]}")
    terminal.say(str(out / PAGE))
    return 0
