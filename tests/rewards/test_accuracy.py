from __future__ import annotations

import pytest

from aha.grading.sandbox import tiers
from aha.rewards import Accuracy
from aha.template import Instruct
from aha.types import Calls, Choice, Countdown, FinishReason, Number, Problem, Reference, Reply
from tests.graders import GRADERS

ISOLATED = any(tiers()[tier] is None for tier in ("bwrap", "wasm"))


@pytest.mark.skipif(not ISOLATED, reason="no sandbox works here")
def test_a_partial_accuracy_pays_the_share_of_tests_that_code_passes() -> None:
    problem = Problem("p", "code", "Add.", "en", Calls("add", (("[1, 2]", "3"), ("[2, 2]", "4"), ("[0, 0]", "0"), ("[5, 5]", "10"))))
    replies = [Reply("", "", code, 1, "stop") for code in ("def add(a, b): return a + b", "def add(a, b): return 4", "no code")]
    replies.append(Reply("", None, None, 1, "length"))
    for reward, paid in ((Accuracy(partial=True), [1.0, 0.25, 0.0, 0.0]), (Accuracy(), [1.0, 0.0, 0.0, 0.0])):
        with reward.open(None) as live:  # type: ignore[arg-type]
            assert live(problem, replies) == paid


@pytest.mark.parametrize(
    ("reference", "text", "finished", "paid"),
    [
        (Number("5"), "2 and 3 make 5. The answer is 5.", "stop", 1.0),
        (Number("5"), "First I thought 5. But no: the answer is 6.", "stop", 0.0),
        (Number("5"), "<think>maybe 6</think> The answer is 5.", "stop", 1.0),
        (Number("5"), "<think>the answer is 5", "stop", 0.0),
        (Number("5"), "The answer is 5.", "length", 0.0),
        (Choice("B", ()), "Because of that, the answer is (B).", "stop", 1.0),
        (Countdown((2, 3, 4), 14), "I try 2 + 3 * 4 = 14. So (2 + 3 * 4) is it.", "stop", 1.0),
        (Countdown((2, 3, 4), 14), "No idea at all.", "stop", 0.0),
    ],
)
def test_the_last_claim_of_a_whole_reply_is_paid_where_no_tag_was_learned(
    reference: Reference, text: str, finished: FinishReason, paid: float
) -> None:
    reply = Instruct().read(text, 10, finished)
    assert Accuracy(reads="last").live(GRADERS)(Problem("p", "maths", "?", "en", reference), [reply]) == [paid]
