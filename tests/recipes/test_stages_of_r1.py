"""R1's own stages as presets, and the whole as a graph: the published values, and that everything fits."""

from __future__ import annotations

import pytest

from aha.errors import BadInput
from aha.pipeline.fingerprint import check_order, references
from aha.recipes import RECIPES, r1_real
from aha.recipes.recipe import Recipe, placeholders
from aha.settings import flatten
from aha.stages.rl import Rl
from aha.tasks.rows import RowProblems
from tests.runs import paths_without_source

RL = {
    "advantages.mode": "group_std",
    "loss.clip_low": 1.0,  # of 10: a ratio is never below 1 - 1 = 0
    "loss.clip_high": 10.0,
    "loss.aggregation": "seq-mean",
    "loss.kl": 0.001,
    "reference_every": 400,
    "samples": 16,
    "questions": 512,  # 32 a step, 16 steps a rollout
    "minibatches": 16,
    "sampling.temperature": 1.0,
    "sampling.max_tokens": 32_768,
    "schedule.max_tokens": [],
    "optim.lr": 3e-6,
}
MODEL = {"optim.lr": 6e-6, "batch": 256, "epochs": 1, "longest": 8_192}
TABLE: dict[str, dict[str, object]] = {
    "r1-stage1": {**RL, "rewards.language.sees": "thought", "rewards.language.weight": 1.0, "late": None},
    "r1-stage2": {
        **RL,
        "sampling.temperature": 0.7,
        "steps": 1_700,
        "late.steps": 400,
        "late.rewards": ["helpful", "harmless"],
        "rewards.helpful.sees": "summary",
        "rewards.harmless.sees": "all",
    },
    "qwen32b-zero": {**RL, "optim.lr": 2e-6, "steps": 10_000, "model": "Qwen/Qwen2.5-32B"},
    "rm-helpful": {**MODEL, "loss": "Pairwise"},
    "rm-safety": {**MODEL, "loss": "Pointwise"},
}


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, values in TABLE.items() for path in values])
def test_a_preset_holds_the_published_value(name: str, path: str) -> None:
    recipe = RECIPES[name]()
    assert flatten(recipe.tree)[f"{recipe.lead_stage}.{path}"] == TABLE[name][path]


@pytest.mark.parametrize("name", ["r1", "r1-real", "distill-vs-rl"])
def test_every_stage_of_a_graph_names_stages_before_it(name: str) -> None:
    recipe = RECIPES[name]()
    check_order(recipe.stages)
    assert recipe.apart and paths_without_source(recipe) == []


def test_the_stages_of_the_paper_in_its_order() -> None:
    paper = ["zero", "cold-start", "sft1", "reason-rl", "rejection", "sft2", "align-rl", "distill"]
    for name in ("r1", "r1-real"):
        assert [stage for stage, _ in RECIPES[name]().stages if stage in paper] == paper
    stages = dict(RECIPES["r1"]().stages)
    assert {each.stage for each in references(stages["sft2"])} == {"rejection"}  # the base again, not the RL checkpoint
    assert {each.stage for each in references(stages["align-rl"])} == {"sft2", "helpful", "harmless"}


def test_a_model_of_one_s_own_brings_the_paper_s_numbers_and_problems_go_to_every_stage() -> None:
    real = RECIPES["r1"]().real
    assert real is not None
    recipe = real().supply(RowProblems("mine.jsonl"))
    recipe = recipe.put(dict.fromkeys(recipe.models, "my/model"))
    recipe = recipe.change([("cold-start.rewriter.model", "http://v3/v1"), ("pairs.problems.source", "h"), ("labels.problems.source", "s")])
    values = flatten(recipe.tree)
    assert placeholders(values) == {}
    assert {path for path, value in values.items() if value == "mine.jsonl"} == {
        *(f"{name}.problems.source" for name in ("zero", "cold-start", "reason-rl", "rejection", "align-rl")),
        "align-rl.late.problems.0.0.source",
    }
    assert [values[f"align-rl.late.problems.{place}.0.source"] for place in (1, 2)] == ["h", "s"]
    assert values["pairs.by.model"] == values["labels.by.model"] == "http://v3/v1"
    assert paths_without_source(recipe.change([("labels.by.model", "judge")]).change([("cold-start.rewriter", "none")])) == []
    assert {path.partition(".")[0] for path, value in values.items() if value == "my/model"} == {"zero", "sft1", "sft2", "distill"}
    assert (values["zero.optim.lr"], values["sft2.optim.lr"], values["align-rl.steps"]) == (3e-6, 5e-5, 1_700)
    assert recipe.source("rejection.problems.source") == "user"


def test_without_preferences_only_a_rewriter_is_asked_for() -> None:
    recipe = r1_real("my/model", RowProblems("mine.jsonl"), preferences=False)
    assert list(placeholders(flatten(recipe.tree))) == ["cold-start.rewriter.model"] and paths_without_source(recipe) == []
    last = dict(recipe.stages)["align-rl"]
    assert isinstance(last, Rl) and last.late is None
    assert [part.name for part in last.rewards.parts] == ["accuracy", "format", "language"]


def test_what_a_preset_still_needs_is_said_with_its_flag() -> None:
    from aha.commands.choose import complete

    with pytest.raises(BadInput, match=r"^recipe rm-helpful needs a base model: give it with --model"):
        complete(RECIPES["rm-helpful"]())
    stage2 = RECIPES["r1-stage2"]().supply(RowProblems("mine.jsonl")).put({"rl.model": "tiny"})
    with pytest.raises(
        BadInput, match=r"needs a value for rl.rewards.helpful.reward.model: give it with --rewards.helpful.reward.model VALUE$"
    ):
        complete(stage2)


def test_stages_may_be_named_in_any_recipe(tiny_graph: Recipe) -> None:
    assert tiny_graph.change([("two.model", "@one")]).source("two.model") == "user"


@pytest.fixture
def tiny_graph() -> Recipe:
    stages = dict(RECIPES["r1"]().stages)
    return Recipe("two", "", (("one", stages["student"]), ("two", stages["zero"])), apart=True)
