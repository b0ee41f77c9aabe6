"""The whole pipeline of R1 on a model and problems of your own, with the paper's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from aha.protocols import Adam, Problems, Sampling, Stage
from aha.recipes.r1_zero import (
    CONSTANTS,
    FORM,
    HARMLESS,
    HELPFUL,
    PREFER,
    STAGE1,
    STAGE2,
    general,
    r1_zero,
    rl_of,
    rm_helpful,
    rm_safety,
    stage1_rl,
    stage2_rl,
)
from aha.recipes.r1_zero import SOURCES as ZERO
from aha.recipes.recipe import NEEDS_MODEL, NEEDS_PROBLEMS, YOURS, Recipe, placeholder
from aha.recipes.sft import COLD, cold_start, sample
from aha.recipes.sft import SAMPLE_SOURCES as SAMPLE
from aha.recipes.sft import SOURCES as SFT
from aha.stages.annotate import Annotate, Labels, Pairs
from aha.stages.assessors import Assessor
from aha.stages.prefer import Prefer
from aha.stages.rewriters import Rewriter
from aha.stages.rl import Rl
from aha.stages.sample import Sample
from aha.stages.sft import Sft
from aha.template import Instruct

ANNOTATE = {
    "annotate.problems": "[ours: prompts of your own; nature B.3 had 66,000 pairs and 106,000 labelled prompts]",
    "annotate.problems.source": YOURS,
    "annotate.by": "[nature B.3: DeepSeek-V3]",
    "annotate.by.model": "[ours: the model that rewrites the cold start; nature B.3: DeepSeek-V3]",
    "annotate.by.sampling": "[R1 README: temperature 0.6 and top_p 0.95; the paper names none for its judge]",
    "annotate.questions": "[ours: every prompt of the file]",
    "annotate.samples": "[ours: four answers make two pairs]",
    "annotate.writers": "[ours: none; they are people of the tiny world]",
    "annotate.template": "[ours: the same as in the RL that follows]",
    "annotate.sampling": "[nature: the same as in RL]",
    "annotate.chunk": "[ours: a crash loses one chunk at most]",
    "annotate.shard_rows": "[ours: files small enough to open by hand]",
    "annotate.seed": "[ours: 0; give another for other samples]",
}
OUR_SOURCES = {"model": "[paper 2.3: the stage before it]", "problems": "[ours: the same problems in every stage]"}
FOLLOWS = {
    "pairs.by.model": "cold-start.rewriter.model",
    "labels.by.model": "cold-start.rewriter.model",
    "align-rl.late.problems.1.0.source": "pairs.problems.source",
    "align-rl.late.problems.2.0.source": "labels.problems.source",
}
SFT_SOURCES = {"template": "[ours: the same as in the RL that follows]", "template.suffix": "[ours: the same as in the RL that follows]"}


def real() -> Recipe:
    """Return every stage with the paper's numbers, on the model and problems that the person who runs it gives."""
    return r1_real()


def r1_real(model: str = NEEDS_MODEL, problems: Problems = NEEDS_PROBLEMS, preferences: bool = True) -> Recipe:
    """Return all stages of R1. One language model rewrites the cold start, compares answers and labels them, as DeepSeek-V3 did; general
    prompts are the person's own files. Without `preferences` the last RL has rules alone, and only the rewriter is needed."""
    preference_stages = tuple(_preferences()) if preferences else ()
    stages: tuple[tuple[str, Stage], ...] = (
        ("zero", rl_of(r1_zero(model, problems))),
        ("cold-start", replace(_sample_of(cold_start("@zero", problems)), rewriter=Rewriter(placeholder("cold-start.rewriter.model")))),
        ("sft1", _sft(model, "@cold-start")),
        ("reason-rl", stage1_rl("@sft1", problems)),
        ("rejection", replace(_sample_of(sample("@reason-rl", problems)), name="rejection")),
        ("sft2", _sft(model, "@rejection")),
        *preference_stages,
        ("align-rl", _last(problems, preferences)),
        ("distill", replace(_sft(model, "@rejection"), batch=64)),
    )
    names = {name for name, _ in stages}
    sources = {path: source for path, source in _sources() if path.partition(".")[0] in {*names, "compute"}}
    about = "all stages of DeepSeek-R1 with the paper's numbers, on a model and problems of your own"
    follows = {path: (leader, None) for path, leader in FOLLOWS.items() if preferences}
    return Recipe("r1-real", about, stages, sources, main="zero", follows=follows, model="needed", problems="needed", apart=True)


