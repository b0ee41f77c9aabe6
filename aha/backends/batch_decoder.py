"""Decoding with keys and values in buckets or pages: a model's own layers, with our attention if the model allows it.

A model qualifies if its attention goes through Hugging Face's table of attention functions; plain layers are also computed without calls of
modules. A probe of a few tokens checks that either computes the same numbers before it is used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from aha.backends.cache import Buckets, CachedRow, RowCache, RowStore, Shapes
from aha.backends.causal import logit_scaling, soft_cap
from aha.backends.checkpoint.config import context_of
from aha.backends.native import NativeLayers, NativeSteps, Pages, steps_for
from aha.backends.straight_layers import (
    MULTIPLE,
    AttentionSettings,
    Decoder,
    Entry,
    Layers,
    PlainDecoder,
    PrefixPass,
    StraightLayers,
    Tokens,
    body_of,
)
from aha.sampling.draws import DrawSteps

NAME = "aha_buckets"
HEAD_BYTES = 64 << 20  # bytes of logits at a time
PROBE = ((2, 3, 5, 7, 11, 13), (17, 19, 23), (29,))
PROBE_STEPS = 3
SPREAD = 997  # tokens of the probe lie so far apart: the first ones of a vocabulary are often special and were never trained
APART = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.05}  # of the logits' spread, see `_same`

Kernels = Literal["auto", "compiled", "straight", "modules", "plain"]


class BatchDecoder:
    """A decoder of all rows in one pass through the layers. `layers`: the model's layers without calls of modules, and each layer's
    attention; None: its modules are called, and they record their settings in `attention`. `store`: where keys and values are kept; None:
    in buckets. `draws`: see `Decoder`; `body`: reads prompts, the model's own if None.

    Rows that agree to the token so far are one state, which is computed once; it is copied when they draw different tokens. On a GPU each
    row has a state of its own, since a comparison of tokens would wait for it at every step."""

    def __init__(
        self,
        model: PreTrainedModel,
        shapes: Shapes,
        layers: tuple[Layers, dict[int, AttentionSettings]] | None = None,
        store: RowStore | None = None,
        draws: DrawSteps | None = None,
        body: Any = None,
    ) -> None:
        self.model: Any = model
        self.draws = draws
        self._body: Any = body or body_of(model)
        self._scale, self._softcap = logit_scaling(model)
        self._count = model.config.get_text_config().num_hidden_layers
        self._last_position = (context_of(model.config) or sys.maxsize) - 1
        self._shapes = shapes
        self.store: RowStore = store or Buckets(shapes)
        self._layers = layers[0] if layers else None
        self.attention: dict[int, AttentionSettings] = layers[1] if layers else {}
        self._head: Any = model.get_output_embeddings() if self._layers is None else self._layers.head
        self._vocabulary: int = model.get_output_embeddings().out_features
        self._ready = torch.zeros(1, 1, 1, 1, device=shapes.device)  # a mask that is ignored, so that no mask of rows by columns is made
        self._merges = shapes.device.type == "cpu"
        self._numbers = 0  # the number of states so far
        self._order: list[int] = []  # the state of each row of the batch
        self._size: dict[int, int] = {}  # the number of tokens of each state
        self._is_stale = True
        self._inside_B = self._outside_B = self._size_B = torch.zeros(0, dtype=torch.long)

    def reload(self) -> None:
        if self._layers is not None:
            self._layers.reload()

    def read(self, prefixes: Sequence[Tokens], step: int | None) -> PrefixPass:
        return PrefixPass.of(self._body, self._count, prefixes, step)

    @torch.inference_mode()
    def enter(self, entries: Sequence[Entry]) -> None:
        states: dict[object, int] = {}
        together: dict[RowCache | None, list[CachedRow]] = {}
        for row, entry in enumerate(entries):
            key = (id(entry.prefix_pass), entry.place) if self._merges else row
            if key not in states:
                states[key] = number = self._new_state(entry.size)
                cache, place = entry.prefix_pass.states(entry.place) or (None, 0)
                together.setdefault(cache, []).append(CachedRow(number, place, entry.size))
            self._order.append(states[key])
        for cache, rows in together.items():
            self.store.add(cache, rows)

    def _new_state(self, size: int) -> int:
        self._is_stale = True
        self._size[self._numbers] = size
        self._numbers += 1
        return self._numbers - 1

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        stay = [self._order[row] for row in rows]
        leavers = set(self._order) - set(stay)
        self._order, self._is_stale = stay, True
        self.store.drop(leavers)
        for number in leavers:
            del self._size[number]

    @torch.inference_mode()
    def logits(self, token_B: Tensor) -> Iterator[tuple[slice, Tensor]]:
        if self._merges and len(self._size) < len(self._order):
            self._part(token_B.tolist())
        if self.store.make_room(self._size) or self._is_stale:
            self._arrange()
        rows = len(self._size)
        padded = -(-rows // MULTIPLE) * MULTIPLE
        token_P, position_P = token_B.new_zeros(padded), token_B.new_zeros(padded)
        token_P[:rows] = token_B[self._inside_B]
        position_P[:rows] = self._size_B.clamp(max=self._last_position)
        self.store.begin_step(self._size_B)
        if self._layers is None:
            hidden_PD = self._through_modules(token_P, position_P)
        else:
            hidden_PD = self._layers.hidden(token_P, position_P, self)
        self._size_B += 1
        for number in self._size:
            self._size[number] += 1
        yield from self._logits_by_part(hidden_PD, len(self._order))

    def _part(self, tokens: Sequence[int]) -> None:
        """Give rows of one state that go on with different tokens a copy of it for each token."""
        states: dict[tuple[int, int], int] = {}
        first: dict[int, int] = {}  # the token that keeps the state
        copies: dict[int, list[int]] = {}
        for row, (number, token) in enumerate(zip(self._order, tokens, strict=True)):
            if (number, token) not in states:
                if first.setdefault(number, token) == token:
                    states[number, token] = number
                else:
                    states[number, token] = copy = self._new_state(self._size[number])
                    copies.setdefault(number, []).append(copy)
            self._order[row] = states[number, token]
        if copies:
            self.store.fork(copies, self._size)

    def attended(self, layer: int, query_PHD: Tensor, key_PKD: Tensor, value_PKD: Tensor) -> Tensor:
        """Return [P, heads, size], the attention of one token of each row over its whole row; zeros for padding rows."""
        assert isinstance(self.store, Buckets)
        settings = self.attention[layer]
        out = query_PHD.new_empty(*query_PHD.shape[:2], value_PKD.shape[-1])
        out[len(self._size) :] = 0.0
        for first, until, bucket in self.store.spans:
            bucket.write(layer, key_PKD[first:until], value_PKD[first:until])
            keys, values = bucket.keys[layer][: until - first], bucket.values[layer][: until - first]
            out[first:until] = _attention(
                query_PHD[first:until], keys, values, bucket.mask(settings.window), settings.scale, settings.softcap
            )
        return out

    def _through_modules(self, token_P: Tensor, position_P: Tensor) -> Tensor:
        with _with_bucket_attention(self.model.config):
            hidden_P1D: Tensor = self._body(
                input_ids=token_P[:, None],
                position_ids=position_P[:, None],
                attention_mask=self._ready,
                use_cache=False,
                decoder_rows=self,
            ).last_hidden_state
        return hidden_P1D[:, 0]

    def _logits_by_part(self, hidden_PD: Tensor, rows: int) -> Iterator[tuple[slice, Tensor]]:
        step = max(MULTIPLE, HEAD_BYTES // (4 * self._vocabulary) // MULTIPLE * MULTIPLE)
        shares = len(self._size) < rows
        for first in range(0, rows, step):
            part = slice(first, min(rows, first + step))
            place_R = place_S = self._outside_B[first : first + step]
            if shares:
                place_S, place_R = place_R[: part.stop - first].unique(return_inverse=True)
                place_S = F.pad(place_S, (0, -len(place_S) % MULTIPLE))
            logits_RV = self._head(hidden_PD[place_S])
            logits_RV = logits_RV[place_R] if shares else logits_RV[: part.stop - first]
            if self._scale != 1.0:
                logits_RV = logits_RV * self._scale
            yield part, soft_cap(logits_RV, self._softcap)

    def _arrange(self) -> None:
        """Note the order in which the store holds the states, with the indices from rows to that order and back; padding comes last and is
        dropped there."""
        inside, device = self.store.order, self._shapes.device
        place = {number: row for row, number in enumerate(self._order)}
        self._inside_B = torch.tensor([place[number] for number in inside], device=device)
        back = {number: row for row, number in enumerate(inside)}
        self._outside_B = F.pad(torch.tensor([back[number] for number in self._order], device=device), (0, -len(self._order) % MULTIPLE))
        self._size_B = torch.tensor([self._size[number] for number in inside], device=device)
        self._is_stale = False


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    softcap: float | None = None,
    sliding_window: int | None = None,
    decoder_rows: BatchDecoder | None = None,
    **rest: Any,
) -> tuple[Tensor, None]:
    """Return the attention of one token of each row over its whole row, [rows, 1, heads, size], as Hugging Face's models call it."""
    assert decoder_rows is not None
    layer: int = module.layer_idx  # type: ignore[assignment]  # every attention module of Hugging Face's has one
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    decoder_rows.attention[layer] = AttentionSettings(scale, softcap, sliding_window)
    return decoder_rows.attended(layer, query[:, :, 0], key[:, :, 0], value[:, :, 0])[:, None], None


