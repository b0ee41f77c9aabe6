"""R1 on a real chat model and a CPU: word problems, from a cold start of 200 rows to fine-tuning the base model again."""

from __future__ import annotations

from dataclasses import replace

from aha.objectives import Advantages, Filter, Grpo
from aha.protocols import Adam, Compute, Sampling, Stage
from aha.recipes.recipe import NEEDS_MODEL, YOURS, Recipe
from aha.rewards import Accuracy, RewardPart, Rewards, paper
from aha.stages.evaluate import Equal, Measure
from aha.stages.rl import Rl
from aha.stages.sample import Sample
from aha.stages.sft import Sft
from aha.tasks.demonstrations import Demonstrations
from aha.tasks.word_problems import WordProblems
from aha.template import ChatTemplate, Instruct

FORM = Instruct(suffix="", system="")
LONGEST = 72  # new tokens of a reply; replies of the cold start have 25 to 50
GREEDY = Sampling(temperature=0.0, top_p=1.0, max_tokens=LONGEST)
AS_IT_COMES = ("word-problems", "word-problems-number", "word-problems-steps")

SOURCES = {
    "cold-start": "[paper 2.3.1: a small set of long chains; here 200 that a script writes, as the smallest models show none to be kept]",
    "cold-start.model": YOURS,
    "sft1": "[paper 2.3.1: the base imitates the cold start's set; rate and size are ours, for 135M weights]",
    "sft1.model": YOURS,
    "sft1.template": "[ours: <think> and then the answer, as DeepSeek-R1 was released; an empty system prompt saves a fifth of each row]",
    "sft1.final_rate": "[nature B.4.2: to a tenth of the rate, along a cosine]",
    "sft1.epochs": "[ours: once, so that RL has something left to find]",
    "rl": "[ours: sizes and rate for 135M weights on a processor]",
    "rl.rewards": "[nature: accuracy and format, the same weight]",
    "rl.loss": "[paper 2.2.1 eq. 1; without the divergence, whose forward pass a run of minutes cannot pay]",
    "rl.advantages": "[paper 2.2.1 eq. 3: (r - mean) / std; n - 1 as torch.std, which eq. 3 does not say]",
    "rl.sampling.temperature": "[nature: 1.0]",
    "rl.filter": "[ours: groups that agree are not learned from; most of the time is learning]",
    "rejection": "[paper 2.3.3: several samples a prompt from the converged checkpoint, only the right and readable; sizes: ours]",
    "sft2": "[paper 2.3.3: the base again, not the RL checkpoint; rate and size are ours]",
    "sft2.model": YOURS,
    "sft2.template": "[ours: that of the cold start]",
    "sft2.final_rate": "[nature B.4.2: to a tenth of the rate, along a cosine]",
    "sft2.epochs": "[paper 2.3.3: 2]",
    "compute": "[ours: all that the machine has; changes nothing that is learned beyond rounding]",
}


def sft(data: str, epochs: float, model: str = NEEDS_MODEL) -> Sft:
    """Return a fine-tuning stage at this size."""
    return Sft(
        model=model,
        data=data,
        template=FORM,
        optim=Adam(lr=5e-5, betas=(0.9, 0.98), warmup_steps=4),
        epochs=epochs,
        batch=8,
        max_tokens=512,
        stopping=None,
        save_every=1_000,
        keep_last=1,
    )


def rl(model: str) -> Rl:
    """Return RL whose rewards are rules alone: a right answer and the format."""
    return Rl(
        model=model,
        problems=WordProblems(),
        template=FORM,
        rewards=paper(),
        loss=Grpo(clip_low=0.2, clip_high=0.28, kl=0.0, aggregation="token-mean"),
        advantages=Advantages("group_std"),
        sampling=Sampling(1.0, 1.0, LONGEST),
        optim=Adam(lr=2e-5, warmup_steps=2),
        filter=Filter(drop_dead=True),
        questions=16,
        samples=8,
        minibatches=2,
        steps=56,
        reference_every=None,
        anneal_from=0.5,
        save_every=6,
        keep_last=1,
    )


