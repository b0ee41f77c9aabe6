"""A run on disk, when all goes well, and what it refuses before it begins."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from aha.errors import BadInput, DiskTrouble
from aha.rundir import Record, Retention, RunDir, Setting
from tests.faults import ForgetfulDisk
from tests.runs import GROUP, MANIFEST, saving, snapshot, train


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    run = RunDir.open(tmp_path / "run", MANIFEST, disk=ForgetfulDisk(), clock=lambda: 1000.0)
    run.resume()
    return run


def begin_again(root: Path, **changed: object) -> str:
    """What is said to a manifest that differs in this, once something was computed."""
    run = RunDir.open(root, MANIFEST)
    run.resume()
    run.commit(0, {"reward": 0.5}, {})
    run.close()
    with pytest.raises(BadInput) as error:
        RunDir.open(root, replace(MANIFEST, **changed))  # type: ignore[arg-type]
    return str(error.value)


# --- what it keeps ----------------------------------------------------------------------------------------------------


def test_what_was_committed_is_read(run: RunDir) -> None:
    run.commit(0, {"reward": 0.1, "kl": float("inf")}, {"seconds": 2.0}, [GROUP, GROUP])
    assert run.metrics() == [{"rollout": 0, "reward": 0.1, "kl": float("inf")}]
    assert run.timings() == [{"rollout": 0, "at": 1000.0, "seconds": 2.0}]
    assert run.groups(0) == [GROUP, GROUP]
    assert run.manifest() == MANIFEST


def test_the_same_groups_are_the_same_bytes(run: RunDir) -> None:
    run.commit(0, {}, {}, [GROUP])
    run.commit(1, {}, {}, [GROUP])
    first, second = (path.read_bytes() for path in sorted((run.root / "groups").iterdir()))
    assert first == second and first[:4] == first[-4:] == b"PAR1"


def test_a_rollout_without_groups_has_no_file_of_them(run: RunDir) -> None:
    run.commit(0, {"loss": 1.0}, {})
    assert list((run.root / "groups").iterdir()) == []


def test_a_checkpoint_says_where_to_go_on(run: RunDir, tmp_path: Path) -> None:
    for rollout in range(3):
        save = saving(ForgetfulDisk(), b"weights") if rollout == 1 else None
        run.commit(rollout, {"a": rollout}, {}, [GROUP], save=save, progress={"step": 16, "best": 0.1, "mode": "full"})
    run.close()
    again = RunDir.open(tmp_path / "run", MANIFEST)
    resumed = again.resume()
    again.close()
    assert resumed is not None
    assert (resumed.rollout, resumed.progress) == (1, {"step": 16, "best": 0.1, "mode": "full"})
    assert resumed.folder == tmp_path / "run/checkpoints/000001"
    assert (resumed.folder / "model.safetensors").read_bytes() == b"weights"


def test_going_on_drops_what_came_after_the_checkpoint(run: RunDir, tmp_path: Path) -> None:
    for rollout in range(4):
        run.commit(rollout, {}, {}, [GROUP], save=saving(ForgetfulDisk(), b"") if rollout == 1 else None)
    run.close()
    again = RunDir.open(tmp_path / "run", MANIFEST)
    again.resume()
    again.close()
    assert [line["rollout"] for line in again.metrics()] == [0, 1]
    assert [line["rollout"] for line in again.timings()] == [0, 1]
    assert sorted(path.name for path in (again.root / "groups").iterdir()) == ["000000.parquet", "000001.parquet"]


def test_a_run_stopped_before_its_first_checkpoint_begins_anew(run: RunDir, tmp_path: Path) -> None:
    run.commit(0, {}, {}, [GROUP])
    run.close()
    again = RunDir.open(tmp_path / "run", MANIFEST)
    assert again.resume() is None
    again.close()
    assert again.metrics() == [] and list((again.root / "groups").iterdir()) == []


@pytest.mark.parametrize(
    ("keep", "left"), [(Retention(2), [8, 9]), (Retention(1), [9]), (Retention(1, every=4), [3, 7, 9]), (Retention(20), list(range(10)))]
)
def test_the_last_n_and_every_mth_checkpoint_stay(run: RunDir, keep: Retention, left: list[int]) -> None:
    for rollout in range(10):
        run.commit(rollout, {}, {}, save=saving(ForgetfulDisk(), b""), keep=keep)
    assert [checkpoint.rollout for checkpoint in run.checkpoints()] == left


def test_keeping_none_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="count from 1"):
        Retention(0)


def test_a_rollout_cannot_be_committed_twice(run: RunDir) -> None:
    run.commit(0, {}, {})
    with pytest.raises(ValueError, match="rollout 0 is not after 0"):
        run.commit(0, {}, {})


def test_a_finished_run_says_so_and_what_it_came_to(run: RunDir) -> None:
    before = run.finished
    run.finish({"base": {"pass@1": 0.25}, "seconds": 350.0})
    assert (before, run.finished) == (False, True)
    assert Record(run.root).result == {"base": {"pass@1": 0.25}, "seconds": 350.0}
    assert json.loads((run.root / "result.json").read_text())["base"] == {"pass@1": 0.25}


# --- the clock --------------------------------------------------------------------------------------------------------


def test_a_clock_that_jumps_changes_no_byte_but_the_timings(tmp_path: Path) -> None:
    jumps = iter([1e9, 1e9 + 3600, 1e9 - 86400, 0.0])
    train(tmp_path / "steady", ForgetfulDisk(), clock=lambda: 1e9)
    train(tmp_path / "jumping", ForgetfulDisk(), clock=lambda: next(jumps))
    assert snapshot(tmp_path / "jumping") == snapshot(tmp_path / "steady")
    timings = Record(tmp_path / "jumping").timings()
    assert [(line["rollout"], line["at"]) for line in timings] == [(0, 1e9), (1, 1e9 + 3600), (2, 1e9 - 86400), (3, 0.0)]
    assert all(0 <= line["save_s"] < 60 for line in timings if "save_s" in line)


# --- whose it is ------------------------------------------------------------------------------------------------------


def test_another_recipe_is_told(tmp_path: Path) -> None:
    assert (
        begin_again(tmp_path, recipe="r1-zero") == f"{tmp_path}: it belongs to another recipe (tiny, not r1-zero); choose another directory"
    )


def test_each_setting_that_changed_is_told(tmp_path: Path) -> None:
    settings = {"tiny.lr": Setting(1e-5), "tiny.device": Setting("cpu"), "tiny.clip": Setting(None)}
    assert begin_again(tmp_path, settings=settings) == (
        f"{tmp_path}: it was begun with other settings (tiny.lr: 3e-06 -> 1e-05; tiny.clip: nothing -> None); "
        "set them back, or choose another directory"
    )


def test_a_recipe_file_that_changed_is_told(tmp_path: Path) -> None:
    assert "recipe file: nothing -> 'sha256 " in begin_again(tmp_path, source="steps = 3")


def test_who_says_a_value_and_when_it_was_begun_do_not_matter(tmp_path: Path) -> None:
    RunDir.open(tmp_path, MANIFEST).close()
    settings = {path: replace(setting, source="command line") for path, setting in MANIFEST.settings.items()}
    other = replace(MANIFEST, settings=settings, created="later", argv=("aha",), versions={"torch": "3"}, git_commit="0" * 40)
    RunDir.open(tmp_path, other).close()
    assert Record(tmp_path).manifest() == MANIFEST


def test_a_corrected_command_may_begin_in_the_same_place_while_nothing_was_computed(tmp_path: Path) -> None:
    RunDir.open(tmp_path, MANIFEST).close()
    corrected = replace(MANIFEST, settings={**MANIFEST.settings, "tiny.lr": Setting(1e-5)})
    RunDir.open(tmp_path, corrected).close()
    assert Record(tmp_path).manifest() == corrected
    with pytest.raises(BadInput, match="it belongs to another recipe"):
        RunDir.open(tmp_path, replace(MANIFEST, recipe="other"))


def test_a_setting_that_is_free_may_change(tmp_path: Path) -> None:
    RunDir.open(tmp_path, MANIFEST).close()
    other = replace(MANIFEST, settings={**MANIFEST.settings, "tiny.device": Setting("cuda")})
    run = RunDir.open(tmp_path, other, free=frozenset({"tiny.device"}))
    run.close()
    assert run.manifest() == MANIFEST  # what it was begun with stays on record


def test_a_directory_that_is_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(BadInput) as error:
        RunDir.open(tmp_path, MANIFEST)
    told = "it is not empty and holds no run ('thesis.tex' is in it); choose an empty or a new directory"
    assert str(error.value) == f"{tmp_path}: {told}"
    assert snapshot(tmp_path, but=()) == {"thesis.tex": b"mine"}


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(BadInput, match="it is a file; a run needs a directory"):
        RunDir.open(tmp_path / "run", MANIFEST)


# --- room -------------------------------------------------------------------------------------------------------------


class SmallDisk(ForgetfulDisk):
    """Has 1,000 bytes left, and says so."""

    def free(self, path: Path) -> int:
        return 1000


def test_a_run_that_will_not_fit_is_refused_with_the_bytes_it_needs(tmp_path: Path) -> None:
    with pytest.raises(DiskTrouble) as error:
        RunDir.open(tmp_path, MANIFEST, checkpoint_bytes=300, reserve_bytes=101, disk=SmallDisk())
    told = (
        "1,000 bytes are free and 1,001 are needed (three checkpoints of 300 and a reserve of 101); free some space or choose another disk"
    )
    assert str(error.value) == f"{tmp_path}: {told}"
    RunDir.open(tmp_path, MANIFEST, checkpoint_bytes=300, reserve_bytes=100, disk=SmallDisk()).close()


def test_a_stage_that_knows_its_checkpoint_may_ask_for_room(tmp_path: Path) -> None:
    run = RunDir.open(tmp_path, MANIFEST, reserve_bytes=0, disk=SmallDisk())
    run.preflight(333, 0)
    with pytest.raises(DiskTrouble, match="1,002 are needed"):
        run.preflight(334, 0)
    run.close()


def test_a_run_that_goes_on_with_other_versions_or_another_device_says_so(tmp_path: Path) -> None:
    for device, torch, notes in (
        ("cpu", "1", []),
        ("cuda", "2", [f"{tmp_path}: goes on with torch: 1 -> 2; compute.device: 'cpu' -> 'cuda': "]),
    ):
        manifest = replace(MANIFEST, versions={"torch": torch}, settings={**MANIFEST.settings, "compute.device": Setting(device)})
        run = RunDir.open(tmp_path, manifest, free=frozenset({"compute"}), reserve_bytes=0)
        run.close()
        assert [note.partition("its numbers")[0] for note in run.notes] == notes


def test_rollouts_that_are_done_again_for_want_of_a_checkpoint_are_told(tmp_path: Path) -> None:
    train(tmp_path, rollouts=3)
    shutil.rmtree(tmp_path / "checkpoints")
    assert train(tmp_path)[0] == f"{tmp_path}: there is no checkpoint; what was done, 3 of it recorded, is done again"
