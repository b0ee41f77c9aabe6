"""A Hugging Face causal language model of any family in the form that a learner needs: hidden states, and a plain linear head on the
trained tokens.

The balance of a mixture of experts is computed as in transformers, over all tokens and layers of an optimizer step.

The term is experts * sum over experts of f P, where f is the share of tokens (times layers) that chose an expert and P its mean
probability. f has no gradient and is of the whole step, so it is counted in a pass of its own first; then each piece of the step adds its
part of P.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.checkpoint import checkpoint
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from aha.backends.checkpoint.config import context_of
from aha.backends.logprobs import token_logprobs
from aha.backends.native_learner import NativeDecoder, full_rows
from aha.backends.packing import PackLayout, packed_hidden, packed_outputs, prepare
from aha.backends.shares import check_lengths
from aha.batch import Batch, PolicyBatch
from aha.errors import BadInput
from aha.protocols import Outputs


@dataclass(frozen=True)
class Routing:
    """The balancing term of a mixture of experts: its `coefficient` in the loss; `experts`, of which each token goes to `chosen`."""

    coefficient: float
    experts: int
    chosen: int

    @classmethod
    def of(cls, config: PretrainedConfig) -> Self | None:
        """Return the routing in a model's configuration; None if it has no experts, or its loss has no such term
        (`output_router_logits`)."""
        settings: dict[str, Any] = config.get_text_config().to_dict()
        coefficient = settings.get("router_aux_loss_coef") or 0.0
        experts = settings.get("num_experts") or settings.get("num_local_experts")
        if not (settings.get("output_router_logits") and coefficient and experts):
            return None
        return cls(coefficient, experts, settings["num_experts_per_tok"])

    def counts(self, logits: Sequence[Tensor], real_N: Tensor) -> Tensor:
        """Return [experts + 1]: the number of times that each expert was chosen, and the number of tokens (times layers)."""
        total = torch.zeros(self.experts + 1, dtype=torch.float64, device=real_N.device)
        for logits_NE in logits:
            chosen_NK = logits_NE[real_N].topk(self.chosen, dim=-1).indices
            total[:-1] += torch.bincount(chosen_NK.flatten(), minlength=self.experts)
            total[-1] += len(chosen_NK)
        return total

    def term(self, logits: Sequence[Tensor], real_N: Tensor, counts: Tensor) -> Tensor:
        """Return these tokens' part of coefficient * the term of the step in which `counts` were counted."""
        probability_E = sum(torch.softmax(logits_NE.float(), -1)[real_N].sum(0) for logits_NE in logits)
        share_E = (counts[:-1] / counts[-1]).to(torch.float32)
        return self.coefficient * self.experts * (share_E * probability_E).sum() / counts[-1].to(torch.float32)


PROBE = ((2, 3, 5, 7, 11, 13), (17, 19, 23))


class _Seen(NamedTuple):
    """The decoder's output on a batch: [M, D] where each trained token is predicted, the routers' logits of each layer [N, experts] (empty
    without routing), and a mask of the N that are tokens and not padding. If several rows share a predicted token, `hidden_MD` and
    `targets` have it once, and `place_M` is its place there for each trained token."""

    hidden_MD: Tensor
    router_logits: Sequence[Tensor]
    real_N: Tensor
    targets: Tensor | None = None
    place_M: Tensor | None = None


