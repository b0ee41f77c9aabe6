"""DeepSeek-R1-Zero on a model and problems of your own, and the two best-known variants of its objective.
R1's two RL stages, R1-Zero on a dense model, and the preference models are presets of their own with the paper's numbers."""

from __future__ import annotations

from dataclasses import replace

from aha.objectives import Advantages, Filter, Grpo, Pairwise, Pointwise
from aha.protocols import Adam, Problems, Sampling
from aha.recipes.recipe import NEEDS_DATA, NEEDS_MODEL, NEEDS_PROBLEMS, YOURS, Recipe, placeholder
from aha.rewards import RewardPart, Rewards, SoftOverlong, all_scenarios, paper, reasoning_rewards
from aha.stages.prefer import Prefer
from aha.stages.rl import Rl
from aha.stages.steps import FinalPhase, Schedule
from aha.tasks.mixture import MixedProblems
from aha.tasks.rows import RowProblems
from aha.template import Instruct, R1Zero

Follows = dict[str, tuple[str, float | None]]
DAPO_SOURCE = "said of arXiv 2503.14476, unverified"

SOURCES = {
    "rl.model": YOURS,
    "rl.problems": YOURS,
    "rl.template": "[paper Table 1, to the letter]",
    "rl.template.prefilled": "[paper Table 1: the model writes <think> itself]",
    "rl.rewards": "[nature: accuracy (binary) and format, the same weight]",
    "rl.loss": "[paper 2.2.1 eq. 1, read per token as in DeepSeekMath]",
    "rl.loss.clip_low": "[ours: nature gives no bound for R1-Zero; its 10 for R1's first RL stage means none below, as 1 - 10 < 0]",
    "rl.loss.clip_high": "[ours: nature gives no bound for R1-Zero; 10 is that of R1's first RL stage]",
    "rl.loss.dual_clip": "[ours: with a bound of 10 nothing else limits the loss where the advantage is negative]",
    "rl.loss.kl": "[nature: 0.001]",
    "rl.loss.kl_unbiased": "[paper 2.2.1 eq. 2: k3 in the loss as it stands]",
    "rl.loss.aggregation": "[paper 2.2.1 eq. 1: mean over replies of the mean over tokens]",
    "rl.loss.constant_length": "[ours: used only by the aggregation `constant`]",
    "rl.loss.correction": "[ours: none; the paper names none]",
    "rl.loss.cap": "[ours: used only by a correction; 2 as in verl and slime]",
    "rl.loss.band": "[ours: used only by a correction; 0.5 to 5 as in OpenRLHF]",
    "rl.advantages": "[paper 2.2.1 eq. 3: (r - mean) / std; n - 1 as torch.std, which eq. 3 does not say]",
    "rl.sampling.temperature": "[nature: 1.0]",
    "rl.sampling.top_p": "[ours: none, so that recorded log-probabilities are those of the whole distribution]",
    "rl.sampling.max_tokens": "[nature: 32,768 up to step 8,200]",
    "rl.schedule": "[nature: temperature and weights stay]",
    "rl.schedule.max_tokens": "[nature: 65,536 from step 8,200 on]",
    "rl.late": "[nature: nothing is kept for the last steps of R1-Zero]",
    "rl.probe": "[ours: all rewards are rules, so there is no preference model to hack]",
    "rl.optim": "[ours: AdamW as is usual; nature names the rate only]",
    "rl.optim.lr": "[nature: 3e-6]",
    "rl.filter": "[ours: none; the paper names none]",
    "rl.truncation": "[ours: a reply that was cut is judged as it is, which teaches the model to finish]",
    "rl.too_long": "[ours: a prompt that leaves no room for a reply is reported before the start]",
    "rl.against": "[nature D.1: ten words in a row; here of the questions of every benchmark in the folder AHA_DATA]",
    "rl.lag": "[paper 2.2: 0; each rollout is sampled from the newest weights]",
    "rl.partial": "[ours: off, so that the same command gives the same tokens]",
    "rl.old": "[ours: as sampled; engine and learner are the same code, and it saves a forward pass]",
    "rl.questions": "[nature: 8,192 replies a rollout = 512 questions x 16]",
    "rl.samples": "[nature: 16]",
    "rl.minibatches": "[nature: 16 of 512 replies, one inner epoch]",
    "rl.steps": "[nature: 10,400]",
    "rl.reference_every": "[nature: every 400 steps a hard copy of the policy]",
    "rl.anneal_from": "[paper 2.2: no decay is mentioned]",
    "rl.seed": "[ours: 0; give another for another run]",
    "rl.save_every": "[ours: after each rollout, which costs hours]",
    "rl.keep_last": "[ours: the last two, in case the newest is damaged]",
    "rl.keep_every": "[ours: no others; checkpoints are large]",
    "rl.keep_groups": "[ours: all; the report looks for the first aha in them]",
    "rl.keep_groups_every": "[ours: no effect, since all groups are kept]",
    "compute": "[ours: the whole machine; apart from rounding, the model learns the same]",
}


