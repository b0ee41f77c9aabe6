"""What earlier versions wrote is read under today's names."""

from __future__ import annotations

import json
from pathlib import Path

from aha.recipes.assembly import EXAMPLES, PROBLEMS, STAGES
from aha.rundir import read_manifest
from aha.rundir.old_names import NEW_NAMES


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
    kinds = {kind.__name__ for kind in (*PROBLEMS, *EXAMPLES, *STAGES.values())}
    assert set(NEW_NAMES.values()) <= kinds and not set(NEW_NAMES) & kinds
