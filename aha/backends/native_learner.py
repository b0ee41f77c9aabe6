"""A model up to its head for learning on a processor, forwards and backwards by products and compiled steps, without calls of modules.

The rows of a packed sequence are attended one by one where they lie: nothing is copied or padded, and no mask is made. A layer keeps its
input, its queries, keys and values, its attention, and the input of the gate; the rest is computed again in the backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from aha.backends.native import NativeSteps, has_own_code, steps_for
from aha.backends.packing import PackLayout, packed_outputs
from aha.backends.straight_layers import LinearProduct, is_plain, rotation, together

CHUNK = 64  # rows whose part of a norm's gradient is summed first
MULTIPLE = 64  # rows in bfloat16 are filled up to a multiple: PyTorch makes a kernel for each number of rows, and keeps it


@dataclass(frozen=True)
class _Shape:
    """The heads of queries and of keys, the numbers of each, the last tokens that each layer sees (0: all), and the norms' epsilons."""

    heads: int
    key_heads: int
    size: int
    windows: tuple[int, ...]
    epsilon: float
    scale: float


@dataclass(frozen=True)
class _Rows:
    """The rows of a packed sequence as the source describes them, and the first row of each family of rows that share a prompt."""

    start: Tensor
    base: Tensor
    prompt: Tensor
    family: Tensor

    @classmethod
    def of(cls, layout: PackLayout) -> Self:
        family = (layout.prompt_R == 0).nonzero()[:, 0]
        return cls(layout.start_R.long(), layout.base_R, layout.prompt_R, torch.cat([family, torch.tensor([len(layout.prompt_R)])]))


class NativeDecoder:
    """The decoder of a model, with its own weights. `hidden` gives the states before the head, with gradients. Products are computed in
    `dtype`, as `torch.autocast` does, and all else in float32."""

    def __init__(self, body: Any, steps: NativeSteps, shape: _Shape, recomputes: bool, dtype: torch.dtype = torch.float32) -> None:
        self._body, self.steps, self._shape, self._recomputes = body, steps, shape, recomputes
        self._products = [_Products.of(layer, dtype) for layer in body.layers]

    @classmethod
    def of(cls, model: PreTrainedModel, *, recomputes: bool, dtype: torch.dtype = torch.float32) -> Self | None:
        """Return the compiled decoder of a model on a processor whose weights are in float32, those of products perhaps in `dtype`; None
        for a model of another form, or without a compiler. `recomputes`: a layer keeps only its input, and is computed again in the
        backward pass."""
        body: Any = model.get_decoder()
        if not is_plain(model) or any(type(product) is not nn.Linear for layer in body.layers for product in _products_of(layer)):
            return None
        settings, sizes = _attention_settings(body, dtype), {layer.self_attn.head_dim for layer in body.layers}
        norms = [body.norm, *(norm for layer in body.layers for norm in (layer.input_layernorm, layer.post_attention_layernorm))]
        epsilons, scales = {norm.variance_epsilon for norm in norms}, {scale for scale, _ in settings}
        products = {id(weight) for layer in body.layers for product in _products_of(layer) for weight in product.parameters()}
        types = {id(weight): weight.dtype for weight in body.parameters() if id(weight) not in products or weight.dtype != dtype}
        plain = body.device.type == "cpu" and all(kind == torch.float32 for kind in types.values())
        norms_of_heads = any(hasattr(layer.self_attn, "q_norm") for layer in body.layers)
        one_of_each = max(map(len, (sizes, scales, epsilons))) == 1 and len(settings) == len(body.layers) and None not in scales
        if not plain or norms_of_heads or not one_of_each or not all(map(has_own_code, sizes)):
            return None
        steps = steps_for("auto", *sizes)
        if steps is None or not steps.multiplies(dtype):
            return None
        windows, heads = tuple(window or 0 for _, window in settings), (model.config.num_attention_heads, model.config.num_key_value_heads)
        return cls(body, steps, _Shape(*heads, sizes.pop(), windows, epsilons.pop(), cast(float, scales.pop())), recomputes, dtype)

    def make_gradients(self) -> None:
        """Give the weights of every product a gradient of zeros, to which the backward pass adds. All lie in one piece of memory, which
        returns to the system as soon as they are dropped, so that the engine's copy of the weights can take its place."""
        products = [product for layer in self._products for product in (layer.query_key_value, layer.output, layer.gate_up, layer.down)]
        sizes = [product.size for product in products]
        for product, memory in zip(products, torch.zeros(sum(sizes)).split(sizes), strict=True):
            product.make_gradients(memory)

    def hidden(self, tokens_N: Tensor, layout: PackLayout, *, accumulate: bool = False) -> Tensor:
        """Return [N, D] before the head for the rows of a packed sequence. `accumulate`: the backward pass adds the gradients of products
        to those of `make_gradients` in place, so that no second gradient of the model's size is made."""
        hidden_ND = self._body.embed_tokens(tokens_N)
        angles = self._body.rotary_emb
        turns = rotation(layout.position_N, angles.inv_freq, angles.attention_scaling, hidden_ND.dtype)
        weights = [weight for layer in self._body.layers for weight in _weights(layer)]
        settings = self.steps, self._shape, self._products, self._recomputes, _Rows.of(layout), turns, accumulate
        out: Tensor = _Decoder.apply(hidden_ND, settings, *weights, self._body.norm.weight)
        return out


