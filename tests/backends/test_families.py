"""Families with attention, positions or a cache of their own: learner and engine come to what transformers computes, or refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, PreTrainedModel

from aha.backends.causal import Causal
from aha.backends.torch_engine import TorchEngine
from aha.backends.torch_learner import TorchLearner
from aha.batch import collate_documents
from aha.errors import BadInput
from aha.plan.memory import ModelShape
from aha.protocols import Adam, Ask, Compute, Sampling

DOCUMENTS = [[3, 5, 7, 9, 11, 2, 4], [1, 2, 3], [9] * 12]
CPU = Compute(device="cpu")
OLD = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96, "rotary_dim": 4}
NEW = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
GROUPED = NEW | {"num_key_value_heads": 2, "head_dim": 8}
LATENT = NEW | {
    "q_lora_rank": 8,
    "kv_lora_rank": 8,
    "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "num_key_value_heads": 4,
}
EXPERTS = {
    "moe_intermediate_size": 16,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
FAMILIES: dict[str, dict[str, Any]] = {
    "GptOss": GROUPED | {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8, "max_position_embeddings": 96},
    "GPTJ": OLD,
    "CodeGen": OLD,
    "Bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4},
    "Mpt": {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 96},
    "Falcon": NEW,
    "GPTNeoX": NEW,
    "Phi": NEW,
    "OPT": {"hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "word_embed_proj_dim": 32},
    "Cohere": NEW | {"num_key_value_heads": 2, "pad_token_id": 0},
    "Gemma3nText": GROUPED
    | {"vocab_size_per_layer_input": 61, "hidden_size_per_layer_input": 8, "laurel_rank": 8, "num_kv_shared_layers": 0}
    | {"sliding_window": 8, "activation_sparsity_pattern": [0.0] * 2, "layer_types": ["full_attention"] * 2},
    "DeepseekV2": LATENT | EXPERTS | {"first_k_dense_replace": 1},
    "DeepseekV3": LATENT | EXPERTS | {"first_k_dense_replace": 1},
}


def made(family: str, settings: dict[str, Any], kind: str = "") -> PreTrainedModel:
    config = getattr(transformers, f"{family}Config")(vocab_size=61, **settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = getattr(transformers, kind)(config) if kind else AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    return model.float().eval()


@torch.inference_mode()
def expected(model: PreTrainedModel, tokens: list[int], first: int = 1) -> torch.Tensor:
    logp_TV = torch.log_softmax(model(input_ids=torch.tensor([tokens])).logits[0].float(), -1)
    return logp_TV[first - 1 : -1].gather(1, torch.tensor(tokens)[first:, None])[:, 0]


@pytest.mark.parametrize("family", FAMILIES)
def test_learner_and_engine_agree_with_transformers(family: str) -> None:
    model, same = made(family, FAMILIES[family]), made(family, FAMILIES[family])
    learner = TorchLearner(same, Adam(lr=1e-3), CPU, reference=False)
    own = learner.logprobs(collate_documents(DOCUMENTS), "policy")
    assert (own - torch.cat([expected(model, row) for row in DOCUMENTS])).abs().max() < 1e-4
    asks = [Ask(tuple(DOCUMENTS[0]), (0, 1)), Ask(tuple(DOCUMENTS[1]), (5,))]
    engine = TorchEngine(made(family, FAMILIES[family]), (60,), CPU)
    for number, completions in engine.generate(asks, Sampling(max_tokens=12)):
        prompt = list(asks[number].prompt)
        for completion in completions:
            truth = expected(model, [*prompt, *completion.tokens], len(prompt))
            assert (truth - torch.tensor(completion.logprobs)).abs().max() < 1e-4


REFUSED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "a head with layers of its own": (
        "ModernBertDecoder",
        NEW | SPECIAL | {"cls_token_id": 1, "sep_token_id": 2},
        "",
        "cannot be told from",
    ),
    "layers that are no part of their own": (
        "Llama4Text",
        GROUPED | SPECIAL | {"intermediate_size_mlp": 48, "num_local_experts": 2, "num_experts_per_tok": 1},
        "",
        "its layers cannot be told from its head",
    ),
    "a reader in both directions": (
        "XLM",
        {"emb_dim": 32, "n_layers": 1, "n_heads": 4},
        "XLMWithLMHeadModel",
        "depends on later tokens",
    ),
}


@pytest.mark.parametrize(("family", "settings", "kind", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_model_of_another_kind_is_refused_in_one_line(family: str, settings: dict[str, Any], kind: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        Causal.of(made(family, settings, kind), torch.float32)


def test_a_model_whose_layers_differ_in_width_is_planned_by_the_widest() -> None:
    config = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 61, "intermediate_size": [48, 64]}
    assert ModelShape.of(config, "gemma3n").inner == 64
