from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.grading.code import Trials, try_answer
from aha.grading.sandbox import Sandbox, Tier, open_sandbox
from aha.types import Asserts, Calls, Code, Right, Stdio
from tests.grading.sandbox.hostile import ATTACKS, Attack, needs_hostile, trap

TIERS: tuple[Tier, ...] = ("bwrap", "wasm")
FORGES = tuple(attack for attack in ATTACKS if 30 <= int(attack.name[:2]) <= 47)  # the others attack the sandbox, whose own tests run all
OTHERS = tuple(pytest.param(attack, marks=pytest.mark.long) for attack in ATTACKS if attack not in FORGES)
PASSES = ("26_daemon",)  # prints 3 in truth, and leaves a process behind


@pytest.fixture(scope="module", params=TIERS)
def tier(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        sandbox = open_sandbox(request.param, 2)
    except BadInput as error:
        pytest.skip(str(error))
    yield sandbox
    sandbox.close()


def tried(attack: Attack, sandbox: Sandbox, place: Path) -> list[Trials]:
    """The program as an answer, in every way in which its kind can be graded."""
    with trap(place) as made:
        references: list[Code] = [Stdio(((f"1 2\n{made.secret}\nport={made.port}\n", "3\n"),), seconds=1.0, memory_mb=256)]
        if attack.kind == "func":
            references = [Calls(entry, (("[1, 2]", "3"),), seconds=1.0, memory_mb=256) for entry in ("add", "Solution.add")]
            tests = ("assert add(1, 2) == 3", "for x in [1]:\n    assert add(x, 2) == 3")
            references += [Asserts("add", test, seconds=1.0, memory_mb=256) for test in tests]
        found = [try_answer(reference, attack.source, sandbox) for reference in references]
        assert made.untouched()
    return found


@pytest.mark.slow
@needs_hostile
@pytest.mark.parametrize("attack", FORGES + OTHERS, ids=str)
def test_no_hostile_program_earns_a_reward(attack: Attack, tier: Sandbox, tmp_path: Path) -> None:
    for trials in tried(attack, tier, tmp_path):
        allowed = (*attack.allowed, "RE") if tier.tier == "wasm" else attack.allowed
        assert trials.trials[-1].verdict in allowed, (trials, attack)
        assert not isinstance(trials.grade, Right) or attack.name in PASSES
        assert all(trial.reason.isascii() and trial.reason.isprintable() for trial in trials.trials)
