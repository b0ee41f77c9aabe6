"""What earlier versions wrote is read under today's names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aha.pipeline.fingerprint import Fingerprint
from aha.recipes.assembly import EXAMPLES, PROBLEMS, STAGES
from aha.rundir import read_manifest
from aha.rundir.manifest import Manifest, Setting
from aha.rundir.old_names import NEW_NAMES, new_path, old_path, with_new_names
from aha.stages.probe import RewardHackingProbe
from aha.stages.steps import FinalPhase


def test_an_old_name_of_a_class_is_read_as_todays(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    settings = {"rl.problems": {"value": "Mixed", "source": "user"}}
    record: dict[str, object] = {
        "recipe": "r",
        "settings": settings,
        "seeds": {},
        "versions": {},
        "git_commit": None,
        "source": None,
        "argv": [],
        "created": "",
    }
    path.write_text(json.dumps(record))
    assert read_manifest(path).settings["rl.problems"].value == "MixedProblems"


def test_every_new_name_is_that_of_a_kind_a_manifest_may_name() -> None:
    kinds = {kind.__name__ for kind in (*PROBLEMS, *EXAMPLES, *STAGES.values(), FinalPhase, RewardHackingProbe)}
    assert set(NEW_NAMES.values()) <= kinds and not set(NEW_NAMES) & kinds


@pytest.mark.parametrize(("path", "before", "now"), [("rl.late", "Late", "FinalPhase"), ("rl.probe", "Probe", "RewardHackingProbe")])
def test_what_a_stage_may_have_is_called_as_today(path: str, before: str, now: str) -> None:
    manifest = Manifest("r1", {path: Setting(before)}, {}, {}, None, (), "")
    assert with_new_names(manifest).settings[path].value == now


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("sample.asking.budget.calls", "sample.client.budget.calls"),
        ("asking.seed", "client.seed"),
        ("rows.rewriter.patience.pause_s", "rows.rewriter.retry.pause_s"),
        ("patience.missing", "retry.missing"),
        ("rl.probe.patience", "rl.probe.patience"),
        ("doctor.patience", "doctor.patience"),
    ],
)
def test_a_setting_is_read_under_its_present_name_and_stages_keep_their_keys(before: str, now: str) -> None:
    manifest = Manifest("r1", {before: Setting(1)}, {before: 1}, {}, None, (), "")
    assert (list(with_new_names(manifest).settings), list(with_new_names(manifest).seeds)) == ([now], [now])
    assert (new_path(before), new_path(now), old_path(now)) == (now, now, before)
    kinds = [Fingerprint("k", {path: 1}, {}, {}).key for path in (before, now)]
    assert kinds[0] == kinds[1]