def _attention(query_NHD: Tensor, keys: Tensor, values: Tensor, mask: Tensor, scale: float, softcap: float | None) -> Tensor:
    """Return [rows, heads, size]. Queries that share a head of keys are computed together. PyTorch's kernel computes types below
    float32."""
    rows, heads = query_NHD.shape[0], keys.shape[1]
    query_NKGD = query_NHD.reshape(rows, heads, -1, query_NHD.shape[-1])
    if softcap is None and (query_NHD.dtype != torch.float32 or query_NHD.device.type != "cpu"):
        return F.scaled_dot_product_attention(query_NKGD, keys, values, attn_mask=mask, scale=scale).flatten(1, 2)
    score_NKGW = torch.matmul(query_NKGD * scale, keys.transpose(-1, -2))
    share_NKGW = torch.softmax(soft_cap(score_NKGW, softcap).add_(mask), -1)
    return torch.matmul(share_NKGW, values).flatten(1, 2)


@contextmanager
def _with_bucket_attention(config: Any) -> Iterator[None]:
    """Make attention use the buckets in this context. The models look up its name at every call."""
    settings = config.get_text_config()
    before = settings._attn_implementation
    settings._attn_implementation = NAME
    try:
        yield
    finally:
        settings._attn_implementation = before


ALL_ATTENTION_FUNCTIONS.register(NAME, attend)
ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, sdpa_mask)


