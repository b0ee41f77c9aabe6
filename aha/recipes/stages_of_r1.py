"""R1's two RL stages, R1-Zero on a dense model, and the preference models, each as a preset of its own with the paper's numbers."""

from __future__ import annotations

from dataclasses import replace

from aha.objectives import Pairwise, Pointwise
from aha.protocols import Adam, Problems, Sampling
from aha.recipes.r1_zero import SOURCES as ZERO
from aha.recipes.r1_zero import r1_zero
from aha.recipes.recipe import NEEDS_DATA, NEEDS_MODEL, NEEDS_PROBLEMS, YOURS, Recipe, placeholder
from aha.rewards import Accuracy, Format, Harmless, Helpful, LanguageConsistency, RewardPart, Rewards
from aha.stages.prefer import Prefer
from aha.stages.rl import Rl
from aha.stages.steps import Late, Schedule
from aha.tasks.mixture import MixedProblems
from aha.tasks.rows import RowProblems
from aha.template import Instruct

REASONING = ("math", "code", "stem", "logic")
HELPFUL, HARMLESS = "helpful", "harmless"
CONSTANTS = {"rl.schedule": "[nature: temperature, length and weights stay]"}
FORM = {
    "rl.template": "[ours: <think> and then the answer, as DeepSeek-R1 was released; `delimited` is the paper's 2.3.1]",
    "rl.template.suffix": "[nature: the suffix of its prompts of mathematics]",
    "rl.template.system": "[R1 README: none]",
    "rl.template.prefilled": "[ours: the model writes <think> itself; true where its chat template does]",
}
STAGE1 = (
    CONSTANTS
    | FORM
    | {
        "rl.rewards": "[paper 2.3.2 and nature: accuracy, format and language consistency, summed directly]",
        "rl.rewards.format.weight": "[nature keeps the rule reward's format; paper 2.3.2 is silent: 0 leaves it out]",
        "rl.loss.clip_low": "[nature: 10, which means none below, as 1 - 10 < 0]",
        "rl.loss.clip_high": "[nature: 10]",
        "rl.sampling.max_tokens": "[nature: 32,768, fixed]",
        "rl.steps": "[ours: the paper gives no number; a third of R1-Zero's]",
    }
)
STAGE2 = STAGE1 | {
    "rl.problems": YOURS,
    "rl.rewards": "[nature: rules for reasoning, preference models and format for the rest, language for both]",
    "rl.rewards.accuracy.domains": "[paper 2.3.4: reasoning prompts; the names are ours]",
    "rl.rewards.helpful.reward.model": YOURS,
    "rl.rewards.helpful.sees": "[paper 2.3.4: the final summary only]",
    "rl.rewards.harmless.reward.model": YOURS,
    "rl.rewards.harmless.sees": "[paper 2.3.4: the whole response]",
    "rl.late": "[nature: general data and preference rewards only in the last 400 of 1,700 steps]",
    "rl.late.problems": "[ours: half reasoning, half general; the paper gives no share]",
    "rl.late.problems.0.0": YOURS,
    "rl.late.problems.1.0.source": YOURS,
    "rl.late.problems.2.0.source": YOURS,
    "rl.sampling.temperature": "[nature: 0.7; a higher one becomes incoherent]",
    "rl.steps": "[nature: 1,700]",
    "rl.probe": "[ours: none until you name held-out problems; nature B.5 stopped early when the preference rose and accuracy fell]",
}


def r1_stage1(model: str = NEEDS_MODEL, problems: Problems = NEEDS_PROBLEMS) -> Recipe:
    """R1's first RL (Dev1 to Dev2): rules and language consistency."""
    rl = first(model, problems)
    about = "R1's reasoning RL: accuracy, format and language consistency, from the cold start's checkpoint"
    return Recipe("r1-stage1", about, (("rl", rl),), {**ZERO, **STAGE1}, main="rl", model="needed", problems="needed")


def first(model: str, problems: Problems) -> Rl:
    """The stage of `r1-stage1`."""
    zero = dict(r1_zero(model, problems).stages)["rl"]
    assert isinstance(zero, Rl)  # r1_zero made it
    parts = (*zero.rewards.parts, RewardPart("language", LanguageConsistency(), 1.0, "thought"))
    return replace(zero, template=Instruct(), rewards=Rewards(parts), schedule=Schedule(), steps=3_500)


def r1_stage2(model: str = NEEDS_MODEL, problems: Problems = NEEDS_PROBLEMS) -> Recipe:
    """R1's second RL (Dev3 to R1): rules for reasoning, learned preferences for the rest, those in the last 400 of 1,700 steps only."""
    models = (placeholder("rewards.helpful.reward.model"), placeholder("rewards.harmless.reward.model"))
    rl = second(model, problems, models)
    about = "R1's RL for all scenarios: rules for reasoning prompts, preference models for general ones"
    return Recipe("r1-stage2", about, (("rl", rl),), {**ZERO, **STAGE2}, main="rl", model="needed", problems="needed")


