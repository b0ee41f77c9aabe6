"""The next token of every row through a model's layers without a call of a module: plain functions of tensors, and fewer products.

For models of Llama's form: RMSNorm, rotary positions, grouped queries, a SiLU gate; with or without biases, and norms of queries and keys.
On a CPU a call of a small model's modules takes longer than what they compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from aha.backends.decoder import body_of

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")  # model types; others of the same parts may scale by position, which no short probe sees
ROPES = ("default", "linear", "llama3", "yarn")  # whose angles are a function of the position alone

Attention = Callable[[int, Tensor, Tensor, Tensor], Tensor]  # layer, queries [P, heads, size], keys and values [P, key heads, size]


@dataclass(frozen=True)
class _Norm:
    """The weights of an RMSNorm over the last dimension."""

    weight_D: Tensor
    epsilon: float

    @classmethod
    def of(cls, module: Any) -> Self:
        return cls(module.weight, module.variance_epsilon)

    def __call__(self, hidden: Tensor) -> Tensor:
        return F.rms_norm(hidden, [len(self.weight_D)], self.weight_D, self.epsilon)


@dataclass(frozen=True)
class _Product:
    """Linear layers of the same input as one. `weight_OD` and `bias_O` are the memory in which the layers' own weights lie."""

    weight_OD: Tensor
    bias_O: Tensor | None

    @classmethod
    def of(cls, *modules: nn.Module) -> Self:
        """Return them as one. TypeError where one is no plain linear layer (a quantized one, an adapter), or where some have a bias and
        some have none."""
        linears = [module for module in modules if type(module) is nn.Linear]
        biases = [bias for linear in linears if (bias := cast("Tensor | None", linear.bias)) is not None]
        if len(linears) < len(modules) or len(biases) not in (0, len(linears)):
            raise TypeError("not one product: not all are plain linear layers with a bias, or without one")
        return cls(_together([linear.weight for linear in linears]), _together(biases) if biases else None)

    def __call__(self, hidden_PD: Tensor) -> Tensor:
        return F.linear(hidden_PD, self.weight_OD, self.bias_O)


@torch.no_grad()
def _together(weights: Sequence[Tensor]) -> Tensor:
    """One tensor of all rows, of which each weight is a part from now on: nothing is kept twice, and what is loaded into a weight is in
    both. Weights that lie together already stay where they are, since others may hold on to them."""
    first, rows = weights[0], sum(len(weight) for weight in weights)
    whole = first.detach()
    if len(weights) > 1:
        addresses = [first.data_ptr()]
        for weight in weights:
            addresses.append(addresses[-1] + weight.nbytes)
        same = all(weight.untyped_storage().data_ptr() == first.untyped_storage().data_ptr() for weight in weights)
        if same and [weight.data_ptr() for weight in weights] == addresses[:-1]:
            return whole.as_strided((rows, *first.shape[1:]), first.stride())
        whole = torch.cat([weight.detach() for weight in weights])
        for weight, part in zip(weights, whole.split([len(weight) for weight in weights]), strict=True):
            weight.data = part
    return whole


@dataclass(frozen=True)
class _LayerWeights:
    """One layer's weights. `query_norm` and `key_norm` are over each head, where the model has them."""

    input_norm: _Norm
    query_key_value: _Product
    query_norm: _Norm | None
    key_norm: _Norm | None
    output: _Product
    mlp_norm: _Norm
    gate_up: _Product
    down: _Product

    @classmethod
    def of(cls, layer: Any) -> Self:
        attention, mlp = layer.self_attn, layer.mlp
        query_norm, key_norm = (_Norm.of(getattr(attention, name)) if hasattr(attention, name) else None for name in ("q_norm", "k_norm"))
        return cls(
            _Norm.of(layer.input_layernorm),
            _Product.of(attention.q_proj, attention.k_proj, attention.v_proj),
            query_norm,
            key_norm,
            _Product.of(attention.o_proj),
            _Norm.of(layer.post_attention_layernorm),
            _Product.of(mlp.gate_proj, mlp.up_proj),
            _Product.of(mlp.down_proj),
        )


@dataclass(frozen=True)
class StraightLayers:
    """A model up to its head. `heads` of queries and `key_heads` of keys are of `size` numbers each; `frequency_F`: radians a position."""

    embedding_VD: Tensor
    layers: tuple[_LayerWeights, ...]
    norm: _Norm
    heads: int
    key_heads: int
    size: int
    frequency_F: Tensor
    rotation_scale: float

    @classmethod
    def of(cls, model: PreTrainedModel) -> Self | None:
        """Return the model's own weights, those of one product moved together; None where its configuration is of another form.
        AttributeError or TypeError where its parts are. To be called outside of inference mode, since the weights are loaded
        into afterwards."""
        config: Any = model.config
        body = body_of(model)
        if config.model_type not in FAMILIES or config.hidden_act != "silu" or body.rotary_emb.rope_type not in ROPES:
            return None
        return cls(
            body.embed_tokens.weight.detach(),
            tuple(_LayerWeights.of(layer) for layer in body.layers),
            _Norm.of(body.norm),
            config.num_attention_heads,
            config.num_key_value_heads,
            body.layers[0].self_attn.head_dim,
            body.rotary_emb.inv_freq,
            body.rotary_emb.attention_scaling,
        )

    def hidden(self, token_P: Tensor, position_P: Tensor, attention: Attention) -> Tensor:
        """Return what is before the head [P, D], for one token of each of P rows."""
        hidden_PD = F.embedding(token_P, self.embedding_VD)
        cosine_P1S, sine_P1S = self._rotation(position_P, hidden_PD.dtype)
        for number, layer in enumerate(self.layers):
            states_PHS = layer.query_key_value(layer.input_norm(hidden_PD)).view(len(token_P), -1, self.size)
            turning_PHS, value_PKS = states_PHS.split_with_sizes((self.heads + self.key_heads, self.key_heads), 1)
            if layer.query_norm is not None and layer.key_norm is not None:
                query_PHS, key_PKS = turning_PHS.split_with_sizes((self.heads, self.key_heads), 1)
                turning_PHS = torch.cat((layer.query_norm(query_PHS), layer.key_norm(key_PKS)), 1)
            turned_PHS = (turning_PHS * cosine_P1S).addcmul_(turning_PHS.roll(self.size // 2, -1), sine_P1S)
            query_PHS, key_PKS = turned_PHS.split_with_sizes((self.heads, self.key_heads), 1)
            seen_PHS = attention(number, query_PHS, key_PKS, value_PKS)
            hidden_PD = hidden_PD.add_(layer.output(seen_PHS.flatten(1)))
            gate_PI, up_PI = layer.gate_up(layer.mlp_norm(hidden_PD)).chunk(2, -1)
            hidden_PD = hidden_PD.add_(layer.down(F.silu(gate_PI).mul_(up_PI)))
        return self.norm(hidden_PD)

    def _rotation(self, position_P: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return cosines, and sines for a head whose halves have changed places; the sines of its first half are negative [P, 1, size]."""
        angle_P1F = (position_P[:, None].float() * self.frequency_F)[:, None]
        cosine_P1F, sine_P1F = angle_P1F.cos() * self.rotation_scale, angle_P1F.sin() * self.rotation_scale
        return torch.cat((cosine_P1F, cosine_P1F), -1).to(dtype), torch.cat((-sine_P1F, sine_P1F), -1).to(dtype)
