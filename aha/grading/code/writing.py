"""Tests for a problem that has none, or too few, as the paper made them: programs write inputs (random, large, adversarial); right
submissions say what the outputs are, and inputs on which they fail or differ are dropped; kept are the tests that catch wrong ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aha.errors import BadInput
from aha.grading.code.caller import Failed, call_all, limits, run
from aha.grading.code.calls import answer_of, arguments
from aha.grading.code.trying import try_code
from aha.grading.sandbox.job import Job, Sandbox
from aha.types import Calls, Right, Stdio, Wrong

LONGEST_TEST = 1_000_000  # bytes of an input or an output


@dataclass(frozen=True)
class Written:
    """The problem with its new tests, those first that together catch every wrong submission that any of them catches.

    `inputs`: how many different ones there were. `dropped`: why inputs were left out, and how often. `caught` of `wrong` submissions."""

    reference: Stdio | Calls
    inputs: int
    dropped: Mapping[str, int]
    caught: int
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
) -> Written:
    """Runs each generator once a seed: it reads the seed, a whole number, and prints one input (for calls: a JSON list of arguments).

    The problem's own tests are kept and count as inputs. At most `most` tests come out."""
    if not right:
        raise BadInput("no right submission: it is they that say what the outputs of new tests are")
    dropped, inputs = Counter[str](), dict.fromkeys(given for given, _ in problem.tests)
    bounds = replace(limits(problem.seconds, problem.memory_mb), output_bytes=LONGEST_TEST)
    for job in (Job(generator, f"{seed}\n".encode(), "python", bounds) for generator in generators for seed in range(seeds)):
        if (given := _printed(job, sandbox)) is None or not given.strip():
            dropped["a generator failed"] += 1
        else:
            inputs[given] = None
    found = [_agreed(problem, right, given, sandbox) for given in inputs]
    dropped.update(each.why for each in found if isinstance(each, _Dropped))
    tests = [each for each in found if not isinstance(each, _Dropped)]
    catches = _catches(problem, tests, wrong, sandbox)
    chosen = _chosen(catches, most)
    caught = set[int]().union(*(catches[place] for place in chosen))
    return Written(replace(problem, tests=tuple(tests[place] for place in chosen)), len(inputs), dict(dropped), len(caught), len(wrong))


@dataclass(frozen=True)
class _Dropped:
    """Why an input is no test."""

    why: str


def _printed(program: Job, sandbox: Sandbox) -> str | None:
    """What a program prints, where it ends well and that is text."""
    outcome = run(sandbox, program)
    try:
        return outcome.stdout.decode("utf-8") if outcome.verdict == "OK" else None
    except UnicodeDecodeError:
        return None


def _output(problem: Stdio | Calls, code: str, given: str, sandbox: Sandbox) -> str | None:
    """What a submission makes of an input; `None` where it fails, or returns what is no JSON."""
    bounds = limits(problem.seconds, problem.memory_mb)
    if isinstance(problem, Stdio):
        return _printed(Job(code, given.encode(), problem.language, bounds), sandbox)
    try:
        said = call_all(answer_of(problem, code), [arguments(given)], sandbox, bounds, lambda _: False)
        return None if isinstance(said[0], Failed) else json.dumps(said[0].value)
    except (ValueError, TypeError):
        return None


def _agreed(problem: Stdio | Calls, right: Sequence[str], given: str, sandbox: Sandbox) -> tuple[str, str] | _Dropped:
    """The test whose output is that of the first right submission, where all the right ones pass it."""
    wanted = _output(problem, right[0], given, sandbox)
    if wanted is None:
        return _Dropped("a right submission fails")
    if not wanted.strip():
        return _Dropped("the right output is empty")
    test = replace(problem, tests=((given, wanted),))
    if not all(isinstance(try_code(test, code, sandbox).grade, Right) for code in right):
        return _Dropped("the right submissions differ")
    return given, wanted


def _catches(problem: Stdio | Calls, tests: Sequence[tuple[str, str]], wrong: Sequence[str], sandbox: Sandbox) -> list[set[int]]:
    """For each test, the wrong submissions that fail it."""
    catches = [set[int]() for _ in tests]
    for number, code in enumerate(wrong):
        for place, test in enumerate(tests):
            if isinstance(try_code(replace(problem, tests=(test,)), code, sandbox).grade, Wrong):
                catches[place].add(number)
    return catches


def _chosen(catches: Sequence[set[int]], most: int) -> list[int]:
    """Places of at most `most` tests: each time the one that catches most of what is still free, then those that catch most."""
    chosen, free = list[int](), set[int]().union(*catches)
    places = sorted(range(len(catches)), key=lambda place: -len(catches[place]))
    while free and len(chosen) < most:
        best = max(places, key=lambda place: len(catches[place] & free))
        chosen.append(best)
        free -= catches[best]
    return [*chosen, *(place for place in places if place not in chosen)][:most]
