"""A run as it is read: its manifest, metrics, groups and result, and the files of its evaluations.

A result may hold any fields; those that readers rely on are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from sys import intern
from typing import Any

from aha.codec import check_fields, decode
from aha.durable import DOCUMENT, LARGEST, check_folder, naming_file, read_file, read_journal, read_records, unseal
from aha.errors import BadInput, DiskTrouble
from aha.json_text import NotJson, parse_json
from aha.rundir.groups import GROUPS_KEY, damage, groups_files, groups_paths, read_groups
from aha.rundir.manifest import Manifest
from aha.rundir.old_names import new_sample, with_new_names
from aha.rundir.retention import METRICS, Checkpoint
from aha.types import Count, Group

Interval = tuple[float, float]
SHARES = ("cons@k", "lenient", "pass@1_short", "format", "length", "reflection", "mixing", "truncated")
EVALUATION_FIELDS: Mapping[str, Any] = {"pass@1": float, "ci95": Interval, "k": Count, "problems": Count, **dict.fromkeys(SHARES, float)}
POINT: Mapping[str, Any] = {"rollout": Count | None, "pass@1": float, "ci95": Interval}
GAIN: Mapping[str, Any] = {"value": float, "low": float, "high": float}
RESULT_FIELDS: Mapping[str, Any] = {
    "rows": Count,
    "seconds": float,
    "funnel": Mapping[str, Mapping[str, Mapping[str, float]]],
    "gain": Mapping[str, Any],
    "curve": list[Any],
}


def check_result(data: Any) -> dict[str, Any]:
    """Return the result. BadInput names a field that does not have the type that readers expect."""
    result = check_fields(data, RESULT_FIELDS)
    if {"base", "zero"} <= result.keys():
        result |= {name: check_fields(result[name], EVALUATION_FIELDS, ("pass@1", "ci95", "k", "problems")) for name in ("base", "zero")}
    if "gain" in result:
        result["gain"] = check_fields(result["gain"], GAIN, GAIN)
    if "curve" in result:
        result["curve"] = [check_fields(point, POINT, POINT) for point in result["curve"]]
    if "funnel" in result:
        check_fields(result["funnel"], {}, ("domains", "dropped"))
        check_fields(result, {}, ("rows",))
    return result


TIMINGS = "timings.jsonl"
JOURNALS = (METRICS, TIMINGS)
LINE = {"rollout": Count, GROUPS_KEY: str}


class Record:
    """A run as anyone can read it, even while it is running. Raises DiskTrouble for a damaged file, naming file and line."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def manifest(self) -> Manifest:
        return read_manifest(self.root / "manifest.json")

    def metrics(self) -> list[dict[str, float]]:
        """Return the metrics of each rollout, including `rollout`. A half-written line that a crash left at the end is dropped."""
        return self._numbers(METRICS)

    def timings(self) -> list[dict[str, float]]:
        """Return the timings of each rollout: `rollout`, `at` (seconds since 1970), and the measured values."""
        return self._numbers(TIMINGS)

    def _numbers(self, name: str) -> list[dict[str, float]]:
        with naming_file(self.root / name):
            if (self.root / name).exists() and (size := (self.root / name).stat().st_size) > LARGEST:
                raise BadInput(f"{size:,} bytes, of which at most {LARGEST:,} are read: no run writes that many numbers")
            lines = self._journal(name)
            return [decode({intern(key): value for key, value in line.items() if key != GROUPS_KEY}, dict[str, float]) for line in lines]

    def groups(self, rollout: int) -> list[Group]:
        """Return the problems, replies and scores of a rollout, to the bit."""
        return list(self.read_groups(rollout))

    def read_groups(self, rollout: int, only: int | None = None) -> Iterator[Group]:
        """Yield the groups of a rollout, or only number `only`, after every byte was compared with the checksum."""
        sums = {line["rollout"]: line.get(GROUPS_KEY) for line in self._journal(METRICS)}
        path = groups_paths(self.root, [rollout])[rollout]
        if sums.get(rollout) is not None and not path.exists() and self._drops_groups(rollout):
            raise DiskTrouble(f"{path}: removed, since only the groups of some rollouts were to stay (keep_groups)")
        if problem := damage(path, sums.get(rollout)):
            raise DiskTrouble(problem)
        yield from read_groups(path, only)

    def groups_bytes(self, rollout: int) -> int | None:
        """Return the size of the file with the groups of a rollout; None if there is none."""
        path = groups_files(self.root).get(rollout)
        return None if path is None else path.stat().st_size

    def groups_sums(self) -> dict[Path, str]:
        """Return each file of groups that should exist, with the sha256 that was recorded for it."""
        with naming_file(self.root / METRICS):
            lines = [check_fields(line, LINE, ("rollout",)) for line in read_journal(self.root / METRICS).records]
        sums = {line["rollout"]: line[GROUPS_KEY] for line in lines if GROUPS_KEY in line}
        paths = groups_paths(self.root, sums)
        return {path: sums[rollout] for rollout, path in paths.items() if path.exists() or not self._drops_groups(rollout)}

    def _drops_groups(self, rollout: int) -> bool:
        """Return True if the groups of a rollout were to be removed."""
        newest = next(reversed(self.checkpoints()), None)
        return newest is not None and newest.drops_groups(rollout)

    def checkpoints(self) -> list[Checkpoint]:
        """Return the checkpoints, oldest first and not yet checked (`durable.check_folder` does)."""
        folders = [path for path in (self.root / "checkpoints").glob("*") if path.name.isdecimal()]
        return sorted((Checkpoint(int(folder.name), folder) for folder in folders), key=lambda checkpoint: checkpoint.rollout)

    def checkpoint(self, rollout: int) -> Checkpoint:
        """Return the checkpoint after that rollout. DiskTrouble if it is gone."""
        for checkpoint in self.checkpoints():
            if checkpoint.rollout == rollout:
                return checkpoint
        raise DiskTrouble(f"{self.root}: there is no checkpoint after rollout {rollout}; bring it back")

    def problems(self) -> list[str]:
        """Check every byte and return one line for each file that is not as it was written; empty for a sound run."""
        problems = [_said_by(read) for read in (self.manifest, self.metrics, self.timings, lambda: self.finished)]
        problems += [damage(path, sha256) for path, sha256 in self.groups_sums().items()]
        problems += [check_folder(checkpoint.folder) for checkpoint in self.checkpoints()]
        problems += [f"{self.root / name}: its end is torn" for name in JOURNALS if read_journal(self.root / name).torn_bytes]
        return list(filter(None, problems))

    @property
    def finished(self) -> bool:
        """True if there is a result. DiskTrouble if it is damaged."""
        return (self.root / "result.json").exists() and bool(self.result)

    @property
    def result(self) -> dict[str, Any]:
        """The result that `finish` was given."""
        path = self.root / "result.json"
        record = unseal(read_file(path, DOCUMENT), indent=2)
        if record is None:
            raise DiskTrouble(f"{path}: damaged: its checksum differs; delete it and run the same command again")
        with naming_file(path):
            return check_result(record)

    def _journal(self, name: str) -> tuple[dict[str, Any], ...]:
        journal = read_journal(self.root / name)
        if journal.damaged_lines:
            raise DiskTrouble(f"{self.root / name}, line {journal.damaged_lines[0]}: damaged: its checksum differs")
        with naming_file(self.root / name):
            return tuple(check_fields(line, LINE, ("rollout",)) for line in journal.records)


