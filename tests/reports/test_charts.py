from __future__ import annotations

import math

import pytest

from aha.reports.charts import charts, format_value, sampled_at

METRICS = [
    {"rollout": 0.0, "step": 4.0, "accuracy": 0.1, "length": 40.0, "reward/accuracy": 0.1},
    {"rollout": 1.0, "step": 8.0, "accuracy": 0.3, "length": 60.0, "reward/accuracy": 0.3},
]
RESULT = {"curve": [{"rollout": None, "pass@1": 0.2, "ci95": [0.1, 0.3]}, {"rollout": 1, "pass@1": 0.5, "ci95": [0.4, 0.6]}]}


def by_key(metrics, timings=(), result=None):
    return {chart.key: chart for chart in charts(metrics, timings, result)}


def test_a_rollout_stands_at_the_steps_before_it_and_a_checkpoint_at_the_steps_after_it():
    held_out, training = by_key(METRICS, result=RESULT)["accuracy"].series
    assert (training.x, training.y) == ((0.0, 4.0), (0.1, 0.3))
    assert (held_out.x, held_out.y, held_out.interval) == ((0.0, 8.0), (0.2, 0.5), ((0.1, 0.3), (0.4, 0.6)))


def test_the_dashed_line_is_the_base():
    assert by_key(METRICS, result=RESULT)["accuracy"].level == 0.2
    assert by_key(METRICS)["accuracy"].level is None


def test_only_what_was_measured_is_drawn():
    assert list(by_key(METRICS)) == ["accuracy", "length", "reward"]
    assert charts([], [], None) == []


def test_timings_join_their_rollout():
    [speed] = by_key(METRICS, [{"rollout": 1.0, "tokens_per_s": 900.0}])["speed"].series
    assert (speed.x, speed.y) == ((4.0,), (900.0,))


def test_the_seconds_of_a_rollout_are_stacked_by_what_they_went_to():
    timings = [
        {"rollout": 0.0, "decode_s": 2.0, "draw_s": 1.0, "gradient_s": 4.0, "other_s": 0.5},
        {"rollout": 1.0, "decode_s": 1.0, "gradient_s": 4.0, "load_s": 0.25, "save_s": 0.25, "other_s": 0.0},
    ]
    rows = [{"rollout": 0.0}, {"rollout": 1.0}]
    time = by_key(rows, timings)["time"]
    assert time.stacked and time.change == ("7.5", "5.5")
    assert {series.name: series.y for series in time.series} == {
        "decoding": (3.0, 1.0),
        "forward and backward": (4.0, 4.0),
        "weights, saving and other": (0.5, 0.5),
    }
    assert "time" not in by_key(rows, [{key: value for key, value in timing.items() if key != "other_s"} for timing in timings])  # 0.1


def test_a_curve_without_a_finite_value_is_left_out():
    broken = [{**row, "length": math.nan} for row in METRICS]
    assert "length" not in by_key(broken)


def test_a_checkpoint_beyond_the_metrics_is_left_out():
    late = {"curve": [*RESULT["curve"], {"rollout": 9, "pass@1": 0.9, "ci95": [0.8, 1.0]}]}
    assert len(by_key(METRICS, result=late)["accuracy"].series[0].x) == 2


def test_the_change_is_first_and_last_value():
    assert by_key(METRICS)["length"].change == ("40", "60")


def test_the_change_of_stacked_curves_is_of_their_sum():
    rows = [{"rollout": 0.0, "dead_wrong": 0.5, "dead_right": 0.0}, {"rollout": 1.0, "dead_wrong": 0.1, "dead_right": 0.3}]
    assert by_key(rows)["dead"].change == ("50 %", "40 %")


def test_without_step_a_rollout_counts_as_one():
    assert sampled_at([{"rollout": 0.0}, {"rollout": 1.0}, {"rollout": 2.0}]) == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.831, "share", "83 %"), (0.025, "share", "2.5 %"), (0.0, "share", "0 %"), (1234.4, "tokens", "1,234"), (0.0123, "number", "0.0123")],
)
def test_values_as_a_person_reads_them(value, unit, text):
    assert format_value(value, unit) == text


def test_what_a_schedule_changed_and_what_the_probe_saw_are_drawn():
    changing = [
        {**METRICS[0], "max_tokens": 8.0, "weight/odd": 0.0, "probe/accuracy": 0.5, "probe/preference": 0.4},
        {**METRICS[1], "max_tokens": 12.0, "weight/odd": 2.0, "probe/accuracy": 0.4, "probe/preference": 0.9},
    ]
    drawn = by_key(changing)
    assert [(one.name, one.y) for one in drawn["probe"].series] == [("accuracy", (0.5, 0.4)), ("preference", (0.4, 0.9))]
    assert drawn["schedule"].series[0].y == (8.0, 12.0)
    assert [(one.name, one.y) for one in drawn["weights"].series] == [("odd", (0.0, 2.0))]


def test_the_loss_is_drawn_of_imitation_alone():
    rows = [{"rollout": 0.0, "step": 1.0, "loss": 3.0, "epoch": 0.5}, {"rollout": 1.0, "step": 2.0, "loss": 2.0, "epoch": 1.0}]
    [curve] = by_key(rows)["imitation"].series
    assert (curve.x, curve.y) == ((0.0, 1.0), (3.0, 2.0))
    assert "imitation" not in by_key([{**row, "loss": 0.1} for row in METRICS])


def test_the_timeline_shows_when_rollouts_were_sampled_and_learned_from():
    timings = [
        {"rollout": 0.0, "sample_at": 1_000.0, "sample_end": 1_060.0, "learn_at": 1_060.0, "learn_end": 1_150.0},
        {"rollout": 1.0, "sample_at": 1_060.0, "sample_end": 1_120.0, "learn_at": 1_150.0, "learn_end": 1_240.0},
    ]
    timeline = by_key([{"rollout": 0.0}, {"rollout": 1.0}], timings)["timeline"]
    assert timeline.bars and timeline.change is None
    assert {series.name: list(zip(series.x, series.y, strict=True)) for series in timeline.series} == {
        "sampling": [(0.0, 1.0), (1.0, 2.0)],
        "learning": [(1.0, 2.5), (2.5, 4.0)],  # minutes: the second rollout is sampled while the first is learned from
    }
