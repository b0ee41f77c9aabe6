"""Samples on disk: one line of JSON each, gzipped, the same bytes for the same samples."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

from aha.codec import decode, encode
from aha.durable import Disk, read_records, replace_file, trouble
from aha.errors import BadInput, DiskTrouble
from aha.evals.measurement import Sample
from aha.redact import hide


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """The whole file or none of it, and the folder it stands in."""
    lines = "".join(json.dumps(encode(sample, Sample), ensure_ascii=False) + "\n" for sample in samples)
    with trouble(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(Disk(), path, gzip.compress(hide(lines).encode("utf-8", "backslashreplace"), mtime=0))


def read_samples(path: Path) -> list[Sample]:
    """What `write_samples` wrote. DiskTrouble where it is damaged."""
    try:
        return [decode(line, Sample) for _, line in read_records(path)]
    except BadInput as error:
        raise DiskTrouble(f"{path}: damaged ({error}); delete it and the model is asked again") from error
