"""New tests for a problem with none or too few, made as in the paper: programs write inputs (random, large, adversarial); right submissions
give the outputs, and inputs on which they fail or differ are dropped; the tests that catch wrong submissions are kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aha.errors import BadInput
from aha.grading.code.calls import CallFailure, answer_of, arguments, limits, run, run_calls
from aha.grading.code.grade_code import try_code
from aha.grading.sandbox.job import Job, Sandbox
from aha.types import Calls, Right, Stdio, Wrong

LONGEST_TEST = 1_000_000  # bytes of an input or an output


@dataclass(frozen=True)
class WrittenTests:
    """The problem with its new tests, starting with those that together catch every wrong submission that any test catches.

    `inputs`: the number of different inputs. `drops`: the reasons why inputs were left out, with counts. `kills`: how many of the `wrong`
    submissions are caught."""

    reference: Stdio | Calls
    inputs: int
    drops: Mapping[str, int]
    kills: int
    wrong: int


def write_tests(
    problem: Stdio | Calls,
    generators: Sequence[str],
    right: Sequence[str],
    wrong: Sequence[str],
    sandbox: Sandbox,
    *,
    seeds: int = 10,
    most: int = 20,
) -> WrittenTests:
    """Run each generator once per seed: it reads the seed, an integer, and prints one input (for calls: a JSON list of arguments).

    The problem's own tests are kept and count as inputs. At most `most` tests come out. BadInput if there is no right submission."""
    if not right:
        raise BadInput("no right submission: it is they that say what the outputs of new tests are")
    drops, inputs = Counter[str](), dict.fromkeys(stdin for stdin, _ in problem.tests)
    bounds = replace(limits(problem.seconds, problem.memory_mb), output_bytes=LONGEST_TEST)
    for job in (Job(generator, f"{seed}\n".encode(), "python", bounds) for generator in generators for seed in range(seeds)):
        if (stdin := _stdout_of(job, sandbox)) is None or not stdin.strip():
            drops["a generator failed"] += 1
        else:
            inputs[stdin] = None
    candidates = [_agree(problem, right, stdin, sandbox) for stdin in inputs]
    drops.update(candidate.why for candidate in candidates if isinstance(candidate, _Drop))
    tests = [candidate for candidate in candidates if not isinstance(candidate, _Drop)]
    catches = _catches(problem, tests, wrong, sandbox)
    places = _cover(catches, most)
    kills = set[int]().union(*(catches[place] for place in places))
    return WrittenTests(replace(problem, tests=tuple(tests[place] for place in places)), len(inputs), dict(drops), len(kills), len(wrong))


@dataclass(frozen=True)
class _Drop:
    """The reason why an input makes no test."""

    why: str


def _stdout_of(program: Job, sandbox: Sandbox) -> str | None:
    """Return what a program prints, or `None` if it fails or prints bytes that are not UTF-8."""
    outcome = run(sandbox, program)
    try:
        return outcome.stdout.decode("utf-8") if outcome.verdict == "OK" else None
    except UnicodeDecodeError:
        return None


def _output(problem: Stdio | Calls, code: str, stdin: str, sandbox: Sandbox) -> str | None:
    """Return a submission's output for an input; `None` if it fails or returns a value that JSON cannot hold."""
    bounds = limits(problem.seconds, problem.memory_mb)
    if isinstance(problem, Stdio):
        return _stdout_of(Job(code, stdin.encode(), problem.language, bounds), sandbox)
    try:
        results = run_calls(answer_of(problem, code), [arguments(stdin)], sandbox, bounds, lambda _: False)
        return None if isinstance(results[0], CallFailure) else json.dumps(results[0].value)
    except (ValueError, TypeError):
        return None


def _agree(problem: Stdio | Calls, right: Sequence[str], stdin: str, sandbox: Sandbox) -> tuple[str, str] | _Drop:
    """Return the test whose output is that of the first right submission, or the reason to drop it if not all right ones pass it."""
    expected = _output(problem, right[0], stdin, sandbox)
    if expected is None:
        return _Drop("a right submission fails")
    if not expected.strip():
        return _Drop("the right output is empty")
    test = replace(problem, tests=((stdin, expected),))
    if not all(isinstance(try_code(test, code, sandbox).grade, Right) for code in right):
        return _Drop("the right submissions differ")
    return stdin, expected


def _catches(problem: Stdio | Calls, tests: Sequence[tuple[str, str]], wrong: Sequence[str], sandbox: Sandbox) -> list[set[int]]:
    """Return, for each test, the numbers of the wrong submissions that fail it."""
    catches = [set[int]() for _ in tests]
    for number, code in enumerate(wrong):
        for place, test in enumerate(tests):
            if isinstance(try_code(replace(problem, tests=(test,)), code, sandbox).grade, Wrong):
                catches[place].add(number)
    return catches


def _cover(catches: Sequence[set[int]], most: int) -> list[int]:
    """Return the places of at most `most` tests: first those chosen greedily to catch every wrong submission, then those that catch
    most."""
    chosen, free = list[int](), set[int]().union(*catches)
    places = sorted(range(len(catches)), key=lambda place: -len(catches[place]))
    while free and len(chosen) < most:
        best = max(places, key=lambda place: len(catches[place] & free))
        chosen.append(best)
        free -= catches[best]
    return [*chosen, *(place for place in places if place not in chosen)][:most]