@torch.no_grad()
def _attention_settings(body: Any, dtype: torch.dtype) -> list[tuple[float | None, int | None]]:
    """Return the factor of scores and the window of each layer, as the model's own layers pass them on."""
    record: list[tuple[float | None, int | None]] = []
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        packed_outputs(body, torch.zeros(1, dtype=torch.long), PackLayout.of([1], torch.device("cpu")), record=record)
    return record


def _weights(layer: Any) -> list[Tensor | None]:
    """Return a layer's norms, then the weight and the bias of each product."""
    parts: list[Tensor | None] = [layer.input_layernorm.weight, layer.post_attention_layernorm.weight]
    for product in _products_of(layer):
        parts += [product.weight, product.bias]
    return parts


def _products_of(layer: Any) -> list[nn.Linear]:
    attention, mlp = layer.self_attn, layer.mlp
    return [attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj, mlp.gate_proj, mlp.up_proj, mlp.down_proj]


PARTS = 16  # the tensors of a layer


class _Product:
    """Linear layers of one input as one product in `dtype`, forwards and backwards. It shares its memory with the layers' weights. What it
    takes may be in `dtype` already, and what it gives is float32."""

    def __init__(self, *linears: nn.Linear, dtype: torch.dtype) -> None:
        self._linears, self._product, self._dtype = linears, LinearProduct.of(*linears), dtype
        self._widths = [linear.out_features for linear in linears]

    def __call__(self, x_ND: Tensor) -> Tensor:
        return self._product.to(self._dtype)(full_rows(x_ND, self._dtype))[: len(x_ND)].float()

    def back(self, grad_NO: Tensor) -> Tensor:
        """Return the gradient of the input."""
        return (full_rows(grad_NO, self._dtype) @ self._product.weight_OD.to(self._dtype))[: len(grad_NO)].float()

    @property
    def size(self) -> int:
        """The number of weights and biases."""
        return sum(whole.numel() for whole in (self._product.weight_OD, self._product.bias_O) if whole is not None)

    def make_gradients(self, memory: Tensor) -> None:
        """Give the weights, if they learn, gradients that lie side by side in `memory`, [size] zeros."""
        for name, whole in (("weight", self._product.weight_OD), ("bias", self._product.bias_O)):
            if whole is None:
                continue
            part, memory = memory[: whole.numel()].view_as(whole), memory[whole.numel() :]
            for linear, gradient in zip(self._linears, part.split(self._widths), strict=True):
                if (weight := getattr(linear, name)).requires_grad:
                    weight.grad = gradient

    def gradients(self, grad_NO: Tensor, x_ND: Tensor, *, accumulate: bool) -> list[Tensor | None]:
        """Return the gradients of each layer's weight and bias; None for those that are added to the weights' own in place."""
        sum_O = None if self._product.bias_O is None else grad_NO.sum(0, dtype=torch.float32)
        grad_NO, x_ND = full_rows(grad_NO, self._dtype), full_rows(x_ND, self._dtype)
        if accumulate and (weights := self._own_gradients("weight")) is not None:
            if weights.dtype == self._dtype:
                weights.addmm_(grad_NO.T, x_ND)
            else:
                weights += grad_NO.T @ x_ND
            if sum_O is not None and (biases := self._own_gradients("bias")) is not None:
                biases.add_(sum_O)
            return [None for _ in range(2 * len(self._linears))]
        parts: Sequence[Tensor | None] = (grad_NO.T @ x_ND).float().split(self._widths)
        sums = [None] * len(parts) if sum_O is None else sum_O.split(self._widths)
        return [gradient for pair in zip(parts, sums, strict=True) for gradient in pair]

    def _own_gradients(self, name: str) -> Tensor | None:
        """Return the gradients of all layers as one tensor; None if a weight has none."""
        gradients = [gradient for linear in self._linears if (gradient := getattr(linear, name).grad) is not None]
        return together(gradients) if len(gradients) == len(self._linears) else None


