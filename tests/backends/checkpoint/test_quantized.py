"""Quantized checkpoints, made up and small: read where what it takes is installed, else one line that names it; never a traceback."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import GptOssConfig, GptOssForCausalLM

from aha.backends.checkpoint.formats import METHODS
from aha.backends.hf import load_model
from aha.errors import BadInput
from tests.backends.checkpoint.damage import sound

BLOCK = 8  # rows and columns of a weight that share a scale
FOURS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0)  # what four bits of MXFP4 mean
Weights = dict[str, Tensor]


def is_linear(name: str) -> bool:
    return name.endswith("proj.weight")


def changed(folder: Path, settings: dict[str, Any], change: Callable[[str, Tensor], Weights]) -> Path:
    """The sound model with its linear weights stored otherwise, and what its configuration says of that."""
    file = sound(folder) / "model.safetensors"
    weights: Weights = {}
    for name, weight in load_file(file).items():
        weights |= change(name, weight) if is_linear(name) else {name: weight}
    save_file({name: weight.contiguous() for name, weight in weights.items()}, file, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": settings}))
    return folder


def in_blocks(weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A weight in eight bits, the scale of each block, and the numbers that both mean."""
    rows, columns = weight.shape
    parts = weight.view(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
    scales = parts.abs().amax(dim=(1, 3)).clamp(min=1e-6) / 448
    eight = (parts / scales[:, None, :, None]).to(torch.float8_e4m3fn)
    meant = eight.float() * scales[:, None, :, None]
    return eight.view(rows, columns), scales, meant.reshape(rows, columns)


def in_groups(name: str, weight: Tensor) -> Weights:
    """As GPTQ and AWQ store it: eight numbers of four bits in a word, a scale for each column of a group."""
    columns, rows = weight.shape
    stem = name.removesuffix(".weight")
    return {
        f"{stem}.qweight": torch.full((rows // 8, columns), 0x76543210, dtype=torch.int32),
        f"{stem}.qzeros": torch.zeros(1, columns // 8, dtype=torch.int32),
        f"{stem}.scales": torch.full((1, columns), 0.01, dtype=torch.float16),
        f"{stem}.g_idx": torch.zeros(rows, dtype=torch.int32),
    }


def in_bytes(name: str, weight: Tensor) -> Weights:
    """As bitsandbytes stores it: a whole number from -127 to 127, and the largest of each row."""
    largest = weight.abs().amax(dim=1)
    whole = (weight / largest[:, None] * 127).round().to(torch.int8)
    return {name: whole, f"{name.removesuffix('.weight')}.SCB": largest, f"{name}_format": torch.tensor(0, dtype=torch.uint8)}


def with_a_scale(name: str, weight: Tensor) -> Weights:
    """As compressed-tensors stores it: a whole number, and one scale for a row."""
    scale = weight.abs().amax(dim=1, keepdim=True) / 127
    return {name: (weight / scale).round().to(torch.int8), f"{name}_scale": scale}


EIGHT = {"num_bits": 8, "type": "int", "symmetric": True}
OF_ROWS, OF_TOKENS = EIGHT | {"strategy": "channel", "dynamic": False}, EIGHT | {"strategy": "token", "dynamic": True}
COMPRESSED = {
    "format": "int-quantized",
    "quantization_status": "compressed",
    "config_groups": {"group_0": {"targets": ["Linear"], "weights": OF_ROWS, "input_activations": OF_TOKENS, "output_activations": None}},
    "ignore": ["lm_head"],
}
STORED: dict[str, tuple[dict[str, Any], Callable[[str, Tensor], Weights]]] = {
    "gptq": ({"bits": 4, "group_size": -1, "desc_act": False, "sym": True}, in_groups),
    "awq": ({"bits": 4, "group_size": -1, "zero_point": True, "version": "gemm"}, in_groups),
    "bitsandbytes": ({"load_in_8bit": True}, in_bytes),
    "compressed-tensors": (COMPRESSED, with_a_scale),
}


@pytest.mark.parametrize("method", STORED)
def test_a_method_is_read_where_its_library_is_else_the_line_names_it(method: str, tmp_path: Path) -> None:
    settings, change = STORED[method]
    folder = changed(tmp_path / "model", {"quant_method": method, **settings}, change)
    lacking = [name for name in METHODS[method].packages if importlib.util.find_spec(name) is None]
    try:
        model = load_model(str(folder), torch.device("cpu"), torch.float32)
    except BadInput as refused:
        line = str(refused)
        assert "\n" not in line and str(folder) in line
        assert not lacking or lacking[0].replace("_", "-") in line
    else:
        assert not lacking
        assert model(input_ids=torch.tensor([[1, 2, 3]])).logits.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"quant_method": "hqq"}, "quantized by 'hqq'"),
        ({"quant_method": "torchao", "quant_type": "int4_weight_only"}, "quantized by 'torchao'"),
        ({"quant_method": "../../evil"}, "quantized by"),
        ({"quant_method": ["gptq"]}, "quantized by"),
        ({"quant_method": "fp8", "weight_block_size": [0, -1]}, ""),
        ({"quant_method": "fp8", "weight_block_size": "x"}, ""),
        ({"quant_method": "mxfp4"}, ""),
        ({}, ""),
        ("gptq", ""),
    ],
)
def test_a_method_that_nobody_knows_or_that_does_not_fit_is_one_line(settings: Any, words: str, tmp_path: Path) -> None:
    folder = changed(tmp_path / "model", settings, with_a_scale)
    with pytest.raises(BadInput) as refused:
        load_model(str(folder), torch.device("cpu"), torch.float32)
    assert "\n" not in str(refused.value) and words in str(refused.value) and str(folder) in str(refused.value)


