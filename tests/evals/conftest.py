from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="session")
def math_cot(published) -> list[dict]:
    """100 MATH problems, 8 samples each, with answers, verdicts and rewards."""
    path = published("outputs/qwen25_math_cot_100/math_cot_100.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]
