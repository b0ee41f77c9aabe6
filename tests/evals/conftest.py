from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def published() -> Callable[[str], Path]:
    """A published file by its place in $AHA_DATA; the test is skipped where it is not there."""

    def find(place: str) -> Path:
        if "AHA_DATA" not in os.environ:
            pytest.skip(f"AHA_DATA is not set: the folder with {place}")
        path = Path(os.environ["AHA_DATA"]) / place
        if not path.exists():
            pytest.skip(f"{path} is not there")
        return path

    return find


@pytest.fixture(scope="session")
def math_cot(published) -> list[dict]:
    """100 MATH problems, 8 samples each, with answers, verdicts and rewards."""
    path = published("outputs/qwen25_math_cot_100/math_cot_100.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]
