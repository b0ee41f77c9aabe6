"""The whole of R1 on a model and problems of your own, with the paper's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from aha.protocols import Adam, Problems, Stage
from aha.recipes.r1_zero import SOURCES as ZERO
from aha.recipes.r1_zero import r1_zero
from aha.recipes.recipe import MODEL_NEEDED, PROBLEMS_NEEDED, Recipe
from aha.recipes.sample import COLD, cold_start, sample
from aha.recipes.sample import SOURCES as SAMPLE
from aha.recipes.sft import SOURCES as SFT
from aha.recipes.stages_of_r1 import FIXED, FORM, STAGE1, STAGE2, first, second
from aha.rewards import Rewards
from aha.stages.rl import Rl
from aha.stages.sample import Sample
from aha.stages.sft import Sft
from aha.template import Instruct

OWN = {"model": "[paper 2.3: the stage before it]", "problems": "[ours: the same problems in every stage]"}
IMITATED = {"template": "[ours: that of the RL that follows]", "template.suffix": "[ours: that of the RL that follows]"}


def real() -> Recipe:
    """Every stage with the numbers of the paper. Preference models need data of your own: `align-rl` has rules alone until a recipe file
    hands `r1_real` what they learn from."""
    return r1_real()


def r1_real(
    model: str = MODEL_NEEDED,
    problems: Problems = PROBLEMS_NEEDED,
    preferences: tuple[tuple[str, Stage], ...] = (),
    models: tuple[str, str] | None = None,
    general: Problems | None = None,
) -> Recipe:
    """`preferences`: named stages that make the two preference `models`, of which align-rl has `general` prompts judged."""
    stages: tuple[tuple[str, Stage], ...] = (
        ("zero", _rl_of(r1_zero(model, problems))),
        ("cold-start", replace(_sample_of(cold_start("@zero", problems)), rewriter=None)),
        ("sft1", _sft(model, "@cold-start")),
        ("reason-rl", first("@sft1", problems)),
        ("rejection", replace(_sample_of(sample("@reason-rl", problems)), name="rejection")),
        ("sft2", _sft(model, "@rejection")),
        *preferences,
        ("align-rl", _last(problems, models, general)),
        ("distill", replace(_sft(model, "@rejection"), batch=64)),
    )
    about = "all stages of DeepSeek-R1 with the paper's numbers, on a model and problems of your own"
    return Recipe("r1-real", about, stages, dict(_sources()), main="zero", model="needed", problems="needed", apart=True)


def _last(problems: Problems, models: tuple[str, str] | None, general: Problems | None) -> Rl:
    rl = second("@sft2", problems, models or ("", ""), problems if general is None else general)
    if models is not None and general is not None:
        return rl
    return replace(rl, rewards=Rewards(first("@sft2", problems).rewards.parts), late=None)


def _sft(model: str, data: str) -> Sft:
    return Sft(model=model, data=data, template=Instruct(), optim=Adam(lr=5e-5), epochs=2.0, batch=128, final_rate=0.1, max_tokens=32_768)


def _sources() -> Iterator[tuple[str, str]]:
    told: dict[str, dict[str, str]] = {
        "zero": ZERO,
        "cold-start": {**SAMPLE, **COLD, "sample.rewriter": "[ours: none until a recipe file names a model that rewrites, as V3 did]"},
        "sft1": SFT,
        "reason-rl": {**ZERO, **STAGE1},
        "rejection": SAMPLE,
        "sft2": SFT,
        "align-rl": {
            **ZERO,
            **STAGE1,
            **STAGE2,
            **FIXED,
            **FORM,
            "rl.late": "[nature: the last 400 of 1,700 steps, where preferences are]",
        },
        "distill": SFT,
    }
    for stage, sources in told.items():
        for path, said in sources.items():
            if path != "compute":
                yield f"{stage}.{path.partition('.')[2]}", said
        if stage != "zero":
            yield from ((f"{stage}.{path}", said) for path, said in OWN.items())
        if stage in ("sft1", "sft2", "distill"):
            yield from ((f"{stage}.{path}", said) for path, said in IMITATED.items())
            yield f"{stage}.model", "[paper 2.3.3: the base, each time]"
            yield f"{stage}.data", "[paper 2.3: the stage before it]"
    yield "distill.model", "[ours: your own model until you name a smaller one with --distill.model]"
    yield "distill.batch", "[nature B.4.3: 64]"
    yield "compute", SFT["compute"]


def _rl_of(recipe: Recipe) -> Rl:
    stage = dict(recipe.stages)["rl"]
    assert isinstance(stage, Rl)  # the preset made it
    return stage


def _sample_of(recipe: Recipe) -> Sample:
    stage = dict(recipe.stages)["sample"]
    assert isinstance(stage, Sample)  # the preset made it
    return stage
