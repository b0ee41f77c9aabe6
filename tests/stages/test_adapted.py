"""Stages on a model that is changed first: more positions, adapters in place of all weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig

from aha.backends.hf import load_tokenizer
from aha.backends.local_backend import LocalBackend, write_fresh
from aha.errors import BadInput
from aha.protocols import Adam, Adaptation, Compute, Learner
from aha.recipes import RECIPES
from aha.rundir import RunDir, describe
from aha.settings import flatten
from aha.stages import rl as rl_stage
from aha.stages.rl import Rl
from aha.stages.sft import Sft
from aha.types import Lora
from tests.stages.small import Watching, fresh, ran, stage

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192}
QWEN: dict[str, Any] = {"model_type": "qwen2", "sliding_window": None, "use_sliding_window": False, "rms_norm_eps": 1e-6}
# What each published base says of itself but for its widths: layers, heads and keys, positions, angles, tied or not.
STUDENTS: dict[str, dict[str, Any]] = {
    "distill-qwen-1.5b": QWEN
    | {"num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2, "max_position_embeddings": 4096}
    | {"rope_theta": 10_000, "tie_word_embeddings": True},
    "distill-qwen-7b": QWEN
    | {"num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "max_position_embeddings": 4096}
    | {"rope_theta": 10_000, "tie_word_embeddings": False},
    "distill-qwen-14b": QWEN
    | {"num_hidden_layers": 48, "num_attention_heads": 40, "num_key_value_heads": 8, "max_position_embeddings": 131_072}
    | {"rope_theta": 1_000_000, "tie_word_embeddings": False, "rms_norm_eps": 1e-5},
    "distill-qwen-32b": QWEN
    | {"num_hidden_layers": 64, "num_attention_heads": 40, "num_key_value_heads": 8, "max_position_embeddings": 131_072}
    | {"rope_theta": 1_000_000, "tie_word_embeddings": False, "rms_norm_eps": 1e-5},
    "distill-llama-8b": {"model_type": "llama", "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8}
    | {"max_position_embeddings": 131_072, "rope_theta": 500_000, "rope_scaling": LLAMA3, "tie_word_embeddings": False},
    "distill-llama-70b": {"model_type": "llama", "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8}
    | {"max_position_embeddings": 131_072, "rope_theta": 500_000, "rope_scaling": LLAMA3, "tie_word_embeddings": False},
}
LONG = 4_100  # tokens: more than Qwen2.5-Math knows


@pytest.mark.parametrize(
    ("name", "words", "layers"),
    [
        *((name, 2, 2) for name in STUDENTS),
        *(pytest.param(name, 2, shape["num_hidden_layers"], marks=pytest.mark.long) for name, shape in STUDENTS.items()),
        pytest.param("distill-qwen-1.5b", LONG, 1, marks=pytest.mark.long),
        pytest.param("distill-qwen-1.5b", LONG, 28, marks=pytest.mark.long),
    ],
)
def test_a_student_runs_as_a_preset_on_a_model_of_its_true_config(name: str, words: int, layers: int, tmp_path: Path) -> None:
    shape = {**STUDENTS[name], "num_hidden_layers": layers}
    width = 2 * int(str(shape["num_attention_heads"]))
    model = fresh(tmp_path)
    tokens = {"vocab_size": load_tokenizer(model).size, "eos_token_id": 1, "pad_token_id": 0, "bos_token_id": None}
    write_fresh({**shape, **tokens, "hidden_size": width, "intermediate_size": width}, tmp_path, seed=0)
    rows = [_row(1), _row(words)]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    recipe = RECIPES[name]()
    sft = dict(recipe.stages)["sft"]
    assert isinstance(sft, Sft) and recipe.compute == Compute()
    stage = replace(sft, model=model, data=str(data), epochs=1.0, stopping=None)
    rundir = RunDir.open(tmp_path / "run", describe("test", {}, seeds={}, argv=()))
    watching = Watching()
    try:
        stage.run(LocalBackend(replace(recipe.compute, device="cpu", threads=1)), rundir, watching)
    finally:
        rundir.close()
    assert watching.seen[-1]["skipped"] == 0.0 and watching.seen[-1]["examples"] == 2.0
    saved = AutoConfig.from_pretrained(rundir.checkpoints()[-1].folder)
    before = AutoConfig.from_pretrained(model)
    assert saved.max_position_embeddings == 131_072
    assert saved.rope_parameters == before.rope_parameters
    assert saved.num_hidden_layers == layers


def _row(words: int) -> dict[str, object]:
    answer = {"role": "assistant", "content": "3", "reasoning_content": " ".join(["1"] * words)}
    return {"id": str(words), "messages": [{"role": "user", "content": "what is 1 + 2 ?"}, answer]}


# --- positions --------------------------------------------------------------------------------------------------------


def test_more_positions_leave_every_angle_as_it_was(tmp_path: Path) -> None:
    model = fresh(tmp_path, context=32)
    plain, longer = LocalBackend(Compute(device="cpu")), LocalBackend(Compute(device="cpu")).with_adapter(Adaptation(max_positions=96))
    assert (plain.tokenizer(model).context, longer.tokenizer(model).context) == (32, 96)
    rows = [list(range(2, 30))]
    short = [learner.logprobs(learner.text_batch(rows), "policy") for learner in _learners(model, plain, longer)]
    assert torch.equal(*short)
    long = longer.learner(model, Adam(), reference=False)
    assert len(long.logprobs(long.text_batch([list(range(2, 90))]), "policy")) == 87
    with pytest.raises(BadInput, match="knows 32 positions"):
        refusing = plain.learner(model, Adam(), reference=False)
        refusing.logprobs(refusing.text_batch([list(range(2, 90))]), "policy")


def _learners(model: str, *machines: LocalBackend) -> list[Learner]:
    return [machine.learner(model, Adam(), reference=False) for machine in machines]


@pytest.mark.parametrize(
    ("settings", "positions", "words"),
    [
        ({"model_type": "gpt2", "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64}, 128, "gpt2 has no rotary positions"),
        ({"model_type": "llama", "max_position_embeddings": 64}, 32, "knows 64 already"),
        (
            {"model_type": "llama", "max_position_embeddings": 64, "rope_scaling": {"rope_type": "dynamic", "factor": 2.0}},
            128,
            r"angles of this model \(dynamic\) depend on their number",
        ),
    ],
)
def test_positions_that_cannot_be_are_refused_in_one_line(settings: dict[str, object], positions: int, words: str, tmp_path: Path) -> None:
    model = fresh(tmp_path)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    write_fresh({**size, "vocab_size": load_tokenizer(model).size, **settings}, tmp_path, seed=0)
    with pytest.raises(BadInput, match=words) as error:
        LocalBackend(Compute(device="cpu")).with_adapter(Adaptation(max_positions=positions)).tokenizer(model)
    assert "\n" not in str(error.value)


# --- adapters ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Rl:
    return replace(stage(fresh(tmp_path_factory.mktemp("fresh"))), lora=Lora(rank=2))


def test_rl_learns_an_adapter_and_goes_on_exactly(adapted: Rl, tmp_path: Path) -> None:
    whole, done = ran(adapted, tmp_path / "whole")
    with pytest.raises(Exception, match="enough was seen"):
        ran(adapted, tmp_path / "parts", Watching(stop_after=0))
    rest, again = ran(adapted, tmp_path / "parts")
    assert whole[1:] == rest and whole[-1]["corrected"] == 0.0 and whole[0]["mismatch_kl"] < 1e-6
    for file in ("model.safetensors", "adapter/adapter_model.safetensors", "optimizer.safetensors", "reference.safetensors"):
        one, other = (load_file(run.checkpoints()[-1].folder / file) for run in (done, again))
        assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one), file


def test_above_the_bound_the_ratio_is_the_learners_own(adapted: Rl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rl_stage, "MERGED_KL", -1.0)
    seen, _ = ran(adapted, tmp_path / "run")
    assert {line["corrected"] for line in seen} == {1.0}


def test_a_stage_without_adapter_is_the_machine_itself() -> None:
    machine = LocalBackend(Compute(device="cpu"))
    assert Adaptation().apply(machine) is machine
    assert flatten(stage("x"))["lora.rank"] == 0