def second(model: str, problems: Problems, models: tuple[str, str], at: str = "") -> Rl:
    """The stage of `r1-stage2`. `models`: of helpfulness and of harmlessness; `at`: what the paths of its settings begin with."""
    prompts = [general(f"{at}late.problems.{place}.0.source", domain) for place, domain in ((1, HELPFUL), (2, HARMLESS))]
    helpful, harmless = models
    parts = (
        RewardPart("accuracy", Accuracy(), 1.0, "summary", REASONING),
        RewardPart("format", Format(), 1.0, "all"),
        RewardPart("language", LanguageConsistency(), 1.0, "thought"),
        RewardPart(HELPFUL, Helpful(helpful), 1.0, "summary", (HELPFUL,)),
        RewardPart(HARMLESS, Harmless(harmless), 1.0, "all", (HARMLESS,)),
    )
    last = Late(400, (HELPFUL, HARMLESS), MixedProblems(((problems, 0.5), (prompts[0], 0.25), (prompts[1], 0.25))))
    return replace(first(model, problems), rewards=Rewards(parts), sampling=Sampling(0.7, 1.0, 32_768), steps=1_700, late=last)


def general(path: str, domain: str) -> RowProblems:
    """Prompts that nobody can check, from a file that the person who runs the recipe names at `path`."""
    return RowProblems(placeholder(path), kind="open", domain=domain)


def qwen32b_zero(problems: Problems = NEEDS_PROBLEMS) -> Recipe:
    """R1-Zero on Qwen2.5-32B (paper 4.1), which the paper compares with distilling into it."""
    base = r1_zero("Qwen/Qwen2.5-32B", problems)
    zero = dict(base.stages)["rl"]
    assert isinstance(zero, Rl)  # r1_zero made it
    rl = replace(zero, optim=Adam(lr=2e-6), schedule=Schedule(), steps=10_000)
    sources = CONSTANTS | {
        "rl.model": "[paper 4.1]",
        "rl.optim.lr": "[nature B.4.1: 2e-6]",
        "rl.steps": "[paper 4.1: over 10,000]",
        "rl.sampling.max_tokens": "[nature B.4.1: 32,768]",
        "rl.loss.clip_low": "[ours: nature gives no bound; that of R1's first RL stage]",
        "rl.loss.clip_high": "[ours: nature gives no bound; that of R1's first RL stage]",
    }
    about = "pure RL on Qwen2.5-32B, the paper's comparison with distillation"
    return replace(base, name="qwen32b-zero", about=about, stages=(("rl", rl),), sources={**ZERO, **sources}, model="optional")


# --- preference models ------------------------------------------------------------------------------------------------

PREFER = {
    "prefer.model": "[nature B.3: R1's own architecture with a scalar head; yours]",
    "prefer.data": YOURS,
    "prefer.optim": "[ours: AdamW as is usual; nature names the rate only]",
    "prefer.optim.lr": "[nature B.3: 6e-6]",
    "prefer.epochs": "[nature B.3: 1]",
    "prefer.batch": "[nature B.3: 256]",
    "prefer.longest": "[nature B.3: 8,192 in training, no limit afterwards]",
    "prefer.held_out": "[ours: one prompt in twenty says how far to trust it]",
    "prefer.seed": "[ours: 0; give another for another order]",
    "prefer.save_every": "[ours: every 50 steps of 256]",
    "prefer.keep_last": "[ours: the last two, so that a damaged one has one before it]",
    "compute": "[ours: all that the machine has; changes nothing that is learned beyond rounding]",
}


def rm_helpful(model: str = NEEDS_MODEL, data: str = NEEDS_DATA) -> Recipe:
    """The helpfulness model: of two summaries the better one scores higher."""
    sources = {"prefer.loss": "[nature B.3: pairwise]", "prefer.loss.center": "[ours: keeps scores around 0; 0 leaves it out]"}
    about = "a model of helpfulness from pairs of answers, as the paper's from 66,000"
    return _preference("rm-helpful", about, Prefer(model, data, Pairwise()), sources)


def rm_safety(model: str = NEEDS_MODEL, data: str = NEEDS_DATA) -> Recipe:
    """The harmlessness model: a safe reply scores above 0."""
    about = "a model of harmlessness from replies labelled safe or unsafe, as the paper's from 106,000"
    return _preference("rm-safety", about, Prefer(model, data, Pointwise()), {"prefer.loss": "[nature B.3: pointwise]"})


def _preference(name: str, about: str, stage: Prefer, sources: dict[str, str]) -> Recipe:
    return Recipe(name, about, (("prefer", stage),), {**PREFER, **sources}, main="prefer", model="needed", problems="refused")
