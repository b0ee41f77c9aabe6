"""Packing: rows side by side in one sequence without padding, with attention that never crosses from one to another.

Every layer but attention sees only single tokens; attention takes rows of similar length together, each from its own first token. So
neither a mask of tokens by tokens nor padding to the longest row is ever made. Replies to one prompt share it: the first of them is a whole
row, and the others are tails that attend to its prompt and to themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.nn.attention.varlen import varlen_attn
from transformers import PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

PACKED = "aha_packed"
BLOCK = 512  # queries of a tail that are attended together, so that their mask stays small
LIKE = 0.75  # rows of at least this share of the longest are attended together: attention costs at most 1 / 0.75^2 of the least


@dataclass(frozen=True)
class _Part:
    """Rows of similar length: the positions of their tokens in the sequence, and in [rows, width]."""

    rows: int
    width: int
    source_P: Tensor
    place_P: Tensor


@dataclass(frozen=True)
class _Tails:
    """Tails of similar length with prompts of similar length: their own tokens; the positions of the tokens that they attend to, row by row
    (`prompt` places for the prompt, then one for each own token); and the number of prompt places that each row fills."""

    own: _Part
    key_P: Tensor
    prompt_R: Tensor
    prompt: int

    def keys(self, states_1HND: Tensor) -> Tensor:
        """Return [rows, heads, prompt + width, D] of the tokens that the tails attend to."""
        tokens_PHD = states_1HND[0].transpose(0, 1).index_select(0, self.key_P)
        return tokens_PHD.view(self.own.rows, -1, *tokens_PHD.shape[1:]).transpose(1, 2)

    def mask(self, start: int, stop: int, window: int | None) -> Tensor:
        """Return [rows, 1, stop - start, prompt + stop], true for the places that the own tokens from `start` to `stop` see; with one row
        if prompts are equally long."""
        prompt_R11 = (self.prompt_R if (self.prompt_R != self.prompt_R[0]).any() else self.prompt_R[:1])[:, None, None]
        place_T, query_T = torch.arange(self.prompt + stop, device=prompt_R11.device), torch.arange(start, stop, device=prompt_R11.device)
        back_RTT = query_T[:, None] - torch.where(place_T < self.prompt, place_T - prompt_R11, place_T - self.prompt)
        seen = (back_RTT >= 0) & ((place_T < prompt_R11) | (place_T >= self.prompt))
        return (seen if window is None else seen & (back_RTT < window))[:, None]


@dataclass(frozen=True)
class _Spans:
    """The tails in the form for kernels that take rows of any length: the positions of the tokens that each row attends to, and the start
    of each row among them, with the end of the last one."""

    key_P: Tensor
    start_R: Tensor


@dataclass(frozen=True)
class PackLayout:
    """The layout of rows in a packed sequence of N tokens: the position of each token in its row, and the parts attended together; and for
    kernels that take rows of any length, the first token of each row, the end of the last one, and the longest row's length; the first
    token and the number of tokens of the prompt before each row, on the CPU."""

    position_N: Tensor
    parts: tuple[_Part, ...]
    order_N: Tensor
    start_R: Tensor
    longest: int
    base_R: Tensor
    prompt_R: Tensor
    tails: tuple[_Tails, ...] = ()
    spans: _Spans | None = None

    @classmethod
    def of(cls, lengths: Sequence[int], device: torch.device, prompts: Sequence[int] | None = None) -> Self:
        """Return the layout of rows with these numbers of tokens. `prompts` has one number per row: 0 for a whole row; for a tail, the
        number of first tokens of the last whole row that come before its own (`lengths` counts its own only)."""
        prompts = [0] * len(lengths) if prompts is None else prompts
        starts, bases = [0], list[int]()
        for row, length in enumerate(lengths):
            bases.append(bases[-1] if prompts[row] else starts[-1])
            starts.append(starts[-1] + length)
        position_N = torch.cat([torch.arange(prompt, prompt + length) for prompt, length in zip(prompts, lengths, strict=True)])
        parts = [
            _part(rows, starts, lengths, device) for rows in _alike(lengths, [row for row, prompt in enumerate(prompts) if not prompt])
        ]
        tails = tuple(
            _tails(rows, starts, lengths, prompts, bases, device)
            for like in _alike(lengths, [row for row, prompt in enumerate(prompts) if prompt])
            for rows in _alike(prompts, like)
        )
        where_N = torch.cat([part.source_P for part in (*parts, *(tail.own for tail in tails))]).argsort()
        whole = [prompt + length for prompt, length in zip(prompts, lengths, strict=True)]
        spans = _spans(starts, lengths, prompts, bases, device) if tails else None
        start_R = torch.tensor(starts, dtype=torch.int32, device=device)
        before = torch.tensor(bases), torch.tensor(list(prompts))
        return cls(position_N.to(device), tuple(parts), where_N, start_R, max(whole), *before, tails, spans)


def _alike(lengths: Sequence[int], rows: Iterable[int]) -> list[list[int]]:
    """Return the given rows in groups of similar length, longest first, without empty rows."""
    groups: list[list[int]] = []
    for row in sorted(rows, key=lambda row: -lengths[row]):
        if groups and lengths[row] >= LIKE * lengths[groups[-1][0]]:
            groups[-1].append(row)
        elif lengths[row]:
            groups.append([row])
    return groups


def _tails(
    rows: Sequence[int], starts: Sequence[int], lengths: Sequence[int], prompts: Sequence[int], bases: Sequence[int], device: torch.device
) -> _Tails:
    own, prompt = _part(rows, starts, lengths, device), max(prompts[row] for row in rows)
    places = [  # padding repeats the row's last token: no real token attends to it
        torch.cat([
            (bases[row] + torch.arange(prompt)).clamp(max=bases[row] + prompts[row] - 1),
            (starts[row] + torch.arange(own.width)).clamp(max=starts[row] + lengths[row] - 1),
        ])
        for row in rows
    ]  # fmt: skip
    return _Tails(own, torch.cat(places).to(device), torch.tensor([prompts[row] for row in rows], device=device), prompt)


def _spans(starts: Sequence[int], lengths: Sequence[int], prompts: Sequence[int], bases: Sequence[int], device: torch.device) -> _Spans:
    places = [torch.cat([bases[row] + torch.arange(prompts[row]), starts[row] + torch.arange(lengths[row])]) for row in range(len(lengths))]
    ends = torch.tensor([0, *(len(place) for place in places)]).cumsum(0, dtype=torch.int32)
    return _Spans(torch.cat(places).to(device), ends.to(device))


def _part(rows: Sequence[int], starts: Sequence[int], lengths: Sequence[int], device: torch.device) -> _Part:
    width = max(lengths[row] for row in rows)
    source_P = torch.cat([torch.arange(starts[row], starts[row] + lengths[row]) for row in rows])
    place_P = torch.cat([torch.arange(number * width, number * width + lengths[row]) for number, row in enumerate(rows)])
    return _Part(len(rows), width, source_P.to(device), place_P.to(device))


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    layout: PackLayout | None = None,
    sliding_window: int | None = None,
    record: list[tuple[float | None, int | None]] | None = None,
    **rest: Any,
) -> tuple[Tensor, None]:
    """Compute PyTorch's attention as Hugging Face calls it; with a layout, each row attends to itself and `attention_mask` is ignored.
    `record` gets each layer's factor of scores and window."""
    if record is not None:
        record.append((scaling, sliding_window))
    if layout is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **rest)
    if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16):
        return _of_any_length(query, key, value, scaling, layout, sliding_window), None
    outputs = []
    for part in layout.parts:
        query_RHTD, key_RHTD, value_RHTD = _spread(query, part), _spread(key, part), _spread(value, part)
        mask = _band(part.width, sliding_window, query.device)
        out_RTHD, _ = sdpa_attention_forward(module, query_RHTD, key_RHTD, value_RHTD, mask, dropout, scaling, is_causal=True)
        outputs.append(out_RTHD.flatten(0, 1).index_select(0, part.place_P))
    for tails in layout.tails:
        query_RHTD, key_RHTD, value_RHTD = _spread(query, tails.own), tails.keys(key), tails.keys(value)
        blocks = []
        for start in range(0, tails.own.width, BLOCK):
            stop = min(start + BLOCK, tails.own.width)
            places, mask = slice(tails.prompt + stop), tails.mask(start, stop, sliding_window)
            states = query_RHTD[:, :, start:stop], key_RHTD[:, :, places], value_RHTD[:, :, places]
            blocks.append(sdpa_attention_forward(module, *states, mask, dropout, scaling, is_causal=False)[0])
        outputs.append(torch.cat(blocks, 1).flatten(0, 1).index_select(0, tails.own.place_P))
    return torch.cat(outputs).index_select(0, layout.order_N)[None], None


