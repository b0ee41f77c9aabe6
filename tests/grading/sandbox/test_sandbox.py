"""The door: which tier opens, and what is said where none does."""

from __future__ import annotations

import pytest

from aha.errors import BadInput
from aha.grading.sandbox import Job, open_sandbox, tiers
from tests.grading.sandbox.here import REASON, needs_bwrap


def test_every_tier_is_listed_strongest_first_with_the_reason_where_it_lacks() -> None:
    found = tiers()
    assert list(found) == ["bwrap", "wasm", "remote", "unsafe"]
    assert found["bwrap"] == REASON
    assert all(reason is None or (reason and "\n" not in reason) for reason in found.values())


@needs_bwrap
def test_the_strongest_that_works_opens_by_itself() -> None:
    sandbox = open_sandbox(workers=1)
    try:
        assert sandbox.tier == "bwrap" and sandbox.run(Job("print(1 + 2)")).stdout == b"3\n"
    finally:
        sandbox.close()


def test_no_protection_at_all_is_chosen_by_name_only() -> None:
    sandbox = open_sandbox("unsafe", workers=1)
    try:
        assert sandbox.tier == "unsafe"
    finally:
        sandbox.close()


def test_a_sandbox_without_workers_is_bad_input() -> None:
    with pytest.raises(BadInput, match="workers is 0"):
        open_sandbox(workers=0)


def test_a_tier_that_lacks_something_says_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AHA_SANDBOX_URLS", raising=False)
    reason = tiers()["remote"]
    if reason is None:
        pytest.skip("a pool is configured here")
    with pytest.raises(BadInput) as caught:
        open_sandbox("remote")
    assert str(caught.value) == f"sandbox remote: {reason}"
