"""A folder is there whole or not at all, and holds nothing that could run."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from aha.durable import Disk, check_folder, folder_bytes, publish_folder, remove_folder, seal
from aha.errors import DiskTrouble


def fill(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "reference").mkdir()
    (folder / "reference/config.json").write_bytes(b"{}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    publish_folder(Disk(), tmp_path / "000001", fill)
    return tmp_path / "000001"


def test_a_published_folder_is_whole(folder: Path) -> None:
    assert check_folder(folder) == ""
    assert sorted(os.listdir(folder.parent)) == ["000001"]


def test_it_says_how_many_bytes_it_holds(folder: Path) -> None:
    assert folder_bytes(folder) == len(b"weights") + len(b"{}")


def test_every_flipped_bit_is_told_with_its_file(folder: Path) -> None:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        for at in range(len(data)):
            path.write_bytes(bytes([*data[:at], data[at] ^ 4, *data[at + 1 :]]))
            assert check_folder(folder).startswith(f"{path}: "), at
        path.write_bytes(data)


def test_a_missing_and_a_cut_file_are_told(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"weig")
    assert check_folder(folder) == f"{folder}/model.safetensors: damaged: 4 bytes, 7 were written"
    (folder / "model.safetensors").unlink()
    assert check_folder(folder) == f"{folder}/model.safetensors: missing"


def test_a_save_that_fails_leaves_the_name_free_and_nothing_beside_it(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        fill(folder)
        raise OSError(5, "Input/output error")

    with pytest.raises(DiskTrouble, match=r"000001: the device failed \(EIO\)"):
        publish_folder(Disk(), tmp_path / "000001", half)
    assert os.listdir(tmp_path) == []


def test_a_removed_folder_is_gone(folder: Path) -> None:
    remove_folder(Disk(), folder)
    assert os.listdir(folder.parent) == []


# --- strangers' files -------------------------------------------------------------------------------------------------


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "optimizer.pt", "state.pkl", "a.pth", "x.ckpt", "modeling.py", "noname"])
def test_a_pickle_bomb_is_refused_whether_listed_or_not_and_never_opened(tmp_path: Path, folder: Path, name: str) -> None:
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    (folder / name).write_bytes(bomb)
    assert check_folder(folder).startswith(f"{folder}: refused: {name!r} is none of .jinja, .json")
    (folder / "sha256.json").write_bytes(seal({"files": {name: {"size": len(bomb), "sha256": "0" * 64}}}, indent=2))
    assert "refused" in check_folder(folder)
    assert not (tmp_path / "exploded").exists()


def test_a_file_that_was_slipped_in_is_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    assert check_folder(folder) == f"{folder}/adapter_config.json: refused: sha256.json does not list it"


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd.json", "a/../../b.json", "a\\b.json", "./a.json", "a//b.json", ".."])
def test_a_name_that_leads_out_is_refused(folder: Path, name: str) -> None:
    (folder.parent / "secret.json").write_text("{}")
    (folder / "sha256.json").write_bytes(seal({"files": {name: {"size": 2, "sha256": "0" * 64}}}, indent=2))
    (folder / "model.safetensors").unlink()
    (folder / "reference/config.json").unlink()
    assert check_folder(folder) == f"{folder}: refused: {name!r} is not a path inside the folder"


@pytest.mark.parametrize("what", ["file", "folder", "pipe"])
def test_a_link_or_a_pipe_in_it_is_refused_unread(folder: Path, what: str) -> None:
    (folder.parent / "elsewhere").mkdir()
    (folder.parent / "elsewhere/a.json").write_text("{}")
    match what:
        case "file":
            (folder / "a.json").symlink_to(folder.parent / "elsewhere/a.json")
        case "folder":
            (folder / "a.json").symlink_to(folder.parent / "elsewhere")
        case "pipe":
            os.mkfifo(folder / "a.json")
    assert check_folder(folder) == f"{folder}/a.json: refused: a link or a device, not a file"


def test_a_link_in_the_place_of_the_folder_is_refused(folder: Path) -> None:
    folder.with_name("000002").symlink_to(folder)
    assert check_folder(folder.with_name("000002")) == f"{folder.with_name('000002')}: refused: a link, not a folder"


@pytest.mark.parametrize("files", [None, [], {"a.json": 3}, {"a.json": {"size": "2", "sha256": "0"}}, {"a.json": {"size": 2}}])
def test_sums_of_another_shape_are_damaged(folder: Path, files: object) -> None:
    (folder / "sha256.json").write_bytes(seal({"files": files}, indent=2))
    assert check_folder(folder) == f"{folder}/sha256.json: missing or damaged"


@pytest.mark.parametrize("name", ["optimizer.pt", "notes.md"])
def test_a_save_that_writes_what_may_not_be_there_is_a_mistake_of_ours(tmp_path: Path, name: str) -> None:
    def save(folder: Path) -> None:
        folder.joinpath(name).write_text("")

    with pytest.raises(ValueError, match="a checkpoint cannot hold it"):
        publish_folder(Disk(), tmp_path / "000001", save)
    assert not (tmp_path / "000001").exists()


def test_a_run_that_is_moved_while_it_is_saved_leaves_nothing_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)

    def fill(folder: Path) -> None:
        (tmp_path / "run").rename(tmp_path / "elsewhere")
        folder.mkdir(parents=True)  # as save_pretrained does
        (folder / "config.json").write_text("{}")
        raise FileNotFoundError(2, "gone", str(folder))

    with pytest.raises(DiskTrouble):
        publish_folder(Disk(), tmp_path / "run" / "checkpoints" / "000001", fill)
    assert not (tmp_path / "run").exists()
