"""What a run's result may hold, where readers rely on it: whoever writes a result adds what he likes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aha.codec import check_fields
from aha.types import Count

Interval = tuple[float, float]
SHARES = ("cons@k", "lenient", "pass@1_short", "format", "length", "reflection", "mixing", "truncated")
RESULT_FIELDS: Mapping[str, Any] = {"pass@1": float, "ci95": Interval, "k": Count, "problems": Count, **dict.fromkeys(SHARES, float)}
POINT: Mapping[str, Any] = {"rollout": Count | None, "pass@1": float, "ci95": Interval}
GAIN: Mapping[str, Any] = {"value": float, "low": float, "high": float}
RESULT: Mapping[str, Any] = {
    "rows": Count,
    "seconds": float,
    "funnel": Mapping[str, Mapping[str, Mapping[str, float]]],
    "gain": Mapping[str, Any],
    "curve": list[Any],
}


def check_result(data: Any) -> dict[str, Any]:
    """The result itself. BadInput names the field that is not what its readers take it for."""
    result = check_fields(data, RESULT)
    if {"base", "zero"} <= result.keys():
        result |= {name: check_fields(result[name], RESULT_FIELDS, ("pass@1", "ci95", "k", "problems")) for name in ("base", "zero")}
    if "gain" in result:
        result["gain"] = check_fields(result["gain"], GAIN, GAIN)
    if "curve" in result:
        result["curve"] = [check_fields(point, POINT, POINT) for point in result["curve"]]
    if "funnel" in result:
        check_fields(result["funnel"], {}, ("domains", "dropped"))
        check_fields(result, {}, ("rows",))
    return result
