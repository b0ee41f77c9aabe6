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
from aha.backends.straight_layers import is_plain, rotation

CHUNK = 64  # rows whose part of a norm's gradient is summed first


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
    """The decoder of `model`, with its own weights. `hidden` gives the states before the head, with gradients."""

    def __init__(self, body: Any, steps: NativeSteps, shape: _Shape, recomputes: bool) -> None:
        self._body, self.steps, self._shape, self._recomputes = body, steps, shape, recomputes

    @classmethod
    def of(cls, model: PreTrainedModel, *, recomputes: bool) -> Self | None:
        """Return the compiled decoder of a model in float32 on a processor; None for a model of another form, or without a compiler.
        `recomputes`: a layer keeps only its input, and is computed again in the backward pass."""
        body: Any = model.get_decoder()
        if not is_plain(model) or any(type(product) is not nn.Linear for layer in body.layers for product in _products_of(layer)):
            return None
        settings, sizes = _attention_settings(body), {layer.self_attn.head_dim for layer in body.layers}
        norms = [body.norm, *(norm for layer in body.layers for norm in (layer.input_layernorm, layer.post_attention_layernorm))]
        epsilons, scales = {norm.variance_epsilon for norm in norms}, {scale for scale, _ in settings}
        plain = all(weight.dtype == torch.float32 and weight.device.type == "cpu" for weight in body.parameters())
        norms_of_heads = any(hasattr(layer.self_attn, "q_norm") for layer in body.layers)
        one_of_each = max(map(len, (sizes, scales, epsilons))) == 1 and len(settings) == len(body.layers) and None not in scales
        if not plain or norms_of_heads or not one_of_each or not all(map(has_own_code, sizes)):
            return None
        if (steps := steps_for("auto", *sizes)) is None:
            return None
        windows, heads = tuple(window or 0 for _, window in settings), (model.config.num_attention_heads, model.config.num_key_value_heads)
        return cls(body, steps, _Shape(*heads, sizes.pop(), windows, epsilons.pop(), cast(float, scales.pop())), recomputes)

    def hidden(self, tokens_N: Tensor, layout: PackLayout) -> Tensor:
        """Return [N, D] before the head for the rows of a packed sequence."""
        hidden_ND = self._body.embed_tokens(tokens_N)
        angles = self._body.rotary_emb
        turns = rotation(layout.position_N, angles.inv_freq, angles.attention_scaling, hidden_ND.dtype)
        weights = [weight for layer in self._body.layers for weight in _weights(layer)]
        out: Tensor = _Decoder.apply(
            hidden_ND, self.steps, self._shape, self._recomputes, _Rows.of(layout), turns, *weights, self._body.norm.weight
        )
        return out


@torch.no_grad()
def _attention_settings(body: Any) -> list[tuple[float | None, int | None]]:
    """Return the factor of scores and the window of each layer, as the model's own layers pass them on."""
    record: list[tuple[float | None, int | None]] = []
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


def _product(x_ND: Tensor, out_NO: Tensor, weight_OD: Tensor, bias_O: Tensor | None) -> None:
    """Compute out = x @ weight.T + bias."""
    if bias_O is None:
        torch.mm(x_ND, weight_OD.T, out=out_NO)
    else:
        torch.addmm(bias_O, x_ND, weight_OD.T, out=out_NO)