def _of_any_length(query: Tensor, key: Tensor, value: Tensor, scaling: float | None, layout: PackLayout, window: int | None) -> Tensor:
    """Return [1, N, heads, D] by the kernel that takes rows of any length: no padding, and no mask even with a window."""
    states = [states_1HND[0].transpose(0, 1).contiguous() for states_1HND in (query, key, value)]
    seen = (-1 if window is None else window - 1, 0)
    if layout.spans is not None:  # the last query of a row is aligned with its last key, so a tail sees its whole prompt
        states[1:] = [states_NHD.index_select(0, layout.spans.key_P) for states_NHD in states[1:]]
    key_start_R = layout.start_R if layout.spans is None else layout.spans.start_R
    sizes: tuple[Any, ...] = (layout.start_R, key_start_R, layout.longest, layout.longest)
    whole = varlen_attn(states[0], states[1], states[2], *sizes, scale=scaling, window_size=seen, enable_gqa=True)
    return cast(Tensor, whole)[None]


def _spread(states_1HND: Tensor, part: _Part) -> Tensor:
    """Return [rows, heads, width, D] of a part's tokens, with zeros on the right."""
    tokens_PHD = states_1HND[0].transpose(0, 1).index_select(0, part.source_P)
    if len(part.source_P) < part.rows * part.width:
        whole = tokens_PHD.new_zeros(part.rows * part.width, *tokens_PHD.shape[1:])
        tokens_PHD = whole.index_copy(0, part.place_P, tokens_PHD)
    return tokens_PHD.view(part.rows, part.width, *tokens_PHD.shape[1:]).transpose(1, 2)