@dataclass(frozen=True)
class Causal:
    """A model split at its head: logits = cap(scale * (hidden @ head.weight.T + head.bias)); `dtype` is the type of the products.

    `packs`: rows may be packed in one sequence without seeing each other. `shares_prompts`: packed rows may continue one prompt. `routing`:
    of a mixture of experts whose loss has a term for it (it counts every token of a prompt each time, so prompts are not shared)."""

    model: PreTrainedModel
    decoder: nn.Module
    head: nn.Linear
    scale: float
    softcap: float | None
    dtype: torch.dtype
    packs: bool = False
    shares_prompts: bool = False
    routing: Routing | None = None
    native: NativeDecoder | None = None

    @classmethod
    def of(cls, model: PreTrainedModel, dtype: torch.dtype) -> Self:
        """Return the model's parts, checked against the model's own logits on a few tokens; BadInput if they are not the whole model."""
        decoder, head = model.get_decoder(), model.get_output_embeddings()
        if not isinstance(head, nn.Linear):
            raise BadInput(_refusal(model, f"its head is {type(head).__name__}, which is no plain linear layer on a decoder"))
        if decoder is model or not isinstance(decoder, PreTrainedModel):
            raise BadInput(_refusal(model, "its layers cannot be told from its head"))
        causal = cls(model, decoder, head, *logit_scaling(model), dtype, routing=Routing.of(model.config))
        causal._check()
        packs = prepare(model) and causal._keeps_apart()
        return replace(causal, packs=packs, shares_prompts=packs and causal.routing is None and causal._goes_on_from_a_prompt())

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    def with_native_steps(self, *, recomputes: bool) -> Self:
        """Return the same model with compiled steps between its products, if it packs rows, has the form for them, and a probe shows that
        they give its own states and gradients. `recomputes`: see `NativeDecoder.of`."""
        exact = NativeDecoder.of(self.model, recomputes=recomputes) if self.packs else None
        if exact is None or not self._agrees(exact):
            return self
        return replace(self, native=NativeDecoder.of(self.model, recomputes=recomputes, dtype=self.dtype))

    def frozen(self) -> Self:
        """Return a copy that does not learn; its linear layers are kept in `dtype`, to which every product would round them anyway."""
        model = copy.deepcopy(self.model).requires_grad_(False)
        embedding_VD = model.get_input_embeddings().weight
        for module in model.modules():
            if isinstance(module, nn.Linear) and module.weight is not embedding_VD:
                module.to(self.dtype)
        decoder, head = model.get_decoder(), cast(nn.Linear, model.get_output_embeddings())
        return replace(
            self,
            model=model,
            decoder=decoder,
            head=head,
            native=self.native and NativeDecoder.of(model, recomputes=False, dtype=self.dtype),
        )

    def logprobs(self, batch: Batch, *, accumulate: bool = False) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each trained token, and the entropy where it was drawn. `batch` is on the CPU; `accumulate`: see
        `token_logprobs`."""
        return self._logprobs(batch, self._read(batch, accumulate), accumulate)

    def tensors(self, batch: Batch, *, accumulate: bool, counts: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the inputs of a loss, with gradients; `accumulate` as in `logprobs`. With `counts` of the whole step, a third tensor is
        the term that this batch adds to the loss for the routing of its tokens."""
        seen = self._read(batch, accumulate)
        outputs = self._logprobs(batch, seen, accumulate)
        if self.routing is None or counts is None:
            return outputs
        return (*outputs, self.routing.term(seen.router_logits, seen.real_N, counts))

    def expert_counts(self, batch: Batch) -> Tensor:
        """See `Routing.counts`."""
        assert self.routing is not None
        seen = self._read(batch)
        return self.routing.counts(seen.router_logits, seen.real_N)

    def outputs(self, tensors: tuple[Tensor, ...]) -> Outputs:
        """Return the tensors as named outputs."""
        return Outputs(*tensors[:2])

    def numbers(self, batch: Batch) -> Tensor:
        """Return [M], the number of each trained token."""
        return self.logprobs(batch)[0]

    def _logprobs(self, batch: Batch, seen: _Seen, accumulate: bool) -> tuple[Tensor, Tensor]:
        targets_M = (batch.tokens_N[batch.trained_N] if seen.targets is None else seen.targets).to(self.device, torch.long)
        hidden_MD, count = full_rows(seen.hidden_MD, self.dtype), len(targets_M)
        targets_M = F.pad(targets_M, (0, len(hidden_MD) - count))
        softcap = None if self.softcap is None else self.softcap / self.scale  # cap(scale * z) = scale * (cap / scale)(z)
        temperature = batch.temperature / self.scale
        head, steps = self.head, None if self.native is None else self.native.steps
        numbers = token_logprobs(hidden_MD, head.weight, head.bias, targets_M, temperature, softcap, accumulate=accumulate, steps=steps)
        logp_M, entropy_M = numbers[0][:count], numbers[1][:count]
        return (logp_M, entropy_M) if seen.place_M is None else (logp_M[seen.place_M], entropy_M[seen.place_M])

    def _read(self, batch: Batch, accumulate: bool = False) -> _Seen:
        check_lengths(batch, context_of(self.model.config))
        if isinstance(batch, PolicyBatch) and batch.shared_prompts and self.shares_prompts:
            return self._after_shared_prompts(batch, accumulate)
        if self.native is not None or (batch.packed and self.packs):
            return self._packed(batch, accumulate)
        return self._side_by_side(batch)

    def _side_by_side(self, batch: Batch) -> _Seen:
        """Read the rows padded to the longest, without the end that no trained token needs."""
        width = int(batch.length_R.max() if self.routing else batch.column_M.max())
        tokens_RT, real_RT = _padded(batch, width)
        read = self._decode(tokens_RT.to(self.device))
        place_M = (batch.row_M * width + batch.column_M - 1).to(self.device)
        hidden_MD = cast(Tensor, read.last_hidden_state).flatten(0, 1).index_select(0, place_M)
        return _Seen(hidden_MD, getattr(read, "router_logits", None) or (), real_RT.flatten().to(self.device))

    def _packed(self, batch: Batch, accumulate: bool) -> _Seen:
        """Read the rows in one sequence without padding."""
        tokens_N, layout = batch.tokens_N.to(self.device, torch.long), PackLayout.of(batch.length_R.tolist(), self.device)
        if self.native is not None:
            hidden_ND = self.native.hidden(tokens_N, layout, accumulate=accumulate)
            return _Seen(
                hidden_ND.index_select(0, batch.trained_N.nonzero().squeeze(1) - 1), (), torch.ones_like(tokens_N, dtype=torch.bool)
            )
        with self._autocast():
            read = packed_outputs(self.decoder, tokens_N, layout, **self._more)
        hidden_MD = read.last_hidden_state[0].index_select(0, (batch.trained_N.nonzero().squeeze(1) - 1).to(self.device))
        return _Seen(hidden_MD, getattr(read, "router_logits", None) or (), torch.ones_like(tokens_N, dtype=torch.bool))

    def _after_shared_prompts(self, batch: PolicyBatch, accumulate: bool) -> _Seen:
        """Read a packed batch with the beginning that a row shares with the first of its group's adjacent rows once; a token that several
        rows have in the same place is predicted once, too."""
        first_R = torch.ones(batch.R, dtype=torch.bool)
        first_R[1:] = batch.group_R[1:] != batch.group_R[:-1]
        base_R = first_R.nonzero().squeeze(1)[first_R.cumsum(0) - 1]  # the row whose beginning is read
        shared_R = torch.tensor([0 if base == row else batch.shared_length(base, row) for row, base in enumerate(base_R.tolist())])
        kept_N = batch.column_N >= shared_R[batch.row_N]
        before_M = batch.trained_N.nonzero().squeeze(1) - 1
        before_M = torch.where(kept_N[before_M], before_M, batch.start_R[base_R][batch.row_M] + batch.column_M - 1)
        targets_M = batch.tokens_N[batch.trained_N].long()
        vocabulary = self.head.out_features  # one number for a place and a target: PyTorch compares columns of two one by one
        key_M, place_M = ((kept_N.cumsum(0) - 1)[before_M] * vocabulary + targets_M).unique(return_inverse=True)
        pairs = key_M // vocabulary, key_M % vocabulary
        own_R = batch.length_R - shared_R
        layout = PackLayout.of(own_R[own_R > 0].tolist(), self.device, shared_R[own_R > 0].tolist())
        tokens_N = batch.tokens_N[kept_N].to(self.device, torch.long)
        if self.native is not None:
            hidden_ND = self.native.hidden(tokens_N, layout, accumulate=accumulate)
        else:
            with self._autocast():
                hidden_ND = packed_hidden(self.decoder, tokens_N, layout)
        return _Seen(hidden_ND.index_select(0, pairs[0].to(self.device)), (), kept_N[kept_N], pairs[1], place_M.to(self.device))

    def hidden(self, tokens_RT: Tensor) -> Tensor:
        """Return [R, T, D] before the head. Padding is on the right: no position before it attends to it, so it needs no mask."""
        return cast(Tensor, self._decode(tokens_RT).last_hidden_state)

    def _decode(self, tokens_RT: Tensor) -> Any:
        with self._autocast():
            return self.decoder(input_ids=tokens_RT, use_cache=False, **self._more)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)

    @property
    def _more(self) -> dict[str, Any]:
        return {} if self.routing is None else {"output_router_logits": True}

    @torch.inference_mode()
    def _check(self) -> None:
        rows = [torch.tensor(row, device=self.device) % self.head.out_features for row in PROBE]
        exact = self._exact()
        hidden_RTD = exact.hidden(pad_sequence(rows, batch_first=True))
        for row, hidden_TD in zip(rows, hidden_RTD, strict=True):
            with exact._autocast():
                logits_TV = soft_cap(self.scale * self.head(hidden_TD[: len(row)]).float(), self.softcap)
                whole_TV, before_TV = (self.model(input_ids=row[None, :end], use_cache=False).logits[0].float() for end in (None, -1))
            if not (torch.log_softmax(before_TV, -1) - torch.log_softmax(whole_TV[:-1], -1)).abs().max().item() < 1e-2:
                raise BadInput(_refusal(self.model, "its output for a token depends on later tokens, as in a model that fills gaps"))
            apart = (torch.log_softmax(logits_TV, -1) - torch.log_softmax(whole_TV, -1)).abs().max().item()
            if not apart < 1e-2:
                raise BadInput(_refusal(self.model, f"its own log-probabilities are up to {apart:.3g} away from those of decoder and head"))

    @torch.inference_mode()
    def _keeps_apart(self) -> bool:
        """Return True if two packed rows give what each gives alone, relative to the difference when one follows the other."""
        rows = [torch.tensor(row, device=self.device) % self.head.out_features for row in PROBE]
        exact = self._exact()
        alone_ND = torch.cat([exact.hidden(row[None])[0] for row in rows])
        following_ND = exact.hidden(torch.cat(rows)[None])[0]
        try:
            with exact._autocast():
                packed_ND = packed_hidden(self.decoder, torch.cat(rows), PackLayout.of([len(row) for row in rows], self.device))
        except (TypeError, ValueError, RuntimeError):  # a family that does not take positions or a layout
            return False
        bound = 0.01 if exact.dtype == torch.float32 else 0.1  # the rounding of bfloat16 alone
        return bool((packed_ND - alone_ND).abs().max() < bound * (following_ND - alone_ND).abs().max())

    def _agrees(self, native: NativeDecoder) -> bool:
        """Return True if the states of a whole row and of a tail, and the gradients of a sum over them, are the model's own. The compiled
        gradients are added to the negated ones of the model, so that one gradient exists at a time."""
        tokens_N = torch.tensor([*PROBE[0], *PROBE[1], *PROBE[0]], device=self.device) % self.head.out_features
        layout = PackLayout.of([len(PROBE[0]), len(PROBE[1]), len(PROBE[0])], self.device, [0, 4, 0])
        weights = [weight for weight in self.decoder.parameters() if weight.requires_grad]
        own_ND = packed_hidden(self.decoder, tokens_N, layout)
        slope_ND = torch.linspace(-1, 1, own_ND.numel(), device=self.device).view_as(own_ND)
        try:
            if weights:
                (own_ND * -slope_ND).sum().backward()
            peaks = [_largest(weight.grad) for weight in weights]
            other_ND = native.hidden(tokens_N, layout, accumulate=True)
            if weights:
                (other_ND * slope_ND).sum().backward()
            apart = [_largest(weight.grad) for weight in weights]
        finally:
            for weight in weights:
                weight.grad = None
        pairs = zip([_largest(own_ND - other_ND), *apart], [_largest(own_ND), *peaks], strict=True)
        return all(difference <= 1e-3 * peak for difference, peak in pairs)

    @torch.inference_mode()
    def _goes_on_from_a_prompt(self) -> bool:
        """Return True if two replies to one shared prompt give what each gives after its own prompt, measured as in `_keeps_apart`."""
        prompt, *replies = (torch.tensor(row, device=self.device) % self.head.out_features for row in (PROBE[1], PROBE[0], PROBE[1]))
        exact, count = self._exact(), len(prompt)
        alone_ND = torch.cat([exact.hidden(torch.cat([prompt, reply])[None])[0, count:] for reply in replies])
        following_ND = exact.hidden(torch.cat([prompt, *replies])[None])[0, count:]
        layout = PackLayout.of([count + len(replies[0]), len(replies[1])], self.device, [0, count])
        with exact._autocast():
            shared_ND = packed_hidden(self.decoder, torch.cat([prompt, *replies]), layout)[count:]
        bound = 0.01 if exact.dtype == torch.float32 else 0.1
        return bool((shared_ND - alone_ND).abs().max() < bound * (following_ND - alone_ND).abs().max())

    def _exact(self) -> Self:
        """Return the model in float32, as far as its weights are: frozen ones may be kept in the type of the products."""
        whole = all(weight.dtype == torch.float32 for weight in self.model.parameters())
        return replace(self, dtype=torch.float32) if whole else self


