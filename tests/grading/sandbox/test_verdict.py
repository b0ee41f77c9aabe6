"""A run's facts to its verdict, row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aha.grading.sandbox.job import Limits, RunFacts, Streams, outcome_of_compile, outcome_of_run

WELL = RunFacts(status=0, cpu_s=0.1, wall_s=0.2, memory_mb=20.0, stop_reason="", has_entered=True)
QUIET = Streams(b"3\n", b"", is_flooded=False)
LIMITS = Limits(cpu_s=1.0, wall_s=2.5, memory_mb=256, output_bytes=1000)


@pytest.mark.parametrize(
    ("change", "verdict", "reason"),
    [
        ({}, "OK", ""),
        ({"cpu_s": 1.0}, "OK", ""),
        ({"cpu_s": 1.01}, "TLE", "1.01 s of CPU time, the limit is 1 s"),
        ({"cpu_s": 1.0, "status": -9, "stop_reason": "cpu"}, "TLE", "1.00 s of CPU time, the limit is 1 s"),
        ({"wall_s": 2.5, "status": -9, "stop_reason": "wall"}, "TLE", "still there after 2.50 s by the clock"),
        ({"wall_s": 99.0}, "OK", ""),
        ({"status": -9}, "RE", "killed by SIGKILL"),
        ({"status": -9, "memory_mb": 255.0}, "MLE", "out of memory at 255 MiB, the limit is 256 MiB"),
        ({"status": -35}, "RE", "killed by signal 35"),
        ({"status": 3}, "RE", "exit code 3"),
        ({"status": 1, "memory_mb": 240.0}, "MLE", "out of memory at 240 MiB, the limit is 256 MiB"),
        ({"memory_mb": 255.0}, "OK", ""),
        ({"has_entered": False, "status": 1}, "INFRA", "the program was never started (status 1)"),
    ],
)
def test_facts_to_verdict(change: dict[str, object], verdict: str, reason: str) -> None:
    outcome = outcome_of_run(replace(WELL, **change), QUIET, LIMITS)  # type: ignore[arg-type]
    assert (outcome.verdict, outcome.reason) == (verdict, reason)


def test_a_flood_is_ole_whoever_ended_it() -> None:
    flood = Streams(b"x" * 1000, b"", is_flooded=True)
    by_itself, by_us = replace(WELL, status=0, stop_reason=""), replace(WELL, status=-9, stop_reason="asked")
    assert {outcome_of_run(facts, flood, LIMITS).verdict for facts in (by_itself, by_us)} == {"OLE"}


@pytest.mark.parametrize("word", [b"MemoryError", b"terminate called after throwing an instance of 'std::bad_alloc'"])
def test_what_it_says_of_memory_counts_where_it_failed_anyway(word: bytes) -> None:
    assert outcome_of_run(replace(WELL, status=1), Streams(b"", word, is_flooded=False), LIMITS).verdict == "MLE"
    assert outcome_of_run(WELL, Streams(b"", word, is_flooded=False), LIMITS).verdict == "OK"


def test_the_last_line_of_stderr_is_shown_without_control_bytes_and_no_longer_than_a_line() -> None:
    noise = Streams(b"", b"first\n\x1b[2J\xff" + b"e" * 900 + b"\n\n", is_flooded=False)
    reason = outcome_of_run(replace(WELL, status=1), noise, LIMITS).reason
    assert reason.startswith("exit code 1: ?[2J") and len(reason) < 220 and reason.isprintable()


def test_a_compiler_that_fails_is_ce_and_one_that_never_ran_is_infra() -> None:
    refused = Streams(b"", b"main.cpp:1: error", is_flooded=False)
    limits = Limits(cpu_s=20, memory_mb=1024)
    assert outcome_of_compile(replace(WELL, status=1), refused, limits).verdict == "CE"
    assert outcome_of_compile(replace(WELL, status=-9, stop_reason="cpu"), refused, limits).reason.endswith(
        "more than 20 s of processor time"
    )
    assert outcome_of_compile(replace(WELL, status=-9, stop_reason="memory"), refused, limits).reason.endswith(
        "more than 1024 MiB of memory"
    )
    assert outcome_of_compile(replace(WELL, has_entered=False), refused, limits).verdict == "INFRA"
