"""The stages of a graph side by side, where they were measured: what each could do (as nature's Table 3 has it)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aha.rundir.old_names import new_result

COLUMNS = {  # of a table -> the measure of a result
    "reasoning": "reasoning",
    "instruction": "instruction",
    "consistency": "consistency/reasoning",
    "form": "form/reasoning",
}
DOMAINS = ("countdown", "chain", "program")


def stage_table(results: Mapping[str, Any]) -> list[str]:
    """A line for each result of the tiny world's measure, by the name of its stage; nothing where there is none."""
    tables = world_results(results)
    if not tables:
        return []
    wide = max(map(len, tables))
    lines = [f"{'':{wide}}" + "".join(f"{name:>13}" for name in (*DOMAINS, *COLUMNS))]
    for name, result in tables.items():
        values = [*(result["categories"].get(domain) for domain in DOMAINS), *(result.get(measure) for measure in COLUMNS.values())]
        lines.append(f"{name:{wide}}" + "".join(f"{value:>13.3f}" if isinstance(value, float) else f"{'?':>13}" for value in values))
    return [*lines, "consistency and form are those of reasoning prompts; intervals are in each stage's result.json"]


def world_results(results: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the results of the tiny world by the name of their stage, those of 0.1 as they are written today."""
    rows = {name: result for name, result in results.items() if isinstance(result, dict) and {"pass@1", "instruction"} <= result.keys()}
    return {name: new_result(result) for name, result in rows.items()}
