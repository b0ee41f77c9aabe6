"""How evenly a mixture of experts shares its tokens out, as transformers counts it: over all tokens and layers of an optimizer step.

The term is experts * sum over experts of f P, where f is the share of tokens (times layers) that chose an expert and P its mean
probability. f has no gradient and is of the whole step, so it is counted in a pass of its own first; then each piece of the step adds its
part of P.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from transformers import PretrainedConfig


@dataclass(frozen=True)
class Routing:
    """`coefficient` of the term in the loss; `experts`, of which each token goes to `chosen`."""

    coefficient: float
    experts: int
    chosen: int

    @classmethod
    def of(cls, config: PretrainedConfig) -> Self | None:
        """What a model's configuration asks for; None where it has no experts, or its loss no such term (`output_router_logits`)."""
        settings: dict[str, Any] = config.get_text_config().to_dict()
        coefficient = settings.get("router_aux_loss_coef") or 0.0
        experts = settings.get("num_experts") or settings.get("num_local_experts")
        if not (settings.get("output_router_logits") and coefficient and experts):
            return None
        return cls(coefficient, experts, settings["num_experts_per_tok"])

    def counts(self, logits: Sequence[Tensor], real_N: Tensor) -> Tensor:
        """Return [experts + 1]: how often each expert was chosen, and how many tokens (times layers) there were."""
        total = torch.zeros(self.experts + 1, dtype=torch.float64, device=real_N.device)
        for logits_NE in logits:
            chosen_NK = logits_NE[real_N].topk(self.chosen, dim=-1).indices
            total[:-1] += torch.bincount(chosen_NK.flatten(), minlength=self.experts)
            total[-1] += len(chosen_NK)
        return total

    def term(self, logits: Sequence[Tensor], real_N: Tensor, counts: Tensor) -> Tensor:
        """Return these tokens' part of coefficient * the term of the step that `counts` were counted in."""
        probability_E = sum(torch.softmax(logits_NE.float(), -1)[real_N].sum(0) for logits_NE in logits)
        share_E = (counts[:-1] / counts[-1]).to(torch.float32)
        return self.coefficient * self.experts * (share_E * probability_E).sum() / counts[-1].to(torch.float32)
