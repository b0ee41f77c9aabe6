"""The learner on torch: float32 weights of any Hugging Face causal language model, trained by AdamW, on one device or divided over
ranks."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from transformers import PreTrainedModel

from aha.backends.causal import Causal, still
from aha.backends.checkpoint.config import context_of
from aha.backends.checkpoint.folder import ModelFolder
from aha.backends.checkpoint.formats import quantization_method
from aha.backends.checkpoint.loading import Loading
from aha.backends.hf import ModuleWeights, micro_tokens_of, pick_device, torch_dtype
from aha.backends.mesh import ALONE, Mesh, TensorFiles, local, shard_model, write_model, write_tensors
from aha.backends.scoring import ScoreModel
from aha.backends.shares import LEAST_NATIVE_SAVING, LEAST_SAVING, BatchShare, DividedLearner, Division, Model, check_lengths, places
from aha.durable import read_document
from aha.errors import BadInput
from aha.learning import loss_function
from aha.phases import PhaseClock
from aha.protocols import Adam, Compute, Head, Loss, Metrics, Weights

OPTIMIZER, REFERENCE, STATE = "optimizer", "reference", "learner.json"
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class TorchLearner(DividedLearner):
    """Implements `protocols.Learner`. It takes the model over: moves it to the device, makes it float32, turns its dropout off.

    On a `mesh` of several devices this is one rank of a learner with divided weights, gradients and moments: every rank calls the same
    methods in the same order, each with its own share. `beside` writes the untrained parts of the model (its tokenizer) into a folder that
    `save` fills."""

    def __init__(
        self,
        model: PreTrainedModel,
        optim: Adam,
        compute: Compute,
        *,
        reference: bool,
        head: Head = "lm",
        beside: Callable[[Path], object] | None = None,
        mesh: Mesh = ALONE,
    ) -> None:
        if method := quantization_method(model.config):
            raise BadInput(f"the weights are quantized by {method}: such a model can be asked and not trained; give one with plain weights")
        self.optim, self.compute, self.beside, self.mesh, self.head = optim, compute, beside, mesh, head
        self.steps, self.multiplier, self.has_new_reference = 0, 1.0, False
        self.phases = PhaseClock()
        self._place(model)
        still(model, checkpointing=compute.checkpointing)
        dtype = torch_dtype(compute.dtype)
        self.policy = (ScoreModel if head == "score" else Causal).of(model, dtype)
        if isinstance(self.policy, Causal) and mesh.size == 1 and compute.kernels in ("auto", "compiled"):
            self.policy = self.policy.with_native_steps(recomputes=compute.checkpointing)
        self.reference = self.policy.frozen() if reference and isinstance(self.policy, Causal) else None
        self._compute_policy = shard_model(model, mesh, dtype)
        self._compute_reference = shard_model(self.reference.model, mesh, dtype) if self.reference is not None else None
        self.parameters = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.own_parameters = {
            name: weight if mesh.size == 1 else nn.Parameter(local(weight.detach())) for name, weight in self.parameters.items()
        }
        self.adam = _adam(self.parameters, self.own_parameters, optim)
        if mesh.size == 1:
            _gather_sparsely(model)

    @property
    def has_native_steps(self) -> bool:
        """True if the model learns by compiled steps."""
        return isinstance(self.policy, Causal) and self.policy.native is not None

    def _place(self, model: PreTrainedModel) -> None:
        """Move the model to the learner's device, in the type in which it learns. Weights that are parts of a mapped file are copied: the
        whole file would stay in memory beside those that change."""
        device = pick_device(self.compute.device) if self.mesh.size == 1 else torch.device("cpu")
        nn.Module.to(model, device=device, dtype=torch.float32)
        for weight in model.parameters():
            if weight.device.type == "cpu" and not weight.untyped_storage().resizable():
                weight.data = weight.detach().clone()

    @property
    def division(self) -> Division:
        """The settings that divide a batch over the ranks of this learner."""
        width = int(self.policy.model.config.get_text_config().hidden_size)
        policy = self.policy
        shares = isinstance(policy, Causal) and policy.shares_prompts
        least = LEAST_NATIVE_SAVING if self.has_native_steps else LEAST_SAVING
        division = Division(self.mesh.size, micro_tokens_of(self.compute, width), policy.packs, width, shares_prompts=shares)
        return replace(division, least_saving=least, most_tokens=micro_tokens_of(self.compute))

    @property
    def context(self) -> int | None:
        """The most tokens of a row, if the model says so."""
        return context_of(self.policy.model.config)

    def learn_shares(self, shares: Sequence[BatchShare], loss: Loss) -> list[Metrics]:
        """See `DividedLearner`: a mesh of one has one share."""
        return [self.learn(share, loss) for share in shares]

    def share_numbers(self, shares: Sequence[BatchShare], of: Model) -> list[Tensor]:
        """See `DividedLearner`."""
        return [self.numbers(share, of) for share in shares]

    def numbers(self, share: BatchShare, of: Model) -> Tensor:
        """Return the number of each trained token of this rank's share, [M] float32 on the CPU."""
        part, compute = (self.policy, self._compute_policy) if of == "policy" else (self.reference, self._compute_reference)
        if part is None or compute is None:
            raise BadInput("log-probabilities of the reference were asked for: this learner has none; make it with reference=True")
        check_lengths(share.batch, self.context)
        number_M = torch.zeros(share.batch.M if share.count else 0)
        # FSDP keeps the tensors that it gathers first, for training as well, so they must not be of inference mode.
        with self.phases.phase("logprobs_s"), torch.inference_mode() if self.mesh.size == 1 else torch.no_grad():
            for number, indices in enumerate(share.passes):
                values = compute(partial(part.numbers, share.batch.rows(indices))).cpu()
                if number < share.count:
                    number_M[places(share.batch, indices)] = values
        return number_M

    def learn(self, share: BatchShare, loss: Loss) -> Metrics:
        """Take one optimizer step together with the other ranks. Return this rank's sums of the loss's metrics, and the values equal on all
        ranks: `loss`, `grad_norm`, `lr`, `skipped`."""
        check_lengths(share.batch, self.context)
        with self.phases.phase("gradient_s"):
            total, metrics = self._gradient(share, loss)
        rate = self._rate()
        gradients = [local(weight.grad) for weight in self.parameters.values() if weight.grad is not None]
        norm = get_total_norm(gradients) if gradients else torch.tensor(0.0)
        if self.mesh.size > 1:
            total, square = self.mesh.sum([total, norm.double().square().item()])
            norm = torch.tensor(math.sqrt(square) if square >= 0 else math.nan, device=norm.device)
        grad_norm = norm.item()
        skipped = not (math.isfinite(total) and math.isfinite(grad_norm))
        if gradients and not skipped:
            with self.phases.phase("optimizer_s"):
                self._step(norm, rate)
        for weight in (*self.parameters.values(), *self.own_parameters.values()):
            weight.grad = None  # the memory is free while the engine samples
        return metrics | {"loss": total, "grad_norm": grad_norm, "lr": rate, "skipped": float(skipped)}

    def take_phases(self) -> dict[str, float]:
        """Return the seconds of each phase since the last call."""
        return self.phases.take()

    def set_rate(self, multiplier: float) -> None:
        """Multiply the learning rate of the next updates by this, on top of warm-up; schedules call it."""
        self.multiplier = multiplier

    def reset_reference(self) -> None:
        """Make the reference a copy of the policy; nothing happens without a reference."""
        if self.reference is None:
            return
        with torch.no_grad():
            for old, new in zip(self.reference.model.parameters(), self.policy.model.parameters(), strict=True):
                old.copy_(new)
        self.has_new_reference = True

    def weights(self) -> Weights:
        """See the protocol; only for a mesh of one, `whole_weights` being for several ranks."""
        return ModuleWeights(self.policy.model)

    def whole_weights(self) -> Iterator[tuple[str, Tensor | None]]:
        """Yield each name and, only on rank 0, the whole weight. Every rank must go through all of them."""
        for name, weight in self.policy.model.named_parameters():
            yield name, self.mesh.whole(local(weight.detach()), weight.shape, owner=0)

    def save(self, folder: Path) -> None:
        """See the protocol. `learner.json` holds the count of steps; the reference has a file once it was reset. Each of several ranks
        writes a file of weights and one of moments; all must be done before the folder is renamed."""
        write_model(self.policy.model, folder, self.mesh)
        if self.beside is not None and self.mesh.rank == 0:
            self.beside(folder)
        write_tensors(folder, OPTIMIZER, self._moments(), self.mesh)
        if self.reference is not None and self.has_new_reference:
            weights = {name: (local(weight.detach()), weight.shape) for name, weight in self.reference.model.named_parameters()}
            write_tensors(folder, REFERENCE, weights, self.mesh)
        if self.mesh.rank == 0:
            state = {"steps": self.steps, "multiplier": self.multiplier, "reference_moved": self.has_new_reference}
            (folder / STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")

    def load(self, folder: Path) -> None:
        """See the protocol; any number of ranks may have written it. A reference that was never reset is not in the folder: it is the model
        that this learner was made with."""
        state: dict[str, Any] = read_document(folder / STATE)
        if self.has_new_reference and not state["reference_moved"]:
            raise BadInput(f"{folder} was saved with the starting model as its reference: load it into a learner that was not yet trained")
        model = self.policy.model
        kind: Any = type(model)
        saved_model = Loading(ModelFolder(str(folder), folder), model.config, kind, torch.float32, "eager").load()
        self._copy(dict(saved_model.named_parameters()), model, folder)
        self._restore(TensorFiles(folder, OPTIMIZER))
        if self.reference is not None and state["reference_moved"]:
            self._copy(TensorFiles(folder, REFERENCE).slices(), self.reference.model, folder / REFERENCE)
        self.steps, self.multiplier, self.has_new_reference = state["steps"], state["multiplier"], state["reference_moved"]

    def _gradient(self, share: BatchShare, loss: Loss) -> tuple[float, Metrics]:
        """Leave the gradient of the whole step in `.grad` (none if nothing is trained), and return this rank's part of the loss and of its
        metrics."""
        total, metrics = torch.zeros((), device=self.policy.device), defaultdict[str, float](float)
        compute_loss, counts = loss_function(loss), self._expert_counts(share)
        if share.passes and self.mesh.size == 1:
            self._make_gradients()
        for number, indices in enumerate(share.passes):
            part = share.batch.rows(indices)
            outputs = self._compute_policy(partial(self.policy.tensors, part, accumulate=self.mesh.size == 1, counts=counts))
            if number >= share.count:  # the other ranks wait for its collectives
                outputs[0].sum().mul(0.0).backward()
                continue
            value, seen = compute_loss(self.policy.outputs(outputs), part.to(self.policy.device))
            if counts is not None:
                value, seen = value + outputs[-1], seen | {"balance": outputs[-1].item()}
            value.backward()
            total += value.detach()
            for name, number_seen in seen.items():
                metrics[name] += number_seen
        return total.item(), dict(metrics)

    def _make_gradients(self) -> None:
        """Give every weight a gradient of zeros, to which the passes add."""
        for weight in self.parameters.values():
            weight.grad = None
        if isinstance(self.policy, Causal) and self.policy.native is not None:
            self.policy.native.make_gradients()
        for weight in self.parameters.values():
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)

    def _expert_counts(self, share: BatchShare) -> Tensor | None:
        """Return the expert counts of the whole step for a mixture of experts, else None; see `Routing`."""
        if not isinstance(self.policy, Causal) or self.policy.routing is None:
            return None
        total = torch.zeros(self.policy.routing.experts + 1, dtype=torch.float64, device=self.policy.device)
        with torch.no_grad():
            for number, indices in enumerate(share.passes):
                counts = self._compute_policy(partial(self.policy.expert_counts, share.batch.rows(indices)))
                total += counts if number < share.count else 0.0
        return self.mesh.add_up(total)

    def _step(self, norm: Tensor, rate: float) -> None:
        """Update this rank's part of the weights with the clipped gradient."""
        if self.mesh.size > 1:
            for name, weight in self.parameters.items():
                self.own_parameters[name].data = local(weight.detach())
                self.own_parameters[name].grad = local(weight.grad) if weight.grad is not None else None
        clip_grads_with_norm_(self.own_parameters.values(), self.optim.clip, norm)
        for group in self.adam.param_groups:
            group["lr"] = rate
        self._move_moments(self.policy.device)
        self.adam.step()
        if self.compute.offload:
            self._move_moments(torch.device("cpu"))
        self.steps += 1

    def _rate(self) -> float:
        warm = min(1.0, (self.steps + 1) / self.optim.warmup_steps) if self.optim.warmup_steps else 1.0
        return self.optim.lr * warm * self.multiplier

    def _moments(self) -> dict[str, tuple[Tensor, torch.Size]]:
        """Return name -> this rank's part of a moment, and the shape of the whole."""
        states = (
            (name, weight.shape, self.adam.state[self.own_parameters[name]])
            for name, weight in self.parameters.items()
            if self._has_moments(name)
        )
        return {
            f"{name}.{moment}": (state[moment], shape if state[moment].dim() else torch.Size())
            for name, shape, state in states
            for moment in MOMENTS
        }

    def _has_moments(self, name: str) -> bool:
        return self.own_parameters[name] in self.adam.state

    def _move_moments(self, device: torch.device) -> None:
        for state in self.adam.state.values():
            for moment in MOMENTS[1:]:
                state[moment] = state[moment].to(device)

    def _restore(self, files: TensorFiles) -> None:
        self.adam.state.clear()
        for name, weight in self.parameters.items():
            if files.has(f"{name}.step"):
                rows = slice(None) if self.mesh.size == 1 else slice(*self.mesh.rows(weight.shape))
                state = {moment: files.read(f"{name}.{moment}", rows) for moment in MOMENTS}
                self.adam.state[self.own_parameters[name]] = {moment: value.to(weight.device) for moment, value in state.items()}

    def _copy(self, source: Mapping[str, Any], model: nn.Module, where: Path) -> None:
        """Copy this rank's rows of the saved weights (tensors, or slices of files) into the model."""
        weights = dict(model.named_parameters())
        shapes = {name: list(value.shape if isinstance(value, Tensor) else value.get_shape()) for name, value in source.items()}
        if shapes != {name: list(weight.shape) for name, weight in weights.items()}:
            raise BadInput(f"{where} holds another model's weights: names or shapes differ from this learner's; load what this run saved")
        with torch.no_grad():
            for name, weight in weights.items():
                start, stop = (0, weight.shape[0]) if self.mesh.size == 1 else self.mesh.rows(weight.shape)
                local(weight).copy_(source[name][start:stop])


def _adam(parameters: Mapping[str, nn.Parameter], own_parameters: Mapping[str, nn.Parameter], optim: Adam) -> torch.optim.AdamW:
    """Return AdamW over this rank's parts; a parameter counts as a matrix by its whole shape."""
    matrices = [own_parameters[name] for name, weight in parameters.items() if weight.dim() >= 2]
    vectors = [own_parameters[name] for name, weight in parameters.items() if weight.dim() < 2]
    groups = [{"params": matrices, "weight_decay": optim.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=optim.lr, betas=optim.betas, eps=optim.eps, fused=True)


def _gather_sparsely(model: PreTrainedModel) -> None:
    """Make the embedding's gradient sparse: it has only the rows that were read and is added in place, without a second tensor of its
    size."""
    embedding = model.get_input_embeddings()
    if isinstance(embedding, nn.Embedding):
        embedding.sparse = True
