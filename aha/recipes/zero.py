"""The tiny world: R1-Zero's algorithm on a base model that ships with the package, on a CPU, in minutes.
The base model of the tiny world is made by plain next-token prediction, without any reward.
It first reads countdown alone until it calculates without mistakes; then its unused embeddings are reset, and it reads about all of R1's
domains."""

from __future__ import annotations

from aha.objectives import Advantages, Filter, Grpo
from aha.protocols import Adam, Compute, Sampling
from aha.recipes.recipe import Recipe
from aha.rewards import paper
from aha.stages.evaluate import Evaluate
from aha.stages.pretrain import Pretrain, ReinitUnusedEmbeddings
from aha.stages.rl import Rl
from aha.tasks.countdown import CountdownProblems
from aha.template import Short

SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_tokens=300)

SOURCES = {
    "zero.model": "[ours: the base model that ships with the package; never tuned on the reward]",
    "zero.problems": "[ours: countdown, where thinking longer is worth more and an answer is checked exactly]",
    "zero.template": "[ours: the paper's Table 1 is longer than the tiny model's context; its tags are kept]",
    "zero.rewards": "[nature: accuracy and format, the same weight]",
    "zero.loss": "[ours: GRPO's formula, eq. 1]",
    "zero.loss.clip_low": "[ours: 0.2, the usual bound]",
    "zero.loss.clip_high": "[ours: DAPO's clip-higher leaves room for rare tokens to rise]",
    "zero.loss.dual_clip": "[ours: bounds the push away from a wrong reply, which nothing else does]",
    "zero.loss.kl": "[nature: 0.001]",
    "zero.loss.aggregation": "[ours: token-mean does not favour short replies among the right ones]",
    "zero.loss.correction": "[ours: none; engine and learner are the same code on the same machine]",
    "zero.advantages": "[paper 2.2.1 eq. 3: (r - mean) / std; n - 1 as torch.std, which eq. 3 does not say]",
    "zero.sampling.temperature": "[nature: 1.0]",
    "zero.sampling.top_p": "[ours: none, so that recorded log-probabilities are those of the whole distribution]",
    "zero.sampling.max_tokens": "[ours: within the base model's context, and longer than the thoughts that RL leads to]",
    "zero.optim": "[ours: AdamW; a model this small needs 100 times the paper's rate; 1e-3 learned half as fast, 2e-3 not at all]",
    "zero.filter": "[ours: a group with equal rewards only pulls towards the reference; leaving it out halves the cost late in a run]",
    "zero.truncation": "[ours: a reply that was cut is judged as it is, which teaches the model to finish]",
    "zero.too_long": "[ours: no prompt of the tiny world is near the model's context]",
    "zero.against": "[ours: the tiny world holds its problems out itself]",
    "zero.lag": "[ours: 0; each rollout is sampled from the newest weights]",
    "zero.partial": "[ours: off, so that the same command gives the same tokens]",
    "zero.old": "[ours: as sampled; engine and learner agree, and it saves a forward pass]",
    "zero.questions": "[ours: 64 x 8 replies take seconds on two cores]",
    "zero.samples": "[ours: 8, half of the paper's]",
    "zero.minibatches": "[ours: 8 updates a rollout learn faster by the clock than 4]",
    "zero.steps": "[ours: the figures have levelled off by then]",
    "zero.reference_every": "[ours: about ten rollouts, for the paper's 25 in a run 100 times longer]",
    "zero.anneal_from": "[ours: a falling rate settles what was learned, since a run this short would end at full rate]",
    "zero.schedule": "[ours: nothing changes in a run this short]",
    "zero.late": "[ours: no preference is learned here, so none is kept for the end]",
    "zero.probe": "[ours: all rewards are rules, so there is no preference model to hack]",
    "zero.seed": "[ours: 0; give another for another run]",
    "zero.save_every": "[ours: a checkpoint is small]",
    "zero.keep_last": "[ours: the last two, in case the newest is damaged]",
    "zero.keep_every": "[ours: the report compares checkpoints on the way]",
    "zero.keep_groups": "[ours: all; the report looks for the first aha in them]",
    "zero.keep_groups_every": "[ours: no effect, since all groups are kept]",
    "evaluate": "[ours: 500 held-out problems, 4 samples each, sampled as in training]",
    "compute": "[ours: the whole machine; apart from rounding, the model learns the same]",
    "compute.micro_tokens": "[ours: what fits in a processor's cache: 16,384 at a time took three times as long]",
}


def zero() -> Recipe:
    """Return pure RL on the tiny base model: rewards for accuracy and format, no example of reasoning."""
    rl = Rl(
        model="tiny",
        problems=CountdownProblems(),
        template=Short(),
        rewards=paper(),
        loss=Grpo(clip_low=0.2, clip_high=0.28, kl=0.001, aggregation="token-mean"),
        advantages=Advantages("group_std"),
        sampling=SAMPLING,
        optim=Adam(lr=5e-4, warmup_steps=8),
        filter=Filter(drop_dead=True),
        questions=64,
        samples=8,
        minibatches=8,
        steps=160,
        reference_every=80,
        anneal_from=0.3,
        save_every=5,
        keep_every=5,
    )
    evaluate = Evaluate(model="tiny", template=Short(), sampling=SAMPLING)
    about = "a base model of the tiny world discovers reasoning by pure RL, on a CPU, in minutes"
    return Recipe(
        "zero",
        about,
        (("zero", rl), ("evaluate", evaluate)),
        SOURCES,
        main="zero",
        follows={"evaluate.sampling.max_tokens": ("zero.sampling.max_tokens", 1.0)},
        model="refused",
        problems="refused",
        compute=Compute(micro_tokens=1_024),
    )


CONTEXT = 512
SHAPE: dict[str, object] = {
    "model_type": "llama",
    "hidden_size": 96,
    "intermediate_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},  # slow rotations, since numbers far apart are compared
    "max_position_embeddings": CONTEXT,
    "tie_word_embeddings": True,
}

TINY_BASE_SOURCES = {
    "narrow": "[ours: found on two cores; the base has to search well before RL can teach it to search longer]",
    "awake": "[ours: words that were never read are all alike; telling them apart first saves reading]",
    "wide": "[ours: the paper's base has read everything; without this, imitation has to teach words, and costs precision]",
    "compute": "[ours: one thread, bfloat16 products and these kernels made the base that ships, and make the same bits again]",
}


def wider(model: str, chunks: int) -> Pretrain:
    """Return further pretraining, two thirds of it on other domains or in another form; attempts are good and bad, as before."""
    optim = Adam(lr=3e-3, betas=(0.9, 0.98), weight_decay=0.05, warmup_steps=50)
    return Pretrain(model, chunks=chunks, others=0.65, optim=optim, save_every=7)


def tiny_base(fresh: str) -> Recipe:
    """Return the pretraining that starts from the model with random weights in the folder `fresh`."""
    about = "the base model of the tiny world, from random weights and a corpus that is written as it is read"
    compute = Compute(device="cpu", dtype="bfloat16", threads=1, micro_tokens=8_000, kernels="straight")
    stages = (("narrow", Pretrain(fresh)), ("awake", ReinitUnusedEmbeddings("@narrow")), ("wide", wider("@awake", 16)))
    return Recipe("tiny-base", about, stages, TINY_BASE_SOURCES, main="narrow", problems="refused", compute=compute, apart=True)