def r1_zero(model: str = NEEDS_MODEL, problems: Problems = NEEDS_PROBLEMS) -> Recipe:
    """Return R1-Zero with the values of the Nature article."""
    rl = Rl(
        model=model,
        problems=problems,
        template=R1Zero(),
        rewards=paper(),
        loss=Grpo(clip_low=1.0, clip_high=10.0, dual_clip=3.0, kl=0.001, aggregation="seq-mean"),
        advantages=Advantages("group_std"),
        sampling=Sampling(temperature=1.0, top_p=1.0, max_tokens=32_768),
        schedule=Schedule(max_tokens=((8_200, 65_536),)),
        optim=Adam(lr=3e-6),
        questions=512,
        samples=16,
        minibatches=16,
        steps=10_400,
        reference_every=400,
    )
    about = "pure RL on a base model of your own with accuracy and format rewards, as DeepSeek-R1-Zero was trained"
    follows: Follows = {"rl.schedule.max_tokens": ("rl.sampling.max_tokens", 2.0)}
    return Recipe("r1-zero", about, (("rl", rl),), SOURCES, main="rl", follows=follows, model="needed", problems="needed")


def drgrpo(model: str = NEEDS_MODEL, problems: Problems = NEEDS_PROBLEMS) -> Recipe:
    """Return Dr. GRPO (2503.20783): no deviation in the advantage, no length in the normaliser, no divergence."""
    rl = rl_of(r1_zero(model, problems))
    loss = Grpo(clip_low=0.2, clip_high=0.2, dual_clip=None, kl=0.0, aggregation="constant", constant_length=rl.sampling.max_tokens)
    recipe = replace(
        rl, loss=loss, advantages=Advantages("mean_only"), schedule=Schedule(), minibatches=1, questions=32, reference_every=None
    )
    sources = {
        "rl.loss": "[2503.20783]",
        "rl.loss.clip_low": "[2503.20783: 0.2]",
        "rl.loss.clip_high": "[2503.20783: 0.2]",
        "rl.loss.dual_clip": "[2503.20783: none]",
        "rl.loss.kl": "[2503.20783: 0]",
        "rl.loss.aggregation": "[2503.20783: the sum over tokens by a constant, so that length has no weight]",
        "rl.loss.constant_length": "[derived: the longest reply allowed, sampling.max_tokens]",
        "rl.advantages": "[2503.20783: r - mean; no deviation]",
        "rl.schedule": "[2503.20783: none]",
        "rl.schedule.max_tokens": "[2503.20783: none]",
        "rl.minibatches": "[2503.20783: 1]",
        "rl.reference_every": "[2503.20783: no divergence, so no reference]",
        "rl.questions": "[ours: the preset leaves it to you; 32 x 16 is the paper's step of 512 replies]",
        "rl.samples": "[ours: the preset leaves it to you; as R1-Zero]",
        "rl.sampling.max_tokens": "[ours: the preset leaves it to you; as R1-Zero]",
    }
    follows: Follows = {"rl.loss.constant_length": ("rl.sampling.max_tokens", 1.0)}
    return _variant("drgrpo", "R1-Zero with Dr. GRPO's objective: no bias towards length or easy questions", recipe, sources, follows)


