"""What servers answered, one file each, so that nobody is asked twice."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.codec import decode, encode
from aha.durable import read_file, seal, trouble, unseal
from aha.errors import BadInput
from aha.types import ChatReply


def key_of(request: dict[str, Any]) -> str:
    """The sha256 of all that an answer follows from."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class Cache:
    """A folder that several processes may share. A file appears whole, by one rename, and carries a checksum; one that is damaged counts
    as not there. It is not forced onto the device: what a power cut takes is asked again."""

    folder: Path | None

    def get(self, key: str) -> ChatReply | None:
        """What was answered, or None."""
        if self.folder is None:
            return None
        path = self._path(self.folder, key)
        with trouble(self.folder):
            if not path.exists():
                return None
        try:
            reply: ChatReply = decode((unseal(read_file(path)) or {}).get("said"), ChatReply)
        except BadInput:
            return None
        return reply

    def put(self, key: str, request: dict[str, Any], reply: ChatReply) -> None:
        """Kept together with what was asked, for a person to read; known secrets are not."""
        if self.folder is None:
            return
        path = self._path(self.folder, key)
        data = seal({"asked": request, "said": encode(reply, ChatReply)})
        with trouble(self.folder, len(data)):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, beside = tempfile.mkstemp(dir=path.parent, suffix=".aside")
            try:
                with open(descriptor, "wb") as file:
                    file.write(data)
                os.replace(beside, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(beside)
                raise

    def _path(self, folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}.json"
