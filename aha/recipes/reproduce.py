"""The paper's claims, in miniature: the stages of r1, and beside them what each claim is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aha.protocols import Stage
from aha.recipes.r1 import distill_vs_rl, measure, r1, reason_rl, rl, zero
from aha.recipes.recipe import Recipe
from aha.recipes.zero import SAMPLING
from aha.rewards import LanguageConsistency, Rewards, paper
from aha.stages.annotate import Annotate
from aha.stages.evaluate import Evaluate
from aha.stages.prefer import Prefer
from aha.stages.rl import Rl
from aha.stages.sample import Sample
from aha.stages.sft import Sft
from aha.tasks.countdown import CountdownProblems
from aha.template import Short

STAGES_WITH_SEED = (Annotate, Prefer, Rl, Sample, Sft)  # what is measured, and the student's base, are the same for every seed
OUR_SOURCE = "[ours: what a claim is compared with]"


def reproduce() -> Recipe:
    """One seed's stages. Arms share what they have in common, since a stage is known by what it is made of."""
    whole, versus = r1(), dict(distill_vs_rl().stages)
    sources = distill_vs_rl().sources
    beside: list[tuple[str, Stage]] = [
        ("curve", Evaluate("tiny", "@zero", template=Short(), sampling=SAMPLING, k=16, problems=120, curve_problems=0)),
        ("cold-rl", rl("@sft1", CountdownProblems(), Rewards(paper().parts), steps=zero().steps // 2, lr=5e-4)),
        (
            "no-language",
            replace(
                reason_rl(),
                rewards=Rewards(tuple(part for part in reason_rl().rewards.parts if not isinstance(part.reward, LanguageConsistency))),
            ),
        ),
        ("measure-no-language", measure("no-language", "@no-language")),
        ("student-rl", versus["student-rl"]),
        ("equal", versus["equal"]),
    ]
    about = "every stage of r1 on the tiny world, and the arms that the paper's claims are compared with"
    all_sources = {**sources, **dict.fromkeys((name for name, _ in beside[:4]), OUR_SOURCE)}
    return replace(whole, name="reproduce", about=about, stages=(*whole.stages, *beside), sources=all_sources, real=None, model="refused")


def with_seed(recipe: Recipe, seed: int) -> Recipe:
    """With another seed wherever something is drawn that training depends on."""
    return recipe.put({f"{name}.seed": seed for name, stage in recipe.stages if isinstance(stage, STAGES_WITH_SEED)})


def arms(recipe: Recipe, seeds: int) -> Sequence[Recipe]:
    """One recipe a seed, from 0."""
    return [with_seed(recipe, seed) for seed in range(seeds)]
