"""The learner of low-rank adapters: the model's own weights are frozen, and a peft adapter on its linear layers learns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from aha.backends.hf import ModuleWeights, pick_device, torch_dtype
from aha.backends.mesh import TensorFiles, write_tensors
from aha.backends.shares import BatchShare, Model
from aha.backends.torch_learner import OPTIMIZER, REFERENCE, STATE, TorchLearner
from aha.durable import read_document
from aha.errors import BadInput
from aha.protocols import Adam, Compute, Weights
from aha.types import Lora

ADAPTER = "adapter"  # a folder beside the merged model, in peft's format
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
PREFIX = "base_model.model."  # peft's prefix of the names of layers
OF_LAYER, OF_ADAPTER, BASE_WEIGHT = ".base_layer.", ".default.", ".base_layer.weight"


class LoraLearner(TorchLearner):
    """Implements `protocols.Learner`. The model's own weights are frozen, linear layers in `compute.dtype`; A and B are float32.

    The reference is the model without the adapter, and from the first reset on the model with a frozen copy of it: no second model is held.
    `weights` and the model that `save` writes are merged in float32; beside the merged model `save` writes the adapter on its own."""

    def __init__(
        self,
        model: PreTrainedModel,
        optim: Adam,
        compute: Compute,
        lora: Lora,
        *,
        reference: bool,
        beside: Callable[[Path], object] | None = None,
    ) -> None:
        self.base = model.name_or_path
        self.settings = _inject(model, lora)
        self.layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, LoraLayer)}
        super().__init__(model, optim, compute, reference=False, beside=beside)
        self.compares = reference
        self.frozen: dict[str, Tensor] | None = None

    def _place(self, model: PreTrainedModel) -> None:
        """Keep frozen linear layers in the type of the products, to which each product would round them; all else in float32."""
        embedding_VD = model.get_input_embeddings().weight
        base_ids = {id(layer.get_base_layer().weight) for layer in self.layers.values()} - {id(embedding_VD)}
        for weight in model.parameters():
            dtype = torch_dtype(self.compute.dtype) if id(weight) in base_ids else torch.float32
            weight.data = weight.data.to(device=pick_device(self.compute.device), dtype=dtype)
        for module in model.modules():  # tables of positions
            for name, buffer in module.named_buffers(recurse=False):
                setattr(module, name, buffer.to(pick_device(self.compute.device)))

    def numbers(self, share: BatchShare, of: Model) -> Tensor:
        """See `TorchLearner`: the reference is the policy's own model, computing as the reference does."""
        if of == "policy" or not self.compares:
            return super().numbers(share, of)  # raises if there is no reference
        with self._as_reference():
            return super().numbers(share, "policy")

    def reset_reference(self) -> None:
        """Make the reference the model with a copy of the adapter; nothing happens without a reference."""
        if self.compares:
            self.frozen = {name: weight.detach().clone() for name, weight in self.parameters.items()}
            self.has_new_reference = True

    def weights(self) -> Weights:
        """Return whole weights under the model's own names, with the adapter merged into each in float32."""
        return _MergedWeights(self.policy.model, self.layers)

    def save(self, folder: Path) -> None:
        """See the protocol. The model in the folder is merged, and loads like any other; `adapter` holds the adapter in peft's format."""
        weights = {name: weight.float().contiguous() for name, weight in self.weights()}
        self.policy.model.save_pretrained(folder, state_dict=weights)
        if self.beside is not None:
            self.beside(folder)
        self._save_adapter(folder / ADAPTER)
        write_tensors(folder, OPTIMIZER, self._moments(), self.mesh)
        if self.frozen is not None:
            write_tensors(folder, REFERENCE, {name: (weight, weight.shape) for name, weight in self.frozen.items()}, self.mesh)
        state = {"steps": self.steps, "multiplier": self.multiplier, "reference_moved": self.has_new_reference}
        (folder / STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")

    def load(self, folder: Path) -> None:
        """See the protocol. The model's own weights remain those that this learner was made with."""
        state: dict[str, Any] = read_document(folder / STATE)
        if self.has_new_reference and not state["reference_moved"]:
            raise BadInput(f"{folder} was saved with the starting model as its reference: load it into a learner that was not yet trained")
        place = folder / ADAPTER / WEIGHTS
        if not place.is_file():
            raise BadInput(f"{place}: there is no adapter, and this learner trains one; load what a run with lora.rank saved")
        self._take(load_file(place), place)
        self._restore(TensorFiles(folder, OPTIMIZER))
        if state["reference_moved"]:
            files = TensorFiles(folder, REFERENCE)
            self.frozen = {name: files.read(name, slice(None)).to(self.policy.device) for name in self.parameters}
        self.steps, self.multiplier, self.has_new_reference = state["steps"], state["multiplier"], state["reference_moved"]

    @contextmanager
    def _as_reference(self) -> Iterator[None]:
        """Make the policy's model compute the reference in this context."""
        policy = {name: weight.data for name, weight in self.parameters.items()}
        try:
            if self.frozen is None:
                for layer in self.layers.values():
                    layer.enable_adapters(False)
            else:
                for name, weight in self.parameters.items():
                    weight.data = self.frozen[name]
            yield
        finally:
            for name, weight in self.parameters.items():
                weight.data = policy[name]
            for layer in self.layers.values():
                layer.enable_adapters(True)

    def _save_adapter(self, folder: Path) -> None:
        folder.mkdir()
        tensors = {f"{PREFIX}{name.replace(OF_ADAPTER, '.')}": weight.detach().contiguous() for name, weight in self.parameters.items()}
        save_file(tensors, folder / WEIGHTS)
        settings = {**self.settings.to_dict(), "base_model_name_or_path": self.base, "inference_mode": True}
        plain = {name: sorted(value) if isinstance(value, set) else value for name, value in settings.items()}
        (folder / CONFIG).write_text(json.dumps(plain, indent=1, default=str) + "\n", encoding="utf-8")

    def _take(self, tensors: dict[str, Tensor], where: Path) -> None:
        targets = {f"{PREFIX}{name.replace(OF_ADAPTER, '.')}": weight for name, weight in self.parameters.items()}
        if {name: tensor.shape for name, tensor in tensors.items()} != {name: weight.shape for name, weight in targets.items()}:
            raise BadInput(f"{where} holds another adapter: its layers or its rank differ from this learner's; load what this run saved")
        with torch.no_grad():
            for name, weight in targets.items():
                weight.copy_(tensors[name])


@dataclass(frozen=True)
class _MergedWeights(ModuleWeights):
    """The weights of a model with adapters, each merged into its layer when it is read."""

    layers: dict[str, Any]

    @torch.no_grad()
    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        for name, weight in self.module.named_parameters():
            layer = self.layers.get(name.removesuffix(BASE_WEIGHT)) if name.endswith(BASE_WEIGHT) else None
            if layer is not None:
                yield name.replace(OF_LAYER, "."), weight.detach().float() + layer.get_delta_weight("default").float()
            elif OF_ADAPTER not in name:
                yield name.replace(OF_LAYER, "."), weight.detach()


def _inject(model: PreTrainedModel, lora: Lora) -> LoraConfig:
    """Put adapters on the model's layers, with the same numbers every time. BadInput if it has none of those layers."""
    head = model.get_output_embeddings()
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and module is not head]
    chosen = [name for name in linear if not lora.targets or name.rpartition(".")[2] in lora.targets]
    if not chosen:
        targets, layer_names = ", ".join(lora.targets) or "none", sorted({name.rpartition(".")[2] for name in linear})
        raise BadInput(
            f"lora.targets is {targets}: no layer of this model has that name; its linear layers are {', '.join(layer_names) or 'none'}"
        )
    strange = sorted(set(lora.targets) - {name.rpartition(".")[2] for name in chosen})
    if strange:
        raise BadInput(f"lora.targets names {strange[0]}: this model has no such linear layer")
    most = max(min(model.get_parameter(f"{name}.weight").shape) for name in chosen)
    if lora.rank > most:
        raise BadInput(f"lora.rank is {lora.rank}: no matrix of this model has a rank above {most}; adapters of 8 to 64 are usual")
    alpha: Any = lora.alpha  # declared whole, and any number will do
    settings = LoraConfig(r=lora.rank, lora_alpha=alpha, target_modules=chosen, lora_dropout=0.0, bias="none", task_type="CAUSAL_LM")
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(0)
        inject_adapter_in_model(settings, model)
    return settings
