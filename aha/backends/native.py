"""The steps of a model between its matrix products, compiled for this processor by the machine's own C++ compiler.

The library is built once for each source, compiler and processor, in about two seconds, and stays in the user's cache directory. Without
a compiler there is none, and PyTorch computes these steps.
"""

from __future__ import annotations

import ctypes
import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from aha.backends.cache import CachedRow, RowCache, Shapes
from aha.backends.logprobs import SliceSums
from aha.backends.straight_layers import AttentionSettings, DecoderRows, LayerWeights, LinearProduct, Norm, StraightLayers
from aha.durable.files import cache_folder, processor_abilities
from aha.errors import BadInput
from aha.sampling.draws import DrawSettings

SOURCE = Path(__file__).parent / "steps.cpp"
# Sums may be added up in any order, so that they use all lanes of a vector; infinities and NaN stay what they are.
FLAGS = ("-std=c++17", "-O3", "-march=native", "-ffast-math", "-fno-finite-math-only", "-fopenmp", "-fPIC")
TIMEOUT_S = 60.0
COMPILERS = ("c++", "g++", "clang++")
LARGEST = 256  # numbers of a head
PAGE = 16  # tokens of a page, as in the source of the steps
WIDER = 4  # pages by which the table of all rows grows
SLAB = 64  # the least number of pages whose memory is taken at once


def has_own_code(size: int) -> bool:
    """Return True if heads of `size` numbers get code of their own, which learning needs; sampling has one for all others."""
    return 0 < size <= LARGEST and size % 8 == 0


_POINTER, _INT, _FLOAT, _THREADS = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float, ctypes.c_int
_SIGNATURES: dict[str, Sequence[type]] = {
    "aha_add_norm": (_POINTER, _POINTER, _POINTER, _FLOAT, _INT, _INT, _POINTER, _THREADS),
    "aha_gate": (_POINTER, _INT, _INT, _POINTER, _THREADS),
    "aha_fill_pages": (*[_POINTER] * 2, *[_INT] * 3, *[_POINTER] * 3, *[_INT] * 6, _THREADS),
    "aha_attend": (*[_POINTER] * 5, _FLOAT, *[_POINTER] * 2, *[_INT] * 8, _FLOAT, _POINTER, _THREADS),
    "aha_softmax": (*[_POINTER] * 2, *[_INT] * 2, *[_POINTER] * 2, _THREADS),
    "aha_softmax_slice": (*[_POINTER] * 2, *[_INT] * 3, *[_POINTER] * 4, _THREADS),
    "aha_softmax_slope": (*[_POINTER] * 2, *[_INT] * 3, *[_POINTER] * 2, _THREADS),
    "aha_draw": (*[_POINTER] * 5, *[_INT] * 3, *[_POINTER] * 2, _THREADS),
    "aha_turn": (*[_POINTER] * 3, *[_INT] * 4, _FLOAT, _THREADS),
    "aha_attend_rows": (*[_POINTER] * 4, *[_INT] * 5, _FLOAT, *[_POINTER] * 2, _THREADS),
    "aha_attend_rows_backward": (*[_POINTER] * 5, *[_INT] * 5, _FLOAT, *[_POINTER] * 4, _THREADS),
    "aha_norm_backward": (*[_POINTER] * 3, _FLOAT, *[_INT] * 2, *[_POINTER] * 2, _THREADS),
    "aha_gate_backward": (*[_POINTER] * 2, *[_INT] * 2, *[_POINTER] * 2, _THREADS),
    "aha_lay_panels": (_POINTER, _INT, _INT, _POINTER, _THREADS),
    "aha_multiply": (*[_POINTER] * 3, *[_INT] * 3, _POINTER, _THREADS),
    "aha_multiply_pairs": (*[_POINTER] * 3, *[_INT] * 3, _POINTER, _THREADS),
}