def dapo(model: str = NEEDS_MODEL, problems: Problems = NEEDS_PROBLEMS) -> Recipe:
    """Return DAPO (2503.14476): clip-higher, token-mean, dynamic sampling and a soft penalty on length."""
    longest, free = 20_480, 16_384
    rl = rl_of(r1_zero(model, problems))
    soft = RewardPart("overlong", SoftOverlong(max_tokens=longest, buffer=longest - free), 1.0, "all")
    recipe = replace(
        rl,
        loss=Grpo(clip_low=0.2, clip_high=0.28, dual_clip=None, kl=0.0, aggregation="token-mean"),
        rewards=Rewards((*rl.rewards.parts, soft)),
        sampling=replace(rl.sampling, max_tokens=longest),
        schedule=Schedule(),
        optim=Adam(lr=1e-6),
        filter=Filter(drop_dead=True, rounds=4),
        reference_every=None,
    )
    sources = {
        "rl.loss": "[2503.14476]",
        "rl.loss.clip_low": "[2503.14476: 0.2]",
        "rl.loss.clip_high": "[2503.14476: 0.28]",
        "rl.loss.dual_clip": "[ours: none; DAPO's formula has none]",
        "rl.loss.kl": "[2503.14476: 0]",
        "rl.loss.aggregation": "[2503.14476: mean over all tokens of a step]",
        "rl.rewards.overlong": "[2503.14476: free up to 16,384 tokens, then a line down to -1 at 20,480]",
        "rl.sampling.max_tokens": "[2503.14476: 20,480]",
        "rl.schedule": "[2503.14476: none]",
        "rl.schedule.max_tokens": "[2503.14476: none]",
        "rl.optim.lr": f"[{DAPO_SOURCE}: 1e-6, constant]",
        "rl.filter": "[2503.14476: questions whose replies agree are left out and others asked]",
        "rl.filter.rounds": "[ours: at most 4 rounds of questions, so that a rollout ends; it then trains on the groups it has]",
        "rl.questions": f"[{DAPO_SOURCE}: 512]",
        "rl.samples": f"[{DAPO_SOURCE}: 16]",
        "rl.minibatches": f"[{DAPO_SOURCE}: 16]",
        "rl.reference_every": "[2503.14476: no divergence, so no reference]",
    }
    overlong = "rl.rewards.overlong.reward"
    limit = "rl.sampling.max_tokens"
    follows: Follows = {f"{overlong}.max_tokens": (limit, 1.0), f"{overlong}.buffer": (limit, (longest - free) / longest)}
    about = "R1-Zero with DAPO's objective: clip-higher, token-mean, dynamic sampling, a soft limit on length"
    return _variant("dapo", about, recipe, sources, follows)


def rl_of(recipe: Recipe, name: str = "rl") -> Rl:
    """Return the RL stage of one of our recipes."""
    stage = dict(recipe.stages)[name]
    assert isinstance(stage, Rl)
    return stage


def _variant(name: str, about: str, rl: Rl, sources: dict[str, str], follows: Follows) -> Recipe:
    return replace(r1_zero(), name=name, about=about, stages=(("rl", rl),), sources={**SOURCES, **sources}, follows=follows)


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
    "rl.sampling.temperature": "[nature: 0.7; at a higher one the replies become incoherent]",
    "rl.steps": "[nature: 1,700]",
    "rl.probe": "[ours: none until you name held-out problems; nature B.5 stopped early when the preference rose and accuracy fell]",
}


def r1_stage1(model: str = NEEDS_MODEL, problems: Problems = NEEDS_PROBLEMS) -> Recipe:
    """Return R1's first RL (Dev1 to Dev2): rules and language consistency."""
    rl = stage1_rl(model, problems)
    about = "R1's reasoning RL: accuracy, format and language consistency, from the cold start's checkpoint"
    return Recipe("r1-stage1", about, (("rl", rl),), {**SOURCES, **STAGE1}, main="rl", model="needed", problems="needed")


def stage1_rl(model: str, problems: Problems) -> Rl:
    """Return the RL stage of `r1-stage1`."""
    zero = rl_of(r1_zero(model, problems))
    return replace(zero, template=Instruct(), rewards=reasoning_rewards(), schedule=Schedule(), steps=3_500)


def r1_stage2(model: str = NEEDS_MODEL, problems: Problems = NEEDS_PROBLEMS) -> Recipe:
    """Return R1's second RL (Dev3 to R1): rules for reasoning, and learned preferences for the rest in the last 400 of 1,700 steps only."""
    models = (placeholder("rewards.helpful.reward.model"), placeholder("rewards.harmless.reward.model"))
    rl = stage2_rl(model, problems, models)
    about = "R1's RL for all scenarios: rules for reasoning prompts, preference models for general ones"
    return Recipe("r1-stage2", about, (("rl", rl),), {**SOURCES, **STAGE2}, main="rl", model="needed", problems="needed")