def test_eight_bits_in_blocks_are_the_numbers_that_they_mean(tmp_path: Path) -> None:
    meant: Weights = {}

    def change(name: str, weight: Tensor) -> Weights:
        eight, scales, meant[name] = in_blocks(weight)
        return {name: eight, f"{name}_scale_inv": scales}

    folder = changed(tmp_path / "model", {"quant_method": "fp8", "weight_block_size": [BLOCK, BLOCK]}, change)
    model = load_model(str(folder), torch.device("cpu"), torch.float32)
    assert {name for name, _ in model.named_parameters() if is_linear(name)} == meant.keys()
    for name, weight in model.named_parameters():
        if is_linear(name):
            assert torch.equal(weight, meant[name]), name


@pytest.mark.parametrize("damage", ["a scale is left out", "a scale is not finite", "a scale has another shape"])
def test_eight_bits_with_a_damaged_scale_are_one_line(damage: str, tmp_path: Path) -> None:
    def change(name: str, weight: Tensor) -> Weights:
        eight, scales, _ = in_blocks(weight)
        if "layers.1" in name and "down" in name:
            scales = scales * float("nan") if "finite" in damage else scales[:1, :1].repeat(1, 5)
            return {name: eight} if "left" in damage else {name: eight, f"{name}_scale_inv": scales}
        return {name: eight, f"{name}_scale_inv": scales}

    folder = changed(tmp_path / "model", {"quant_method": "fp8", "weight_block_size": [BLOCK, BLOCK]}, change)
    with pytest.raises(BadInput) as refused:
        load_model(str(folder), torch.device("cpu"), torch.float32)
    assert "\n" not in str(refused.value) and str(folder) in str(refused.value)


# --- four bits -----------------------------------------------------------------------------------------------------------


def in_fours(shape: tuple[int, ...], draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Blocks of 32 numbers in four bits each, their powers of two, and the numbers that both mean, in bfloat16."""
    experts, rows, columns = shape
    codes = torch.randint(0, 16, (experts, rows, columns // 32, 32), generator=draw)
    powers = torch.randint(-6, -2, (experts, rows, columns // 32), generator=draw)
    packed = (codes[..., 0::2] | codes[..., 1::2] << 4).to(torch.uint8)
    meant = torch.tensor(FOURS)[codes] * torch.pow(2.0, powers.float())[..., None]
    return packed, (powers + 127).to(torch.uint8), meant.view(experts, rows, columns).to(torch.bfloat16)


def four_bits(folder: Path) -> tuple[Path, Weights]:
    """A small GPT-OSS whose experts are stored in MXFP4, and what their weights mean."""
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    config = GptOssConfig(**sizes, head_dim=8, vocab_size=64, num_local_experts=2, num_experts_per_tok=1, layer_types=["full_attention"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        GptOssForCausalLM(config).save_pretrained(folder)
    file, draw, meant = folder / "model.safetensors", torch.Generator().manual_seed(1), dict[str, Tensor]()
    weights = load_file(file)
    for name in [name for name in weights if name.endswith(("gate_up_proj", "down_proj"))]:
        experts, columns, rows = weights.pop(name).shape
        weights[f"{name}_blocks"], weights[f"{name}_scales"], numbers = in_fours((experts, rows, columns), draw)
        meant[name] = numbers.transpose(1, 2)
    save_file(weights, file, metadata={"format": "pt"})
    settings = {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head", "model.layers.*.self_attn", "model.layers.*.mlp.router"]}
    text = json.loads((folder / "config.json").read_text()) | {"quantization_config": settings}
    (folder / "config.json").write_text(json.dumps(text))
    return folder, meant


def test_four_bits_of_experts_are_the_numbers_that_they_mean(tmp_path: Path) -> None:
    folder, meant = four_bits(tmp_path / "model")
    model = load_model(str(folder), torch.device("cpu"), torch.float32)
    known = dict(model.named_parameters())
    assert meant
    for name, numbers in meant.items():
        assert torch.equal(known[name].to(torch.bfloat16), numbers), name


def test_four_bits_without_their_scales_are_one_line(tmp_path: Path) -> None:
    folder, _ = four_bits(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    save_file({name: weight for name, weight in weights.items() if not name.endswith("down_proj_scales")}, folder / "model.safetensors")
    with pytest.raises(BadInput) as refused:
        load_model(str(folder), torch.device("cpu"), torch.float32)
    assert "\n" not in str(refused.value) and str(folder) in str(refused.value)
