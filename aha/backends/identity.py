"""Which model it is that answers: the hash of its weights and its tokenizer."""

from __future__ import annotations

import hashlib
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from aha.backends.hf import located
from aha.durable import trouble
from aha.errors import BadInput

HASHED = (
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


def _from_hub(model: str) -> Path:
    """All of its files or none: half of them would be another hash. Without a hub, those of an earlier time."""
    try:
        return Path(snapshot_download(model, allow_patterns=list(HASHED)))
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError, ValueError, OSError) as error:
        first = (str(error).splitlines() or ["unreadable"])[0]
        raise BadInput(f"model {model!r} cannot be loaded ({first}): give a folder with a Hugging Face model, or a hub name") from error


def identity_of(model: str) -> str:
    """The sha256 of the files that decide what it says; those of a hub's name are fetched first."""
    folder = Path(located(model)).expanduser()
    if not folder.is_dir():
        folder = _from_hub(model)
    seen = hashlib.sha256()
    with trouble(folder):
        for path in sorted({path for pattern in HASHED for path in folder.glob(pattern) if path.is_file()}):
            seen.update(f"{path.name} {path.stat().st_size} ".encode())
            with path.open("rb") as file:
                while piece := file.read(CHUNK):
                    seen.update(piece)
    return seen.hexdigest()
