"""The whole pipeline of DeepSeek-R1 (paper §2.3, §2.4) in the tiny world: every stage on a CPU, in one run.
Beside the stages of r1, the arms that each of the paper's claims is compared with, in miniature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aha.objectives import Advantages, Filter, Grpo, Pairwise, Pointwise
from aha.protocols import Adam, Compute, Problems, Sampling, Stage
from aha.recipes.r1_real import real
from aha.recipes.r1_zero import rl_of
from aha.recipes.recipe import Recipe
from aha.recipes.zero import SAMPLING, wider
from aha.recipes.zero import SOURCES as ZERO
from aha.recipes.zero import zero as zero_recipe
from aha.rewards import Accuracy, Format, LanguageConsistency, RewardPart, Rewards, all_scenarios, paper
from aha.stages.annotate import Annotate, Labels, Pairs, Writer
from aha.stages.evaluate import Equal, Evaluate, Measure
from aha.stages.prefer import Prefer
from aha.stages.pretrain import Shrink
from aha.stages.probe import RewardHackingProbe
from aha.stages.rewriters import Rules
from aha.stages.rl import Rl
from aha.stages.sample import Sample
from aha.stages.sft import Sft
from aha.stages.steps import FinalPhase
from aha.tasks.chain import ChainProblems
from aha.tasks.countdown import CountdownProblems
from aha.tasks.demonstrations import Demonstrations
from aha.tasks.filters import Readable
from aha.tasks.general import GeneralProblems
from aha.tasks.mixture import MixedProblems
from aha.tasks.program import ProgramProblems
from aha.template import Delimited, Short

CONTEXT = 512
REASONING = MixedProblems(((CountdownProblems(), 0.5), (ChainProblems(), 0.25), (ProgramProblems(), 0.25)))
CHECKABLE = ("countdown", "chain", "program")
HELPFUL, HARMLESS = ("greeting", "self", "translation"), ("harm",)
ALL_PROBLEMS = MixedProblems(((REASONING, 0.5), (GeneralProblems(), 0.5)))
HELD_OUT = MixedProblems(((CountdownProblems(split="held-out"), 0.5), (GeneralProblems(split="held-out"), 0.5)))
WRITERS = (Writer(0.2), Writer(0.5), Writer(0.9))
MEASURE_SAMPLING = Sampling(temperature=0.6, top_p=0.95, max_tokens=300)  # paper §3
FIRST_SEED = 1_000_000  # of demonstrations, far from the seeds of problems asked in RL

MEASURE_SOURCES = {
    "base": "tiny",
    "zero": "@zero",
    "dev1": "@sft1",
    "dev2": "@reason-rl",
    "dev3": "@sft2",
    "r1": "@align-rl",
    "student": "@distill",
}


def zero() -> Rl:
    """Return R1-Zero's stage from the recipe `zero`."""
    return rl_of(zero_recipe(), "zero")


def cold_start() -> Sample:
    """Return the cold start's stage: Zero's right, readable chains, rewritten, and demonstrations of domains that Zero never saw."""
    return Sample(
        model="@zero",
        problems=CountdownProblems(),
        name="cold-start",
        questions=400,
        template=Short(),
        sampling=SAMPLING,
        samples=2,
        at_once=2,
        readable=Readable(language=None, longest=240),
        rewriter=Rules(),
        rewritten=Readable(language=None, code=True),
        against=("countdown",),
        also=(
            Demonstrations(ChainProblems(), 300, seed=FIRST_SEED),
            Demonstrations(ProgramProblems(), 250, seed=FIRST_SEED),
            Demonstrations(GeneralProblems(), 160, care=0.3, seed=FIRST_SEED),
        ),
        chunk=128,
    )


def sft(data: str, model: str = "tiny", lr: float = 1e-3, epochs: float = 1.5) -> Sft:
    """Return a fine-tuning stage at the tiny world's size."""
    return Sft(
        model=model,
        data=data,
        template=Delimited(),
        optim=Adam(lr=lr, betas=(0.9, 0.98), warmup_steps=20),
        epochs=epochs,
        batch=16,  # the same number of examples teaches more in more steps: docs/log.md
        max_tokens=CONTEXT,
        too_long="skip",
        save_every=200,
    )


def reason_rl() -> Rl:
    """Return RL on all three reasoning domains with rewards for accuracy, format and language consistency. General prompts, where most of
    the reply is the summary, are rewarded for format and language alone."""
    parts = (
        RewardPart("accuracy", Accuracy(), 1.0, "summary", CHECKABLE),
        RewardPart("format", Format(), 1.0, "all"),
        RewardPart("language", LanguageConsistency(), 1.0, "thought"),
        RewardPart("summary-language", LanguageConsistency("summary"), 1.0, "summary", (*HELPFUL, *HARMLESS)),
    )
    return rl("@sft1", MixedProblems(((REASONING, 0.75), (GeneralProblems(), 0.25))), Rewards(parts), steps=192, lr=4e-4)


