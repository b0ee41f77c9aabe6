"""The fingerprint of a stage: its settings, the content of its inputs, the versions of the grader and the templates it relies on.
The content of a folder or file is one hash. A file that has not changed is read once.
A setting `@zero` means the result of the stage named zero: its last checkpoint if the setting is a model, its run directory if it is `of`
or `..._of`, else its rows, if it has any; `@zero/review` is a folder or file in its run directory."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from aha.codec import encode
from aha.durable import Disk, disk_errors, read_document, replace_file
from aha.errors import BadInput
from aha.lazy import lazy_pattern
from aha.protocols import Stage
from aha.redact import mask_setting
from aha.rundir import Record
from aha.rundir.manifest import Plain
from aha.rundir.old_names import as_before, old_path
from aha.settings import flatten, leaves, nearest, override
from aha.tasks.reading import sources_of
from aha.versions import grader_version, template_version

SUMS = "sha256.json"
MODEL = ("config.json", "generation_config.json", "special_tokens_map.json")  # these, the weights and the tokenizer decide the output
ASSETS = Path(__file__).parent.parent / "assets"
DIGEST_LENGTH = 16


class Digests:
    """The hashes of files by their size and time of change, stored in `cache_file` if one is given."""

    def __init__(self, cache_file: Path | None = None) -> None:
        self.cache_file = cache_file
        self._digests: dict[str, list[int | str]] = _read_cache(cache_file)
        self._dirty = False

    def of(self, place: Path) -> str:
        """Return the hash of a file, a run directory, a model's folder or any other folder."""
        if place.is_file():
            return self.file(place)[:DIGEST_LENGTH]
        if (place / "manifest.json").is_file() and (place / "checkpoints").is_dir():
            return _combine([("metrics", self.file(place / "metrics.jsonl")), *self._checkpoints(place)])
        names = _model(place) if (place / "config.json").is_file() else _all_files(place)
        return _combine([(str(path.relative_to(place)), self.file(path)) for path in names])

    def file(self, path: Path) -> str:
        """Return the sha256 of a file; that of an empty file if it does not exist."""
        if not path.exists():
            return hashlib.sha256().hexdigest()
        with disk_errors(path):
            status = path.stat()
            key, stamp = str(path.resolve()), [status.st_size, status.st_mtime_ns]
            if self._digests.get(key, [])[:2] != stamp:
                with path.open("rb") as file:
                    self._digests[key] = [*stamp, hashlib.file_digest(file, "sha256").hexdigest()]
                self._dirty = True
        return str(self._digests[key][2])

    def save(self) -> None:
        """Write the cache file if there are new hashes. If it is lost, the files are only read again."""
        if self.cache_file is not None and self._dirty:
            replace_file(Disk(), self.cache_file, json.dumps(self._digests, indent=0).encode())
            self._dirty = False

    def _checkpoints(self, root: Path) -> Iterator[tuple[str, str]]:
        for checkpoint in Record(root).checkpoints():
            yield str(checkpoint.rollout), self.file(checkpoint.folder / SUMS)


def outside(path: str, text: str) -> Path | None:
    """Return the file or folder outside of the graph that a setting names; None if the setting is something else (a hub's name, a server, a
    word), or a cache of a server's answers, which are asked for again if they are lost."""
    if path.rpartition(".")[2] == "cache":
        return None
    if path.rpartition(".")[2] == "model" and text == "tiny":
        return ASSETS / text
    place = Path(text).expanduser()
    looks = "://" not in text and "\n" not in text and len(text) < 1000 and ("/" in text or "." in text)
    return place if looks and place.exists() else None


def _model(folder: Path) -> list[Path]:
    """Return the files of a model; the optimizer's state and a reference beside the weights do not count."""
    weights = [path for path in folder.glob("*.safetensors") if path.stem not in ("optimizer", "reference")]
    configs = [folder / name for name in MODEL if (folder / name).is_file()]
    tokens = [path for form in ("tokenizer*", "chat_template*", "vocab*", "merges*", "*.index.json") for path in folder.glob(form)]
    return sorted({*weights, *configs, *tokens})


def _all_files(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    if not files:
        raise BadInput(f"{folder}: it is empty, so nothing follows from it; name a folder with rows or a model")
    return files


def _combine(parts: list[tuple[str, str]]) -> str:
    return hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in parts).encode()).hexdigest()[:DIGEST_LENGTH]


def _read_cache(path: Path | None) -> dict[str, list[int | str]]:
    if path is None or not path.is_file():
        return {}
    try:
        record = read_document(path)
    except BadInput:  # the cache only saves time
        return {}
    return {key: value for key, value in record.items() if isinstance(value, list) and len(value) == 3} if isinstance(record, dict) else {}


