"""Which model it is that answers: the hash of its weights and its tokenizer."""

from __future__ import annotations

import hashlib

from aha.backends.checkpoint.folder import model_folder
from aha.durable import trouble

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


def identity_of(model: str) -> str:
    """The sha256 of the files that decide what it says; those of a hub's name are fetched first."""
    whole = model_folder(model)
    folder = whole.path
    seen = hashlib.sha256()
    with trouble(folder):
        paths = {path for pattern in DESCRIPTIONS for path in folder.glob(pattern)} if whole.gguf is None else {folder / whole.gguf}
        for path in sorted(path for path in paths if path.is_file()):
            seen.update(f"{path.name} {path.stat().st_size} ".encode())
            with path.open("rb") as file:
                while piece := file.read(CHUNK):
                    seen.update(piece)
    return seen.hexdigest()
