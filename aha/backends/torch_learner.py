"""The learner on torch: float32 weights of any Hugging Face causal language model, moved by AdamW, on the CPU or one CUDA device."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from transformers import PreTrainedModel

from aha.backends.causal import Causal, still
from aha.backends.checkpoint.folder import ModelFolder
from aha.backends.checkpoint.loading import Loading
from aha.backends.checkpoint.quantization import quantized
from aha.backends.hf import ModuleWeights, pick_device, torch_dtype
from aha.backends.scoring import Scoring
from aha.batch import Batch, PolicyBatch, micro_batches
from aha.durable import read_document
from aha.errors import BadInput
from aha.learning import loss_function
from aha.learning.batching import Batching
from aha.learning.correction import ratio
from aha.protocols import Adam, Compute, Head, Loss, Metrics, Outputs, Weights

OPTIMIZER, REFERENCE, STATE = "optimizer.safetensors", "reference.safetensors", "learner.json"
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class TorchLearner(Batching):
    """Implements `protocols.Learner`. Takes the model over: moves it to the device, makes it float32, turns its dropout off.

    `beside` writes what belongs to the model but is not learned (its tokenizer) into a folder that `save` fills."""

    def __init__(
        self,
        model: PreTrainedModel,
        optim: Adam,
        compute: Compute,
        *,
        reference: bool,
        head: Head = "lm",
        beside: Callable[[Path], object] | None = None,
    ) -> None:
        if method := quantized(model.config):
            raise BadInput(f"the weights are quantized by {method}: such a model can be asked and not trained; give one with plain weights")
        self.optim, self.compute, self.beside = optim, compute, beside
        self.steps, self.multiplier, self.reference_moved = 0, 1.0, False
        nn.Module.to(model, device=pick_device(compute.device), dtype=torch.float32)
        still(model, checkpointing=compute.checkpointing)
        self.policy = (Scoring if head == "score" else Causal).of(model, torch_dtype(compute.dtype))
        self.reference = self.policy.frozen() if reference and isinstance(self.policy, Causal) else None
        self.named = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.adam = _adam(self.named, optim)
        _gather_sparsely(model)

    def logprobs(self, batch: Batch, of: Literal["policy", "reference"]) -> Tensor:
        causal = self.policy if of == "policy" else self.reference
        if causal is None:
            raise BadInput("log-probabilities of the reference were asked for: this learner has none; make it with reference=True")
        logp_M = torch.zeros(batch.M)
        with torch.inference_mode():
            for indices, part in self._parts(batch):
                logp_M[_places(batch, indices)] = causal.numbers(part).cpu()
        return logp_M

    def mismatch(self, batch: PolicyBatch, rows: int) -> Metrics:
        """See the protocol."""
        part = batch.rows(list(range(0, batch.R, max(1, batch.R // rows)))[:rows])
        log_w_M = self.logprobs(part, "policy") - part.behaviour_M
        w_M = ratio(log_w_M)
        return {"mismatch_kl": (w_M - log_w_M - 1).mean().item(), "ess": (w_M.mean() ** 2 / w_M.square().mean()).item()}

    def update(self, batch: Batch, loss: Loss) -> Metrics:
        """See the protocol. Metrics are the loss's own, summed over micro-batches, and `loss`, `grad_norm`, `lr`, `skipped`."""
        total, metrics = self._gradient(batch, loss)
        rate = self._rate()
        gradients = [weight.grad for weight in self.named.values() if weight.grad is not None]
        norm = get_total_norm(gradients) if gradients else torch.tensor(0.0)
        grad_norm = norm.item()
        skipped = not (math.isfinite(total) and math.isfinite(grad_norm))
        if gradients and not skipped:
            clip_grads_with_norm_(self.named.values(), self.optim.clip, norm)
            for group in self.adam.param_groups:
                group["lr"] = rate
            self.adam.step()
            self.steps += 1
        self.adam.zero_grad(set_to_none=True)  # the memory is free while the engine samples
        return metrics | {"loss": total, "grad_norm": grad_norm, "lr": rate, "skipped": float(skipped)}

    def measure(self, batch: Batch, loss: Loss) -> Metrics:
        """See the protocol."""
        number_M = self.logprobs(batch, "policy")
        outputs = Outputs(number_M[:0], score_M=number_M) if isinstance(self.policy, Scoring) else Outputs(number_M)
        return loss_function(loss)(outputs, batch)[1]

    def set_rate(self, multiplier: float) -> None:
        """The next updates use this multiple of the learning rate, on top of warm-up: a schedule's hook."""
        self.multiplier = multiplier

    def reset_reference(self) -> None:
        """The reference becomes a copy of the policy; nothing where there is none."""
        if self.reference is None:
            return
        with torch.no_grad():
            for old, new in zip(self.reference.model.parameters(), self.policy.model.parameters(), strict=True):
                old.copy_(new)
        self.reference_moved = True

    def weights(self) -> Weights:
        return ModuleWeights(self.policy.model)

    def save(self, folder: Path) -> None:
        """See the protocol. `learner.json` holds the count of steps; what the reference is stands in a file once it was reset."""
        self.policy.model.save_pretrained(folder)
        if self.beside is not None:
            self.beside(folder)
        save_file(self._moments(), folder / OPTIMIZER)
        if self.reference is not None and self.reference_moved:
            save_file({name: weight.contiguous() for name, weight in ModuleWeights(self.reference.model)}, folder / REFERENCE)
        state = {"steps": self.steps, "multiplier": self.multiplier, "reference_moved": self.reference_moved}
        (folder / STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")

    def load(self, folder: Path) -> None:
        """See the protocol. A reference that was never reset is not in the folder: it is the model this learner was made with."""
        state: dict[str, Any] = read_document(folder / STATE)
        if self.reference_moved and not state["reference_moved"]:
            raise BadInput(f"{folder} was saved with the starting model as its reference: load it into a learner that was not yet trained")
        model = self.policy.model
        saved = Loading(ModelFolder(str(folder), folder), model.config, type(model), torch.float32, "eager").load()
        _copy(dict(ModuleWeights(saved)), model, folder)
        self._restore(load_file(folder / OPTIMIZER))
        if self.reference is not None and state["reference_moved"]:
            _copy(load_file(folder / REFERENCE), self.reference.model, folder / REFERENCE)
        self.steps, self.multiplier, self.reference_moved = state["steps"], state["multiplier"], state["reference_moved"]

    def _parts(self, batch: Batch) -> list[tuple[Tensor, Batch]]:
        """Micro-batches that train anything, with the rows they hold."""
        batch = replace(batch, packed=batch.packed and self.policy.packs)
        parts = [(indices, batch.rows(indices)) for indices in micro_batches(batch, self.compute.micro_tokens)]
        return [(indices, part) for indices, part in parts if part.M]

    def _gradient(self, batch: Batch, loss: Loss) -> tuple[float, Metrics]:
        """Leaves the gradient of the whole step in `.grad` (none where nothing is trained), and returns the loss and its metrics."""
        total, metrics = torch.zeros((), device=self.policy.device), defaultdict[str, float](float)
        compute_loss = loss_function(loss)
        for number, (_, part) in enumerate(self._parts(batch)):
            if number == 0:
                for weight in self.named.values():
                    weight.grad = torch.zeros_like(weight)
            value, seen = compute_loss(self.policy.outputs(part), part.to(self.policy.device))
            value.backward()
            total += value.detach()
            for name, number_seen in seen.items():
                metrics[name] += number_seen
        return total.item(), dict(metrics)

    def _rate(self) -> float:
        warm = min(1.0, (self.steps + 1) / self.optim.warmup_steps) if self.optim.warmup_steps else 1.0
        return self.optim.lr * warm * self.multiplier

    def _moments(self) -> dict[str, Tensor]:
        states = ((name, self.adam.state[weight]) for name, weight in self.named.items() if weight in self.adam.state)
        return {f"{name}.{moment}": state[moment] for name, state in states for moment in MOMENTS}

    def _restore(self, moments: dict[str, Tensor]) -> None:
        self.adam.state.clear()
        for name, weight in self.named.items():
            if f"{name}.step" in moments:
                self.adam.state[weight] = {moment: moments[f"{name}.{moment}"].to(weight.device) for moment in MOMENTS}


def _adam(named: dict[str, nn.Parameter], optim: Adam) -> torch.optim.AdamW:
    matrices = [weight for weight in named.values() if weight.dim() >= 2]
    others = [weight for weight in named.values() if weight.dim() < 2]
    groups = [{"params": matrices, "weight_decay": optim.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=optim.lr, betas=optim.betas, eps=optim.eps, fused=True)


def _gather_sparsely(model: PreTrainedModel) -> None:
    """The embedding's gradient names only the rows that were read and is added to what is there: no second tensor of its size."""
    embedding = model.get_input_embeddings()
    if isinstance(embedding, nn.Embedding):
        embedding.sparse = True


def _places(batch: Batch, indices: Tensor) -> Tensor:
    """Where in `batch` the trained tokens of these rows stand, row after row."""
    starts, counts = (batch.count_R.cumsum(0) - batch.count_R).tolist(), batch.count_R.tolist()
    return torch.cat([torch.arange(starts[row], starts[row] + counts[row]) for row in indices.tolist()])


def _copy(saved: dict[str, Tensor], model: nn.Module, where: Path) -> None:
    weights = dict(model.named_parameters())
    if {name: tensor.shape for name, tensor in saved.items()} != {name: weight.shape for name, weight in weights.items()}:
        raise BadInput(f"{where} holds another model's weights: names or shapes differ from this learner's; load what this run saved")
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(saved[name])