def full_rows(x_ND: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the rows in `dtype`; on a processor in bfloat16 with rows of zeros, see MULTIPLE."""
    missing = -len(x_ND) % MULTIPLE
    if dtype != torch.bfloat16 or x_ND.device.type != "cpu" or not missing:
        return x_ND.to(dtype)
    out_ND = x_ND.new_zeros(len(x_ND) + missing, *x_ND.shape[1:], dtype=dtype)
    out_ND[: len(x_ND)] = x_ND
    return out_ND


@dataclass(frozen=True)
class _Products:
    """The products of a layer."""

    query_key_value: _Product
    output: _Product
    gate_up: _Product
    down: _Product

    @classmethod
    def of(cls, layer: Any, dtype: torch.dtype) -> Self:
        query, key, value, output, gate, up, down = _products_of(layer)
        groups = (query, key, value), (output,), (gate, up), (down,)
        return cls(*(_Product(*group, dtype=dtype) for group in groups))


_Settings = tuple[NativeSteps, _Shape, Sequence[_Products], bool, _Rows, Sequence[Tensor], bool]


class _Decoder(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        settings: _Settings,
        *weights: Tensor,
    ) -> Tensor:
        learns, (steps, shape, _, recomputes, *_) = any(ctx.needs_input_grad), settings
        x_ND, states_of_layers = hidden_ND.clone(), list[Tensor]()
        for number in range(len(shape.windows)):
            if learns:
                states_of_layers.append(x_ND.clone())
            states = _layer(settings, weights, number).forward(x_ND)
            if learns and not recomputes:
                states_of_layers += states
        out_ND = torch.empty_like(x_ND)
        steps.call("aha_add_norm", x_ND, None, weights[-1], shape.epsilon, *x_ND.shape, out_ND)
        if learns:
            ctx.save_for_backward(x_ND, *states_of_layers, *weights)
            ctx.settings = settings, len(states_of_layers)
        return out_ND

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        settings, count = ctx.settings
        steps, shape, *_ = settings
        x_ND, *rest = ctx.saved_tensors
        states_of_layers, weights = rest[:count], rest[count:]
        grad_ND, gradients = torch.zeros_like(x_ND), list[Tensor | None]([None] * len(weights))
        gradients[-1] = _norm_backward(steps, x_ND, weights[-1], outputs[0].contiguous(), shape.epsilon, grad_ND)
        for number in reversed(range(len(shape.windows))):
            part = slice(number * PARTS, (number + 1) * PARTS)
            layer = _layer(settings, weights, number)
            size = len(states_of_layers) // len(shape.windows)
            input_ND, *states = states_of_layers[number * size : (number + 1) * size]
            gradients[part] = layer.backward(grad_ND, input_ND, *(states or layer.forward(input_ND.clone())))
        return (grad_ND, None, *gradients)


def _layer(settings: _Settings, weights: Sequence[Tensor], number: int) -> _NativeLayer:
    steps, shape, products, _, rows, rotation, accumulate = settings
    norms = weights[number * PARTS], weights[number * PARTS + 1]
    return _NativeLayer(steps, shape, rows, rotation, shape.windows[number], norms, products[number], accumulate)


def _norm_backward(steps: NativeSteps, x_ND: Tensor, weight_D: Tensor, grad_ND: Tensor, epsilon: float, total_ND: Tensor) -> Tensor:
    """Add the gradient of a norm's input to `total_ND`, and return that of its weight."""
    parts_CD = x_ND.new_empty(-(-len(x_ND) // CHUNK), x_ND.shape[1])
    steps.call("aha_norm_backward", x_ND, weight_D, grad_ND, epsilon, *x_ND.shape, total_ND, parts_CD)
    return parts_CD.sum(0)


@dataclass(frozen=True)
class _NativeLayer:
    steps: NativeSteps
    shape: _Shape
    rows: _Rows
    rotation: Sequence[Tensor]
    window: int
    norms: tuple[Tensor, Tensor]
    products: _Products
    accumulate: bool

    def forward(self, x_ND: Tensor) -> list[Tensor]:
        """Add the layer's attention and MLP to `x_ND` in place; return the tensors that its backward pass needs besides its input."""
        shape, steps, tokens, products = self.shape, self.steps, len(x_ND), self.products
        states_NQ = products.query_key_value(steps.add_norm(x_ND, None, self.norms[0], shape.epsilon))
        self._turn(states_NQ, 1.0)
        seen_NQ, peaks_NH = x_ND.new_empty(tokens, shape.heads * shape.size), x_ND.new_empty(tokens, shape.heads)
        steps.call("aha_attend_rows", states_NQ, *self._places, len(self.rows.prompt), *self._sizes, shape.scale, seen_NQ, peaks_NH)
        norm_ND = steps.add_norm(x_ND, products.output(seen_NQ), self.norms[1], shape.epsilon)
        middle_ND = x_ND.clone()
        gate_up_NI = products.gate_up(norm_ND)
        x_ND += products.down(steps.gate(gate_up_NI))
        return [states_NQ, seen_NQ, peaks_NH, middle_ND, gate_up_NI]

    def backward(
        self, grad_ND: Tensor, x_ND: Tensor, states_NQ: Tensor, seen_NQ: Tensor, peaks_NH: Tensor, middle_ND: Tensor, gate_up_NI: Tensor
    ) -> list[Tensor | None]:
        """Turn the gradient of the layer's result into that of its input, in place; return those of its weights."""
        shape, steps, products, into = self.shape, self.steps, self.products, {"accumulate": self.accumulate}
        slope_NI = products.down.back(grad_ND)
        product_NI, grad_gate_up_NI = torch.empty_like(slope_NI), torch.empty_like(gate_up_NI)
        steps.call("aha_gate_backward", gate_up_NI, slope_NI, *slope_NI.shape, product_NI, grad_gate_up_NI)
        down = products.down.gradients(grad_ND, product_NI, **into)
        gate_up = products.gate_up.gradients(grad_gate_up_NI, self._norm_of(middle_ND, self.norms[1]), **into)
        back_ND = products.gate_up.back(grad_gate_up_NI)
        grad_mlp_norm = _norm_backward(steps, middle_ND, self.norms[1], back_ND, shape.epsilon, grad_ND)
        output = products.output.gradients(grad_ND, seen_NQ, **into)
        grad_seen_NQ, grad_states_NQ = products.output.back(grad_ND), torch.zeros_like(states_NQ)
        rows = *self._places, self.rows.family, len(self.rows.family) - 1
        steps.call("aha_attend_rows_backward", states_NQ, *rows, *self._sizes, shape.scale, seen_NQ, peaks_NH, grad_seen_NQ, grad_states_NQ)
        self._turn(grad_states_NQ, -1.0)
        states = products.query_key_value.gradients(grad_states_NQ, self._norm_of(x_ND, self.norms[0]), **into)
        back_ND = products.query_key_value.back(grad_states_NQ)
        grad_input_norm = _norm_backward(steps, x_ND, self.norms[0], back_ND, shape.epsilon, grad_ND)
        return [grad_input_norm, grad_mlp_norm, *states, *output, *gate_up, *down]

    @property
    def _places(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.rows.start, self.rows.base, self.rows.prompt

    @property
    def _sizes(self) -> tuple[int, int, int, int]:
        return self.shape.heads, self.shape.key_heads, self.shape.size, self.window

    def _turn(self, states_NQ: Tensor, direction: float) -> None:
        shape = self.shape
        sizes = len(states_NQ), shape.heads + shape.key_heads, shape.size, states_NQ.shape[1]
        self.steps.call("aha_turn", states_NQ, *self.rotation, *sizes, direction)

    def _norm_of(self, x_ND: Tensor, weight_D: Tensor) -> Tensor:
        return self.steps.add_norm(x_ND, None, weight_D, self.shape.epsilon)