def _band(width: int, window: int | None, device: torch.device) -> Tensor | None:
    """Return the mask [1, 1, T, T] if a token sees only the last `window`; None if that is all tokens before it."""
    if window is None or width <= window:
        return None
    place = torch.arange(width, device=device)
    back = place[:, None] - place[None, :]
    return ((back >= 0) & (back < window))[None, None]


def prepare(model: PreTrainedModel) -> bool:
    """Make a model with PyTorch's attention use this one, which is the same without a layout. Return True if that is possible."""
    settings = model.config.get_text_config()
    if model.config._attn_implementation != "sdpa" or getattr(settings, "attention_chunk_size", None) is not None:
        return False
    ALL_ATTENTION_FUNCTIONS.register(PACKED, attend)
    ALL_MASK_ATTENTION_FUNCTIONS.register(PACKED, sdpa_mask)
    model.set_attn_implementation(PACKED)
    return bool(model.config._attn_implementation == PACKED)


def packed_hidden(decoder: nn.Module, tokens_N: Tensor, layout: PackLayout) -> Tensor:
    """Return [N, D] before the head."""
    hidden: Tensor = packed_outputs(decoder, tokens_N, layout).last_hidden_state[0]
    return hidden


def packed_outputs(decoder: nn.Module, tokens_N: Tensor, layout: PackLayout, **more: Any) -> Any:
    """Return the decoder's outputs. The mask is a dummy: a given mask keeps the model from making one of tokens by tokens."""
    ready = torch.zeros(1, 1, 1, 1, device=tokens_N.device)
    positions = layout.position_N[None]
    return decoder(input_ids=tokens_N[None], position_ids=positions, attention_mask=ready, layout=layout, use_cache=False, **more)
