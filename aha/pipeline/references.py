"""A setting `@zero` means what the stage named zero left behind: its last checkpoint where the setting is a model, its run directory
where it is `of` or `..._of`, else its rows, where it has any; `@zero/review` a folder or file in its run directory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from aha.errors import BadInput
from aha.protocols import Stage
from aha.rundir import Record
from aha.settings import leaves, nearest, override

S = TypeVar("S")
FORM = re.compile(r"@([A-Za-z0-9][A-Za-z0-9_.-]*)(?:/(.+))?")
ROWS = "rows"


@dataclass(frozen=True)
class Reference:
    """The setting at `path` asks for what `stage` left behind, or for what is at `below` in its run directory."""

    path: str
    stage: str
    below: str = ""

    def place(self, root: Path) -> Path:
        """Where it is in the run directory of that stage. BadInput where the stage leaves nothing of the kind."""
        name = setting_of(self.path).rpartition(".")[2]
        if not self.below and (name == "of" or name.endswith("_of")):
            return root
        checkpoints = Record(root).checkpoints()
        rows = not name.endswith("model") and (name == "data" or (root / ROWS).exists())
        if not self.below and not rows and checkpoints:
            return checkpoints[-1].folder
        part = self.below or (ROWS if rows else "checkpoints")
        if not (root / part).exists() or part == "checkpoints":
            flag = f"--{setting_of(self.path)} @{self.stage}"
            raise BadInput(f"{flag}: the stage {self.stage} leaves no {part} ({root}); name a stage that does")
        return root / part


def setting_of(path: str) -> str:
    """The setting, of a path that may end with a place in its list."""
    return path.partition("#")[0]


def texts(stage: object) -> dict[str, str]:
    """Every text among the settings, by path; those of a list have their place at the end of the path."""
    result = {}
    for path, leaf in leaves(stage).items():
        if isinstance(leaf.value, str):
            result[path] = leaf.value
        elif isinstance(leaf.value, Sequence):
            result.update({f"{path}#{i}": item for i, item in enumerate(leaf.value) if isinstance(item, str)})
    return result


def with_texts(stage: S, new: Mapping[str, str]) -> S:
    """The stage with other texts at those paths."""
    values = {path: leaf.value for path, leaf in leaves(stage).items()}
    changes: dict[str, object] = {}
    for path, text in new.items():
        at, index, place = path.partition("#")
        if index:
            items = changes.get(at, list(cast(Sequence[str], values[at])))
            changes[at] = [text if i == int(place) else item for i, item in enumerate(cast(list[str], items))]
        else:
            changes[at] = text
    return override(stage, changes.items())


def references(stage: object) -> list[Reference]:
    """All that the stage asks of others."""
    matches = ((path, FORM.fullmatch(text)) for path, text in texts(stage).items())
    return [Reference(path, match[1], match[2] or "") for path, match in matches if match]


def check_order(stages: Sequence[tuple[str, Stage]]) -> None:
    """BadInput where a stage asks for one that does not stand before it."""
    names = [name for name, _ in stages]
    for place, (name, stage) in enumerate(stages):
        for reference in references(stage):
            if reference.stage not in names[:place]:
                reason = (
                    f"it comes later than {name}"
                    if reference.stage in names
                    else f"there is no such stage{nearest(reference.stage, names)}"
                )
                raise BadInput(f"--{name}.{setting_of(reference.path)} @{reference.stage}: {reason}")
