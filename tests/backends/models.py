"""Six families of causal language models built from small configurations, with tied and untied heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

VOCABULARY = 61
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
GROUPED = SIZES | {"num_key_value_heads": 2, "max_position_embeddings": 96}

FAMILIES: dict[str, Callable[[bool], PretrainedConfig]] = {
    "llama": lambda tied: LlamaConfig(**GROUPED, tie_word_embeddings=tied),
    "qwen2": lambda tied: Qwen2Config(**GROUPED, tie_word_embeddings=tied),
    "qwen3": lambda tied: Qwen3Config(**GROUPED, head_dim=8, tie_word_embeddings=tied),
    "gemma2": lambda tied: Gemma2Config(
        **GROUPED, head_dim=8, tie_word_embeddings=tied, sliding_window=5, final_logit_softcapping=2.0, query_pre_attn_scalar=8
    ),
    "gemma3": lambda tied: Gemma3TextConfig(**GROUPED, head_dim=8, sliding_window=5, tie_word_embeddings=tied),
    "mistral": lambda tied: MistralConfig(**GROUPED, sliding_window=5, tie_word_embeddings=tied),
    "gpt2": lambda tied: GPT2Config(
        vocab_size=VOCABULARY, n_embd=24, n_layer=2, n_head=4, n_positions=96, resid_pdrop=0.5, tie_word_embeddings=tied
    ),
}
KINDS = [(name, tied) for name in FAMILIES for tied in (True, False)]


def named(kind: tuple[str, bool]) -> str:
    return f"{kind[0]}-{'tied' if kind[1] else 'untied'}"


def built(family: str, tied: bool, seed: int = 7) -> PreTrainedModel:
    """The model with weights far enough from zero that a mistake shows."""
    config = FAMILIES[family](tied)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager" if family == "gemma2" else "sdpa")
    for weight in model.parameters():
        weight.data.mul_(4.0)
    return model.eval()