class NativeSteps:
    """The compiled steps, on contiguous tensors of float32 in the processor's memory, by as many threads as PyTorch uses. `panel`: the
    outputs that a product computes at a time."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        self.panel, self._has_bfloat16 = int(library.aha_panel()), bool(library.aha_has_pairs())
        self._functions = {name: getattr(library, name) for name in _SIGNATURES}
        for name, signature in _SIGNATURES.items():
            self._functions[name].argtypes = signature
            self._functions[name].restype = None

    def multiplies(self, dtype: torch.dtype) -> bool:
        """Return True if there are products of this type, for bfloat16 by the processor's own units."""
        return dtype == torch.float32 or (dtype == torch.bfloat16 and self._has_bfloat16)

    def add_norm(self, hidden_PD: Tensor, delta_PD: Tensor | None, weight_D: Tensor, epsilon: float) -> Tensor:
        """Add `delta_PD` to `hidden_PD` in place, and return its RMSNorm."""
        out_PD = torch.empty_like(hidden_PD)
        self.call("aha_add_norm", hidden_PD, delta_PD, weight_D, epsilon, *hidden_PD.shape, out_PD)
        return out_PD

    def gate(self, gate_up_PI: Tensor) -> Tensor:
        """Return silu(gate) * up for gates and ups side by side."""
        rows, width = gate_up_PI.shape
        out_PI = gate_up_PI.new_empty(rows, width // 2)
        self.call("aha_gate", gate_up_PI, rows, width // 2, out_PI)
        return out_PI

    def softmax(self, logits_MV: Tensor, targets_M: Tensor) -> tuple[Tensor, Tensor]:
        """Turn logits into probabilities in place; return the log-probability of each target, and the entropy."""
        logp_M, entropy_M = logits_MV.new_empty(len(logits_MV)), logits_MV.new_empty(len(logits_MV))
        self.call("aha_softmax", logits_MV, targets_M.contiguous(), *logits_MV.shape, logp_M, entropy_M)
        return logp_M, entropy_M

    def add_slice(self, logits_MS: Tensor, targets_M: Tensor, first: int, sums: SliceSums) -> None:
        """See `logprobs.SoftmaxSteps`."""
        self.call(
            "aha_softmax_slice", logits_MS, targets_M, *logits_MS.shape, first, sums.top_M, sums.total_M, sums.weighted_M, sums.target_M
        )

    def slope(self, logits_MS: Tensor, targets_M: Tensor, first: int, log_total_M: Tensor, factor_M: Tensor) -> None:
        """See `logprobs.SoftmaxSteps`."""
        self.call("aha_softmax_slope", logits_MS, targets_M, *logits_MS.shape, first, log_total_M, factor_M)

    def draw(self, logits_RV: Tensor, seed_R: Tensor, position_R: Tensor, settings: DrawSettings) -> tuple[Tensor, Tensor]:
        """See `draws.DrawSteps`."""
        token_R, logp_R = torch.empty_like(seed_R), logits_RV.new_empty(len(seed_R))
        sizes = settings.temperature_B, settings.top_p_B, *logits_RV.shape, logits_RV.stride(0)
        self.call("aha_draw", logits_RV, seed_R, position_R, *sizes, token_R, logp_R)
        return token_R, logp_R

    def attend(
        self,
        states_NHS: Tensor,
        rotation: tuple[Tensor, Tensor],
        norms: tuple[Tensor, Tensor, float] | None,
        pages: Pages,
        layer: int,
        settings: AttentionSettings,
        out_NHS: Tensor,
    ) -> None:
        """Compute the attention of one token of each row into `out_NHS`, as `aha_attend` in the source describes. `states_NHS`: queries,
        keys and values as the product gives them; `norms`: the weights of the norms of queries and keys, and their epsilon."""
        query_norm, key_norm, epsilon = (norms[0], norms[1], norms[2]) if norms else (None, None, 0.0)
        sizes = (
            *pages.table_BP.shape,
            layer * pages.layer_numbers,
            out_NHS.shape[1],
            pages.heads,
            pages.size,
            settings.window or 0,
            pages.bytes,
        )
        norm_weights = query_norm, key_norm, epsilon
        self.call("aha_attend", states_NHS, *rotation, *norm_weights, pages.table_BP, pages.size_B, *sizes, settings.scale, out_NHS)

    def call(self, name: str, *arguments: Tensor | float | None) -> None:
        """Call a function of the source with the addresses of the tensors, which are contiguous, and the other arguments as they are."""
        self._functions[name](
            *(argument.data_ptr() if isinstance(argument, Tensor) else argument for argument in arguments), torch.get_num_threads()
        )


def steps_for(kernels: str, size: int) -> NativeSteps | None:
    """Return the compiled steps for heads of `size` numbers; None if there are none, or BadInput if `kernels` is "compiled"."""
    library = _library(size)
    if isinstance(library, NativeSteps):
        return library
    if kernels == "compiled":
        raise BadInput(f"compute.kernels is compiled: {library}; --compute.kernels straight needs no compiler and rounds differently")
    return None


@cache
def _library(size: int) -> NativeSteps | str:
    """Return the compiled steps, or the reason why there are none."""
    if sys.platform != "linux":
        return f"there are none for {sys.platform}"
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        return f"no C++ compiler is installed ({', '.join(COMPILERS)})"
    try:
        return NativeSteps(_build(compiler, size))
    except (OSError, RuntimeError, subprocess.SubprocessError, AttributeError) as error:
        reason = getattr(error, "stderr", b"") or str(error).encode()
        return f"{compiler} did not compile {SOURCE.name} ({(reason.decode(errors='replace').splitlines() or ['it ended'])[0][:120]})"


def _build(compiler: str, size: int) -> Path:
    """Return the path of the library, which is compiled unless it is in the cache."""
    version = subprocess.run([compiler, "--version"], capture_output=True, timeout=TIMEOUT_S, check=True).stdout
    flags = (*FLAGS, f"-DSIZES(CASE)=CASE({size})") if has_own_code(size) else FLAGS
    identity = repr((SOURCE.read_bytes(), flags, version, platform.machine(), processor_abilities()))
    path = cache_folder() / f"steps-{hashlib.sha256(identity.encode()).hexdigest()[:24]}.so"
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(prefix=".build-", dir=path.parent) as folder:
        unit, library = Path(folder, "steps.o"), Path(folder, "steps.so")
        # Linked without -fopenmp, since PyTorch brings its own OpenMP: threads of a second one would wait beside those of the first.
        for command in (
            [compiler, *flags, "-c", str(SOURCE), "-o", str(unit)],
            [compiler, "-shared", str(unit), "-o", str(library)],
        ):
            subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=True)
        library.replace(path)
    return path


class Pages:
    """Rows as lists of pages, each of 16 tokens of all layers. It implements `cache.RowStore`. Rows that were one share the full pages of
    that time; a page that is not full belongs to one row, since the next token is written into it.

    In a page lie, layer by layer and head by head, the keys [size, 16] and then the values [16, size]. `table_BP` holds the addresses of
    each row's pages, in the order of the rows; `size_B` the number of tokens of each row, with the one being added."""

    def __init__(self, steps: NativeSteps, shapes: Shapes) -> None:
        self._steps = steps
        (self.heads, self.size), self._dtype, self.bytes = shapes.keys[0], shapes.dtype, shapes.dtype.itemsize
        self.layer_numbers = 2 * self.heads * self.size * PAGE
        self._page_numbers = self.layer_numbers * len(shapes.keys)
        self._pages, self._free = list[Tensor](), list[int]()
        self._uses: list[int] = []  # the number of rows that hold each page
        self._rows: dict[int, list[int]] = {}  # the pages of each row
        self.table_BP = torch.zeros(0, 1, dtype=torch.long)
        self.size_B = torch.zeros(0, dtype=torch.long)

    @property
    def order(self) -> list[int]:
        """See the protocol."""
        return list(self._rows)

    def add(self, cache: RowCache | None, rows: Sequence[CachedRow]) -> None:
        """See the protocol."""
        before = len(self._rows)
        self._append({row.number: self._take(-(-row.size // PAGE)) for row in rows})
        if cache is None:
            return
        places_N, sizes_N = torch.tensor([row.place for row in rows]), torch.tensor([row.size for row in rows])
        table_NP = self.table_BP[before:]
        for number, layer in enumerate(cache.rows):
            assert layer.keys is not None and layer.values is not None
            keys, values = layer.keys.float(), layer.values.float()
            assert keys.stride() == values.stride() and keys.stride(-1) == 1
            sizes = *table_NP.shape, number * self.layer_numbers, self.heads, self.size, self.bytes
            self._steps.call("aha_fill_pages", keys, values, *keys.stride()[:3], places_N, sizes_N, table_NP, *sizes)

    def fork(self, copies: Mapping[int, Sequence[int]], sizes: Mapping[int, int]) -> None:
        """See the protocol."""
        new: dict[int, list[int]] = {}
        for number, others in copies.items():
            full = sizes[number] // PAGE
            shared, rest = self._rows[number][:full], self._rows[number][full:]
            for other in others:
                own = self._take(len(rest))
                for page, source in zip(own, rest, strict=True):
                    self._pages[page].copy_(self._pages[source])
                for page in shared:
                    self._uses[page] += 1
                new[other] = [*shared, *own]
        self._append(new)

    def drop(self, numbers: Set[int]) -> None:
        """See the protocol."""
        stay = [place for place, number in enumerate(self._rows) if number not in numbers]
        for number in numbers:
            for page in self._rows.pop(number):
                self._uses[page] -= 1
                if not self._uses[page]:
                    self._free.append(page)
        self.table_BP = self.table_BP[stay]

    def make_room(self, sizes: Mapping[int, int]) -> bool:
        """See the protocol."""
        rows = [(place, number) for place, number in enumerate(self._rows) if sizes[number] == len(self._rows[number]) * PAGE]
        if rows:
            new = self._take(len(rows))
            places = [len(self._rows[number]) for _, number in rows]
            self._widen(max(places) + 1)
            for (_, number), page in zip(rows, new, strict=True):
                self._rows[number].append(page)
            addresses = torch.tensor([self._pages[page].data_ptr() for page in new])
            self.table_BP[torch.tensor([place for place, _ in rows]), torch.tensor(places)] = addresses
        return False

    def begin_step(self, size_B: Tensor) -> None:
        """See the protocol."""
        self.size_B = size_B + 1

    def _append(self, rows: Mapping[int, list[int]]) -> None:
        """Add rows with their pages."""
        self._rows |= rows
        self._widen(max(map(len, rows.values()), default=0))
        width = self.table_BP.shape[1]
        addresses = [[*(self._pages[page].data_ptr() for page in pages), *[0] * (width - len(pages))] for pages in rows.values()]
        self.table_BP = torch.cat([self.table_BP, torch.tensor(addresses, dtype=torch.long).view(-1, width)])

    def _widen(self, width: int) -> None:
        if width > self.table_BP.shape[1]:
            self.table_BP = F.pad(self.table_BP, (0, width + WIDER - self.table_BP.shape[1]))

    def _take(self, count: int) -> list[int]:
        """Return free pages, each for one row."""
        if count > len(self._free):
            first = len(self._pages)
            more = max(count, SLAB, first // 4)
            self._pages += torch.empty(more, self._page_numbers, dtype=self._dtype).unbind()
            self._uses += [0] * more
            self._free += reversed(range(first, first + more))
        pages = [self._free.pop() for _ in range(count)]
        for page in pages:
            self._uses[page] = 1
        return pages


class PanelProduct:
    """A linear layer with a copy of its weights in the order in which the compiled product of few rows reads them. It takes and gives
    float32; the weights may be bfloat16. A row's numbers do not depend on the other rows. `memory`: where the copy lies."""

    def __init__(self, product: LinearProduct, steps: NativeSteps, memory: Tensor) -> None:
        weight_OD, self._steps, self._outputs = product.weight_OD, steps, len(product.weight_OD)
        self._bias_O = None if product.bias_O is None else product.bias_O.float()
        self._function = "aha_multiply" if weight_OD.dtype == torch.float32 else "aha_multiply_pairs"
        if weight_OD.dtype == torch.bfloat16 and weight_OD.shape[1] % 2:
            weight_OD = F.pad(weight_OD, (0, 1))
        units_OU = weight_OD.contiguous().view(torch.int32)
        self._panels = memory
        steps.call("aha_lay_panels", units_OU, self._outputs, units_OU.shape[1], memory)

    @staticmethod
    def units(product: LinearProduct, steps: NativeSteps, dtype: torch.dtype) -> int:
        """Return the size of the copy in `dtype`, in units of 4 bytes."""
        (outputs, inputs), together = product.weight_OD.shape, 4 // dtype.itemsize
        return -(-outputs // steps.panel) * steps.panel * -(-inputs // together)

    def __call__(self, hidden_PD: Tensor) -> Tensor:
        out_PO = hidden_PD.new_empty(len(hidden_PD), self._outputs)
        self._steps.call(self._function, hidden_PD, self._panels, self._bias_O, *hidden_PD.shape, self._outputs, out_PO)
        return out_PO


@dataclass(frozen=True)
class _PanelLayer:
    input_norm: Norm
    query_key_value: PanelProduct
    query_norm: Norm | None
    key_norm: Norm | None
    output: PanelProduct
    mlp_norm: Norm
    gate_up: PanelProduct
    down: PanelProduct

    @classmethod
    def of(cls, layer: LayerWeights, products: Sequence[PanelProduct]) -> Self:
        query_key_value, output, gate_up, down = products
        norms = layer.input_norm.exact(), layer.query_norm and layer.query_norm.exact(), layer.key_norm and layer.key_norm.exact()
        return cls(norms[0], query_key_value, *norms[1:], output, layer.mlp_norm.exact(), gate_up, down)


class NativeLayers:
    """The layers of `straight` by compiled products and steps. It holds copies of the products' weights, made by `reload`, in `dtype`; all
    else is float32."""

    def __init__(self, straight: StraightLayers, library: NativeSteps, dtype: torch.dtype) -> None:
        self._straight, self.steps, self._dtype = straight, library, dtype
        self._memory: Tensor | None = None
        self.reload()

    @staticmethod
    def fit(straight: StraightLayers) -> bool:
        """Return True if the layers are in a place and of a size of heads that the compiled steps compute."""
        return straight.embedding_VD.device.type == "cpu" and straight.size <= LARGEST

    @torch.inference_mode()
    def reload(self) -> None:
        """Copy the weights anew, all into one piece of memory, which the system has back as soon as it is free."""
        products = [product for layer in self._straight.layers for product in layer.products] + [self._straight.output]
        sizes = [PanelProduct.units(product, self.steps, self._dtype) for product in products]
        if self._memory is None:
            self._memory = torch.empty(sum(sizes), dtype=torch.int32)
        *panels, self._head = (
            PanelProduct(product.to(self._dtype), self.steps, part)
            for product, part in zip(products, self._memory.split(sizes), strict=True)
        )
        self._layers = [_PanelLayer.of(layer, panels[4 * number :][:4]) for number, layer in enumerate(self._straight.layers)]
        self._norm = self._straight.norm.exact()

    def head(self, hidden_PD: Tensor) -> Tensor:
        """Return the logits [P, V], before they are scaled or capped."""
        return self._head(hidden_PD)

    def hidden(self, token_P: Tensor, position_P: Tensor, rows: DecoderRows) -> Tensor:
        """Return the states before the head [P, D], for one token of each of P rows."""
        straight, steps = self._straight, self.steps
        assert isinstance(rows.store, Pages)
        hidden_PD, delta_PD = F.embedding(token_P, straight.embedding_VD).float(), None
        cosine_P1S, sine_P1S = straight.rotation(position_P, hidden_PD.dtype)
        rotation = cosine_P1S[:, 0].contiguous(), sine_P1S[:, 0].contiguous()
        seen_PHS = hidden_PD.new_zeros(len(token_P), straight.heads, straight.size)
        for number, layer in enumerate(self._layers):
            norm_PD = steps.add_norm(hidden_PD, delta_PD, layer.input_norm.weight_D, layer.input_norm.epsilon)
            states_PHS = layer.query_key_value(norm_PD).view(len(token_P), -1, straight.size)
            norms = _norms(layer.query_norm, layer.key_norm)
            steps.attend(states_PHS, rotation, norms, rows.store, number, rows.attention[number], seen_PHS)
            norm_PD = steps.add_norm(hidden_PD, layer.output(seen_PHS.flatten(1)), layer.mlp_norm.weight_D, layer.mlp_norm.epsilon)
            delta_PD = layer.down(steps.gate(layer.gate_up(norm_PD)))
        return steps.add_norm(hidden_PD, delta_PD, self._norm.weight_D, self._norm.epsilon)


def _norms(query_norm: Norm | None, key_norm: Norm | None) -> tuple[Tensor, Tensor, float] | None:
    return None if query_norm is None or key_norm is None else (query_norm.weight_D, key_norm.weight_D, query_norm.epsilon)