def read_manifest(path: Path) -> Manifest:
    """Return a run's manifest. One without its `crc` line, written by a person, is accepted unchecked."""
    data = read_file(path, DOCUMENT)
    record = unseal(data, indent=2) or _by_hand(path, data)
    with naming_file(path):
        manifest: Manifest = decode(record, Manifest)
    return with_new_names(manifest)


def _said_by(read: Callable[[], object]) -> str:
    try:
        read()
    except (BadInput, DiskTrouble) as error:
        return str(error)
    return ""


def _by_hand(path: Path, data: bytes) -> Any:
    try:
        record = parse_json(data)
    except NotJson as error:
        raise BadInput(f"{path}: {error}") from None
    if isinstance(record, dict) and "crc" in record:
        raise BadInput(f'{path}: it was edited or damaged: its checksum differs; undo that, or delete its "crc" line to take it as it is')
    return record


SETTINGS, EXAMPLES, SAMPLES, RESULT = "settings.json", "items.jsonl.gz", "samples.jsonl", "result.json"
OLD_SAMPLES, OLD_REPLIES = "grades.jsonl", "generations.jsonl"  # of 0.1


def samples_file(path: Path) -> Path | None:
    """Return the file of graded samples at a path: the file itself, under the name that 0.1 gave it, or in an evaluation's folder; None if
    there is none."""
    files = [path, path / SAMPLES, path / OLD_SAMPLES, path.parent / f"{path.name}.jsonl.gz"]
    if path.name == OLD_SAMPLES:
        files.append(path.with_name(SAMPLES))
    return next((file for file in files if file.is_file()), None)


def sample_lines(path: Path) -> list[dict[str, Any]]:
    """Return the graded samples of an evaluation as dictionaries. DiskTrouble if the file is damaged or missing."""
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
    """Return the `prompt`, `language` and `category` of each question by problem. DiskTrouble if the file is damaged."""
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
