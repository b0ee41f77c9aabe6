"""`aha eval tiny-world`: what is printed, what is kept, and two models beside each other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from aha.cli import main
from aha.commands.world import beside
from aha.errors import BadInput
from aha.evals.tiny_world import GENERAL, REASONING, held_out, shown
from aha.stages.world import read_shown
from aha.types import Reply
from tests.stages.small import fresh

SMALL = ("--problems", "1", "--prompts", "1", "--samples", "2", "--sampling.max_tokens", "4")


def test_programs_read_json_and_replies_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, record = fresh(tmp_path / "model", context=128), tmp_path / "replies.jsonl.gz"
    assert main(["eval", "tiny-world", "--model", model, "--json", "--record", str(record), *SMALL]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["benchmark"], result["problems"], result["k"]) == ("tiny-world", 1, 2)
    assert set(result["pass@1"]) == set(REASONING)
    assert (result["instruction"]["value"], result["instruction"]["low"]) == (0.0, 0.0)
    assert len(read_shown(record)) == 2 * len((*REASONING, *GENERAL))


def test_people_read_a_line_a_number_and_what_chance_explains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, record = fresh(tmp_path / "model", context=128), tmp_path / "replies.jsonl.gz"
    assert main(["eval", "tiny-world", "--model", model, "--record", str(record), *SMALL]) == 0
    assert main(["eval", "tiny-world", "--model", model, "--against", str(record), *SMALL]) == 0
    said = capsys.readouterr().out
    assert "pass@1.countdown        0.000 [0.000, 0.793]" in said
    assert "against.instruction     +0.000 [-0.490, +0.490] difference is noise" in said


def test_it_is_asked_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "tiny-world", "gsm8k", "--model", "tiny"]) == 2
    assert "asked alone" in capsys.readouterr().err


def test_two_models_are_compared_on_the_same_problems() -> None:
    problems = held_out(3, 3, 0)
    replies = [shown(each, 0, Reply("", None, None, 1, "stop"), False if each.domain in REASONING else None) for each in problems]
    better = [replace(each, value=1.0) if each.domain == "chain" else each for each in replies]
    found = beside(replies, better, 0)
    chain, countdown = found["chain"], found["countdown"]
    assert (chain["difference"], chain["high"], chain["verdict"]) == (1.0, 1.0, "difference is noise")  # three problems prove nothing
    assert (countdown["difference"], countdown["verdict"]) == (0.0, "difference is noise")
    with pytest.raises(BadInput, match="different problems"):
        beside(replies, better[1:], 0)
