from __future__ import annotations

import pytest

from aha.grading.sandbox import tiers
from aha.rewards import Accuracy
from aha.types import Calls, Problem, Reply

ISOLATED = any(tiers()[tier] is None for tier in ("bwrap", "wasm"))


@pytest.mark.skipif(not ISOLATED, reason="no sandbox works here")
def test_a_partial_accuracy_pays_the_share_of_tests_that_code_passes() -> None:
    problem = Problem("p", "code", "Add.", "en", Calls("add", (("[1, 2]", "3"), ("[2, 2]", "4"), ("[0, 0]", "0"), ("[5, 5]", "10"))))
    replies = [Reply("", "", code, 1, "stop") for code in ("def add(a, b): return a + b", "def add(a, b): return 4", "no code")]
    replies.append(Reply("", None, None, 1, "length"))
    for reward, paid in ((Accuracy(partial=True), [1.0, 0.25, 0.0, 0.0]), (Accuracy(), [1.0, 0.0, 0.0, 0.0])):
        with reward.open(None) as live:  # type: ignore[arg-type]
            assert live(problem, replies) == paid
