"""The files of a model, each checked to be a regular file, and the identity of the model: the hash of its weights and its tokenizer."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from codecs import BOM_UTF8
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from aha.durable import disk_errors, read_document
from aha.errors import BadInput

TINY = Path(__file__).parent.parent.parent / "assets" / "tiny"
ADAPTER, MOST_BELOW = "adapter_config.json", 100
CONFIG, GENERATION = "config.json", "generation_config.json"
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
TEXTS = ("*.json", "*.jinja", "*.txt", "*.model", "tokenizer*", "vocab*", "merges*")
LARGEST_JSON = 8 << 20  # bytes: the index of a model of 100,000 weights
LARGEST_TOKENIZER = 256 << 20
LFS = b"version https://git-lfs"


@dataclass(frozen=True)
class ModelFolder:
    """The files of a model on this machine. `name`: as the user typed it; `gguf`: the one file with the whole model, if there is such a
    file."""

    name: str
    path: Path
    gguf: str | None = None

    def has(self, name: str) -> bool:
        """Return True if an entry of this name exists, even a broken link."""
        return os.path.lexists(self.path / name)

    def file(self, name: str, most: int | None = None) -> Path:
        """Return the path of a file that is not empty. BadInput if it is missing, not a regular file, empty, unreadable, a pointer of Git
        LFS or larger than `most` bytes."""
        path = self.path / name
        try:
            if not path.is_file():  # a pipe or a device might never end
                raise BadInput(f"{path}: {self._absent(path)}")
            with path.open("rb") as file:
                begin, size = file.read(len(LFS)), os.fstat(file.fileno()).st_size
        except OSError as error:
            raise BadInput(f"{path}: cannot be read ({error.strerror or error})") from error
        if not size:
            raise BadInput(f"{path}: is empty; fetch the model again")
        if begin == LFS:
            raise BadInput(f"{path}: is a pointer of Git LFS and not the file itself; run `git lfs pull` in {self.path}")
        if most is not None and size > most:
            raise BadInput(f"{path}: has {size:,} bytes, and such a file has {most:,} at most")
        return path

    def document(self, name: str) -> dict[str, Any]:
        """Return the JSON object in a file. BadInput if it holds none."""
        path = self.file(name, LARGEST_JSON)
        value = read_document(path, LARGEST_JSON)
        if not isinstance(value, dict):
            raise BadInput(f"{path}: holds no JSON object, but {type(value).__name__}")
        with disk_errors(path), path.open("rb") as file:
            if file.read(len(BOM_UTF8)) == BOM_UTF8:
                raise BadInput(f"{path}: begins with a byte order mark, which transformers does not read: save it as UTF-8 without one")
        return value

    def _absent(self, path: Path) -> str:
        if not os.path.lexists(path):
            return "is missing"
        kind = "a link to nothing" if not path.exists() else "a folder" if path.is_dir() else stat.filemode(path.stat().st_mode)
        return f"is no file but {kind}"


def model_folder(model: str) -> ModelFolder:
    """Return the files of "tiny", of a folder, of a GGUF file or of a hub's name, which are downloaded. BadInput if there are none."""
    if model == "tiny":
        return ModelFolder(model, TINY)
    path = Path(model).expanduser()
    try:
        if path.is_dir():
            return _local(model, path)
        if path.is_file():
            return _single(model, path)
    except OSError as error:
        raise BadInput(f"model {model!r} cannot be read ({error.strerror})") from error
    if model.startswith(("/", ".", "~")) or model.count("/") > 1:
        raise BadInput(f"model {model!r}: there is no such folder; give a folder with a Hugging Face model, or a hub name")
    return ModelFolder(model, fetch(model))


def _local(model: str, path: Path) -> ModelFolder:
    folder = ModelFolder(model, path)
    if folder.has(CONFIG):
        return folder
    alone = sorted(file.name for file in path.glob("*.gguf"))
    if len(alone) > 1:
        raise BadInput(f"{path} has no config.json and {len(alone)} GGUF files: name the one that is meant, as {path / alone[0]}")
    if alone:
        return ModelFolder(model, path, alone[0])
    if folder.has(ADAPTER):
        raise BadInput(f"{path} holds an adapter and no model: merge it into its base model (merge_and_unload in peft), and give that")
    below = sorted(config.parent for depth in range(1, 4) for config in islice(path.glob("/".join(["*"] * depth + [CONFIG])), MOST_BELOW))
    last = max(below, key=_by_number, default=None)
    more = f", the last of {len(below)}" if len(below) > 1 else ""
    advice = "; give a folder that save_pretrained wrote" if last is None else f"; there is one in {last}{more}"
    raise BadInput(f"{path} has no config.json: it is not a Hugging Face model{advice}")


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Return a key by which `checkpoint-1000` comes after `checkpoint-500`."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", str(path))]


