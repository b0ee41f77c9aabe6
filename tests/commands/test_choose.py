"""A manifest is data: a recipe is repeated from its settings, and code is only ever that of a file that the person names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aha.codec import decode, encode
from aha.commands.arguments import CliArgs
from aha.commands.choose import choose, frame_of, recipe_of_manifest
from aha.commands.run import manifest
from aha.errors import BadInput
from aha.recipes import RECIPES, Recipe
from aha.rundir import Manifest

OWN = """
from dataclasses import dataclass, replace
from aha.recipes import zero

def recipe():
    base = zero()
    stages = dict(base.stages)
    stages["zero"] = replace(stages["zero"], samples=16)
    return replace(base, name="patient", stages=tuple(stages.items()))
"""
CODE = """
from dataclasses import dataclass, replace
from aha.recipes import zero
from aha.rewards import Rewards, RewardPart

@dataclass(frozen=True)
class Format:  # named like one of the package's own
    by: int = 1
    def __call__(self, problem, replies):
        return [float(self.by) for _ in replies]

def recipe():
    base = zero()
    stages = dict(base.stages)
    stages["zero"] = replace(stages["zero"], rewards=Rewards((RewardPart("mine", Format(by=3)),)))
    return replace(base, name="mine", stages=tuple(stages.items()))
"""


def written(recipe: str, path: Path) -> Manifest:
    """The manifest of a run of it, as another process reads it."""
    path.write_text(recipe)
    text = json.dumps(encode(manifest(choose(str(path)), ("aha", "run")), Manifest))
    found: Manifest = decode(json.loads(text), Manifest)
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_of_ours_is_rebuilt_from_its_settings_alone(name: str) -> None:
    recipe = RECIPES[name]()
    unknown = replace(_manifest_of(recipe), recipe="unheard of")
    found = recipe_of_manifest(unknown, "m.json").recipe
    assert (found.stages, found.compute, found.main) == (recipe.stages, recipe.compute, recipe.main)
    assert (found.apart, dict(found.follows)) == (recipe.apart, dict(recipe.follows))


def _manifest_of(recipe: Recipe) -> Manifest:
    from aha.rundir import Setting
    from aha.settings import flatten

    settings: dict[str, Any] = {path: Setting(value, "somebody") for path, value in flatten(recipe.tree).items()}  # type: ignore[arg-type]
    blank = Manifest(recipe.name, settings, {}, {}, None, (), "", frame=frame_of(recipe))
    found: Manifest = decode(json.loads(json.dumps(encode(blank, Manifest))), Manifest)
    return found


def test_a_recipe_file_without_code_of_its_own_is_repeated_when_the_file_is_gone(tmp_path: Path) -> None:
    found = written(OWN, tmp_path / "own.py")
    (tmp_path / "own.py").unlink()
    again = recipe_of_manifest(found, "m.json").recipe
    assert dict(again.stages)["zero"].samples == 16  # type: ignore[attr-defined]
    assert again.name == "patient" and again.change([("questions", "32")]).source("zero.questions") == "user"


def test_code_needs_its_file_even_where_ours_has_the_same_name(tmp_path: Path) -> None:
    found = written(CODE, tmp_path / "code.py")
    with pytest.raises(BadInput, match=r"setting zero\.rewards\.mine\.reward is code of the recipe file .*code\.py \(sha256 "):
        recipe_of_manifest(found, "m.json")
    again = recipe_of_manifest(found, "m.json", CliArgs(file=str(tmp_path / "code.py")))
    assert type(dict(again.recipe.stages)["zero"].rewards.parts[0].reward).__module__ == "aha_recipe_code"  # type: ignore[attr-defined]


def test_a_changed_file_is_refused_unless_it_is_meant(tmp_path: Path) -> None:
    found = written(CODE, tmp_path / "code.py")
    (tmp_path / "code.py").write_text(CODE + "\nwitness = 1\n")
    with pytest.raises(BadInput, match="give the file as it was, or --changed-recipe to take this one"):
        recipe_of_manifest(found, "m.json", CliArgs(file=str(tmp_path / "code.py")))
    again = recipe_of_manifest(found, "m.json", CliArgs(file=str(tmp_path / "code.py"), changed_file=True))
    assert again.file is not None and again.file.sha256 != found.recipe_sha256


def test_the_source_in_a_manifest_of_0_1_is_not_run(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    old = replace(written(OWN, tmp_path / "own.py"), recipe_file=None, frame=None, source=f"open({str(witness)!r}, 'w')\n{OWN}")
    with pytest.raises(BadInput, match=r"it was written by 0\.1 from its recipe file \(sha256 .*name that file with --recipe FILE"):
        recipe_of_manifest(old, "m.json")
    assert not witness.exists()


HOSTILE: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("there is no stage of the kind os.system", lambda m: m["frame"]["stages"].update(zero="os.system")),
    ("it takes one of ChainProblems", lambda m: m["settings"].update({"zero.problems": {"value": "subprocess.Popen"}})),
    ("there is no such setting", lambda m: m["settings"].update({"zero.__class__": {"value": "int"}})),
    ("there is no such setting", lambda m: m["settings"].update({"zero.problems.__init__.__globals__": {"value": 1}})),
    ("there is no such stage", lambda m: m["settings"].update({"other.seed": {"value": 1}})),
    ("cannot name a folder", lambda m: m.update(recipe="../../outside")),
    ("it takes a whole number", lambda m: m["settings"].update({"zero.questions": {"value": "__import__('os')"}})),
    ("none is there|is needed, and there is more", lambda m: m["settings"].update({"zero.seed.deeper": {"value": 1}})),
    ("a manifest cannot choose which key", lambda m: m["settings"].update({"zero.client.key_variable": {"value": "AWS_SECRET"}})),
]


@pytest.mark.parametrize(("said", "change"), HOSTILE, ids=[said for said, _ in HOSTILE])
def test_what_a_hostile_manifest_names_is_looked_up_in_a_table_and_nowhere_else(
    said: str, change: Callable[[dict[str, Any]], object], tmp_path: Path
) -> None:
    data = encode(written(OWN, tmp_path / "own.py"), Manifest)
    change(data)
    with pytest.raises(BadInput, match=said):
        recipe_of_manifest(decode(json.loads(json.dumps(data)), Manifest), "m.json")
