"""What a stage's result follows from: its settings, what is in its inputs, the versions of the grader and the templates it relies on."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from aha.codec import encode
from aha.pipeline.digests import Digests, outside
from aha.pipeline.references import references, setting_of, texts, with_texts
from aha.protocols import Stage
from aha.redact import mask_setting
from aha.rundir import Record
from aha.rundir.manifest import Plain
from aha.rundir.old_names import as_before
from aha.settings import flatten
from aha.tasks.reading import sources_of
from aha.versions import grader_version, template_version

LENGTH = 12
RELIES = {"grader": (grader_version, ("rewards", "evals", "grading")), "template": (template_version, ("template",))}


@dataclass(frozen=True)
class Input:
    """What a setting names: as it was `given`, the `stage` that left it (none: it comes from outside), where it is (in the store, of what a
    stage left), and what is in it."""

    given: str
    stage: str | None
    place: str
    digest: str


@dataclass(frozen=True)
class Makings:
    """`settings` by path, as they were written; `inputs` by the path of the setting that names each; `versions` of what it relies on."""

    kind: str
    settings: Mapping[str, Plain]
    inputs: Mapping[str, Input]
    versions: Mapping[str, str]

    @property
    def key(self) -> str:
        """Equal where everything that the result follows from is equal. What is in an input counts, and not where it lies."""
        setting_names = {setting_of(path) for path in self.inputs}
        settings = {path: value for path, value in self.settings.items() if path not in setting_names}
        inputs = {path: source.digest for path, source in self.inputs.items()}
        record = [self.kind, sorted(settings.items()), sorted(inputs.items()), sorted(self.versions.items())]
        return hashlib.sha256(json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace")).hexdigest()[:LENGTH]

    def changes(self, before: Makings) -> list[str]:
        """What is new since then, a line each."""
        lines = [] if self.kind == before.kind else [f"it is a {self.kind}, which was a {before.kind}"]
        for path in dict.fromkeys([*before.settings, *self.settings]):
            old, new = before.settings.get(path), self.settings.get(path)
            if _repr(old) != _repr(new):
                lines.append(f"{path}: {_value_text(path, old, before)} -> {_value_text(path, new, self)}")
        for path, source in self.inputs.items():
            earlier = before.inputs.get(path)
            if earlier is not None and earlier.digest != source.digest and earlier.given == source.given:
                lines.append(f"{setting_of(path)}: {source.given} holds something else now")
        for name, version in self.versions.items():
            if before.versions.get(name, version) != version:
                lines.append(f"the {name} is another version ({before.versions[name]} -> {version})")
        return lines

    def to_json(self) -> dict[str, Any]:
        """As it stands in the stage's lineage."""
        return cast(dict[str, Any], encode(self, Makings))


def makings(stage: Stage, results: Mapping[str, Path], digests: Digests, store: Path) -> tuple[Makings, Stage]:
    """What the stage follows from, and the stage with folders where it names other stages. `left`: the run directories of those, in
    the folder `store`."""
    references_by_path = {reference.path: reference for reference in references(stage)}
    inputs, folders = dict[str, Input](), dict[str, str]()
    for path, text in texts(stage).items():
        if path in references_by_path:
            place = references_by_path[path].place(results[references_by_path[path].stage])
            folders[path] = str(place)
            inputs[path] = Input(text, references_by_path[path].stage, str(place.relative_to(store)), digests.of(place))
        elif (place_outside := outside(setting_of(path), text)) is not None:
            inputs[path] = Input(text, None, str(place_outside), digests.of(place_outside))
        elif path.rpartition(".")[2] == "data" and "," in text:
            for source in sources_of(text):
                if (place_outside := outside(path, source.place)) is not None:
                    inputs[f"{path} {source.place}"] = Input(source.place, None, str(place_outside), digests.of(place_outside))
    settings = as_before({path: cast(Plain, mask_setting(path, value)) for path, value in flatten(stage).items()})
    kind = f"{type(stage).__module__}.{type(stage).__qualname__}"
    return Makings(kind, settings, inputs, relied_on(stage)), with_texts(stage, folders) if folders else stage


def relied_on(stage: Stage) -> dict[str, str]:
    """A stage whose module names rewards, benchmarks or graders relies on the grader, one that names a template on the templates."""
    module = sys.modules.get(type(stage).__module__)
    origins = {_origin(value) for value in vars(module).values()} if module is not None else set()
    rooms = {origin.split(".")[1] for origin in origins if origin.startswith("aha.")}
    return {name: version() for name, (version, room_names) in RELIES.items() if rooms & set(room_names)}


def seconds(root: Path) -> float:
    """How long a stage has worked, as its directory says; where it kept no time, from its beginning to its end."""
    seconds = sum(row.get("seconds", 0.0) + row.get("save_s", 0.0) for row in Record(root).timings())
    ends = [root / name for name in ("manifest.json", "result.json")]
    return seconds or (ends[1].stat().st_mtime - ends[0].stat().st_mtime if all(path.exists() for path in ends) else 0.0)


def _origin(value: object) -> str:
    module = getattr(value, "__module__", None) or getattr(value, "__name__", "")
    return module if isinstance(module, str) else ""


def _repr(value: Plain) -> str:
    return repr(float(value)) if isinstance(value, int) and not isinstance(value, bool) else repr(value)


def _value_text(path: str, value: Plain, within: Makings) -> str:
    return "nothing" if path not in within.settings else repr(value)
