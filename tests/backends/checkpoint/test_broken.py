"""A damaged model is never measured: whatever is wrong with its files is one line before anything is computed, and nothing of it runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from aha.backends.checkpoint.folder import ModelFolder
from aha.backends.checkpoint.weights import weight_files
from aha.backends.hf import load_config
from aha.backends.local_backend import LocalBackend
from aha.backends.torch_engine import open_engine
from aha.errors import BadInput
from aha.protocols import Compute
from tests.backends.checkpoint import loads
from tests.backends.checkpoint.damage import sound
from tests.endtoend.conftest import Warm, until

MOST_MIB = 512  # above what the process takes before
LONGEST_LINE = 600
FORMS: dict[str, dict[str, Any]] = {"whole": {}, "in shards": {"shards": 4}, "tied": {"tied": True}}


def outcomes(warm: Warm, folder: Path, every: int) -> list[dict[str, Any]]:
    """What loading each damaged copy of a sound model ended with, in a process that watches itself."""
    command = warm.start(loads.__file__, folder, every)
    until(lambda: command.over, 1800)
    assert command.code == 0, command.said[-2000:]
    assert command.said == "", "a line is all that is said"
    return [json.loads(line) for line in command.out.splitlines()]


def held_to(rows: list[dict[str, Any]]) -> None:
    """Every damage ends in one line, or the model is the same or at least one that speaks in numbers; nothing ran, and little was taken."""
    assert rows[0]["name"] == "sound" and rows[0]["finite"]
    assert [row["name"] for row in rows if "trace" in row] == []
    assert [row["name"] for row in rows[1:] if row["must"] == "refuse" and "line" not in row] == []
    assert [row["name"] for row in rows if "line" in row and ("\n" in row["line"] or len(row["line"]) > LONGEST_LINE)] == []
    assert [row["name"] for row in rows if "said" in row and not row["finite"]] == []
    assert [(row["name"], row["ran"]) for row in rows[1:] if row["ran"]] == []
    assert [(row["name"], row["MiB"]) for row in rows[1:] if row["MiB"] > MOST_MIB] == []


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of a process is read from Linux's /proc")
def test_one_damage_in_four_hundred_of_all_files_is_one_line(warm: Warm, tmp_path: Path) -> None:
    held_to(outcomes(warm, sound(tmp_path / "sound"), every=400))


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of a process is read from Linux's /proc")
@pytest.mark.parametrize("form", FORMS)
def test_every_damage_of_every_file_is_one_line(form: str, warm: Warm, tmp_path: Path) -> None:
    rows = outcomes(warm, sound(tmp_path / "sound", **FORMS[form]), every=1)
    held_to(rows)
    refused = sum("line" in row for row in rows)
    print(f"{form}: {len(rows) - 1} damages, {refused} refused, {sum(row['seconds'] for row in rows[1:]):.0f} s of processor time", end="")
    print(f", {max(row['MiB'] for row in rows[1:])} MiB at most")


def test_a_folder_without_a_model_says_where_one_is_below_it(tmp_path: Path) -> None:
    (tmp_path / "global_step_5" / "actor").mkdir(parents=True)
    (tmp_path / "global_step_5" / "actor" / "config.json").write_text("{}")
    with pytest.raises(BadInput, match=f"there is one in {tmp_path}/global_step_5/actor$"):
        load_config(str(tmp_path))


def test_of_several_checkpoints_the_last_is_named(tmp_path: Path) -> None:
    for steps in (500, 1000):
        (tmp_path / f"checkpoint-{steps}").mkdir()
        (tmp_path / f"checkpoint-{steps}" / "config.json").write_text("{}")
    with pytest.raises(BadInput, match=f"there is one in {tmp_path}/checkpoint-1000, the last of 2$"):
        load_config(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "model-00001-of-00002.safetensors",
            "is one of 1 such files: model.safetensors.index.json, which says what each holds, is missing",
        ),
        ("pytorch_model_fsdp_0/__0_0.distcp", "is a part of a trainer's own checkpoint: gather its parts"),
        ("global_step100/mp_rank_00_model_states.pt", "is a part of a trainer's own checkpoint: gather its parts"),
        ("pytorch_model.bin", "has its weights as a pickle only"),
        ("notes.txt", "has no weights: neither"),
    ],
)
def test_weights_of_another_form_are_named(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(BadInput, match=re.escape(words)):
        weight_files(ModelFolder("m", tmp_path))


def test_a_type_of_numbers_that_nobody_knows_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", "torch_dtype": "float8"}))
    with pytest.raises(BadInput, match="torch_dtype is 'float8', a type of numbers that torch does not know"):
        load_config(str(tmp_path))


def test_an_adapter_alone_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(BadInput, match="holds an adapter and no model: merge it into its base model"):
        load_config(str(tmp_path))


def test_a_mark_before_the_config_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"\xef\xbb\xbf{}")
    with pytest.raises(BadInput, match="config.json: begins with a byte order mark"):
        load_config(str(tmp_path))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda name, weight: (name, weight * 0), "every weight is 0: the model was not saved whole"),
        (lambda name, weight: (f"module.{name}", weight), "; module.lm_head.weight is there: save the model without what wraps it"),
    ],
)
def test_weights_that_were_saved_badly_are_told(change: Callable[[str, torch.Tensor], Any], words: str, tmp_path: Path) -> None:
    folder = sound(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    save_file(dict(change(*item) for item in weights.items()), folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadInput, match=words):
        open_engine(str(folder), Compute(device="cpu"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden_act": "swish2"}, r'config\.json: hidden_act is "swish2", of which no model can be made'),
        ({"rope_parameters": {"rope_type": "su", "rope_theta": 1e4}}, r'config\.json: rope_parameters\.rope_type is "su", of which'),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": None}}, r"config\.json: rope_parameters\.rope_theta is null, of which"),
        ({"quantization_config": {"quant_method": "hqq"}}, r"config\.json: the weights are quantized by 'hqq'"),
    ],
)
def test_a_configuration_of_no_model_is_told_by_its_field_before_a_row_is_read(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = Path(sound(tmp_path / "sound")) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BadInput, match=words):
        LocalBackend(Compute()).tokenizer(str(path.parent))


def test_weights_are_compared_before_a_row_is_read_and_again_when_they_change(tmp_path: Path) -> None:
    folder = Path(sound(tmp_path / "sound"))
    LocalBackend(Compute()).tokenizer(str(folder))
    file = folder / "model.safetensors"
    save_file({f"module.{name}": weight for name, weight in load_file(file).items()}, file)
    with pytest.raises(BadInput, match=r"weight .* is missing .* module\..* is there: save the model without what wraps it"):
        LocalBackend(Compute()).tokenizer(str(folder))


def test_a_quantization_that_says_nothing_is_none(tmp_path: Path) -> None:
    path = Path(sound(tmp_path / "sound")) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"quantization_config": {}}))
    LocalBackend(Compute()).engine(str(path.parent))


def test_models_that_several_threads_load_at_once_are_whole() -> None:
    """Transformers changes what holds for the whole process while it makes a model: tied weights were missing then."""
    with ThreadPoolExecutor(2) as threads:
        engines = list(threads.map(lambda _: open_engine("tiny", Compute(device="cpu", threads=1)), range(4), timeout=60))
    weights = [dict(engine.module.named_parameters()) for engine in engines]
    assert all(torch.equal(weight, weights[0][name]) for other in weights for name, weight in other.items())
