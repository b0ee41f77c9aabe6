"""The stages of a graph side by side, where they were measured: what each could do (as nature's Table 3 has it)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS = ("reasoning", "instruction", "consistency", "form")


def stage_table(results: Mapping[str, Any]) -> list[str]:
    """A line for each result of the tiny world's measure, by the name of its stage; nothing where there is none."""
    measured = {name: each for name, each in results.items() if isinstance(each, dict) and {"pass@1", "instruction"} <= each.keys()}
    if not measured:
        return []
    domains = list(next(iter(measured.values()))["pass@1"])
    wide = max(map(len, measured))
    lines = [f"{'':{wide}}" + "".join(f"{name:>13}" for name in (*domains, *COLUMNS))]
    for name, each in measured.items():
        values = [each["pass@1"][domain] for domain in domains] + [each[column] for column in COLUMNS]
        lines.append(f"{name:{wide}}" + "".join(f"{_number(value):>13}" for value in values))
    return [*lines, "consistency and form are those of reasoning prompts; intervals are in each stage's result.json"]


def _number(value: Any) -> str:
    """A share, or an interval's mean, or that of reasoning prompts."""
    match value:
        case {"reasoning": inner}:
            return _number(inner)
        case {"value": float(mean)}:
            return f"{mean:.3f}"
        case float():
            return f"{value:.3f}"
    return "?"