def sample(model: str, name: str, questions: int, demonstrations: int = 0) -> Sample:
    """Return the stage that makes rows to imitate: a model's right replies, or demonstrations written by a script."""
    return Sample(
        model=model,
        problems=WordProblems(),
        name=name,
        questions=questions,
        template=FORM,
        sampling=Sampling(1.0, 1.0, 96),
        samples=4,
        at_once=2,
        cap=1,
        also=(Demonstrations(WordProblems(), demonstrations, seed=1_000_000),) if demonstrations else (),
        against=(),
        seed=2_000_000,
        chunk=64,
    )


def measure(model: str) -> Measure:
    """Return the evaluation on all held-out problems with greedy decoding."""
    return Measure(model, AS_IT_COMES[0], k=1, template=FORM, sampling=GREEDY)


def word_problems() -> Recipe:
    """Return the stages of R1 that a chat model of 135M weights goes through within an hour on two cores."""
    sampling = Sampling(temperature=0.0, top_p=1.0, max_tokens=256)  # at 128 tokens four of five replies to the prompt for steps are cut
    stages: list[tuple[str, Stage]] = [
        ("cold-start", sample(NEEDS_MODEL, "cold-start", 0, demonstrations=200)),
        ("sft1", sft("@cold-start", epochs=1.0)),
        ("measure-sft1", measure("@sft1")),
        ("rl", rl("@sft1")),
        ("measure-rl", measure("@rl")),
        ("rejection", sample("@rl", "rejection", 320)),
        ("sft2", sft("@rejection", epochs=2.0)),
        ("measure-sft2", measure("@sft2")),
    ]
    stages += [
        (f"measure-base-{place}", Measure(NEEDS_MODEL, name, k=1, template=ChatTemplate(), sampling=sampling))
        for place, name in enumerate(AS_IT_COMES, start=1)
    ]
    measures = [name for name, _ in stages if name.startswith("measure-")]
    source = "[ours: 500 held-out problems, greedy; the base under three prompts, read by its last number]"
    return Recipe(
        "word-problems",
        "R1 on a real chat model: word problems on a processor, cold start to the base taught again, within an hour",
        tuple(stages),
        {**SOURCES, **dict.fromkeys(measures, source), **{f"{name}.model": YOURS for name in measures[3:]}},
        main="sft1",
        model="needed",
        problems="refused",
        compute=Compute(micro_tokens=1_024),
        apart=True,
    )


def word_problems_vs_rl() -> Recipe:
    """Return the comparison of RL without a cold start and of distilling R1's right replies, both on the same model (paper 4.1)."""
    whole = word_problems()
    needs = ("cold-start", "sft1", "rl", "rejection", "sft2", "measure-sft2")
    untaught = replace(
        rl(NEEDS_MODEL),
        rewards=Rewards((RewardPart("accuracy", Accuracy(reads="last"), 1.0, "summary"),)),
        template=ChatTemplate(),
        sampling=Sampling(1.0, 1.0, 160),
        save_every=4,
        keep_last=7,
    )
    longer = replace(GREEDY, max_tokens=256)
    sources = {
        **whole.sources,
        "rl-alone": "[paper 2.2: RL from the model as it comes, with no cold start; a rule reads the last number, as it knows no tags]",
        "rl-alone.model": YOURS,
        "measure-rl-alone": whole.sources["measure-rl"],
        "equal": "[paper Table 6: the same base both ways; equal arithmetic is ours, the paper compares finished models]",
    }
    stages: list[tuple[str, Stage]] = [
        *((name, stage) for name, stage in whole.stages if name in needs),
        ("rl-alone", untaught),
        ("measure-rl-alone", Measure("@rl-alone", AS_IT_COMES[0], k=1, template=ChatTemplate(), sampling=longer)),
        ("equal", Equal("@sft2", "@rl-alone", AS_IT_COMES[0], (), False, FORM, ChatTemplate(), 500, 1, longer)),
    ]
    about = "word problems on a real chat model: distilling beside RL without a cold start, also at equal compute"
    return replace(whole, name="word-problems-vs-rl", about=about, stages=tuple(stages), sources=sources)