def stage2_rl(model: str, problems: Problems, models: tuple[str, str], at: str = "") -> Rl:
    """Return the RL stage of `r1-stage2`. `models`: of helpfulness and of harmlessness; `at`: the prefix of the paths of its settings."""
    prompts = [general(f"{at}late.problems.{place}.0.source", domain) for place, domain in ((1, HELPFUL), (2, HARMLESS))]
    helpful, harmless = models
    rewards = all_scenarios(helpful, harmless, REASONING, (HELPFUL,), (HARMLESS,))
    last = FinalPhase(400, (HELPFUL, HARMLESS), MixedProblems(((problems, 0.5), (prompts[0], 0.25), (prompts[1], 0.25))))
    return replace(stage1_rl(model, problems), rewards=rewards, sampling=Sampling(0.7, 1.0, 32_768), steps=1_700, late=last)


def general(path: str, domain: str) -> RowProblems:
    """Return prompts whose answers cannot be checked, from a file that the user of the recipe names at `path`."""
    return RowProblems(placeholder(path), kind="open", domain=domain)


def qwen32b_zero(problems: Problems = NEEDS_PROBLEMS) -> Recipe:
    """Return R1-Zero on Qwen2.5-32B (paper 4.1), which the paper compares with distilling into the same model."""
    base = r1_zero("Qwen/Qwen2.5-32B", problems)
    rl = replace(rl_of(base), optim=Adam(lr=2e-6), schedule=Schedule(), steps=10_000)
    sources = CONSTANTS | {
        "rl.model": "[paper 4.1]",
        "rl.optim.lr": "[nature B.4.1: 2e-6]",
        "rl.steps": "[paper 4.1: over 10,000]",
        "rl.sampling.max_tokens": "[nature B.4.1: 32,768]",
        "rl.loss.clip_low": "[ours: nature gives no bound; that of R1's first RL stage]",
        "rl.loss.clip_high": "[ours: nature gives no bound; that of R1's first RL stage]",
    }
    about = "pure RL on Qwen2.5-32B, the paper's comparison with distillation"
    return replace(base, name="qwen32b-zero", about=about, stages=(("rl", rl),), sources={**SOURCES, **sources}, model="optional")


# --- preference models ------------------------------------------------------------------------------------------------

PREFER = {
    "prefer.model": "[nature B.3: R1's own architecture with a scalar head; yours]",
    "prefer.data": YOURS,
    "prefer.optim": "[ours: AdamW as is usual; nature names the rate only]",
    "prefer.optim.lr": "[nature B.3: 6e-6]",
    "prefer.epochs": "[nature B.3: 1]",
    "prefer.batch": "[nature B.3: 256]",
    "prefer.longest": "[nature B.3: 8,192 in training, no limit afterwards]",
    "prefer.held_out": "[ours: one prompt in twenty, to measure how far the model can be trusted]",
    "prefer.seed": "[ours: 0; give another for another order]",
    "prefer.save_every": "[ours: every 50 steps of 256]",
    "prefer.keep_last": "[ours: the last two, in case the newest is damaged]",
    "compute": "[ours: the whole machine; apart from rounding, the model learns the same]",
}


def rm_helpful(model: str = NEEDS_MODEL, data: str = NEEDS_DATA) -> Recipe:
    """Return the training of the helpfulness model: the better of two summaries scores higher."""
    sources = {"prefer.loss": "[nature B.3: pairwise]", "prefer.loss.center": "[ours: keeps scores around 0; 0 leaves it out]"}
    about = "a model of helpfulness from pairs of answers, as the paper's from 66,000"
    return _preference("rm-helpful", about, Prefer(model, data, Pairwise()), sources)


def rm_safety(model: str = NEEDS_MODEL, data: str = NEEDS_DATA) -> Recipe:
    """Return the training of the harmlessness model: a safe reply scores above 0."""
    about = "a model of harmlessness from replies labelled safe or unsafe, as the paper's from 106,000"
    return _preference("rm-safety", about, Prefer(model, data, Pointwise()), {"prefer.loss": "[nature B.3: pointwise]"})


def _preference(name: str, about: str, stage: Prefer, sources: dict[str, str]) -> Recipe:
    return Recipe(name, about, (("prefer", stage),), {**PREFER, **sources}, main="prefer", model="needed", problems="refused")