class _Decoder(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        steps: NativeSteps,
        shape: _Shape,
        recomputes: bool,
        rows: _Rows,
        rotation: Sequence[Tensor],
        *weights: Tensor,
    ) -> Tensor:
        learns = any(ctx.needs_input_grad)
        x_ND, states_of_layers = hidden_ND.clone(), list[Tensor]()
        for number, window in enumerate(shape.windows):
            layer = _NativeLayer(steps, shape, rows, rotation, window, weights[number * PARTS : (number + 1) * PARTS])
            if learns:
                states_of_layers.append(x_ND.clone())
            states = layer.forward(x_ND)
            if learns and not recomputes:
                states_of_layers += states
        out_ND = torch.empty_like(x_ND)
        steps.call("aha_add_norm", x_ND, None, weights[-1], shape.epsilon, *x_ND.shape, out_ND)
        if learns:
            ctx.save_for_backward(x_ND, *states_of_layers, *weights)
            ctx.settings = steps, shape, rows, rotation, len(states_of_layers)
        return out_ND

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        steps, shape, rows, rotation, count = ctx.settings
        x_ND, *rest = ctx.saved_tensors
        states_of_layers, weights = rest[:count], rest[count:]
        grad_ND, gradients = torch.zeros_like(x_ND), list[Tensor | None]([None] * len(weights))
        gradients[-1] = _norm_backward(steps, x_ND, weights[-1], outputs[0].contiguous(), shape.epsilon, grad_ND)
        for number in reversed(range(len(shape.windows))):
            part = slice(number * PARTS, (number + 1) * PARTS)
            layer = _NativeLayer(steps, shape, rows, rotation, shape.windows[number], weights[part])
            size = len(states_of_layers) // len(shape.windows)
            input_ND, *states = states_of_layers[number * size : (number + 1) * size]
            gradients[part] = layer.backward(grad_ND, input_ND, *(states or layer.forward(input_ND.clone())))
        return (grad_ND, None, None, None, None, None, *gradients)


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
    weights: Sequence[Any]

    def forward(self, x_ND: Tensor) -> list[Tensor]:
        """Add the layer's attention and MLP to `x_ND` in place; return what its backward pass needs beside its input."""
        shape, steps, tokens = self.shape, self.steps, len(x_ND)
        input_norm, mlp_norm, *products = self.weights
        norm_ND = steps.add_norm(x_ND, None, input_norm, shape.epsilon)
        states_NQ = x_ND.new_empty(tokens, (shape.heads + 2 * shape.key_heads) * shape.size)
        for part_NO, weight, bias in zip(states_NQ.split(self._widths, 1), products[:6:2], products[1:6:2], strict=True):
            _product(norm_ND, part_NO, weight, bias)
        self._turn(states_NQ, 1.0)
        seen_NQ, peaks_NH = x_ND.new_empty(tokens, shape.heads * shape.size), x_ND.new_empty(tokens, shape.heads)
        steps.call("aha_attend_rows", states_NQ, *self._places, len(self.rows.prompt), *self._sizes, shape.scale, seen_NQ, peaks_NH)
        delta_ND = torch.empty_like(x_ND)
        _product(seen_NQ, delta_ND, *products[6:8])
        norm_ND = steps.add_norm(x_ND, delta_ND, mlp_norm, shape.epsilon)
        middle_ND = x_ND.clone()
        gate_up_NI = x_ND.new_empty(tokens, 2 * len(products[8]))
        for part_NO, weight, bias in zip(gate_up_NI.chunk(2, 1), products[8:12:2], products[9:12:2], strict=True):
            _product(norm_ND, part_NO, weight, bias)
        _product(steps.gate(gate_up_NI), delta_ND, *products[12:14])
        x_ND += delta_ND
        return [states_NQ, seen_NQ, peaks_NH, middle_ND, gate_up_NI]

    def backward(
        self, grad_ND: Tensor, x_ND: Tensor, states_NQ: Tensor, seen_NQ: Tensor, peaks_NH: Tensor, middle_ND: Tensor, gate_up_NI: Tensor
    ) -> list[Tensor | None]:
        """Turn the gradient of the layer's result into that of its input, in place; return those of its weights."""
        shape, steps = self.shape, self.steps
        input_norm, mlp_norm, *products = self.weights
        slope_NI = grad_ND @ products[12]
        product_NI, grad_gate_up_NI = torch.empty_like(slope_NI), torch.empty_like(gate_up_NI)
        steps.call("aha_gate_backward", gate_up_NI, slope_NI, *slope_NI.shape, product_NI, grad_gate_up_NI)
        down = _gradients(grad_ND, product_NI, products[13])
        norm_ND = self._norm_of(middle_ND, mlp_norm)
        gate_up = [_gradients(part, norm_ND, bias) for part, bias in zip(grad_gate_up_NI.chunk(2, 1), products[9:12:2], strict=True)]
        back_ND = _back(grad_gate_up_NI.chunk(2, 1), products[8:12:2])
        grad_mlp_norm = _norm_backward(steps, middle_ND, mlp_norm, back_ND, shape.epsilon, grad_ND)
        output = _gradients(grad_ND, seen_NQ, products[7])
        grad_seen_NQ, grad_states_NQ = grad_ND @ products[6], torch.zeros_like(states_NQ)
        rows = *self._places, self.rows.family, len(self.rows.family) - 1
        steps.call("aha_attend_rows_backward", states_NQ, *rows, *self._sizes, shape.scale, seen_NQ, peaks_NH, grad_seen_NQ, grad_states_NQ)
        self._turn(grad_states_NQ, -1.0)
        norm_ND, parts = self._norm_of(x_ND, input_norm), grad_states_NQ.split(self._widths, 1)
        states = [_gradients(part, norm_ND, bias) for part, bias in zip(parts, products[1:6:2], strict=True)]
        grad_input_norm = _norm_backward(steps, x_ND, input_norm, _back(parts, products[:6:2]), shape.epsilon, grad_ND)
        return [grad_input_norm, grad_mlp_norm, *(gradient for pair in (*states, output, *gate_up, down) for gradient in pair)]

    @property
    def _widths(self) -> list[int]:
        shape = self.shape
        return [shape.heads * shape.size, shape.key_heads * shape.size, shape.key_heads * shape.size]

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


def _gradients(grad_NO: Tensor, x_ND: Tensor, bias_O: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return the gradients of a product's weight and bias."""
    return grad_NO.T @ x_ND, None if bias_O is None else grad_NO.sum(0)


def _back(grads: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Return the gradient of the input that several products share."""
    total_ND = grads[0] @ weights[0]
    for grad_NO, weight_OD in zip(grads[1:], weights[1:], strict=True):
        total_ND.addmm_(grad_NO, weight_OD)
    return total_ND
