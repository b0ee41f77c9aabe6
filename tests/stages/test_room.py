"""Prompts that do not fit are found before anything is computed, and the advice holds for all of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.stages.rl import Rl
from aha.stages.room import check_room, longest_reply
from aha.stages.schedule import Late, Schedule
from aha.tasks.mixed import MixedProblems
from aha.tasks.rows import RowProblems
from tests.stages.small import stage


@dataclass(frozen=True)
class Letters:
    """A token a letter."""

    context: int | None = 100
    stop: tuple[int, ...] = (1,)
    end: int = 1

    def encode(self, text: str) -> list[int]:
        return [2] * len(text)

    prompt = encode


@pytest.fixture
def asks(tmp_path: Path) -> Rl:
    """Prompts of 22 to 42 letters more than the template has, the longest the last."""
    rows = [{"question": "x" * (20 + 10 * n), "answer": "1"} for n in range(3)]
    (tmp_path / "q.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    small = stage("model")
    return replace(small, problems=RowProblems(str(tmp_path / "q.jsonl")), questions=2, minibatches=2)


def told(asks: Rl, context: int | None = 100) -> str:
    try:
        check_room(asks, Letters(context))  # type: ignore[arg-type]
    except BadInput as error:
        return str(error)
    return ""


def around(asks: Rl) -> int:
    """Letters that the template adds."""
    return len(str(asks.template.prompt("")))


def test_the_longest_prompt_is_named_and_the_advice_fits_all(asks: Rl) -> None:
    context = around(asks) + 40 + 7  # one token less than the longest needs with a reply of 8
    line = told(asks, context)
    assert line == (
        f"1 of 3 prompts do not fit in the model's context of {context} tokens with a reply of 8; the longest, q.jsonl:3, has "
        f"{around(asks) + 40}: --sampling.max_tokens 7 fits all of them"
    )
    assert told(replace(asks, sampling=replace(asks.sampling, max_tokens=7)), context) == ""


def test_a_prompt_that_fits_with_no_reply_is_to_be_left_out(asks: Rl) -> None:
    assert told(asks, around(asks) + 40).endswith("no length fits it: leave that row out")


def test_a_model_that_names_no_context_takes_everything(asks: Rl) -> None:
    assert told(asks, None) == ""


def test_replies_that_grow_within_the_run_count_as_long_as_they_will_be(asks: Rl) -> None:
    grows = replace(asks, steps=20, schedule=Schedule(max_tokens=((10, 50), (30, 90))))
    assert longest_reply(grows) == 50  # the run ends before step 30


def test_problems_of_a_mix_and_of_the_last_steps_are_measured_too(asks: Rl) -> None:
    late = replace(asks, problems=stage("m").problems, late=Late(2, problems=MixedProblems(((asks.problems, 1.0),))))
    assert "the longest, q.jsonl:3" in told(late, around(asks) + 47)