# --- the choice of a decoder ------------------------------------------------------------------------------------------


@torch.inference_mode()
def shapes_of(model: PreTrainedModel) -> Shapes:
    """Return the shapes of the keys and values that the model's layers put into a cache."""
    prefix_pass = PrefixPass.of(body_of(model), model.config.get_text_config().num_hidden_layers, [(0,)], None)
    prefix_pass.go_on()
    cache = prefix_pass.passes[0].cache
    keys = [layer.keys for layer in cache.rows if layer.keys is not None]
    values = [layer.values for layer in cache.rows if layer.values is not None]
    shapes = [tuple((states.shape[1], states.shape[3]) for states in side) for side in (keys, values)]
    return Shapes(shapes[0], shapes[1], keys[0].dtype, keys[0].device)


def fastest_decoder(model: PreTrainedModel, shapes: Shapes, kernels: Kernels) -> Callable[[], Decoder]:
    """Return the constructor of the fastest decoder up to `kernels` that gives the model's own logits on rows of different lengths of which
    one leaves: layers with compiled steps between their products, layers without calls of modules, buckets under the model's modules, or
    only Hugging Face's code. BadInput if `kernels` names the compiled steps and they fit the model but cannot be compiled."""
    plain: Callable[[], Decoder] = partial(PlainDecoder, model)
    if kernels == "plain" or not isinstance(model.get_output_embeddings(), nn.Linear) or len(shapes.keys) != len(shapes.values):
        return plain
    plain_logits = _probe_logits(model, plain())
    modules = BatchDecoder(model, shapes)
    if not _same(model, modules, plain_logits, APART[shapes.dtype]):
        return plain
    if kernels != "modules" and (straight := _straight_layers(model)) is not None:
        steps = steps_for(kernels, straight.size) if kernels in ("auto", "compiled") and NativeLayers.fit(straight) else None
        if steps is not None and steps.multiplies(shapes.dtype):
            native_decoder = NativeDecoders(model, shapes, straight, steps, modules.attention)
            if _same(model, native_decoder(), plain_logits, APART[shapes.dtype]):
                return native_decoder
        straight_decoder = partial(BatchDecoder, model, shapes, (straight, modules.attention))
        if _same(model, straight_decoder(), plain_logits, APART[shapes.dtype]):
            return straight_decoder
    return partial(BatchDecoder, model, shapes)


