"""How the base model of the tiny world is made: plain next-token prediction on its corpus, no reward anywhere."""

from __future__ import annotations

from aha.protocols import Compute
from aha.recipes.recipe import Recipe
from aha.stages.pretrain import Pretrain

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
    "pretrain": "[ours: found on two cores; the base has to search well before RL can teach it to search longer]",
    "compute": "[ours: one thread and bfloat16 products are the fastest at this size, and make the same bits again]",
}


def tiny_base(fresh: str) -> Recipe:
    """Pretraining from the model with random weights in the folder `fresh`."""
    about = "the base model of the tiny world, from random weights and a corpus that is written as it is read"
    compute = Compute(device="cpu", dtype="bfloat16", threads=1, micro_tokens=8_000)
    return Recipe("tiny-base", about, (("pretrain", Pretrain(fresh)),), SOURCES, problems="refused", compute=compute)
