"""A student's base: some layers of a larger model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from aha.backends.local_backend import LocalBackend, write_fresh
from aha.errors import BadInput
from aha.learning.layers import keep_layers
from aha.protocols import Adam, Ask, Compute, Sampling
from aha.rundir import Manifest, RunDir
from aha.stages.pretrain import Shrink
from aha.tasks import vocabulary
from tests.pipeline.toys import Listening

SHAPE = {"model_type": "llama", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    built, folder = vocabulary.build(), tmp_path / "model"
    vocabulary.save(folder, 64)
    tokens = {"vocab_size": built.get_vocab_size(), "eos_token_id": built.token_to_id(vocabulary.END), "max_position_embeddings": 64}
    write_fresh({**SHAPE, **tokens}, folder, seed=0)
    return folder


def test_the_layers_that_stay_are_the_model_s_own_and_it_speaks(model: Path, tmp_path: Path) -> None:
    machine, rundir = LocalBackend(Compute(device="cpu", threads=1)), RunDir.open(tmp_path / "run", Manifest("s", {}, {}, {}, None, (), ""))
    Shrink(str(model), (0, 2)).run(machine, rundir, Listening())
    folder = rundir.checkpoints()[-1].folder
    before, after = load_file(model / "model.safetensors"), load_file(folder / "model.safetensors")
    name = "self_attn.q_proj.weight"
    assert torch.equal(after[f"model.layers.1.{name}"], before[f"model.layers.2.{name}"])
    assert len([each for each in after if each.endswith(name)]) == 2
    ((_, (said,)),) = machine.engine(str(folder)).generate([Ask((5, 6), (1,))], Sampling(max_tokens=4))
    assert 1 <= len(said.tokens) <= 4
    assert machine.learner(str(folder), Adam(), reference=False) is not None
    Shrink(str(model), (0, 2)).run(machine, rundir, Listening())  # a second time there is nothing to do
    rundir.close()


def split(folder: Path) -> None:
    """Store the weights as two ranks do: each file has some of them, and an index names them."""
    weights = load_file(folder / "model.safetensors")
    for number in range(2):
        names = sorted(weights)[number::2]
        save_file(
            {name: weights[name] for name in names}, folder / f"model-0000{number + 1}-of-00002.safetensors", metadata={"format": "pt"}
        )
    save_file({"x": torch.zeros(1)}, folder / "optimizer-00001-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").unlink()


def test_weights_that_several_ranks_wrote_are_cut_to_the_same_layers(model: Path, tmp_path: Path) -> None:
    several = Path(shutil.copytree(model, tmp_path / "several"))
    split(several)
    for folder in (model, several):
        keep_layers(folder, (2, 0))
    one, other = (load_file(folder / "model.safetensors") for folder in (model, several))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert [path.name for path in several.glob("*.safetensors*")] == ["model.safetensors"]
    LocalBackend(Compute(device="cpu", threads=1)).engine(str(several))


def test_layers_that_are_not_there_are_refused(model: Path) -> None:
    with pytest.raises(BadInput, match=r"^layers \(0, 3\): the model has 3, counted from 0 to 2$"):
        keep_layers(model, (0, 3))
    with pytest.raises(BadInput, match="each once"):
        Shrink(str(model), (1, 1))