def _preferences() -> Iterator[tuple[str, Stage]]:
    """Yield the stages that compare and label Dev3's answers to general prompts, and their preference models (nature B.3)."""
    sampling = Sampling(temperature=1.0, top_p=1.0, max_tokens=32_768)
    for name, task, domain in (("pairs", Pairs(), HELPFUL), ("labels", Labels(), HARMLESS)):
        prompts, by = general(f"{name}.problems.source", domain), Assessor(placeholder(f"{name}.by.model"))
        yield name, Annotate("@sft2", prompts, task, by, questions=None, template=Instruct(), sampling=sampling)
    yield HELPFUL, _prefer_of(rm_helpful("@sft2", "@pairs"))
    yield HARMLESS, _prefer_of(rm_safety("@sft2", "@labels"))


def _last(problems: Problems, preferences: bool) -> Rl:
    whole = stage2_rl("@sft2", problems, (f"@{HELPFUL}", f"@{HARMLESS}"), "align-rl.")
    return whole if preferences else replace(whole, rewards=stage1_rl("@sft2", problems).rewards, late=None)


def _sft(model: str, data: str) -> Sft:
    return Sft(model=model, data=data, template=Instruct(), optim=Adam(lr=5e-5), epochs=2.0, batch=128, final_rate=0.1, max_tokens=32_768)


def _sources() -> Iterator[tuple[str, str]]:
    by_stage: dict[str, dict[str, str]] = {
        "zero": ZERO,
        "cold-start": {**SAMPLE, **COLD},
        "sft1": SFT,
        "reason-rl": {**ZERO, **STAGE1},
        "rejection": SAMPLE,
        "sft2": SFT,
        "pairs": {
            **ANNOTATE,
            "annotate.task": "[nature B.3: compared four times, kept if the mean differs by over 1, lengths balanced]",
        },
        "labels": {**ANNOTATE, "annotate.task": "[nature B.3: every reply as it stands, safe or unsafe]"},
        "helpful": {**PREFER, "prefer.loss": "[nature B.3: pairwise; centred by us]"},
        "harmless": {**PREFER, "prefer.loss": "[nature B.3: pointwise]"},
        "align-rl": {**ZERO, **STAGE1, **STAGE2, **CONSTANTS, **FORM},
        "distill": SFT,
    }
    for stage, sources in by_stage.items():
        for path, source in sources.items():
            if path != "compute":
                yield f"{stage}.{path.partition('.')[2]}", source
        if stage not in ("zero", "pairs", "labels", "helpful", "harmless"):
            yield from ((f"{stage}.{path}", source) for path, source in OUR_SOURCES.items())
        if stage in ("sft1", "sft2", "distill"):
            yield from ((f"{stage}.{path}", origin) for path, origin in SFT_SOURCES.items())
            yield f"{stage}.model", "[paper 2.3.3: the base, each time]"
            yield f"{stage}.data", "[paper 2.3: the stage before it]"
    source = "[paper 2.3.4: the model that learned this]"
    yield from ((f"align-rl.rewards.{name}.reward.model", source) for name in (HELPFUL, HARMLESS))
    yield from ((f"{name}.data", f"[nature B.3: the {data}]") for name, data in ((HELPFUL, "pairs"), (HARMLESS, "labels")))
    yield from ((f"{name}.model", "[ours: the model that is aligned next]") for name in ("pairs", "labels"))
    yield "distill.model", "[ours: your own model until you name a smaller one with --distill.model]"
    yield "distill.batch", "[nature B.4.3: 64]"
    yield "compute", SFT["compute"]


def _prefer_of(recipe: Recipe) -> Prefer:
    stage = dict(recipe.stages)["prefer"]
    assert isinstance(stage, Prefer)  # the preset made it
    return stage


def _sample_of(recipe: Recipe) -> Sample:
    stage = dict(recipe.stages)["sample"]
    assert isinstance(stage, Sample)  # the preset made it
    return stage
