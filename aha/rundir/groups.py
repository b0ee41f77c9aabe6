"""The groups of a rollout as one compressed file, a group a line: the same content is the same bytes."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Sequence

from aha.codec import decode, encode
from aha.types import Group

LEVEL = 1  # 7 % larger than zlib's default, in a quarter of the time: a rollout waits for it


def pack(groups: Sequence[Group]) -> bytes:
    """No name and no time stand in the header."""
    lines = [json.dumps(encode(group, Group), ensure_ascii=False, allow_nan=False, separators=(",", ":")) for group in groups]
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=buffer, mtime=0) as file:
        file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
    return buffer.getvalue()


def unpack(data: bytes) -> list[Group]:
    """Equal to what was packed, to the bit."""
    lines = gzip.decompress(data).splitlines()  # of bytes: text has other line ends
    return [decode(json.loads(line), Group) for line in lines]
