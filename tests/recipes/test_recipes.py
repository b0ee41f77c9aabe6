"""Preset values equal the published ones, and every value says where it comes from."""

from __future__ import annotations

import pytest

from aha.errors import BadInput
from aha.recipes import RECIPES, dapo, drgrpo, r1_zero, zero
from aha.recipes.assembly import derived_lines
from aha.recipes.recipe import Recipe
from aha.settings import flatten
from tests.runs import paths_without_source

TABLE: dict[str, dict[str, object]] = {
    "r1-zero": {
        "advantages.mode": "group_std",
        "loss.clip_low": 1.0,  # of 10: a ratio is never below 1 - 1 = 0
        "loss.clip_high": 10.0,
        "loss.dual_clip": 3.0,
        "loss.aggregation": "seq-mean",
        "loss.kl": 0.001,
        "reference_every": 400,
        "samples": 16,
        "questions": 512,  # 32 a step, 16 steps a rollout
        "minibatches": 16,
        "steps": 10_400,
        "sampling.temperature": 1.0,
        "sampling.max_tokens": 32_768,
        "schedule.max_tokens": [[8_200, 65_536]],
        "optim.lr": 3e-6,
        "rewards.accuracy.weight": 1.0,
        "rewards.format.weight": 1.0,
    },
    "drgrpo": {
        "advantages.mode": "mean_only",
        "loss.clip_low": 0.2,
        "loss.clip_high": 0.2,
        "loss.aggregation": "constant",
        "loss.constant_length": 32_768,
        "loss.kl": 0.0,
        "reference_every": None,
        "minibatches": 1,
        "sampling.temperature": 1.0,
        "schedule.max_tokens": [],
    },
    "dapo": {
        "advantages.mode": "group_std",
        "loss.clip_low": 0.2,
        "loss.clip_high": 0.28,
        "loss.aggregation": "token-mean",
        "loss.kl": 0.0,
        "reference_every": None,
        "samples": 16,
        "questions": 512,
        "minibatches": 16,
        "sampling.temperature": 1.0,
        "sampling.max_tokens": 20_480,
        "rewards.overlong.reward.max_tokens": 20_480,
        "rewards.overlong.reward.buffer": 4_096,  # free up to 16,384
        "optim.lr": 1e-6,
        "optim.warmup_steps": 0,
        "schedule.max_tokens": [],
        "filter.drop_dead": True,
    },
}


IMITATED: dict[str, object] = {"epochs": 2.0, "final_rate": 0.1, "max_tokens": 32_768}  # of 2 to 3 epochs
STUDENTS: dict[str, tuple[str, float]] = {
    "distill-qwen-1.5b": ("Qwen/Qwen2.5-Math-1.5B", 1e-4),
    "distill-qwen-7b": ("Qwen/Qwen2.5-Math-7B", 8e-5),
    "distill-qwen-14b": ("Qwen/Qwen2.5-14B", 7e-5),
    "distill-qwen-32b": ("Qwen/Qwen2.5-32B", 6e-5),
    "distill-llama-8b": ("meta-llama/Llama-3.1-8B", 5e-5),
    "distill-llama-70b": ("meta-llama/Llama-3.3-70B-Instruct", 2e-5),
}


@pytest.mark.parametrize("name", ["sft", *STUDENTS])
def test_imitation_holds_the_published_values(name: str) -> None:
    model, lr = STUDENTS.get(name, ("(--model)", 5e-5))
    wanted = {**IMITATED, "model": model, "optim.lr": lr, "batch": 128 if name == "sft" else 64}
    assert {path: setting(RECIPES[name](), f"sft.{path}") for path in wanted} == wanted


def test_what_imitation_comes_to_is_told() -> None:
    words = "sft: every example 2 times, 64 a step, at most 2,097,152 tokens; the rate falls along a cosine from 0.0001 to 1e-05"
    assert derived_lines(RECIPES["distill-qwen-1.5b"]()) == [words]  # 64 x 32,768
    assert "unverified" in RECIPES["distill-qwen-1.5b"]().source("sft.optim.lr")


def setting(recipe: Recipe, path: str) -> object:
    return flatten(recipe.tree)[path]


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, values in TABLE.items() for path in values])
def test_a_preset_holds_the_published_value(name: str, path: str) -> None:
    assert setting(RECIPES[name](), f"rl.{path}") == TABLE[name][path]


