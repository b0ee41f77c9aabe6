from __future__ import annotations

import pytest

from aha.grading.sandbox import Job, Outcome, Tier, tiers
from aha.grading.sandbox.attacks import ATTACKS, COMPILED_ATTACKS, Assault, SandboxStatus, run_attacks, sandbox_status
from aha.types import Number, Stdio

CODE = Stdio((("1", "1"),))


class Scripted:
    """Says one outcome of every program."""

    tier: Tier = "unsafe"

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome

    def run(self, job: Job) -> Outcome:
        return self.outcome

    def close(self) -> None:
        pass


def scripted(verdict, stdout: bytes = b"") -> Assault:
    return run_attacks(lambda: Scripted(Outcome(verdict, stdout, b"", None, 0, 0, 0, f"the reason of {verdict}")))


def outcomes(verdict, stdout: bytes = b"") -> list[str]:
    """The attacks that a sandbox with this one outcome is said to contain."""
    return [each.attack.name for each in scripted(verdict, stdout).came if each.is_contained]


def test_an_attack_that_says_breach_was_not_contained():
    assert outcomes("OK", b"BREACH read it\n") == []


def test_a_sandbox_that_runs_nothing_contains_nothing():
    assert outcomes("INFRA") == []


def test_an_endless_loop_that_ended_well_was_no_endless_loop():
    assert "never ends" not in outcomes("OK", b"3\n") and "reads a secret file" in outcomes("OK", b"3\n")


def test_a_sandbox_that_is_dead_afterwards_did_not_hold():
    assert outcomes("TLE")[-1] != "leave the next program alone"


def test_there_are_a_dozen_attacks_and_seven_compiled_ones_with_a_name_each():
    assert (len(ATTACKS), len(COMPILED_ATTACKS)) == (12, 7)
    assert len({each.name for each in ATTACKS + COMPILED_ATTACKS}) == 19


def test_compiled_programs_attack_where_the_tier_compiles():
    assert [each.attack.language for each in scripted("OK").came].count("cpp") == 7 and scripted("OK").compile_error == ""


def test_where_nothing_compiles_no_compiled_program_attacks_and_the_reason_is_told():
    assert [each.attack.language for each in scripted("INFRA").came].count("cpp") == 0
    lines = SandboxStatus("bwrap", "the strongest there is", scripted("INFRA")).lines()
    assert lines[1] == "No compiled program was among them: the reason of INFRA."


def test_problems_without_code_need_no_sandbox():
    assert sandbox_status([Number("3")]) is None


@pytest.mark.skipif(tiers()["bwrap"] is not None and tiers()["wasm"] is not None, reason="no sandbox works here")
def test_the_doctor_says_the_tier_and_why():
    found = sandbox_status([Number("3"), CODE])
    assert found is not None and found.holds
    assert found.lines()[0].startswith(f"Programs run in the sandbox tier {found.tier}, ")
    number = len(ATTACKS) + 1 + (0 if found.assault.compile_error else len(COMPILED_ATTACKS))
    assert found.lines()[0].endswith(f"it contained {number} of {number} attacks.")


def test_a_weaker_tier_is_named_with_the_reason():
    assert SandboxStatus("wasm", "since no stronger one works here (bwrap: not installed)", Assault(())).lines() == [
        "Programs run in the sandbox tier wasm, since no stronger one works here (bwrap: not installed); it contained 0 of 0 attacks."
    ]


@pytest.mark.skipif(tiers()["unsafe"] is not None, reason="no unsafe tier here")
def test_the_tier_that_holds_nothing_back_is_not_attacked():
    found = sandbox_status([CODE], "unsafe")
    assert found is not None and (found.why, found.assault) == ("as asked for, which holds nothing back", Assault(()))