def _single(model: str, path: Path) -> ModelFolder:
    if path.suffix.lower() == ".gguf":
        return ModelFolder(model, path.parent, path.name)
    raise BadInput(f"model {model!r} is a file: give the folder that holds it, or a GGUF file")


def fetch(model: str) -> Path:
    """Return the folder of a hub's model: first its descriptions are downloaded, then the weights that they name. Without a connection to
    the hub, an earlier download is used."""
    path = _from_hub(model, TEXTS)
    folder = ModelFolder(model, path)
    if not folder.has(CONFIG):
        raise BadInput(f"model {model!r} has no config.json on the hub: it is not a Hugging Face model, or one in another format")
    return _from_hub(model, shard_names(folder) if folder.has(INDEX) else (WHOLE,))


def _from_hub(model: str, files: tuple[str, ...]) -> Path:
    try:
        return Path(snapshot_download(model, allow_patterns=list(files), ignore_patterns=["*/*"]))
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError, ValueError, OSError) as error:
        first = (str(error).splitlines() or ["unreadable"])[0]
        raise BadInput(f"model {model!r} cannot be loaded ({first}): give a folder with a Hugging Face model, or a hub name") from error


def shard_names(folder: ModelFolder) -> tuple[str, ...]:
    """Return the files that an index names, in order. BadInput if it names none, or one that is not in the folder itself."""
    return tuple(sorted(set(weight_map(folder).values())))


def weight_map(folder: ModelFolder) -> dict[str, str]:
    """Return weight -> file, from the index."""
    place, value = folder.path / INDEX, folder.document(INDEX).get("weight_map")
    if not isinstance(value, dict) or not value:
        raise BadInput(f"{place}: has no weight_map from weights to files")
    for name, file in value.items():
        if not isinstance(file, str) or not file.endswith(".safetensors") or Path(file).name != file:
            raise BadInput(f"{place}: {name} is said to be in {file!r}, which is not a safetensors file of this folder")
    return value


DESCRIPTIONS = (
    "*.safetensors",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "chat_template*",
    "special_tokens_map.json",
    "vocab*",
    "merges*",
)
CHUNK = 1 << 22
READ_WHOLE = 1 << 28  # the most bytes of a file that a signature reads as a whole; of a larger one it reads pieces, in a few seconds
PIECES, PIECE_BYTES = 1_024, 1 << 16
SIGNATURE_LETTERS = 16


def identity_of(model: str) -> str:
    """Return the sha256 of the files that decide the model's output; those of a hub's name are downloaded first."""
    files = model_folder(model)
    digest = hashlib.sha256()
    with disk_errors(files.path):
        for path in _description(files):
            digest.update(f"{path.name} {path.stat().st_size} ".encode())
            with path.open("rb") as file:
                while piece := file.read(CHUNK):
                    digest.update(piece)
    return digest.hexdigest()


def signature_of(model: str) -> dict[str, str]:
    """Return a hash of each file that decides the model's output, by name: of its size and content, or, for a file above READ_WHOLE bytes,
    of PIECES evenly spaced pieces from its first byte to its last. Training changes nearly every byte of the weights, so that other weights
    of the same shapes differ there too. The time of a file does not count."""
    files, signature = model_folder(model), dict[str, str]()
    with disk_errors(files.path):
        for path in _description(files):
            size = path.stat().st_size
            digest = hashlib.sha256(f"{size} ".encode())
            with path.open("rb") as file:
                if size <= READ_WHOLE:
                    digest.update(file.read())
                for number in range(PIECES if size > READ_WHOLE else 0):
                    file.seek((size - PIECE_BYTES) * number // (PIECES - 1))
                    digest.update(file.read(PIECE_BYTES))
            signature[path.name] = digest.hexdigest()[:SIGNATURE_LETTERS]
    return signature


def _description(files: ModelFolder) -> list[Path]:
    """Return the files of DESCRIPTIONS in order, or the GGUF file."""
    folder = files.path
    paths = {path for pattern in DESCRIPTIONS for path in folder.glob(pattern)} if files.gguf is None else {folder / files.gguf}
    return sorted(path for path in paths if path.is_file())