@dataclass(frozen=True)
class NativeDecoders:
    """The constructor of decoders that copy a model's present weights in the type of `shapes`. Weights of another type are rounded by each
    copy, and for each product of a prompt."""

    model: PreTrainedModel
    shapes: Shapes
    straight: StraightLayers
    steps: NativeSteps
    attention: dict[int, AttentionSettings]

    def __call__(self) -> BatchDecoder:
        layers = NativeLayers(self.straight, self.steps, self.shapes.dtype), self.attention
        body = None if self.model.dtype == self.shapes.dtype else _RoundingBody(body_of(self.model), self.shapes.dtype)
        return BatchDecoder(self.model, self.shapes, layers, Pages(self.steps, self.shapes), self.steps, body)

    def with_weights_of(self, model: PreTrainedModel) -> NativeDecoders | None:
        """Return the constructor for another model of the same form and of weights in float32; None if it has other parts."""
        straight = _straight_layers(model)
        return None if straight is None else replace(self, model=model, straight=straight)


class _RoundingBody:
    """A model up to its head whose products are rounded to `dtype`, one weight at a time, so that no copy of the model is made."""

    def __init__(self, body: Any, dtype: torch.dtype) -> None:
        self._body, self._dtype = body, dtype
        self.parameters = body.parameters

    def __call__(self, **inputs: Any) -> Any:
        with torch.autocast(next(self._body.parameters()).device.type, self._dtype, cache_enabled=False):
            return self._body(**inputs)


def _straight_layers(model: PreTrainedModel) -> StraightLayers | None:
    try:
        return StraightLayers.of(model)
    except (AttributeError, TypeError):  # a known family with unknown parts
        return None


def _same(model: PreTrainedModel, decoder: Decoder, plain_logits: Sequence[Tensor], apart: float) -> bool:
    """Return True if no logit differs by more than `apart` of their spread, or in bfloat16 and float16, which round single logits of real
    models by a third of it, if the rows differ by no more on average: another attention moves a row by the whole spread."""
    try:
        logits = _probe_logits(model, decoder)
    except (TypeError, ValueError, RuntimeError, AttributeError, AssertionError, LookupError):  # another kind of attention, or one
        # that caches the source of its keys (DeepSeek)
        return False
    spread = float(torch.cat([plain_BV.flatten() for plain_BV in plain_logits]).std())
    differences = torch.cat([own_BV - plain_BV for own_BV, plain_BV in zip(logits, plain_logits, strict=True)])
    exact = model.dtype == torch.float32
    apart_of_logits = differences.abs().max() if exact else differences.square().mean(-1).sqrt().mean()
    return float(apart_of_logits) <= apart * max(spread, 1e-6)


@torch.inference_mode()
def _probe_logits(model: PreTrainedModel, decoder: Decoder) -> list[Tensor]:
    """Return [rows, vocabulary] for each of a few steps."""
    size = model.get_output_embeddings().out_features
    prompts = [tuple(SPREAD * token % size for token in row) for row in PROBE]
    prefix_pass = decoder.read([prompt[:-1] for prompt in prompts], None)
    while not prefix_pass.go_on():
        pass
    decoder.enter([Entry(prefix_pass, place, len(prompt) - 1) for place, prompt in enumerate(prompts)])
    token_B = torch.tensor([prompt[-1] for prompt in prompts], device=model.device)
    steps = []
    for step in range(PROBE_STEPS):
        steps.append(torch.cat([logits.float().clone() for _, logits in decoder.logits(token_B)]))
        if step == 0:
            decoder.keep([0, 2])
            token_B = token_B[[0, 2]]
        token_B = (token_B + 1) % size
    return steps
