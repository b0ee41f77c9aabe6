"""A language model with a scalar head: one number for a whole conversation, read at its last token (nature B.3)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, PretrainedConfig, PreTrainedModel

from aha.backends.checkpoint.config import attention, context_of, one_class, read_config
from aha.backends.checkpoint.folder import model_folder
from aha.backends.checkpoint.loading import Loading
from aha.batch import Batch, collate_scores, micro_batches
from aha.errors import BadInput
from aha.protocols import Outputs, Tokenizer
from aha.tasks.examples import scored_tokens
from aha.types import Conversation

HEAD_CLASS, HEAD = "ForSequenceClassification", "score.weight"
LANGUAGE_HEADS = ("lm_head.weight", "lm_head.bias", "embed_out.weight")  # the weights that a fresh score head replaces


@dataclass(frozen=True)
class ScoreModel:
    """A model split at its head: score = head(hidden at the row's last token); `dtype` is the type of the products before it."""

    model: PreTrainedModel
    decoder: nn.Module
    head: nn.Linear
    dtype: torch.dtype
    packs: bool = False
    routing: None = None

    @classmethod
    def of(cls, model: PreTrainedModel, dtype: torch.dtype) -> Self:
        """Return the model's parts. BadInput if its head does not give one number per token."""
        head = getattr(model, "score", None)
        if not isinstance(head, nn.Linear) or head.out_features != 1:
            raise BadInput(f"model type {model.config.model_type} cannot score: its head is not a linear layer with one output")
        return cls(model, model.base_model, head, dtype)

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    def tensors(self, batch: Batch, *, accumulate: bool, counts: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the inputs of a loss, with gradients; `accumulate` and `counts` are ignored."""
        return (self.numbers(batch),)

    def outputs(self, tensors: tuple[Tensor, ...]) -> Outputs:
        """Return the tensors as named outputs."""
        return Outputs(torch.empty(0, device=self.device), score_M=tensors[0])

    def numbers(self, batch: Batch) -> Tensor:
        """Return [M], the score at each trained token. Padding is on the right: no token before it attends to it."""
        width = int(batch.column_M.max()) + 1
        inside_N = batch.column_N < width
        tokens_RT = torch.zeros(batch.R, width, dtype=torch.long)
        tokens_RT[batch.row_N[inside_N], batch.column_N[inside_N]] = batch.tokens_N[inside_N].long()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            hidden_RTD = self.decoder(input_ids=tokens_RT.to(self.device), use_cache=False).last_hidden_state
        place_M = (batch.row_M * width + batch.column_M).to(self.device)
        hidden_MD = cast(Tensor, hidden_RTD).flatten(0, 1).index_select(0, place_M)
        return cast(Tensor, self.head(hidden_MD.to(self.head.weight.dtype))).squeeze(1).float()


class TorchScorer:
    """Implements `protocols.Scorer` on a model saved by a learner with a score head. Calls run one at a time."""

    def __init__(self, model: PreTrainedModel, tokenizer: Tokenizer, dtype: torch.dtype, micro_tokens: int) -> None:
        self.policy, self.tokenizer, self.micro_tokens = ScoreModel.of(model, dtype), tokenizer, micro_tokens
        self._turn = threading.Lock()

    def score(self, conversations: Sequence[Conversation]) -> list[float]:
        """Return the score of each conversation; one longer than the model's context is scored by its end."""
        context = context_of(self.policy.model.config)
        rows = [scored_tokens(conversation, self.tokenizer)[-context if context else 0 :] for conversation in conversations]
        if not rows:
            return []
        batch = collate_scores(rows, [True] * len(rows))
        scores_R = torch.zeros(len(rows))
        with self._turn, torch.inference_mode():
            for indices in micro_batches(batch, self.micro_tokens):
                scores_R[indices] = self.policy.numbers(batch.rows(indices)).cpu()
        return cast("list[float]", scores_R.tolist())


def check_score_head(model: str) -> None:
    """Raise BadInput for a model that was saved without a head of one number; its weights are not read."""
    if not _is_headed(read_config(model_folder(model))):
        raise BadInput(f"model {model!r} has no score head: it was trained to generate text; give a model that a Prefer stage trained")


def _is_headed(config: PretrainedConfig) -> bool:
    return any(str(name).endswith(HEAD_CLASS) for name in config.architectures or ())


def load_score_model(model: str, device: torch.device, dtype: torch.dtype, *, fresh: bool) -> PreTrainedModel:
    """Return the model with a head of one number. `fresh`: a model without one gets a head that gives 0 to all; otherwise BadInput."""
    folder = model_folder(model)
    config = read_config(folder)
    has_head = _is_headed(config)
    if not has_head and not fresh:
        check_score_head(model)
    if has_head and config.num_labels != 1:
        raise BadInput(f"model {model!r} tells {config.num_labels} labels apart: a preference is one number")
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise BadInput(f"model {model!r} cannot have a score head: transformers has none for model type {config.model_type}")
    config.num_labels = 1
    kind = one_class(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)])
    with torch.random.fork_rng(devices=[]):
        fresh_weights, spare = ((), ()) if has_head else ((HEAD,), LANGUAGE_HEADS)
        loaded_model: Any = Loading(folder, config, kind, dtype, attention(config, kind), fresh_weights, device, spare).load()
    if not has_head and isinstance(head := getattr(loaded_model, "score", None), nn.Linear):
        nn.init.zeros_(head.weight)
    return cast(PreTrainedModel, loaded_model)
