from __future__ import annotations

import csv
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aha.errors import BadInput
from aha.evals.alpaca import Annotation, Calibration, calibration_in, fit, logistic, read_annotations, win_rates

MODELS = ("alpaca-7b", "claude", "gpt4_0613_concise", "FuseChat-Qwen-2.5-7B-Instruct")


@pytest.fixture(scope="module")
def recovered(published) -> Calibration:
    return calibration_in(published("alpaca_eval"))


def column(path: Path, name: str) -> dict[str, float]:
    with path.open(newline="") as file:
        return {next(iter(row.values())): float(row[name]) for row in csv.DictReader(file)}


def made_up(weights: tuple[float, float, float], rows: int = 400) -> tuple[list[Annotation], Calibration]:
    """Annotations that follow the model exactly, soft labels and all, with gamed rows that follow its first two weights."""
    draw = random.Random(5)
    shorter = [draw.randint(-900, 900) for _ in range(rows)]
    spread = float(np.std(shorter, ddof=1))
    difficulty = np.asarray([draw.gauss(0, 1) for _ in range(rows)])
    lengths = np.tanh(np.asarray(shorter) / spread)
    wins = logistic(weights[0] * lengths + weights[1] * difficulty + weights[2])
    gamed = np.column_stack([lengths, difficulty])
    labels = gamed.T @ logistic(gamed @ np.asarray(weights[:2]))
    names = [f"instruction {number}" for number in range(rows)]
    annotations = [Annotation(name, float(win), short) for name, win, short in zip(names, wins, shorter, strict=True)]
    return annotations, Calibration(difficulty, {name: number for number, name in enumerate(names)}, gamed, labels, ())


def test_the_fit_finds_the_weights_that_made_the_preferences():
    annotations, calibration = made_up((-1.2, 0.8, -0.5))
    rates = win_rates(annotations, calibration)
    assert rates.lc_win_rate == pytest.approx(100 * logistic(0.8 * calibration.difficulty - 0.5).mean(), abs=1e-6)
    assert rates.win_rate == pytest.approx(100 * np.mean([each.wins for each in annotations]))


def test_the_order_of_the_rows_does_not_matter():
    annotations, calibration = made_up((-1.2, 0.8, -0.5))
    turned = annotations[::-1]
    assert win_rates(turned, calibration).lc_win_rate == pytest.approx(win_rates(annotations, calibration).lc_win_rate, abs=1e-9)


def test_the_reference_beside_itself_is_fifty_by_definition():
    annotations, calibration = made_up((-1.2, 0.8, -0.5))
    own = [replace(each, wins=0.5, shorter=0, own=True) for each in annotations]
    rates = win_rates(own, calibration)
    assert (rates.win_rate, rates.lc_win_rate, rates.lc_standard_error) == (50.0, 50.0, 0.0)


def test_a_model_that_never_wins_has_nothing_at_any_length():
    annotations, calibration = made_up((-1.2, 0.8, -0.5))
    lost = [Annotation(each.instruction, 0.0, each.shorter) for each in annotations]
    assert win_rates(lost, calibration).lc_win_rate == pytest.approx(0.0, abs=0.01)


def test_gamed_rows_pull_the_weight_of_length():
    annotations, calibration = made_up((-1.2, 0.8, -0.5))
    rows = np.column_stack([calibration.baseline_rows, np.ones(len(annotations))])
    wins = np.asarray([each.wins for each in annotations])
    longer = Calibration(calibration.difficulty, {}, calibration.baseline_rows, calibration.labels * [2.0, 1.0], ())
    assert fit(rows, wins, calibration)[0] == pytest.approx(-1.2, abs=1e-6)
    assert fit(rows, wins, longer)[0] < -1.25


def test_ties_count_half_and_rows_without_a_preference_not_at_all():
    annotations, calibration = made_up((0.0, 0.0, 0.0), rows=4)
    wins = [1.0, 0.5, 0.0, None]
    given = [Annotation(each.instruction, win, each.shorter) for each, win in zip(annotations, wins, strict=True)]
    rates = win_rates(given, calibration)
    assert (rates.win_rate, rates.discrete_win_rate, rates.n) == (50.0, 50.0, 3)


def test_one_preference_is_too_few():
    annotations, calibration = made_up((0.0, 0.0, 0.0), rows=2)
    with pytest.raises(BadInput, match="1 of 2 annotations have a preference"):
        win_rates([annotations[0], Annotation("instruction 1", None, 3)], calibration)


def test_an_instruction_from_elsewhere_is_named():
    annotations, calibration = made_up((0.0, 0.0, 0.0), rows=3)
    with pytest.raises(BadInput, match="1 annotations are of no instruction of AlpacaEval 2, the first 'mine'"):
        win_rates([*annotations, Annotation("mine", 0.5, 3)], calibration)


