"""Which plots stand for a stage, by what it recorded."""

from __future__ import annotations

from aha.reports.charts import Series
from aha.reports.drawing import svg
from aha.reports.graph import kind_of, last, marks_of, stage_charts, thin

RL = [
    {"rollout": n, "step": 8.0 * (n + 1), "reward": 1.0, "accuracy": 0.1 * n, "accuracy/chain": 0.0, "accuracy/countdown": 0.2 * n,
     "length": 50.0 + n, "format": 0.9, "reward/accuracy": 0.1 * n, "reward/language": 0.95, "reward/helpful": 0.3, "weight/helpful": 2.0,
     "probe/accuracy": 0.5, "probe/preference": 0.6, "lr": 1e-4}
    for n in range(4)
]  # fmt: skip
SFT = [{"rollout": n, "step": n + 1.0, "loss": 10.0 / (n + 1), "lr": 1e-3, "epoch": n / 100} for n in range(1_000)]
PREFER = [
    {"rollout": n, "step": n + 1.0, "loss": 0.7, "agreement": 0.5, "lr": 1e-3, **({"held_out/agreement": 0.78} if n % 5 == 4 else {})}
    for n in range(10)
]


def titles(rows: list[dict[str, float]]) -> list[str]:
    return [chart.title for chart in stage_charts("s", rows)]


def test_a_stage_is_known_by_its_metrics():
    assert [kind_of(rows) for rows in (RL, SFT, PREFER, [{"kept": 3.0}], [{"funnel/chain/kept": 1.0}], [{"number": 1.0}])] == [
        "reinforcement", "learning", "learning", "rows", "rows", "other",
    ]  # fmt: skip


def test_reinforcement_shows_accuracy_by_domain_and_preferences_apart_from_rules():
    found = {chart.title: chart for chart in stage_charts("rl", RL)}
    assert [one.name for one in found["Accuracy"].series] == ["all", "chain", "countdown"]
    assert found["Accuracy"].series[2].y == (0.0, 0.2, 0.4, 0.6000000000000001)
    assert found["Accuracy"].series[2].x == (0.0, 8.0, 16.0, 24.0)
    assert [one.name for one in found["Preferences"].series] == ["helpful"]
    assert [one.name for one in found["Format and language"].series] == ["keep the template", "language consistency"]
    assert {"Length of the replies", "Weights of the rewards", "Preference against accuracy", "Learning rate"} <= found.keys()


def test_imitation_shows_loss_and_rate_and_a_preference_model_its_agreement_too():
    assert titles(SFT) == ["Loss", "Learning rate"]
    assert titles(PREFER) == ["Loss", "Agreement", "Learning rate"]
    assert stage_charts("p", PREFER)[1].series[1] == Series("held out", (4.0, 9.0), (0.78, 0.78))
    assert last(PREFER, "held_out/agreement") == 0.78


def test_a_stage_of_ones_own_shows_what_it_recorded_and_one_line_is_no_curve():
    assert titles([{"rollout": n, "number": float(n)} for n in range(3)]) == ["number"]
    assert titles([{"rollout": 0, "number": 1.0}]) == [] == titles([])


def test_many_points_are_averaged():
    found = thin(Series("a", tuple(map(float, range(1_000))), tuple(map(float, range(1_000)))), most=100)
    assert (len(found.x), found.x[0], found.y[-1]) == (100, 4.5, 994.5)
    few = Series("a", (0.0, 1.0), (2.0, 3.0))
    assert thin(few, most=100) == few


def test_a_loss_that_begins_high_has_a_steep_scale():
    assert stage_charts("s", SFT)[0].steep
    assert not stage_charts("p", PREFER)[0].steep


def test_what_happened_is_marked_where_it_did():
    hacked = [*RL[:3], {**RL[3], "rolled_back_to": 1.0}]
    assert marks_of(hacked) == [(32.0, "back to rollout 1")]
    drawing = svg(stage_charts("s", RL, [(16.0, "late begins")])[0], 5, 3)
    assert drawing.count("late begins") == 1


def test_plots_of_two_stages_do_not_share_a_name():
    assert {chart.key for chart in stage_charts("one", RL)} & {chart.key for chart in stage_charts("two", RL)} == set()