def align_rl() -> Rl:
    """Return RL with rules for reasoning prompts, and learned preferences for general prompts in the last steps only."""
    rewards = all_scenarios("@helpful", "@harmless", CHECKABLE, HELPFUL, HARMLESS).with_weights({"helpful": 2.0, "harmless": 2.0})
    stage = rl("@sft2", REASONING, rewards, steps=144, lr=2e-4, temperature=0.7)
    probe = RewardHackingProbe(HELD_OUT, ("helpful", "harmless"), every=3, questions=32, samples=2, falls=0.15)
    return replace(stage, late=FinalPhase(72, ("helpful", "harmless"), ALL_PROBLEMS), probe=probe)


def annotate(task: Pairs | Labels, kinds: tuple[str, ...], questions: int) -> Annotate:
    """Return the stage that samples Dev3's replies to general prompts and has the annotator judge them."""
    return Annotate("@sft2", GeneralProblems(kinds), task, questions=questions, writers=WRITERS, sampling=SAMPLING)


def prefer(data: str, loss: Pairwise | Pointwise) -> Prefer:
    """Return the training of a preference model at the tiny world's size, from Dev3."""
    return Prefer("@sft2", data, loss, optim=Adam(lr=5e-4), epochs=3, batch=32, longest=CONTEXT, save_every=40)


def rejection() -> Sample:
    """Return rejection sampling from the converged RL checkpoint, several samples a prompt; non-reasoning rows are demonstrations."""
    return Sample(
        model="@reason-rl",
        problems=REASONING,
        name="rejection",
        questions=8_000,
        template=Delimited(),
        sampling=SAMPLING,
        samples=2,
        at_once=1,
        readable=Readable(longest=300),
        rewritten=Readable(language=None),
        against=("countdown",),
        also=(Demonstrations(GeneralProblems(), 4_000, care=0.7, seed=2 * FIRST_SEED),),
        chunk=128,
    )


def rl(model: str, problems: Problems, rewards: Rewards, steps: int, lr: float, temperature: float = 1.0) -> Rl:
    """Return RL with the settings of `zero` and the template of the cold start."""
    return Rl(
        model=model,
        problems=problems,
        template=Delimited(),
        rewards=rewards,
        loss=Grpo(clip_low=0.2, clip_high=0.28, kl=0.001, aggregation="token-mean"),
        advantages=Advantages("group_std"),
        sampling=Sampling(temperature, 1.0, 300),
        optim=Adam(lr=lr, warmup_steps=8),
        filter=Filter(drop_dead=True),
        questions=64,
        samples=8,
        minibatches=8,
        steps=steps,
        reference_every=80,
        anneal_from=0.3,
        save_every=4,
        keep_every=4,
    )


SOURCES = {
    **{path: source for path, source in ZERO.items() if path.startswith("zero.")},
    "compute": ZERO["compute"],
    "compute.micro_tokens": ZERO["compute.micro_tokens"],
    "cold-start": "[paper 2.3.1 and nature B.3.2: Zero sampled at T 1; what is right and readable is rewritten; sizes: ours]",
    "cold-start.rewriter": "[ours: a rule in place of DeepSeek-V3]",
    "cold-start.also": "[ours: Zero learned only countdown; demonstrations add the rest, as the paper reuses V3's data]",
    "sft1": "[paper 2.3.1: the base imitates the cold start's set; rate and size are ours, for a model this small]",
    "sft1.template": "[paper 2.3.1: |special_token|<reasoning_process>|special_token|<summary>]",
    "sft1.final_rate": "[nature B.4.2: to a tenth of the rate, along a cosine]",
    "sft1.epochs": "[nature B.4.2: 2 to 3]",
    "reason-rl": "[ours: as in the recipe zero, with two more domains, and general prompts for form and language]",
    "reason-rl.optim": "[ours: a lower rate, since the model has just been fine-tuned]",
    "reason-rl.template": "[paper 2.3.1: the form of the cold start, so that the format reward is that form's]",
    "reason-rl.rewards": "[paper 2.3.2 and nature: accuracy, format and language consistency, summed directly]",
    "rejection": "[paper 2.3.3: several samples a prompt from the converged checkpoint, only the right and readable; sizes: ours]",
    "rejection.also": "[paper 2.3.3: non-reasoning data reused from V3; here demonstrations by rule]",
    "sft2": "[paper 2.3.3: the base again, not the RL checkpoint; rate and size are ours]",
    "sft2.template": "[paper 2.3.1: |special_token|<reasoning_process>|special_token|<summary>]",
    "sft2.epochs": "[nature B.4.2: 2 to 3]",
    "pairs": "[nature B.3: each pair judged four times in random order, kept if the mean differs by over 1, lengths balanced; sizes: ours]",
    "pairs.by": "[ours: a hidden rubric with 10 % noise in place of DeepSeek-V3]",
    "labels": "[nature B.3: replies labelled safe or unsafe; sizes: ours]",
    "labels.by": "[ours: a hidden rubric with 10 % noise in place of DeepSeek-V3]",
    "helpful": "[nature B.3: from the policy's own weights, with a scalar head; rate and size are ours]",
    "helpful.loss": "[nature B.3: pairwise; centred by us]",
    "harmless": "[nature B.3: from the policy's own weights, with a scalar head; rate and size are ours]",
    "harmless.loss": "[nature B.3: pointwise]",
    "align-rl": "[ours: as in the recipe zero]",
    "align-rl.optim": "[ours: a still lower rate; at 5e-4 the preference rewards ruined a model]",
    "align-rl.template": "[paper 2.3.1: the form of the cold start]",
    "align-rl.rewards": "[paper 2.3.4, nature: rules for reasoning; helpfulness of the summary, harmlessness of the whole; weights: ours]",
    "align-rl.sampling.temperature": "[nature: 0.7]",
    "align-rl.late": "[nature: general data and preferences in the last 400 of 1,700 steps; here a larger share of a shorter run]",
    "align-rl.probe": "[nature B.5: stop where the preference rises and accuracy falls; held-out problems and bounds: ours]",
    "student": "[ours: the paper's students are smaller bases; here half of the tiny base's layers]",
    "student-base": "[ours: the base's corpus read again, so that the layers fit together]",
    "distill": "[paper 2.4: fine-tuning on the same samples, no RL; rate and size are ours]",
    "distill.template": "[paper 2.3.1: |special_token|<reasoning_process>|special_token|<summary>]",
    "distill.epochs": "[nature B.4.3: 2 to 3]",
}