# --- published files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_published_win_rates_to_ten_thousandths_and_length_controlled_ones_within_the_bound(published, recovered, model):
    rates = win_rates(read_annotations(published(f"alpaca_eval/annotations/{model}.json")), recovered)
    board = published("alpaca_eval/leaderboard_weighted_alpaca_eval_gpt4_turbo.csv")
    assert rates.win_rate == pytest.approx(column(board, "win_rate")[model], abs=1e-4)
    assert rates.discrete_win_rate == pytest.approx(column(board, "discrete_win_rate")[model], abs=1e-4)
    assert rates.lc_win_rate == pytest.approx(column(board, "length_controlled_winrate")[model], abs=0.11)
    refits = column(published("alpaca_eval/derived/refit_vs_published.csv"), "C1e4")
    assert rates.lc_win_rate == pytest.approx(refits[model], abs=0.02)
    assert rates.n == 805


def test_rows_that_are_missing_or_turned_about_are_matched_by_instruction(published, recovered):
    annotations = read_annotations(published("alpaca_eval/annotations/claude.json"))
    turned = annotations[::-1][:802]
    assert win_rates(turned, recovered).lc_win_rate == pytest.approx(win_rates(annotations, recovered).lc_win_rate, abs=0.2)


def test_the_hubs_own_files_are_read_by_their_names(tmp_path, published, recovered):
    difficulty = [f"{number},{value!r}" for number, value in enumerate(recovered.difficulty.tolist())]
    (tmp_path / "instruction_difficulty.csv").write_text(",instruction_difficulty\n" + "\n".join(difficulty))
    labels = logistic(recovered.baseline_rows @ np.asarray([-1.5, 0.8]))
    rows = [
        f"gamed,{number % 805},{label!r},{float(np.arctanh(min(tanh, 0.9999999999)))!r},{value!r}"
        for number, ((tanh, value), label) in enumerate(zip(np.clip(recovered.baseline_rows, -9, 9).tolist(), labels.tolist(), strict=True))
        if abs(tanh) < 1
    ]
    (tmp_path / "df_gamed.csv").write_text("model,index,preference,std_delta_len,instruction_difficulty\n" + "\n".join(rows))
    found = calibration_in(tmp_path)
    assert found.positions == {}
    assert found.difficulty.tolist() == recovered.difficulty.tolist()
    assert found.labels == pytest.approx(found.baseline_rows.T @ labels[: len(found.baseline_rows)], rel=0.2)
    annotations = read_annotations(published("alpaca_eval/annotations/claude.json"))
    assert 20 < win_rates(annotations, found).lc_win_rate < 35
    with pytest.raises(BadInput, match="802 annotations for 805 instructions"):
        win_rates(annotations[:802], found)


def head_to_head(first, second, difficulty):
    """The win rate of `first` over `second` at equal length, in per cent, from both models' weights (length, difficulty, model)."""
    return float(100 * logistic((first[2] - second[2]) + (first[1] - second[1]) * difficulty).mean())


def test_two_published_models_meet_at_equal_length(published, recovered):
    weights = {}
    with published("alpaca_eval/glm_weights_length_controlled_v1.csv").open(newline="") as file:
        for name, *values in list(csv.reader(file))[1:]:
            weights[name] = [float(value) for value in values]
    board = column(published("alpaca_eval/leaderboard_weighted_alpaca_eval_gpt4_turbo.csv"), "length_controlled_winrate")
    base = weights["gpt4_1106_preview"]
    assert head_to_head(base, base, recovered.difficulty) == 50.0
    assert head_to_head(weights["claude"], base, recovered.difficulty) == pytest.approx(board["claude"], abs=0.01)
    assert head_to_head(weights["claude"], weights["alpaca-7b"], recovered.difficulty) > 90


def test_what_the_fit_lacks_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"needs instruction_difficulty.csv and df_gamed.csv of tatsu-lab/alpaca_eval"):
        calibration_in(tmp_path)
    with pytest.raises(BadInput, match="--data DIR or AHA_DATA"):
        calibration_in(None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"preference": 2.5}, "preference is '2.5'; it goes from 1"),
        ({"output_2": None}, "output_2 is 'None'; it has to be text"),
        ({"generator_2": "another"}, "2 models in it"),
        ({"instruction": "q1"}, "an instruction stands twice: 'q1'"),
    ],
)
def test_a_row_that_cannot_be_used_is_one_line(tmp_path, change, says):
    row = {"instruction": "q1", "output_1": "a", "output_2": "b", "generator_1": "base", "generator_2": "mine", "preference": 1.2}
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps([row, row | {"instruction": "q2"} | change]))
    with pytest.raises(BadInput) as caught:
        read_annotations(path)
    assert says in str(caught.value)


def test_other_columns_are_named(tmp_path):
    path = tmp_path / "annotations.jsonl"
    path.write_text('{"instruction": "q", "winner": "a"}')
    with pytest.raises(BadInput, match="no field output_1, output_2, generator_1, generator_2, preference"):
        read_annotations(path)
