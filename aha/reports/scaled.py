"""The numbers of `aha scale`, read for a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FORCED_ANSWER = "told to answer"


@dataclass(frozen=True)
class ScaledPoint:
    """A share of solved problems with its interval; `tokens` for each problem, `tokens_per_solution` for each solved one, where
    they are known."""

    x: float
    value: float
    low: float
    high: float
    tokens: float | None
    tokens_per_solution: float | None


@dataclass(frozen=True)
class ScaledCurve:
    """A way to spend more; `x` names what its points count."""

    name: str
    x: str
    points: tuple[ScaledPoint, ...]


@dataclass(frozen=True)
class ScaledLevel:
    """Problems of one difficulty."""

    name: str
    problems: int
    pass_at_1: float
    tokens: float | None
    tokens_right: float | None
    tokens_per_solution: float | None
    curves: tuple[ScaledCurve, ...]


@dataclass(frozen=True)
class ScalingNumbers:
    """What the page is about, read from the numbers of `aha scale --json`."""

    k: int
    samples: tuple[ScaledCurve, ...]
    budget: tuple[ScaledCurve, ...]
    longer: ScaledCurve | None
    levels: tuple[ScaledLevel, ...]


def read_numbers(numbers: Mapping[str, Any]) -> ScalingNumbers:
    """The curves again."""
    longer = numbers["longer"]
    return ScalingNumbers(
        k=numbers["k"],
        samples=tuple(_curve(entry, "n") for entry in numbers["samples"]),
        budget=tuple(_curve(entry, "budget") for entry in numbers["budget"]),
        longer=None if longer is None else _curve(longer, "times"),
        levels=tuple(_level(entry) for entry in numbers["levels"]),
    )


def _curve(curve: Mapping[str, Any], x: str) -> ScaledCurve:
    def point(of: Mapping[str, Any]) -> ScaledPoint:
        low, high = of["ci95"]
        return ScaledPoint(of[x], of["accuracy"], low, high, of.get("tokens"), of.get("tokens_per_solved"))

    return ScaledCurve(curve["name"], x, tuple(map(point, curve["points"])))


def _level(level: Mapping[str, Any]) -> ScaledLevel:
    curves = (_curve(entry, "budget" if entry["name"] == FORCED_ANSWER else "n") for entry in level["curves"])
    token_counts = (level["tokens"], level["tokens_right"], level["tokens_per_solved"])
    return ScaledLevel(level["level"], level["problems"], level["pass@1"], *token_counts, tuple(curves))
