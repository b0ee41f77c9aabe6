from __future__ import annotations

import io
import json
import math

import pytest
from rich.console import Console

from aha.progress import JsonLines, Lines, PanelLines, estimate_seconds, line, span, sparkline

METRICS = {
    "step": 8.0,
    "reward": 1.25,
    "accuracy": 0.5,
    "reward/accuracy": 0.5,
    "reward/format": 0.75,
    "length": 104.0,
    "dead_groups": 0.125,
}
TIMINGS = {"seconds": 10.0, "tokens_per_s": 4321.0}


def test_a_sparkline_goes_from_the_lowest_to_the_highest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([0.1, 0.2, math.nan, 0.1]) == "▁█ ▁"
    assert sparkline([5, 5]) == "▁▁"
    assert sparkline([]) == ""
    assert sparkline([9, 0, 1], width=2) == "▁█"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_a_span_of_time_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_the_time_left_is_judged_by_the_last_five_rollouts() -> None:
    assert estimate_seconds([100, 2, 2, 2, 2, 2], count=10) == 20
    assert estimate_seconds([], count=10) is None


def test_a_rollout_in_one_line() -> None:
    said = line(1, 30, METRICS, TIMINGS, 280).split(" · ")
    assert said[:4] == ["2/30 rollouts", "step 8", "reward 1.25", "accuracy 0.5"]
    assert said[4:] == ["format 0.75", "length 104", "dead_groups 0.125", "4,321 tokens/s", "4 min 40 s left"]


def test_a_stage_without_rewards_shows_its_loss() -> None:
    assert line(0, None, {"step": 3.0, "loss": 2.5}, {}, None) == "1 rollout · step 3 · loss 2.5"


@pytest.mark.parametrize("kind", ["rollout", "step", "chunk"])
def test_a_stage_says_of_what_its_lines_are(kind: str) -> None:
    out = io.StringIO()
    with Lines(out, 3) as lines:
        for number in range(2):
            lines.begin(kind, number)
            lines.rollout(number, {"loss": 0.7}, TIMINGS, ())
    assert [text.split(" · ")[0] for text in out.getvalue().splitlines()] == [f"1/3 {kind}s", f"2/3 {kind}s"]


def test_rollouts_beyond_those_planned_are_counted_alone() -> None:
    assert line(2, 2, {"step": 3.0, "loss": 2.5}, {}, None) == "3 rollouts · step 3 · loss 2.5"
    assert estimate_seconds([4.0, 6.0], -1) is None and estimate_seconds([4.0, 6.0], 0) == 0


def test_a_log_gets_one_line_a_rollout_and_nothing_else() -> None:
    out = io.StringIO()
    with Lines(out, rollouts=3) as lines:
        lines.heartbeat("sampling")
        lines.rollout(0, METRICS, TIMINGS, ())
        lines.rollout(1, METRICS, TIMINGS, ())
    first, second = out.getvalue().splitlines()
    assert first.startswith("1/3 rollouts") and first.endswith("20 s left")
    assert second.startswith("2/3 rollouts") and second.endswith("10 s left")


def test_a_program_gets_json_lines_only_and_no_nan() -> None:
    out = io.StringIO()
    with JsonLines(out, rollouts=3) as lines:
        lines.say("begins")
        lines.rollout(0, {"loss": math.nan, "reward": 1.0}, TIMINGS, ())
        lines.tell("finished", result={"ci95": (0.1, 0.2)})
    assert [json.loads(text) for text in out.getvalue().splitlines()] == [
        {"event": "said", "text": "begins"},
        {"event": "rollout", "rollout": 0, "of": 3, "metrics": {"loss": "nan", "reward": 1.0}, "timings": TIMINGS},
        {"event": "finished", "result": {"ci95": [0.1, 0.2]}},
    ]


def test_the_panel_shows_where_the_run_is_and_what_it_does() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    panel = PanelLines(console, "zero", rollouts=30, clock=lambda: 0.0)
    panel.heartbeat("sampled 3 of 64 questions")
    for number, accuracy in enumerate([0.1, 0.9]):
        panel.rollout(number, {**METRICS, "accuracy": accuracy}, TIMINGS, ())
    page = Console(file=io.StringIO(), width=100)
    page.print(panel.panel())
    assert isinstance(page.file, io.StringIO)
    seen = page.file.getvalue()
    assert "2/30 rollouts" in seen and "4 min 40 s left" in seen
    assert "0.9" in seen and "▁█" in seen
    assert "sampled 3 of 64 questions · 4,321 tokens/s" in seen


def test_a_panel_that_has_seen_nothing_yet_can_be_drawn() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with PanelLines(console, "zero", rollouts=30):
        pass
    assert isinstance(console.file, io.StringIO)
    assert "starting" in console.file.getvalue()
