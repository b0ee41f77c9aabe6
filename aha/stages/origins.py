"""Who made a row: names that stay the same for the same model, grader and template, and change with them."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

import aha
from aha.durable import trouble
from aha.redact import mask
from aha.rewards import Accuracy, Judge
from aha.settings import flatten
from aha.template import Template

GRADES = ("grading", "answers")  # the rooms that decide what is right
DIGITS = 16
CHUNK = 1 << 22


def sampler_of(model: str) -> str:
    """A folder's digest of its weights; a server or a hub's name as it is written."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return mask(model)
    seen = hashlib.sha256()
    with trouble(folder):
        for path in sorted(folder.glob("*.safetensors")):
            with path.open("rb") as file:
                while piece := file.read(CHUNK):
                    seen.update(piece)
    return f"{folder.name}@{seen.hexdigest()[:DIGITS]}"


def grader_version(truth: Accuracy | Judge) -> str:
    """A digest of the code that grades; the judge's name beside it where one judges."""
    rules = f"rules@{_code_digest()}"
    return rules if isinstance(truth, Accuracy) else f"{rules} and {mask(truth.model)}"


def template_version(template: Template) -> str:
    """Its kind and a digest of its settings."""
    settings = json.dumps(flatten({"template": template}), ensure_ascii=False, sort_keys=True)
    return f"{type(template).__name__}@{hashlib.sha256(settings.encode()).hexdigest()[:8]}"


@cache
def _code_digest() -> str:
    seen = hashlib.sha256()
    for room in GRADES:
        for path in sorted((Path(aha.__file__).parent / room).rglob("*.py")):
            seen.update(path.read_bytes())
    return seen.hexdigest()[:8]