def measure(name: str, model: str) -> Measure:
    """Return the evaluation of a stage's model in the tiny world, with the template that it was taught or rewarded for."""
    template = Short() if name in ("base", "zero") else Delimited()
    return Measure(model, k=4, problems=200, prompts=64, template=template, sampling=MEASURE_SAMPLING)


def distill_vs_rl() -> Recipe:
    """Return the comparison at equal compute of a student that was distilled with one trained by RL (paper 4.1, Table 6)."""
    whole = r1()
    needs = ("zero", "cold-start", "sft1", "reason-rl", "rejection", "student", "student-base", "distill")
    stages = [(name, stage) for name, stage in whole.stages if name in needs]
    alone = replace(zero(), model="@student-base", steps=600, save_every=1, keep_last=40, keep_every=1)
    stages += [("student-rl", alone), ("equal", Equal("@distill", "@student-rl"))]
    sources = {
        **whole.sources,
        "student-rl": "[paper 4.1: RL on the student's own base; settings as in the recipe zero]",
        "equal": "[paper Table 6: the same base both ways; equal arithmetic is ours, the paper compares finished models]",
    }
    about = "distilling into a small base beside RL on it, at equal compute"
    return replace(whole, name="distill-vs-rl", about=about, stages=tuple(stages), sources=sources, real=None, model="refused")


def r1() -> Recipe:
    """Return all stages of R1 on the tiny world."""
    stages: list[tuple[str, Stage]] = [
        ("zero", zero()),
        ("cold-start", cold_start()),
        ("sft1", sft("@cold-start", lr=5e-4, epochs=1.0)),
        ("reason-rl", reason_rl()),
        ("rejection", rejection()),
        ("sft2", sft("@rejection")),
        ("pairs", annotate(Pairs(), HELPFUL, 600)),
        ("labels", annotate(Labels(), HARMLESS, 300)),
        ("helpful", prefer("@pairs", Pairwise())),
        ("harmless", prefer("@labels", Pointwise())),
        ("align-rl", align_rl()),
        ("student", Shrink("tiny")),
        ("student-base", wider("@student", chunks=5)),
        ("distill", sft("@rejection", "@student-base", epochs=1.0)),
    ]
    measures = [(f"measure-{name}", measure(name, model)) for name, model in MEASURE_SOURCES.items()]
    source = "[paper 3: temperature 0.6, top-p 0.95; held-out problems of every domain: ours]"
    sources = SOURCES | dict.fromkeys((name for name, _ in measures), source)
    return Recipe(
        "r1",
        "all stages of DeepSeek-R1 on the tiny world, or on a model of your own",
        (*stages, *measures),
        sources,
        main="zero",
        model="optional",
        problems="refused",
        compute=Compute(micro_tokens=1_024),
        apart=True,
        real=real,
    )


STAGES_WITH_SEED = (Annotate, Prefer, Rl, Sample, Sft)  # evaluations and the student's base are the same for every seed
OUR_SOURCE = "[ours: the comparison for a claim]"


def reproduce() -> Recipe:
    """Return the stages of one seed. Arms share the stages they have in common, since a stage is identified by what it is made of."""
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
    """Return the recipe with another seed in every stage that draws something training depends on."""
    return recipe.put({f"{name}.seed": seed for name, stage in recipe.stages if isinstance(stage, STAGES_WITH_SEED)})


def arms(recipe: Recipe, seeds: int) -> Sequence[Recipe]:
    """Return one recipe per seed, for the seeds 0 to `seeds` - 1."""
    return [with_seed(recipe, seed) for seed in range(seeds)]
