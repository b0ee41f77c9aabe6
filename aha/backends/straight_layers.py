"""Decoders, which compute the next token's logits of every row: the interface between sampling and models, and two implementations.

One calls Hugging Face's models by their own cache interface. The other computes a model's layers without calls of modules, if a probe shows
that the results are the same. Prompts are read by a model's own attention, several side by side, padded on the right.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, Protocol, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from aha.backends.cache import RowCache, RowStore
from aha.backends.checkpoint.config import context_of
from aha.sampling.draws import DrawSteps

TOGETHER = 8_192  # tokens in one pass with padding, which bounds the memory of a reading
MULTIPLE = 4  # the batch is padded to a multiple, because products of few rows are rounded differently from those of many

Tokens = tuple[int, ...]


@dataclass
class _Pass:
    """Prefixes of similar length. A token sees only those before it, so no token sees a row's padding on the right."""

    tokens_UP: Tensor
    cache: RowCache
    read: int = 0


@dataclass
class PrefixPass:
    """The reading of prefixes in passes of about `step` columns times rows; None: each pass at once. An empty prefix needs no reading."""

    body: Any
    layers: int
    step: int | None
    passes: list[_Pass] = field(default_factory=list)
    places: list[tuple[_Pass, int] | None] = field(default_factory=list)

    @classmethod
    def of(cls, body: Any, layers: int, prefixes: Sequence[Tokens], step: int | None) -> PrefixPass:
        """Return the passes, with prefixes of similar length together; `body` is the model up to its head."""
        prefix_pass = cls(body, layers, step, places=[None] * len(prefixes))
        device = next(body.parameters()).device
        for numbers in _alike(prefixes):
            width = -(-max(len(prefixes[number]) for number in numbers) // MULTIPLE) * MULTIPLE
            rows = [[*prefixes[number], *[0] * (width - len(prefixes[number]))] for number in numbers]
            pass_ = _Pass(torch.tensor(rows, device=device), RowCache(layers))
            prefix_pass.passes.append(pass_)
            for row, number in enumerate(numbers):
                prefix_pass.places[number] = (pass_, row)
        return prefix_pass

    @torch.inference_mode()
    def go_on(self) -> bool:
        """Read some more; return True once all has been read."""
        pass_ = next((candidate for candidate in self.passes if candidate.read < candidate.tokens_UP.shape[1]), None)
        if pass_ is None:
            return True
        rows, width = pass_.tokens_UP.shape
        until = width if self.step is None else min(width, pass_.read + max(MULTIPLE, self.step // rows))
        places = torch.arange(pass_.read, until, device=pass_.tokens_UP.device)[None].expand(rows, -1)
        self.body(input_ids=pass_.tokens_UP[:, pass_.read : until], position_ids=places, past_key_values=pass_.cache, use_cache=True)
        pass_.read = until
        return pass_ is self.passes[-1] and until == width

    def states(self, place: int) -> tuple[RowCache, int] | None:
        """Return the cache with a prefix, which begins at column 0, and its row there; None for an empty prefix."""
        place_of_row = self.places[place]
        return None if place_of_row is None else (place_of_row[0].cache, place_of_row[1])


def _alike(prefixes: Sequence[Tokens]) -> list[list[int]]:
    """Return the numbers of the prefixes that are not empty, in groups by length, each of at most TOGETHER tokens with its padding."""
    groups: list[list[int]] = []
    for number in sorted((number for number, prefix in enumerate(prefixes) if prefix), key=lambda number: -len(prefixes[number])):
        if groups and (len(groups[-1]) + 1) * len(prefixes[groups[-1][0]]) <= TOGETHER:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


@dataclass(frozen=True)
class Entry:
    """A row that enters a batch: `size` tokens that were read, as prefix number `place` of a reading."""

    prefix_pass: PrefixPass
    place: int
    size: int


class Decoder(Protocol):
    """A decoder with the keys and values of a batch's rows, in the order of the batch. `draws`: the compiled draw, if it has one."""

    @property
    def draws(self) -> DrawSteps | None: ...

    def reload(self) -> None:
        """Take over weights that were loaded into the model since the decoder was made."""

    def read(self, prefixes: Sequence[Tokens], step: int | None) -> PrefixPass:
        """Begin to read prefixes."""

    def enter(self, entries: Sequence[Entry]) -> None:
        """Append rows to the batch."""

    def keep(self, rows: Sequence[int]) -> None:
        """Keep only these rows, in this order."""

    def logits(self, token_B: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Add each row's next token and yield the logits of the one after it, for some rows at a time [rows, vocabulary]."""


def body_of(model: PreTrainedModel) -> Any:
    """Return the model up to its head; the whole model if it has no such part, or calls its last linear layer a decoder (ModernBERT)."""
    body = model.get_decoder()
    return body if isinstance(body, PreTrainedModel) else model


class PlainDecoder:
    """A decoder with all rows in one buffer, aligned on the right, as wide as the longest of them."""

    draws = None

    def __init__(self, model: PreTrainedModel) -> None:
        self.model: Any = model
        self._body = body_of(model)
        self._layers = model.config.get_text_config().num_hidden_layers
        self._last_position = (context_of(model.config) or sys.maxsize) - 1
        self._cache = RowCache(self._layers)
        self._size_B = torch.zeros(0, dtype=torch.long, device=model.device)

    def reload(self) -> None:
        """Do nothing: the model's own weights are used."""

    def read(self, prefixes: Sequence[Tokens], step: int | None) -> PrefixPass:
        return PrefixPass.of(self._body, self._layers, prefixes, step)

    @torch.inference_mode()
    def enter(self, entries: Sequence[Entry]) -> None:
        if not (states := [entry.prefix_pass.states(entry.place) for entry in entries]) or not any(states):
            states = [self._empty_state()] * len(entries)
        empty = next(state for state in states if state is not None)
        rows = [(*(state or empty), entry.size) for state, entry in zip(states, entries, strict=True)]
        entrants = RowCache.of(rows)
        if len(self._size_B):
            self._cache.join(entrants)
        else:
            self._cache = entrants
        sizes = torch.tensor([entry.size for entry in entries], device=self._size_B.device)
        self._size_B = torch.cat([self._size_B, sizes])

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        index_B = torch.tensor(list(rows), dtype=torch.long, device=self._size_B.device)
        self._size_B = self._size_B[index_B]
        if len(rows):
            self._cache.keep(index_B, max(1, int(self._size_B.max())))

    @torch.inference_mode()
    def logits(self, token_B: Tensor) -> Iterator[tuple[slice, Tensor]]:
        end = self._cache.length + 1
        self._size_B = self._size_B + 1
        mask_BT = (torch.arange(end, device=token_B.device) >= end - self._size_B[:, None]).long()
        # A row that ended between two checks runs on for a few steps, perhaps beyond the last learned position.
        position_B1 = (self._size_B[:, None] - 1).clamp_(max=self._last_position)
        out = self.model(
            input_ids=token_B[:, None],
            attention_mask=mask_BT,
            position_ids=position_B1,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        yield slice(0, len(token_B)), out.logits[:, -1]

    def _empty_state(self) -> tuple[RowCache, int]:
        """Return a cache of the model's shapes, for rows without any tokens read."""
        prefix_pass = self.read([(0,)], None)
        prefix_pass.go_on()
        state = prefix_pass.states(0)
        assert state is not None
        return state


@dataclass(frozen=True)
class AttentionSettings:
    """The attention of one layer: the factor and the cap of scores, and the number of last tokens that a token sees (None: no limit)."""

    scale: float
    softcap: float | None = None
    window: int | None = None


class DecoderRows(Protocol):
    """The rows of a decoder: their keys and values, and the settings of each layer's attention."""

    store: RowStore
    attention: dict[int, AttentionSettings]

    def attended(self, layer: int, query_PHD: Tensor, key_PKD: Tensor, value_PKD: Tensor) -> Tensor:
        """Add the keys and values of one token of each row, and return its attention [P, heads, size]."""


class Layers(Protocol):
    """A model's layers without calls of modules."""

    def reload(self) -> None:
        """Take over weights that were loaded into the model since the layers were made."""

    def hidden(self, token_P: Tensor, position_P: Tensor, rows: DecoderRows) -> Tensor:
        """Return the states before the head [P, D], for one token of each of P rows."""

    def head(self, hidden_PD: Tensor) -> Tensor:
        """Return the logits [P, V], before they are scaled or capped."""


FAMILIES = (
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
)  # model types; another one with the same parts may scale by position, which a short probe does not notice
ROPES = ("default", "linear", "llama3", "yarn")  # rotary types whose angles depend only on the position


@dataclass(frozen=True)
class Norm:
    """The weights of an RMSNorm over the last dimension."""

    weight_D: Tensor
    epsilon: float

    @classmethod
    def of(cls, module: Any) -> Self:
        return cls(module.weight, module.variance_epsilon)

    def exact(self) -> Self:
        """Return the norm with weights in float32: the same ones if they are."""
        return replace(self, weight_D=self.weight_D.detach().float())

    def __call__(self, hidden: Tensor) -> Tensor:
        return F.rms_norm(hidden, [len(self.weight_D)], self.weight_D, self.epsilon)


@dataclass(frozen=True)
class LinearProduct:
    """Linear layers of the same input as one. `weight_OD` and `bias_O` share their memory with the layers' own weights."""

    weight_OD: Tensor
    bias_O: Tensor | None

    @classmethod
    def of(cls, *modules: nn.Module) -> Self:
        """Return the layers as one. TypeError if one is no plain linear layer (quantized, an adapter), or only some have a bias."""
        linears = [module for module in modules if type(module) is nn.Linear]
        biases = [bias for linear in linears if (bias := cast("Tensor | None", linear.bias)) is not None]
        if len(linears) < len(modules) or len(biases) not in (0, len(linears)):
            raise TypeError("not one product: not all are plain linear layers with a bias, or without one")
        return cls(together([linear.weight for linear in linears]), together(biases) if biases else None)

    def to(self, dtype: torch.dtype) -> Self:
        """Return the product with weights of this type: the same ones if they are."""
        return replace(self, weight_OD=self.weight_OD.to(dtype), bias_O=None if self.bias_O is None else self.bias_O.to(dtype))

    def __call__(self, hidden_PD: Tensor) -> Tensor:
        return F.linear(hidden_PD, self.weight_OD, self.bias_O)


@torch.no_grad()
def together(weights: Sequence[Tensor]) -> Tensor:
    """Return one tensor of all rows, of which each weight becomes a part, so that nothing is stored twice. Weights that are already
    together stay in place, since others may refer to them."""
    first, rows = weights[0], sum(len(weight) for weight in weights)
    whole = first.detach()
    if len(weights) > 1:
        addresses = list(accumulate((weight.nbytes for weight in weights), initial=first.data_ptr()))
        same = all(weight.untyped_storage().data_ptr() == first.untyped_storage().data_ptr() for weight in weights)
        if same and [weight.data_ptr() for weight in weights] == addresses[:-1]:
            return whole.as_strided((rows, *first.shape[1:]), first.stride())
        whole = torch.cat([weight.detach() for weight in weights])
        for weight, part in zip(weights, whole.split([len(weight) for weight in weights]), strict=True):
            weight.data = part
    return whole


@dataclass(frozen=True)
class LayerWeights:
    """The weights of one layer. `query_norm` and `key_norm` are over each head, if the model has them."""

    input_norm: Norm
    query_key_value: LinearProduct
    query_norm: Norm | None
    key_norm: Norm | None
    output: LinearProduct
    mlp_norm: Norm
    gate_up: LinearProduct
    down: LinearProduct

    @property
    def products(self) -> list[LinearProduct]:
        return [self.query_key_value, self.output, self.gate_up, self.down]

    @classmethod
    def of(cls, layer: Any) -> Self:
        attention, mlp = layer.self_attn, layer.mlp
        query_norm, key_norm = (Norm.of(getattr(attention, name)) if hasattr(attention, name) else None for name in ("q_norm", "k_norm"))
        groups = (attention.q_proj, attention.k_proj, attention.v_proj), (attention.o_proj,), (mlp.gate_proj, mlp.up_proj), (mlp.down_proj,)
        states, output, gate_up, down = (LinearProduct.of(*group) for group in groups)
        norms = Norm.of(layer.input_layernorm), Norm.of(layer.post_attention_layernorm)
        return cls(norms[0], states, query_norm, key_norm, output, norms[1], gate_up, down)


@dataclass(frozen=True)
class StraightLayers:
    """A model up to its head. The `heads` of queries and `key_heads` of keys have `size` numbers each; `frequency_F`: radians per
    position."""

    embedding_VD: Tensor
    layers: tuple[LayerWeights, ...]
    norm: Norm
    heads: int
    key_heads: int
    size: int
    frequency_F: Tensor
    rotation_scale: float
    output: LinearProduct

    @classmethod
    def of(cls, model: PreTrainedModel) -> Self | None:
        """Return the model's own weights, with those of one product moved together; None for another form of configuration, AttributeError
        or TypeError for parts of another form. Call it outside of inference mode, since weights are loaded later."""
        if not is_plain(model):
            return None
        config: Any = model.config
        body = body_of(model)
        return cls(
            body.embed_tokens.weight.detach(),
            tuple(LayerWeights.of(layer) for layer in body.layers),
            Norm.of(body.norm),
            config.num_attention_heads,
            config.num_key_value_heads,
            body.layers[0].self_attn.head_dim,
            body.rotary_emb.inv_freq,
            body.rotary_emb.attention_scaling,
            LinearProduct.of(model.get_output_embeddings()),
        )

    def hidden(self, token_P: Tensor, position_P: Tensor, rows: DecoderRows) -> Tensor:
        """See the protocol."""
        hidden_PD = F.embedding(token_P, self.embedding_VD)
        cosine_P1S, sine_P1S = self.rotation(position_P, hidden_PD.dtype)
        for number, layer in enumerate(self.layers):
            states_PHS = layer.query_key_value(layer.input_norm(hidden_PD)).view(len(token_P), -1, self.size)
            turning_PHS, value_PKS = states_PHS.split_with_sizes((self.heads + self.key_heads, self.key_heads), 1)
            if layer.query_norm is not None and layer.key_norm is not None:
                query_PHS, key_PKS = turning_PHS.split_with_sizes((self.heads, self.key_heads), 1)
                turning_PHS = torch.cat((layer.query_norm(query_PHS), layer.key_norm(key_PKS)), 1)
            turned_PHS = (turning_PHS * cosine_P1S).addcmul_(turning_PHS.roll(self.size // 2, -1), sine_P1S)
            query_PHS, key_PKS = turned_PHS.split_with_sizes((self.heads, self.key_heads), 1)
            seen_PHS = rows.attended(number, query_PHS, key_PKS, value_PKS)
            hidden_PD = hidden_PD.add_(layer.output(seen_PHS.flatten(1)))
            gate_PI, up_PI = layer.gate_up(layer.mlp_norm(hidden_PD)).chunk(2, -1)
            hidden_PD = hidden_PD.add_(layer.down(F.silu(gate_PI).mul_(up_PI)))
        return self.norm(hidden_PD)

    def head(self, hidden_PD: Tensor) -> Tensor:
        """See the protocol."""
        return self.output(hidden_PD)

    def reload(self) -> None:
        """Do nothing: the weights are the model's own."""

    def rotation(self, position_P: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """See `rotation`; [P, 1, size]."""
        cosine_PS, sine_PS = rotation(position_P, self.frequency_F, self.rotation_scale, dtype)
        return cosine_PS[:, None], sine_PS[:, None]


def is_plain(model: PreTrainedModel) -> bool:
    """Return True if a model's configuration has the form of `StraightLayers`."""
    config: Any = model.config
    return config.model_type in FAMILIES and config.hidden_act == "silu" and body_of(model).rotary_emb.rope_type in ROPES


def rotation(position_P: Tensor, frequency_F: Tensor, scale: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return cosines, and sines for a head with swapped halves; the sines of its first half are negative [P, size]."""
    angle_PF = position_P[:, None].float() * frequency_F
    cosine_PF, sine_PF = angle_PF.cos() * scale, angle_PF.sin() * scale
    return torch.cat((cosine_PF, cosine_PF), -1).to(dtype), torch.cat((-sine_PF, sine_PF), -1).to(dtype)