def _refusal(model: PreTrainedModel, why: str) -> str:
    return f"model type {model.config.model_type} cannot be trained: {why}; use a causal language model with a plain linear head"


def soft_cap(values: Tensor, cap: float | None) -> Tensor:
    """Return cap * tanh(values / cap), or the values themselves without a cap."""
    return values if cap is None else cap * torch.tanh(values / cap)


def logit_scaling(model: PreTrainedModel) -> tuple[float, float | None]:
    """Return (scale, soft cap) of the logits under the names that model families use; `_check` notices a missing one."""
    settings: dict[str, Any] = model.config.get_text_config().to_dict()
    scale = (settings.get("logit_scale") or 1.0) * (settings.get("lm_head_multiplier") or 1.0) / (settings.get("logits_scaling") or 1.0)
    return scale, settings.get("final_logit_softcapping")


def _largest(values: Tensor | None) -> float:
    """Return the largest absolute value, without a tensor of absolute values; 0.0 for no tensor."""
    return 0.0 if values is None or not values.numel() else max(abs(float(value)) for value in values.detach().aminmax())


def _padded(batch: Batch, width: int) -> tuple[Tensor, Tensor]:
    """Return [R, T] tokens up to `width`, with zeros on the right, and a mask of the tokens."""
    inside_N = batch.column_N < width
    tokens_RT, real_RT = torch.zeros(batch.R, width, dtype=torch.long), torch.zeros(batch.R, width, dtype=torch.bool)
    tokens_RT[batch.row_N[inside_N], batch.column_N[inside_N]] = batch.tokens_N[inside_N].long()
    real_RT[batch.row_N[inside_N], batch.column_N[inside_N]] = True
    return tokens_RT, real_RT


def still(model: PreTrainedModel, *, checkpointing: bool) -> None:
    """Turn dropout off, so that the same tokens always get the same log-probabilities; with `checkpointing`, recompute activations
    backward.

    Hugging Face recomputes only in layers that are in training mode, so only these are set to it, while their parts stay in evaluation
    mode."""
    model.eval()
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if checkpointing and not layers:
        raise BadInput(f"checkpointing is on: model type {model.config.model_type} cannot recompute its layers; turn it off")
    for layer in layers if checkpointing else []:
        layer.training = layer.gradient_checkpointing = True
        vars(layer)["_gradient_checkpointing_func"] = partial(checkpoint, use_reentrant=False)
