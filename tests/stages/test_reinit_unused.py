"""Words that were never read are told apart, and words that were read stay as they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from aha.backends.local_backend import LocalBackend
from aha.errors import BadInput
from aha.learning.layers import random_rows, reinit_unused_rows, typical_length, unused_rows
from aha.protocols import Compute
from aha.rundir import RunDir, describe
from aha.stages.pretrain import ReinitUnusedEmbeddings
from tests.stages.small import Watching, fresh

EMBEDDING = "model.embed_tokens.weight"
TINY = Path(__file__).parents[2] / "aha" / "assets" / "tiny"


def rows() -> torch.Tensor:
    """Thirty rows of their own, and twenty that differ by less than a thousandth."""
    return torch.cat((random_rows(30, 32, seed=1), torch.full((20, 32), 0.5) + 0.0005 * random_rows(20, 32, seed=2)))


def test_rows_that_are_the_same_as_many_others_were_never_read() -> None:
    assert unused_rows(rows()).nonzero().flatten().tolist() == list(range(30, 50))


def test_a_pair_of_equal_rows_is_no_crowd() -> None:
    assert not unused_rows(rows()[:31]).any()
    assert not unused_rows(torch.cat((rows()[:30], rows()[:1]))).any()


def test_the_shipped_base_can_tell_its_words_apart() -> None:
    embedding = load_file(TINY / "model.safetensors")[EMBEDDING].float()
    assert not unused_rows(embedding).any()
    assert typical_length(embedding) == pytest.approx(1.1, abs=0.4)


def test_a_drawn_row_is_about_one_long_and_the_same_again() -> None:
    assert random_rows(100, 96, 0).norm(dim=1).mean() == pytest.approx(1.0, abs=0.05)
    assert torch.equal(random_rows(3, 4, 7), random_rows(3, 4, 7))
    assert not torch.equal(random_rows(3, 4, 7), random_rows(3, 4, 8))


def test_a_run_of_it_is_one_checkpoint_in_which_only_unread_rows_differ(tmp_path: Path) -> None:
    narrow = tmp_path / "narrow"
    shutil.copytree(TINY, narrow)
    weights = load_file(narrow / "model.safetensors")
    weights[EMBEDDING][-100:] = weights[EMBEDDING][-1].clone()  # as if none of a hundred words had been read
    save_file(weights, narrow / "model.safetensors", metadata={"format": "pt"})
    rundir = RunDir.open(tmp_path / "run", describe("test", {}, seeds={}, argv=()))
    watching = Watching()
    ReinitUnusedEmbeddings(str(narrow)).run(LocalBackend(Compute(device="cpu")), rundir, watching)
    (made,) = rundir.checkpoints()
    before, after = (load_file(folder / "model.safetensors") for folder in (narrow, made.folder))
    assert torch.equal(before[EMBEDDING][:-100], after[EMBEDDING][:-100])
    assert not unused_rows(after[EMBEDDING].float()).any()
    assert all(torch.equal(before[name], after[name]) for name in before if name != EMBEDDING)
    assert watching.seen == [{"reinitialised": 100.0}]
    ReinitUnusedEmbeddings(str(narrow)).run(LocalBackend(Compute(device="cpu")), rundir, watching)
    assert len(watching.seen) == 1
    rundir.close()


def test_a_model_that_has_read_everything_is_left_alone(tmp_path: Path) -> None:
    folder = Path(fresh(tmp_path / "model"))
    before = (folder / "model.safetensors").read_bytes()
    assert reinit_unused_rows(folder) == 0
    assert (folder / "model.safetensors").read_bytes() == before


def test_a_folder_without_weights_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has no weights"):
        reinit_unused_rows(tmp_path)
    with pytest.raises(BadInput, match="above 0"):
        ReinitUnusedEmbeddings("tiny", strength=0)