@pytest.mark.parametrize("name", RECIPES)
def test_every_value_has_a_source(name: str) -> None:
    assert paths_without_source(RECIPES[name]()) == []
    assert RECIPES[name]().name == name


def test_the_source_of_a_value_is_the_nearest_one_above_it() -> None:
    recipe = r1_zero()
    assert recipe.source("rl.optim.lr") == "[nature: 3e-6]"
    assert recipe.source("rl.optim.betas") == recipe.source("rl.optim")
    assert recipe.source("rl.loss.clip_high").startswith("[ours: nature gives no bound for R1-Zero")
    assert recipe.source("elsewhere") == "default"


def test_what_is_unverified_says_so() -> None:
    assert "unverified" in dapo().source("rl.optim.lr")
    assert "unverified" in dapo().source("rl.questions")


def test_a_value_that_a_person_gave_is_theirs_also_where_it_is_the_default() -> None:
    recipe = r1_zero().change([("samples", "8"), ("minibatches", "16")])
    assert setting(recipe, "rl.samples") == 8
    assert recipe.source("rl.samples") == recipe.source("rl.minibatches") == "user"


def test_dapo_s_soft_limit_follows_the_length_limit() -> None:
    recipe = dapo().change([("sampling.max_tokens", "1000")])
    assert setting(recipe, "rl.rewards.overlong.reward.max_tokens") == 1000
    assert setting(recipe, "rl.rewards.overlong.reward.buffer") == 200
    assert recipe.source("rl.rewards.overlong.reward.buffer") == "[derived: 0.2 x rl.sampling.max_tokens]"


def test_the_longer_limit_of_r1_zero_stays_twice_the_first() -> None:
    shorter = r1_zero().change([("sampling.max_tokens", "100")])
    assert setting(shorter, "rl.schedule.max_tokens") == [[8_200, 200]]
    assert shorter.source("rl.schedule.max_tokens") == "[derived: 2 x rl.sampling.max_tokens]"


def test_the_schedule_is_told_with_the_rollout_in_which_it_first_holds() -> None:
    assert "rl: from step 8,200 on, max_tokens 65,536 (rollout 513)" in derived_lines(r1_zero())  # 513 x 16 = 8,208
    assert "rl: from step 8,200 on, max_tokens 65,536 (never: the run has 100 steps)" in derived_lines(r1_zero().change([("steps", "100")]))


def test_what_a_person_set_follows_nothing() -> None:
    recipe = drgrpo().change([("sampling.max_tokens", "1000"), ("loss.constant_length", "512")])
    assert setting(recipe, "rl.loss.constant_length") == 512
    assert setting(drgrpo().change([("sampling.max_tokens", "1000")]), "rl.loss.constant_length") == 1000


def test_a_short_path_means_the_main_stage_and_the_measure_follows_it() -> None:
    recipe = zero().change([("seed", "7"), ("sampling.max_tokens", "200")])
    assert (setting(recipe, "zero.seed"), setting(recipe, "evaluate.seed")) == (7, 0)
    assert setting(recipe, "evaluate.sampling.max_tokens") == 200


def test_a_group_of_one_is_refused() -> None:
    with pytest.raises(BadInput, match=r"^--rl.samples 1: samples is 1: GRPO compares replies within a group, so it needs 2 or more$"):
        r1_zero().change([("samples", "1")])


def test_another_model_goes_to_every_stage_that_had_the_same() -> None:
    assert zero().models == ["zero.model", "evaluate.model"]
    recipe = r1_zero().put(dict.fromkeys(r1_zero().models, "Qwen/Qwen3-1.7B-Base"))
    assert setting(recipe, "rl.model") == "Qwen/Qwen3-1.7B-Base"


def test_stages_with_one_name_are_refused() -> None:
    stage = zero().stages[0][1]
    with pytest.raises(BadInput, match="each with a name of its own"):
        Recipe("twice", "", (("a", stage), ("a", stage)))
    with pytest.raises(BadInput, match="none `compute`"):
        Recipe("taken", "", (("compute", stage),))


def test_a_warm_up_that_is_longer_than_the_run_is_told() -> None:
    lines = derived_lines(r1_zero().change([("steps", "100"), ("optim.warmup_steps", "101")]))
    assert "rl: warm-up takes 101 steps and the run has 100: the rate never gets to 3e-06" in lines
    assert not any("warm-up" in line for line in derived_lines(r1_zero().change([("steps", "100"), ("optim.warmup_steps", "100")])))
