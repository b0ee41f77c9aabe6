"""Who made a row: names that stay the same for the same model, grader and template, and change with them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from aha.durable import trouble
from aha.redact import mask
from aha.rewards import Accuracy, Judge
from aha.settings import flatten
from aha.template import Template
from aha.versions import grader_version, template_version

DIGITS = 16


def sampler_of(model: str) -> str:
    """A folder's name and a digest of its weights; a server or a hub's name as it is written."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return mask(model)
    seen = hashlib.sha256()
    with trouble(folder):
        for path in sorted(folder.glob("*.safetensors")):
            if path.stem not in ("optimizer", "reference"):
                with path.open("rb") as file:
                    seen.update(hashlib.file_digest(file, "sha256").digest())
    return f"{folder.name}@{seen.hexdigest()[:DIGITS]}"


def grader_of(truth: Accuracy | Judge) -> str:
    """The version of the rules; the judge's name beside it where one judges."""
    return grader_version() if isinstance(truth, Accuracy) else f"{grader_version()} and {mask(truth.model)}"


def template_of(template: Template) -> str:
    """Its kind, the version of the grammar and a digest of its settings."""
    settings = json.dumps(flatten({"template": template}), ensure_ascii=False, sort_keys=True)
    return f"{type(template).__name__}@{template_version()}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"
