"""Sizes by their widths, memory by hand-checkable numbers, and what is turned until a stage fits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from aha.errors import BadInput
from aha.plan import Machine, StagePlan, fit, machine, plan_stage, read_shape
from aha.plan.machines import GIB, Work, engine_group, gpus, seconds
from aha.plan.memory import SHAPES, ModelShape, Need, activations, memory
from aha.plan.plan import divisor, lighter, memory_on
from aha.plan.tables import cluster_rows, paper_row, sizes_table
from aha.protocols import Compute
from aha.recipes import RECIPES
from aha.stages.rl import Rl
from aha.types import Lora

PUBLISHED = {"0.5b": 0.494, "1.5b": 1.544, "7b": 7.616, "8b": 8.030, "14b": 14.77, "32b": 32.76, "70b": 70.55, "671b": 671.0}
SHAPE = ModelShape("small", layers=2, width=8, heads=2, kv_heads=1, size=4, inner=16, vocabulary=100)
CPU = Machine("a CPU", "cpu", 4 * GIB, {"float32": 5e10, "bfloat16": 1e10}, 1e10, 4e-6)
RL = dict(RECIPES["r1-zero"]().stages)["rl"]


@pytest.mark.parametrize("size", PUBLISHED)
def test_a_size_has_as_many_parameters_as_are_published(size: str) -> None:
    assert SHAPES[size].parameters / 1e9 == pytest.approx(PUBLISHED[size], rel=0.005)


def test_a_mixture_sends_a_token_through_few_of_its_parameters() -> None:
    assert SHAPES["671b"].active_parameters / 1e9 == pytest.approx(37, rel=0.03)
    assert SHAPES["671b"].token_states == 61 * 576  # compressed: 70 KB a token in bfloat16


def test_parameters_are_counted_by_hand() -> None:
    layer = 8 * 8 + 2 * 8 * 4 + 8 * 8 + 3 * 8 * 16 + 2 * 8  # q, k and v, o; gate, up, down; two norms
    assert SHAPE.parameters == 100 * 8 + 2 * layer + 8
    assert replace(SHAPE, tied=False).parameters - SHAPE.parameters == 100 * 8
    assert SHAPE.adapter(2) == 2 * 2 * ((8 + 8) + 2 * (8 + 4) + (8 + 8) + 3 * (8 + 16))
    assert SHAPE.token_states == 2 * 2 * 4


def test_the_tiny_model_is_counted_from_its_files() -> None:
    shape = read_shape("tiny")
    assert (shape.layers, shape.context) == (4, 512)
    assert shape.parameter_count is not None and shape.parameters == pytest.approx(
        replace(shape, parameter_count=None).parameters, rel=1e-3
    )


@pytest.mark.parametrize(
    ("model", "words"),
    [("nobody/nothing", "its config.json is not here"), ("EMPTY", "its config.json has no hidden_size"), ("LIST", "holds no JSON object")],
)
def test_a_model_of_unknown_size_is_one_line(model: str, words: str, tmp_path: Path) -> None:
    if model in ("EMPTY", "LIST"):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"} if model == "EMPTY" else []))
        model = str(tmp_path)
    with pytest.raises(BadInput, match=words) as error:
        read_shape(model)
    assert "\n" not in str(error.value)


# --- memory -----------------------------------------------------------------------------------------------------------


def test_full_training_holds_four_numbers_a_weight_and_its_reference_and_engine() -> None:
    parts = memory(SHAPE, Need(reference=True, rows=2, prompt=10, reply=20)).parts
    size = SHAPE.parameters
    assert (parts["weights"], parts["gradient"], parts["Adam"], parts["reference"], parts["engine"]) == (
        *(4 * size, 4 * size, 8 * size, 4 * size, 4 * size),
    )
    assert parts["cache"] == int(1.6 * 2 * 30 * SHAPE.token_states * 4)


def test_pages_hold_a_prompt_once_for_its_group_and_half_a_page_a_row_more() -> None:
    need = Need(rows=8, group=4, prompt=10, reply=20, paged=True)
    assert need.cache_room == 2 * 10 + 8 * (20 + 8)
    assert replace(need, cache_tokens=120).cache_room == 1 * 10 + 4 * (20 + 8)  # room for half of the rows
    assert replace(need, paged=False).cache_room == int(1.6 * 8 * 30)


def test_a_prompt_is_read_and_learned_from_once_for_its_group() -> None:
    assert Work(16, 100, 50, 1.0, 8).learned_tokens == 16 * 50 + 2 * 100
    shape, need = SHAPES["0.5b"], Need(rows=16, reply=50)
    alone, together = (seconds(shape, need, CPU, Work(16, 500, 50, 1.0, group)) for group in (1, 8))
    assert together.prefill == pytest.approx(alone.prefill / 8)


def test_a_long_row_costs_more_a_token_than_a_short_one() -> None:
    need = Need(micro_tokens=65_536, samples=False)
    short, long = (seconds(SHAPES["7b"], need, CPU, Work(32_768 // size, 0, size, 1.0)).learning for size in (256, 32_768))
    extra = 6 * 2 * 28 * 28 * 128 * (32_768 - 256) / 2 * 32_768 / 5e10  # multiply-adds of attention over half a row, on average
    assert long - short == pytest.approx(extra, rel=1e-3)


def test_an_adapter_has_no_gradient_of_the_models_size_and_no_second_model() -> None:
    parts = memory(SHAPES["7b"], Need(reference=True, rank=16, dtype="bfloat16"), "cuda").parts
    assert parts["gradient"] + parts["Adam"] + parts["reference"] < 0.1 * 4 * SHAPES["7b"].parameters
    assert parts["weights"] < 2.5 * SHAPES["7b"].parameters


def test_recomputing_keeps_an_input_a_layer_and_two_layers() -> None:
    whole, kept = (activations(SHAPES["7b"], Need(checkpointing=on), 1_024) for on in (False, True))
    assert kept == pytest.approx(1_024 * 28 * 4 * 3_584 + 2 * whole / 28)


def test_devices_share_what_is_learned() -> None:
    one, eight = (memory(SHAPES["7b"], Need(reference=True), "cuda", shards) for shards in (1, 8))
    assert eight.constant["Adam"] == one.constant["Adam"] // 8
    assert eight.learning["activations"] == one.learning["activations"]


def test_sampling_and_learning_take_turns() -> None:
    found = memory(SHAPE, Need(rows=1_000, reply=1_000))
    assert found.peak == sum(found.constant.values()) + max(sum(found.sampling.values()), sum(found.learning.values()))


# --- seconds ----------------------------------------------------------------------------------------------------------


def test_a_rollout_takes_as_long_as_its_longest_reply_on_any_number_of_devices() -> None:
    need, work = Need(dtype="bfloat16", rows=64, reply=32_768), Work(512, 100, 32_768)
    few, many = (seconds(SHAPES["7b"], need, gpus(count), work) for count in (8, 512))
    assert many.learning < few.learning / 30
    assert many.decoding > 32_768 * SHAPES["7b"].layers * 30 * 6e-6


def test_an_engine_is_on_as_many_devices_as_its_weights_need() -> None:
    need = Need(dtype="bfloat16")
    assert [engine_group(SHAPES[size], need, gpus(64)) for size in ("7b", "32b", "70b", "671b")] == [1, 2, 4, 32]


def test_the_groups_of_a_run_take_disk_by_the_tokens_that_are_stored() -> None:
    assert isinstance(RL, Rl)
    small = replace(RL, questions=4, samples=2, minibatches=2, steps=20, sampling=replace(RL.sampling, max_tokens=100))  # 10 rollouts
    plans = [
        plan_stage("rl", replace(small, keep_groups=kept, keep_groups_every=every), Compute(), SHAPE, CPU)
        for kept, every in ((None, None), (2, None), (2, 5))
    ]
    rollout = 4 * 2 * 50 * 6  # half of the longest reply, six bytes a token
    assert [plan.group_bytes for plan in plans if plan is not None] == [10 * rollout, 2 * rollout, 4 * rollout]


def test_the_papers_run_is_predicted_within_half_of_what_is_published() -> None:
    row = paper_row()
    assert row.gpus == 512 and row.rollouts == 650
    assert 0.5 < row.hours / row.paper_hours < 1.5


def test_the_table_says_what_fits_nowhere() -> None:
    rows = {(row.model, row.gpus): row for row in sizes_table()}
    assert len(rows) == 12 and rows["Qwen2.5-1.5B", 1].fits and not rows["Llama-3.3-70B", 1].fits
    assert rows["Qwen2.5-7B", 1].peak > 152e9  # the 152 GB of weights, gradient, moments, reference and engine, and what a rollout adds
    assert [row.gpus for row in cluster_rows()] == [64, 256, 512]


# --- fitting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("questions", "most", "count"), [(8, 16, 8), (12, 8, 6), (7, 4, 1), (512, 16, 16), (1, 1, 1)])
def test_mini_batches_divide_the_questions(questions: int, most: int, count: int) -> None:
    assert divisor(questions, most) == count


def planned(rl: Rl, compute: Compute, shape: ModelShape, found: Machine) -> StagePlan:
    plan = plan_stage("rl", rl, compute, shape, found)
    assert plan is not None
    return plan


@pytest.mark.parametrize(
    ("name", "model"), [*((name, model) for name in ("cpu", "24gb", "80gb", "8x80gb") for model in ("tiny", "0.5b")), ("80gb", "1.5b")]
)
def test_what_fit_chooses_fits(name: str, model: str) -> None:
    recipe, shape = RECIPES["r1-zero"](), read_shape(model)
    found = replace(CPU, memory=48 * GIB) if name == "cpu" else machine(name)
    values = fit(recipe.stages, recipe.compute, {"rl": shape}, found, ())
    changed = recipe.change(list(values.items()))
    rl = dict(changed.stages)["rl"]
    assert isinstance(rl, Rl)
    assert planned(rl, changed.compute, shape, found).fits
    assert rl.questions % rl.minibatches == 0 and rl.questions // rl.minibatches >= 4
    assert changed.compute.dtype == ("float32" if name == "cpu" else "bfloat16")
    assert shape.context is None or rl.sampling.max_tokens < shape.context


def test_what_a_person_set_stays() -> None:
    recipe = RECIPES["r1-zero"]().change([("questions", "6"), ("minibatches", "3"), ("sampling.max_tokens", "300")])
    values = fit(
        recipe.stages, recipe.compute, {"rl": read_shape("tiny")}, CPU, {"rl.questions", "rl.minibatches", "rl.sampling.max_tokens"}
    )
    assert not values.keys() & {"rl.questions", "rl.minibatches", "rl.sampling.max_tokens"}


def test_what_fits_nowhere_is_refused_with_its_size() -> None:
    recipe = RECIPES["r1-zero"]()
    with pytest.raises(
        BadInput, match=r"--fit: rl with Qwen2.5-32B takes [\d,.]+ GiB at the least on a CPU, where 3.6 GiB can be filled"
    ) as error:
        fit(recipe.stages, recipe.compute, {"rl": SHAPES["32b"]}, CPU, ())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("half", "offered"), [(1e9, False), (90e9, True)])
def test_bfloat16_is_advised_only_where_the_machine_is_about_as_fast_with_it(half: float, offered: bool) -> None:
    slow = Machine("two cores", "cpu", GIB, {"float32": 100e9, "bfloat16": half}, 2e10, 4e-6)
    flags = [flag for flag, _ in lighter(Need(samples=True), slow)]
    assert ("--compute.dtype bfloat16" in flags) is offered and "--compute.checkpointing true" in flags


def test_a_stage_that_only_learns_is_advised_bfloat16_too() -> None:
    need = Need(samples=False, rank=16, micro_tokens=4_096, longest=4_096)
    flags = [flag for flag, _ in lighter(need, machine("24gb"))]
    assert "--compute.dtype bfloat16" in flags


def test_the_turns_lead_to_what_fits() -> None:
    assert isinstance(RL, Rl)
    small = replace(RL, questions=8, minibatches=8, samples=8, lora=Lora(), sampling=replace(RL.sampling, max_tokens=512))
    plan = planned(small, Compute(micro_tokens=16_384), SHAPES["0.5b"], replace(CPU, memory=20 * GIB))
    turns = plan.turns()
    assert not plan.fits and turns[-1].peak <= plan.machine.usable
    assert [turn.peak for turn in turns] == sorted((turn.peak for turn in turns), reverse=True)
    assert turns[0].flag.startswith("--compute.micro_tokens")


@pytest.mark.parametrize(("size", "device"), [("1.5b", "80gb"), ("7b", "8x80gb"), ("0.5b", "24gb"), ("32b", "8x80gb"), ("1.5b", "cpu")])
def test_every_turn_is_the_cheapest_that_helps_at_its_place(size: str, device: str) -> None:
    assert isinstance(RL, Rl)
    plan = planned(RL, Compute(), SHAPES[size], machine(device) if device != "cpu" else CPU)
    need, peak = plan.need, plan.memory.peak
    for turn in plan.turns():
        helpful = [flag for flag, changes in lighter(need, plan.machine) if lowered(plan, replace(need, **changes)) < 0.98 * peak]  # type: ignore[arg-type]
        assert turn.flag == helpful[0] and turn.peak == lowered(plan, turn.need)
        need, peak = turn.need, turn.peak


def lowered(plan: StagePlan, need: Need) -> int:
    return memory_on(plan.shape, need, plan.machine).peak


@pytest.mark.parametrize(("size", "device"), [("1.5b", "80gb"), ("7b", "8x80gb")])
def test_the_papers_rollout_keeps_its_length_and_all_its_weights_where_a_smaller_cache_is_enough(size: str, device: str) -> None:
    assert isinstance(RL, Rl)
    plan = planned(RL, Compute(), SHAPES[size], machine(device))
    settings = {flag.split()[0] for flag in plan.flags()}
    assert plan.turns()[-1].peak <= plan.machine.usable
    assert "--compute.cache_tokens" in settings and not settings & {"--sampling.max_tokens", "--lora.rank", "--loss.kl"}


SENSELESS = ["cluster(nodes=0, gpus=8)", "cluster(8)", "cluster(nodes=999999999, gpus=8)", "cluster(nodes=1, gpus=9999)"]


@pytest.mark.parametrize("name", ["gpu", "9x80gb", *SENSELESS])
def test_a_machine_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        machine(name)


def test_a_cluster_is_so_many_gpus() -> None:
    assert (machine("cluster(nodes=64, gpus=8)").devices, machine("cluster(nodes=2,gpus=4)").devices, machine("node").devices) == (
        512,
        8,
        8,
    )