S = TypeVar("S")
FORM = lazy_pattern(r"@([A-Za-z0-9][A-Za-z0-9_.-]*)(?:/(.+))?")
ROWS = "rows"


@dataclass(frozen=True)
class Reference:
    """A reference by the setting at `path` to the result of `stage`, or to what is at `below` in its run directory."""

    path: str
    stage: str
    below: str = ""

    def place(self, root: Path) -> Path:
        """Return the file or folder in that stage's run directory `root`. BadInput if the stage has no result of the kind."""
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
    """Return the setting of a path that may end with an index into its list."""
    return path.partition("#")[0]


def texts(stage: object) -> dict[str, str]:
    """Return every text among the settings, by path; an item of a list has its index at the end of the path."""
    result = {}
    for path, leaf in leaves(stage).items():
        if isinstance(leaf.value, str):
            result[path] = leaf.value
        elif isinstance(leaf.value, Sequence):
            result.update({f"{path}#{i}": item for i, item in enumerate(leaf.value) if isinstance(item, str)})
    return result


def with_texts(stage: S, new: Mapping[str, str]) -> S:
    """Return the stage with the texts at the given paths replaced."""
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
    """Return all references of the stage to other stages."""
    matches = ((path, FORM.fullmatch(text)) for path, text in texts(stage).items())
    return [Reference(path, match[1], match[2] or "") for path, match in matches if match]


def check_order(stages: Sequence[tuple[str, Stage]]) -> None:
    """Raise BadInput if a stage refers to one that does not come before it."""
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


LENGTH = 12
RELIES = {"grader": (grader_version, ("rewards", "evals", "grading")), "template": (template_version, ("template",))}


@dataclass(frozen=True)
class Input:
    """An input named by a setting: the text `given`, the `stage` that made it (None: from outside), its `place` (relative to the store if a
    stage made it), and the `digest` of its content."""

    given: str
    stage: str | None
    place: str
    digest: str


@dataclass(frozen=True)
class Fingerprint:
    """The `settings` by path, as written; `inputs` by the path of the setting that names each; `versions` of what the stage relies on."""

    kind: str
    settings: Mapping[str, Plain]
    inputs: Mapping[str, Input]
    versions: Mapping[str, str]

    @property
    def key(self) -> str:
        """A hash that is equal if everything the result follows from is equal. The content of an input counts, not its location."""
        setting_names = {setting_of(path) for path in self.inputs}
        settings = {old_path(path): value for path, value in self.settings.items() if path not in setting_names}
        inputs = {path: source.digest for path, source in self.inputs.items()}
        record = [self.kind, sorted(settings.items()), sorted(inputs.items()), sorted(self.versions.items())]
        return hashlib.sha256(json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace")).hexdigest()[:LENGTH]

    def changes(self, before: Fingerprint) -> list[str]:
        """Return the differences from the fingerprint `before`, one line each."""
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
        """Return the fingerprint as JSON, as the stage's lineage holds it."""
        return cast(dict[str, Any], encode(self, Fingerprint))


def fingerprint_of(stage: Stage, results: Mapping[str, Path], digests: Digests, store: Path) -> tuple[Fingerprint, Stage]:
    """Return the fingerprint of the stage, and the stage with folders in place of references to other stages. `results`: the run
    directories of those stages, in the folder `store`."""
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
    return Fingerprint(kind, settings, inputs, relied_on(stage)), with_texts(stage, folders) if folders else stage


def relied_on(stage: Stage) -> dict[str, str]:
    """Return the versions the stage relies on: the grader's if its module uses rewards, evals or grading; the templates' if it uses one."""
    module = sys.modules.get(type(stage).__module__)
    origins = {_origin(value) for value in vars(module).values()} if module is not None else set()
    rooms = {origin.split(".")[1] for origin in origins if origin.startswith("aha.")}
    return {name: version() for name, (version, room_names) in RELIES.items() if rooms & set(room_names)}


def seconds(root: Path) -> float:
    """Return the seconds that a stage has worked, by the timings in its directory; without timings, the time from its start to its end."""
    seconds = sum(row.get("seconds", 0.0) + row.get("save_s", 0.0) for row in Record(root).timings())
    ends = [root / name for name in ("manifest.json", "result.json")]
    return seconds or (ends[1].stat().st_mtime - ends[0].stat().st_mtime if all(path.exists() for path in ends) else 0.0)


def _origin(value: object) -> str:
    module = getattr(value, "__module__", None) or getattr(value, "__name__", "")
    return module if isinstance(module, str) else ""


def _repr(value: Plain) -> str:
    return repr(float(value)) if isinstance(value, int) and not isinstance(value, bool) else repr(value)


def _value_text(path: str, value: Plain, within: Fingerprint) -> str:
    return "nothing" if path not in within.settings else repr(value)
