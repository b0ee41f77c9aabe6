from __future__ import annotations

import json

import pytest

from aha.errors import BadInput
from aha.evals.benchmarks import benchmark
from aha.evals.loading import select_examples
from aha.stages.problem_checks import seen_of
from aha.tasks.chain import ChainProblems
from aha.tasks.countdown import CountdownProblems
from aha.tasks.tables import write_table
from aha.text import pieces


def test_our_own_benchmarks_questions_are_known():
    seen = seen_of(("countdown",), 10)
    held_out = CountdownProblems(split="held-out").all(500)
    assert all(seen.knows(problem.question) for problem in held_out)
    assert not any(seen.knows(problem.question) for problem in CountdownProblems().all(500))


def test_the_tiny_world_is_known_in_every_domain():
    seen = seen_of(("tiny-world",), 10)
    assert all(seen.knows(example.prompt) for example in select_examples(benchmark("tiny-world"))[0])
    assert not any(seen.knows(problem.question) for problem in ChainProblems().all(200))


def test_a_parquet_file_is_known_to_the_last_turn_of_its_conversations(tmp_path):
    said = {"role": "assistant", "content": "the quick brown fox jumps over the lazy dog near the river"}
    row = {"id": "1", "domain": "d", "language": "en", "messages": [{"role": "user", "content": "tell me of the fox"}, said]}
    (tmp_path / "held.parquet").write_bytes(b"".join(write_table([json.dumps(row)])))
    seen = seen_of((str(tmp_path / "held.parquet"),), 10)
    assert seen.knows("once the quick brown fox jumps over the lazy dog near it") and not seen.knows("a quick fox and a dog")


def test_a_published_benchmarks_questions_and_solutions_are_known(published, monkeypatch):
    monkeypatch.setenv("AHA_DATA", str(published(".")))
    seen = seen_of(("math_500",), 10)
    (path,) = sorted(published("math/math500").glob("*.jsonl"))
    for line in path.read_text(encoding="utf-8").splitlines()[:20]:
        row = json.loads(line)
        for text in (row["problem"], row["solution"]):
            if len(pieces(text, symbols=False)) >= 10:
                assert seen.knows(f"As is well known: {text} And so on.")
    assert not seen.knows("What is the sum of the squares of the first three whole numbers that are not prime?")


def test_a_broken_row_of_an_evaluation_is_named(tmp_path):
    (tmp_path / "evals.jsonl").write_text('{"question": "?"}\n{"question": \n')
    with pytest.raises(BadInput, match=r"evals\.jsonl, line 2"):
        seen_of((str(tmp_path / "evals.jsonl"),), 10)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(BadInput, match=r"against nowhere\.jsonl: there is no such file"):
        seen_of(("nowhere.jsonl",), 10)
