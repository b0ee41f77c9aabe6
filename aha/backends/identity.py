"""Which model it is that answers: the hash of its weights and its tokenizer."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aha.backends.hf import located
from aha.durable import trouble

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


def identity_of(model: str) -> str:
    """The sha256 of the files that decide what it says; empty for a hub's name whose files are not known here."""
    folder = Path(located(model)).expanduser()
    if not folder.is_dir():
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            folder = Path(snapshot_download(model, local_files_only=True))
        except (LocalEntryNotFoundError, HfHubHTTPError, ValueError, OSError):
            return ""
    seen = hashlib.sha256()
    with trouble(folder):
        for path in sorted({path for pattern in HASHED for path in folder.glob(pattern) if path.is_file()}):
            seen.update(f"{path.name} {path.stat().st_size} ".encode())
            with path.open("rb") as file:
                while piece := file.read(CHUNK):
                    seen.update(piece)
    return seen.hexdigest()
