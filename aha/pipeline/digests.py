"""What a folder or file holds, as one hash. A file that has not changed is read once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from aha.durable import Disk, read_document, replace_file, trouble
from aha.errors import BadInput
from aha.rundir import Record

SUMS = "sha256.json"
MODEL = ("config.json", "generation_config.json", "special_tokens_map.json")  # with the weights and the tokenizer, all that decides
ASSETS = Path(__file__).parent.parent / "assets"
LENGTH = 16


class Digests:
    """The hashes of files by their size and time of change, kept in the file `kept` where one is given."""

    def __init__(self, cache_file: Path | None = None) -> None:
        self.cache_file = cache_file
        self._digests: dict[str, list[int | str]] = _read_cache(cache_file)
        self._dirty = False

    def of(self, place: Path) -> str:
        """Of a file, a run directory, a model's folder or any other folder."""
        if place.is_file():
            return self.file(place)[:LENGTH]
        if (place / "manifest.json").is_file() and (place / "checkpoints").is_dir():
            return _combine([("metrics", self.file(place / "metrics.jsonl")), *self._checkpoints(place)])
        names = _model(place) if (place / "config.json").is_file() else _all_files(place)
        return _combine([(str(path.relative_to(place)), self.file(path)) for path in names])

    def file(self, path: Path) -> str:
        """The sha256; of a file that is not there, of nothing."""
        if not path.exists():
            return hashlib.sha256().hexdigest()
        with trouble(path):
            status = path.stat()
            key, stamp = str(path.resolve()), [status.st_size, status.st_mtime_ns]
            if self._digests.get(key, [])[:2] != stamp:
                with path.open("rb") as file:
                    self._digests[key] = [*stamp, hashlib.file_digest(file, "sha256").hexdigest()]
                self._dirty = True
        return str(self._digests[key][2])

    def save(self) -> None:
        """Only a help: what is lost is read again."""
        if self.cache_file is not None and self._dirty:
            replace_file(Disk(), self.cache_file, json.dumps(self._digests, indent=0).encode())
            self._dirty = False

    def _checkpoints(self, root: Path) -> Iterator[tuple[str, str]]:
        for checkpoint in Record(root).checkpoints():
            yield str(checkpoint.rollout), self.file(checkpoint.folder / SUMS)


def outside(path: str, text: str) -> Path | None:
    """The file or folder outside of the graph that a setting names; None where it is something else (a hub's name, a server, a word), or
    where answers of a server are kept, which are asked for again where they are gone."""
    if path.rpartition(".")[2] == "cache":
        return None
    if path.rpartition(".")[2] == "model" and text == "tiny":
        return ASSETS / text
    place = Path(text).expanduser()
    looks = "://" not in text and "\n" not in text and len(text) < 1000 and ("/" in text or "." in text)
    return place if looks and place.exists() else None


def _model(folder: Path) -> list[Path]:
    """The optimizer's state and a reference that stand beside the weights do not count."""
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
    return hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in parts).encode()).hexdigest()[:LENGTH]


def _read_cache(path: Path | None) -> dict[str, list[int | str]]:
    if path is None or not path.is_file():
        return {}
    try:
        record = read_document(path)
    except BadInput:  # only a help
        return {}
    return {key: value for key, value in record.items() if isinstance(value, list) and len(value) == 3} if isinstance(record, dict) else {}
