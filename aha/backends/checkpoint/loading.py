"""The loading of a checkpoint's weights: every name, type and shape is compared first, without memory; every number is checked
afterwards."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from transformers import PretrainedConfig, PreTrainedModel

from aha.backends.checkpoint import errors_at
from aha.backends.checkpoint.config import attention, causal_class
from aha.backends.checkpoint.folder import CONFIG, INDEX, WHOLE, ModelFolder
from aha.backends.checkpoint.formats import LoadedModel, ModelClass, forget, gguf_model, prepare, quietly
from aha.backends.checkpoint.weights import PLAIN, WeightFiles
from aha.errors import BadInput

ONE_AT_A_TIME = threading.Lock()  # what transformers, and the limits here, change while a model is made holds for the whole process
NUMBERS = ("theta", "size", "heads", "layers", "dim", "eps", "factor", "embeddings")  # how names of numbers end, which may not be null
_STAMPS: set[tuple[object, ...]] = set()  # configurations with the weights beside them, as of some moment
SPARE_PARAMETERS = 4  # parameters per weight of the checkpoint: a family may store in several what others store in one
SPARE_BUFFERS = 256 << 20  # bytes of tables that a model computes for itself beyond the size of its weights


@dataclass(frozen=True)
class Loading:
    """The loading of a checkpoint into a model of class `kind`. `fresh`: weights that may be missing, and are then new. `spare`: weights
    that the checkpoint may have and the model does not."""

    folder: ModelFolder
    config: PretrainedConfig
    kind: ModelClass
    dtype: torch.dtype
    attention: str
    fresh: Collection[str] = ()
    device: torch.device = torch.device("cpu")
    spare: Collection[str] = ()

    def load(self) -> PreTrainedModel:
        """Return the model on its device. BadInput, in one line that names file and weight, if weights and configuration do not match or
        the weights are damaged. Any thread may call; they load one after another."""
        with ONE_AT_A_TIME:
            return self._from_gguf() if self.folder.gguf is not None else self._from_safetensors()

    def compare(self) -> None:
        """Raise BadInput as `load` does, as far as names, types and shapes tell."""
        with ONE_AT_A_TIME, quietly():
            files, method = WeightFiles(self.folder), prepare(self.folder, self.config)
            if method is None:
                self._compare(files)

    def _from_safetensors(self) -> PreTrainedModel:
        files, method = WeightFiles(self.folder), prepare(self.folder, self.config)
        with quietly():
            outline = self._compare(files) if method is None else None
            more = {} if method is None or method.unpacked else {"device_map": {"": self.device}}
            with errors_at(f"{self.folder.path}: cannot be loaded"), at_most(SPARE_PARAMETERS * len(files.entries) + 1_000):
                loaded_model = self._make(files.slices(), **more)
        self._agree(loaded_model, files)
        if outline is not None:
            self._check_ties(outline, loaded_model.model)
        if method is not None and method.unpacked:
            forget(loaded_model.model)
        check_finite(loaded_model.model, self._place(files))
        return self._ready(loaded_model.model)

    def _from_gguf(self) -> PreTrainedModel:
        loaded_model = gguf_model(self.folder, self.config, self.kind, self.dtype, self.attention)
        self._agree(loaded_model)
        check_finite(loaded_model.model, self._place())
        return self._ready(loaded_model.model)

    def _ready(self, model: PreTrainedModel) -> PreTrainedModel:
        model.name_or_path = model.config.name_or_path = str(self.folder.path)
        if model.device != self.device:
            nn.Module.to(model, self.device)
        return cast(PreTrainedModel, model.eval())

    def _compare(self, files: WeightFiles) -> PreTrainedModel:
        """Return the model with tensors that take no memory, after comparing names, types and shapes."""
        outlines = files.outlines()
        loaded_model = self._outline(files, outlines)
        self._agree(loaded_model, files)
        odd = {name for name, weight in files.entries.items() if weight.dtype not in PLAIN}
        if odd:  # a tensor that is not floating-point may be a mask from an old version, but not a weight
            without = self._outline(files, {name: tensor for name, tensor in outlines.items() if name not in odd})
            absent = sorted(without.missing & dict(without.model.named_parameters()).keys() - set(self.fresh))
            if absent:
                self._refuse_type(files, absent[0])
        self._check_buffers(files, loaded_model.model)
        return loaded_model.model

    def _outline(self, files: WeightFiles, outlines: dict[str, Tensor]) -> LoadedModel:
        with self._naming_shapes(files), at_most(SPARE_PARAMETERS * len(files.entries) + 1_000):
            return self._make(outlines, device_map={"": "meta"}, ignore_mismatched_sizes=True)

    def _make(self, weights: dict[str, Any], **more: Any) -> LoadedModel:
        """Make the model by transformers from given weights only: from a folder it would read an adapter's base, other files named in a
        configuration, or pickles."""
        settings: dict[str, Any] = {
            "config": self.config,
            "state_dict": weights,
            "dtype": self.dtype,
            "attn_implementation": self.attention,
            **more,
        }
        model, report = cast(Any, self.kind).from_pretrained(None, **settings, output_loading_info=True)
        return LoadedModel.of(model, report)

    def _agree(self, loaded_model: LoadedModel, files: WeightFiles | None = None) -> None:
        """Raise BadInput if the checkpoint lacks a weight, has one too many, or has one of another shape."""
        if loaded_model.mismatches:
            name, stored_shape, model_shape = loaded_model.mismatches[0]
            suffix = _and_more(len(loaded_model.mismatches))
            raise BadInput(
                f"{self._place(files, name)}: weight {name} has shape {list(stored_shape)}, and {CONFIG} wants {list(model_shape)}{suffix}"
            )
        if missing := sorted(loaded_model.missing - set(self.fresh)):
            longer = next((name for name in (files.entries if files is not None else ()) if name.endswith(f".{missing[0]}")), "")
            advice = f"; {longer} is there: save the model without what wraps it" if longer else self._other_head()
            raise BadInput(f"{self._place(files)}: weight {missing[0]} is missing{_and_more(len(missing))}; {CONFIG} asks for it{advice}")
        if surplus := sorted(loaded_model.surplus - set(self.spare)):
            kind, suffix = self.config.model_type, _and_more(len(surplus))
            raise BadInput(f"{self._place(files, surplus[0])}: weight {surplus[0]} has no place in the {kind} of {CONFIG}{suffix}")

    def _other_head(self) -> str:
        """Return a remark on a configuration that was saved with a class which writes no text: a classifier, or a model without a head."""
        names = [name for name in self.config.architectures or () if name != self.kind.__name__]
        return f", though the model was saved as {names[0]}, which writes no text: give its base model" if names else ""

    def _refuse_type(self, files: WeightFiles, name: str) -> None:
        entry = files.entries.get(name) or next(weight for weight in files.entries.values() if weight.dtype not in PLAIN)
        raise BadInput(f"{entry.file}: weight {name} is of type {entry.dtype}, and {CONFIG} names no quantization that would explain it")

    def _check_buffers(self, files: WeightFiles, model: PreTrainedModel) -> None:
        """Refuse a huge table that a model computes for itself: only the configuration gives its size, no file."""
        sizes = {name: buffer.numel() * buffer.element_size() for name, buffer in model.named_buffers()}
        if sizes and sum(sizes.values()) > SPARE_BUFFERS + 4 * files.elements:
            name = max(sizes, key=lambda key: sizes[key])
            raise BadInput(f"{self.folder.path / CONFIG}: asks for a table of {sizes[name]:,} bytes, {name}; the weights are far smaller")

    def _check_ties(self, outline: PreTrainedModel, model: PreTrainedModel) -> None:
        """Refuse two different weights that the configuration ties, which transformers would silently untie: either is wrong."""
        for name, source in cast("dict[str, str]", outline.all_tied_weights_keys).items():
            if model.get_parameter_or_buffer(name) is not model.get_parameter_or_buffer(source):
                place = self.folder.path / CONFIG
                raise BadInput(f"{place}: ties {name} to {source}, and they differ; set tie_word_embeddings to false where both are meant")

    def _place(self, files: WeightFiles | None = None, name: str = "") -> str:
        """Return the file with a weight; for an unknown weight, the list of files."""
        if self.folder.gguf is not None:
            return str(self.folder.path / self.folder.gguf)
        if files is not None and name in files.entries:
            return str(files.entries[name].file)
        return str(self.folder.path / (WHOLE if self.folder.has(WHOLE) else INDEX))

    @contextmanager
    def _naming_shapes(self, files: WeightFiles) -> Iterator[None]:
        """Name the weight of another shape if weights that are stored separately and loaded into one, such as experts, cannot be joined."""
        try:
            with errors_at(f"{self.folder.path / CONFIG}: makes no model"), self._naming_field():
                yield
        except BadInput:
            if strange := _odd_one_out(files):
                raise BadInput(
                    f"{files.entries[strange].file}: weight {strange} has shape {list(files.entries[strange].shape)}, unlike its neighbours"
                ) from None
            raise

    @contextmanager
    def _naming_field(self) -> Iterator[None]:
        """Name the field of the configuration that holds a word unknown to transformers, or that is null."""
        try:
            yield
        except (LookupError, TypeError) as error:
            value = None if isinstance(error, TypeError) else error.args[0] if error.args else ""
            fields = [] if value is None and "NoneType" not in str(error) else list(_fields(self.folder.document(CONFIG), value))
            if not fields:
                raise
            raise BadInput(f"{self.folder.path / CONFIG}: {fields[0]} is {json.dumps(value)}, of which no model can be made") from error


def _fields(settings: Mapping[str, object], value: object) -> Iterator[str]:
    """Yield the dotted names of the fields that hold a value, those of numbers by their names first."""
    for name, field in sorted(settings.items(), key=lambda item: not item[0].endswith(NUMBERS)):
        if isinstance(field, Mapping):
            yield from (f"{name}.{inner}" for inner in _fields(field, value))
        elif field == value and type(field) is type(value) and (value is not None or name.endswith(NUMBERS)):
            yield name


def check_weights(folder: ModelFolder, config: PretrainedConfig) -> None:
    """Raise BadInput if the weights that a language model's folder holds cannot be its configuration's: their names, types and shapes are
    compared, and no number is read."""
    if folder.gguf is None and any(name.endswith("ForCausalLM") for name in config.architectures or ()):
        stats = [(path, path.stat()) for path in sorted(folder.path.glob("*.safetensors*"))]
        stamp = (config.to_json_string(), *((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats))
        if stamp not in _STAMPS:
            kind = causal_class(config)
            Loading(folder, config, kind, torch.float32, attention(config, kind)).compare()
            _STAMPS.add(stamp)


def check_finite(model: PreTrainedModel, place: object) -> None:
    """Raise BadInput if a weight, or a table that the model computes for itself, holds NaN or infinity, or if no matrix holds anything but
    zeros. Each is read once and not copied."""
    matrices = zeros = 0
    for name, weight in model.named_parameters():
        if weight.is_floating_point() and weight.dtype not in PLAIN.values():
            raise BadInput(f"{place}: weight {name} stays packed in {weight.dtype}: the scale that would unpack it is missing")
        if weight.is_floating_point() and weight.numel():
            ends = torch.aminmax(weight.detach())
            if not all(part.isfinite() for part in ends):
                raise BadInput(f"{place}: weight {name} holds numbers that are not finite: the model is damaged; start from another one")
            if weight.dim() > 1:
                matrices, zeros = matrices + 1, zeros + (not any(ends))
    if matrices and zeros == matrices:
        raise BadInput(f"{place}: every weight is 0: the model was not saved whole; start from another one")
    for name, table in model.named_buffers():  # a mask may hold minus infinity
        if table.is_floating_point() and table.numel() and not torch.aminmax(table).max.isfinite():
            raise BadInput(f"{place}: {name} would have values that are not finite; {CONFIG} is damaged")


@contextmanager
def at_most(parameters: int) -> Iterator[None]:
    """Raise BadInput if a model made in this context has more parameters: layers and experts without weights in any file."""
    count = 0

    def count_parameter(module: object, name: str, parameter: object) -> None:
        nonlocal count
        count += parameter is not None
        if count > parameters:
            raise BadInput(f"{CONFIG} asks for more than {parameters:,} weights, and the checkpoint holds far fewer")

    hook = register_module_parameter_registration_hook(cast(Callable[..., None], count_parameter))
    try:
        yield
    finally:
        hook.remove()


def _odd_one_out(files: WeightFiles) -> str:
    """Return a weight whose shape differs from most others with the same name up to numbers; empty if there is none."""
    alike = defaultdict[str, list[str]](list)
    for name in files.entries:
        alike[re.sub(r"\d+", "*", name)].append(name)
    for names in alike.values():
        shapes = Counter(files.entries[name].shape for name in names)
        if len(shapes) > 1:
            return next(name for name in names if files.entries[name].shape != shapes.most_common(1)[0][0])
    return ""


def _and_more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""
