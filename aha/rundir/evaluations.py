"""The files of an evaluation: a folder with how it was asked, the examples, one line a graded sample, and the result. Files of 0.1 are read
as if they were written today."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aha.durable import read_journal, read_records
from aha.errors import BadInput, DiskTrouble
from aha.rundir.old_names import new_sample

SETTINGS, EXAMPLES, SAMPLES, RESULT = "settings.json", "items.jsonl.gz", "samples.jsonl", "result.json"
OLD_SAMPLES, OLD_REPLIES = "grades.jsonl", "generations.jsonl"  # of 0.1


def samples_file(path: Path) -> Path | None:
    """Return the file of graded samples that a path names, itself, by the name that 0.1 gave it, or as an evaluation's folder; None where
    there is none."""
    files = [path, path / SAMPLES, path / OLD_SAMPLES, path.parent / f"{path.name}.jsonl.gz"]
    if path.name == OLD_SAMPLES:
        files.append(path.with_name(SAMPLES))
    return next((file for file in files if file.is_file()), None)


def sample_lines(path: Path) -> list[dict[str, Any]]:
    """Return the graded samples of an evaluation, a dictionary each. DiskTrouble where the file is damaged or not there."""
    file = samples_file(path)
    if file is None:
        raise DiskTrouble(f"{path}: no evaluation is there")
    try:
        return [new_sample(line) for line in _lines(file)]
    except (BadInput, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DiskTrouble(f"{file}: damaged ({error}); delete it and evaluate again") from error


def _lines(file: Path) -> Iterator[Any]:
    if file.suffix == ".gz" or file.name == OLD_SAMPLES:
        return (line for _, line in read_records(file))
    journal = read_journal(file)
    if journal.damaged_lines:
        raise BadInput(f"the checksum of line {journal.damaged_lines[0]} differs")
    return iter(journal.records)


def question_lines(path: Path) -> dict[str, dict[str, Any]]:
    """Return by problem what was asked: `prompt`, `language` and `category`. DiskTrouble where the file is damaged."""
    file = path / EXAMPLES
    try:
        if file.is_file():
            return {line["id"]: line for _, line in read_records(file)}
        old = samples_file(path)
        lines = [] if old is None or old.suffix != ".gz" else [line for _, line in read_records(old)]
        return {
            line["problem"]: {"prompt": line["question"], "language": line["language"], "category": line.get("domain", "countdown")}
            for line in lines
        }
    except (BadInput, KeyError, TypeError) as error:
        raise DiskTrouble(f"{file}: damaged ({error}); delete it and evaluate again") from error


def evaluation_names(evals: Path) -> list[str]:
    """Return the names of the finished evaluations below a folder, in order."""
    old = (path.name.removesuffix(".jsonl.gz") for path in evals.glob("*.jsonl.gz"))
    return sorted({*old, *(path.parent.name for path in evals.glob(f"*/{RESULT}"))})
