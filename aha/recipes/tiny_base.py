"""How the base model of the tiny world is made: plain next-token prediction, no reward anywhere.

First it reads of countdown alone, until it does sums without a slip; then, its other words told apart, of all that R1's stages are about.
"""

from __future__ import annotations

from aha.protocols import Adam, Compute
from aha.recipes.recipe import Recipe
from aha.stages.pretrain import Pretrain
from aha.stages.shrink import ReinitUnusedEmbeddings

CONTEXT = 512
SHAPE: dict[str, object] = {
    "model_type": "llama",
    "hidden_size": 96,
    "intermediate_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},  # slow rotations: a number is compared with another far away
    "max_position_embeddings": CONTEXT,
    "tie_word_embeddings": True,
}

SOURCES = {
    "narrow": "[ours: found on two cores; the base has to search well before RL can teach it to search longer]",
    "awake": "[ours: words that were never read are all alike; telling them apart first saves reading]",
    "wide": "[ours: the paper's base has read everything; without this, imitation has to teach words, and costs precision]",
    "compute": "[ours: one thread and bfloat16 products are the fastest at this size, and make the same bits again]",
}


def wider(model: str, chunks: int) -> Pretrain:
    """Reading on, two thirds of it about other things than before, or in another form. Attempts good and bad, as in the corpus before."""
    optim = Adam(lr=3e-3, betas=(0.9, 0.98), weight_decay=0.05, warmup_steps=50)
    return Pretrain(model, chunks=chunks, others=0.65, optim=optim, save_every=7)


def tiny_base(fresh: str) -> Recipe:
    """Pretraining from the model with random weights in the folder `fresh`."""
    about = "the base model of the tiny world, from random weights and a corpus that is written as it is read"
    compute = Compute(device="cpu", dtype="bfloat16", threads=1, micro_tokens=8_000)
    stages = (("narrow", Pretrain(fresh)), ("awake", ReinitUnusedEmbeddings("@narrow")), ("wide", wider("@awake", 16)))
    return Recipe("tiny-base", about, stages, SOURCES, main="narrow", problems="refused", compute=compute, apart=True)
