"""Models that hold pickles: nothing in them is ever run."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import pytest

from tests.endtoend.conftest import Warm
from tests.endtoend.world import write_recipe


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


@pytest.fixture
def mined(warm: Warm, tmp_path: Path) -> Path:
    """The model with a bomb under each name that a pickle has had in such folders."""
    folder = tmp_path / "mined"
    shutil.copytree(warm.model, folder)
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "tokenizer.pkl"):
        (folder / name).write_bytes(pickle.dumps(Bomb(str(tmp_path / "went-off"))))
    return folder


@pytest.mark.slow
def test_a_model_that_is_only_a_pickle_is_refused_in_one_line(warm: Warm, mined: Path, tmp_path: Path) -> None:
    (mined / "model.safetensors").unlink()
    command = warm.start("run", write_recipe(tmp_path / "mined.py", mined), "--out", tmp_path / "run", "--no-preflight")
    assert command.code == 2, command.said
    last = command.said.splitlines()[-1]
    assert last.startswith("aha: ") and str(mined) in last and "safetensors" in last
    assert "Traceback" not in command.said
    assert not (tmp_path / "went-off").exists()


@pytest.mark.slow
def test_pickles_beside_safetensors_are_never_opened(warm: Warm, mined: Path, tmp_path: Path) -> None:
    warm.run("run", write_recipe(tmp_path / "mined.py", mined), "--out", tmp_path / "run", "--no-preflight", "--steps", 2)
    assert not (tmp_path / "went-off").exists()
    assert {path.suffix for path in (tmp_path / "run").rglob("*") if path.is_file()}.isdisjoint({".bin", ".pt", ".pkl"})


@pytest.mark.slow
@pytest.mark.usefixtures("expected")
def test_a_pickle_put_into_a_checkpoint_makes_it_no_checkpoint(warm: Warm, even: Path, tmp_path: Path) -> None:
    words = ("run", even, "--out", tmp_path / "run", "--no-preflight")
    shutil.copytree(warm.folder / "whole", tmp_path / "run")
    newest = max((tmp_path / "run/checkpoints").iterdir())
    (newest / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(str(tmp_path / "went-off"))))
    (tmp_path / "run/result.json").unlink()
    command = warm.run(*words)
    assert "refused" in command.said and "pytorch_model.bin" in command.said
    assert not (tmp_path / "went-off").exists()
