"""The copies of benchmarks that a user has: read whole, and counted."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from aha.answers.statements import mmlu_pro
from aha.evals.benchmarks import benchmark
from aha.evals.loading import load_examples


@pytest.fixture
def data() -> Path:
    if "AHA_DATA" not in os.environ:
        pytest.skip("AHA_DATA is not set: the folder with the benchmarks' rows")
    return Path(os.environ["AHA_DATA"])


@pytest.mark.parametrize(
    ("name", "rows", "categories"),
    [
        ("aime_2024", 30, 1),
        ("math_500", 500, 7),
        ("gsm8k", 1_319, 1),
        ("amc_2023", 40, 1),
        ("gaokao_math_cloze", 118, 1),
        ("cmath", 600, 6),
        ("mmlu", 14_042, 57),
        ("mmlu_pro", 12_020, 14),
        ("humaneval", 164, 1),
        ("codeforces", 408, 1),
        ("ifeval", 541, 1),
        ("simpleqa", 4_326, None),
        ("alpaca_eval", 805, 5),
        ("arena_hard", 500, 1),
        ("arena_hard_v2", 750, 2),
    ],
)
def test_a_benchmark_is_read_whole(data, name, rows, categories):
    items, _ = load_examples(benchmark(name), str(data))
    assert len({item.id for item in items}) == len(items) == rows
    assert categories is None or len({item.category for item in items}) == categories


def test_mbpp_asks_the_tasks_of_its_test_split(data):
    items, _ = load_examples(benchmark("mbpp"), str(data))
    assert sorted(int(item.id) for item in items) == list(range(11, 511))


def test_the_benchmarks_chain_is_that_of_the_stored_predictions(data):
    path = data / "mmlu_pro/model_outputs_gemini-1.5-pro-002_5shots.zip"
    with zipfile.ZipFile(path) as archive:
        rows = json.loads(archive.read(archive.namelist()[0]))[:500]
    assert all(mmlu_pro(row["model_outputs"] or "") == row["pred"] for row in rows)
