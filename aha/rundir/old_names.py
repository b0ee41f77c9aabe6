"""The names in files of earlier versions and their present names: classes, settings, samples and results. No other module knows the old
names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from aha.rundir.manifest import Manifest, Setting, is_as_before

Value = TypeVar("Value")

NEW_NAMES = {
    "Late": "FinalPhase",
    "Mixed": "MixedProblems",
    "Probe": "RewardHackingProbe",
    "Given": "FileExamples",
    "Waken": "ReinitUnusedEmbeddings",
    "World": "Measure",
}
NEW_SETTINGS = {"World": {"samples": "k"}}  # of a stage of this kind
NEW_PARTS = {"asking": "client"}  # of any setting's path
NEW_ENDS = {"patience.missing": "retry.missing", "patience.pause_s": "retry.pause_s"}  # `patience` alone is a probe's
ADDED_SETTINGS: dict[str, dict[str, Any]] = {"World": {"benchmark": "tiny-world", "sandbox": "auto"}}  # of a stage of this kind


def with_new_names(manifest: Manifest) -> Manifest:
    """Return the manifest with the present names of classes and settings, and with the settings added since."""
    settings = {new_path(path): _rename(setting) for path, setting in manifest.settings.items()}
    seeds = {new_path(path): seed for path, seed in manifest.seeds.items()}
    for name, kind in _stage_kinds(manifest).items():
        for before, now in NEW_SETTINGS.get(kind, {}).items():
            settings = {f"{name}.{now}" if path == f"{name}.{before}" else path: setting for path, setting in settings.items()}
        settings |= {f"{name}.{path}": Setting(value) for path, value in ADDED_SETTINGS.get(kind, {}).items()}
    if manifest.frame is None:
        return replace(manifest, settings=settings, seeds=seeds)
    stages = {name: NEW_NAMES.get(kind, kind) for name, kind in manifest.frame.stages.items()}
    return replace(manifest, settings=settings, seeds=seeds, frame=replace(manifest.frame, stages=stages))


def new_path(path: str) -> str:
    """Return the present path of a setting."""
    return _replace_parts(path, NEW_PARTS, NEW_ENDS)


def old_path(path: str) -> str:
    """Return the path that a setting had in 0.1, from which the keys of stages are computed, so that they stay the same."""
    return _replace_parts(path, {now: before for before, now in NEW_PARTS.items()}, {now: before for before, now in NEW_ENDS.items()})


def _replace_parts(path: str, parts: Mapping[str, str], ends: Mapping[str, str]) -> str:
    path = ".".join(parts.get(part, part) for part in path.split("."))
    return next((path.removesuffix(end) + new for end, new in ends.items() if f".{path}".endswith(f".{end}")), path)


def as_before(settings: Mapping[str, Value]) -> dict[str, Value]:
    """Return the settings without those that earlier versions did not have, if their value matches the behaviour of these versions."""
    return {path: value for path, value in settings.items() if not is_as_before(path, value)}


def _stage_kinds(manifest: Manifest) -> dict[str, str]:
    """Return the kinds of stages; 0.1 did not record them, and the one that matters is recognized by settings that only it has."""
    if manifest.frame is not None:
        return dict(manifest.frame.stages)
    stages = dict.fromkeys(path.partition(".")[0] for path in manifest.settings)
    return {stage: "World" for stage in stages if {f"{stage}.prompts", f"{stage}.samples"} <= manifest.settings.keys()}


def _rename(setting: Setting) -> Setting:
    value = setting.value
    return replace(setting, value=NEW_NAMES[value]) if isinstance(value, str) and value in NEW_NAMES else setting


# --- samples of evaluations -----------------------------------------------------------------------------------------------


def new_sample(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line of graded samples in the present form, from one of countdown, the tiny world or a published benchmark by 0.1, or a
    present one. KeyError or TypeError for any other line."""
    if "grade" in line:
        return {name: value for name, value in line.items() if name != "crc"}
    if "problem_id" in line:
        return _of_benchmark(line)
    return _world(line) if "marks" in line else _countdown(line)


def _of_benchmark(line: Mapping[str, Any]) -> dict[str, Any]:
    common = {name: line[name] for name in ("sample", "reason", "refused", "finished", "tokens", "category", "measures")}
    grade = None if line["abstained"] else float(line["right"])
    return {
        **common,
        "problem": line["problem_id"],
        "grade": grade,
        "claim": line["vote"],
        "options": len(line["options"] or ()),
        "about": line.get("about", {}),
    }


def _countdown(line: Mapping[str, Any]) -> dict[str, Any]:
    measures = {name: float(line[name]) for name in ("lenient", "format", "reflection", "mixing")}
    measures |= {"length": float(line["tokens"]), "pass@1_short": float(line["short"])}
    common = {name: line[name] for name in ("problem", "sample", "text", "tokens", "finished")}
    return {**common, "grade": None if line["abstained"] else float(line["right"]), "claim": line["vote"], "measures": measures}


def _world(line: Mapping[str, Any]) -> dict[str, Any]:
    kind = "reasoning" if line["marks"] is None else "general"
    measures = {"reasoning" if kind == "reasoning" else "instruction": float(line["value"]), "mixing": float(line["mixing"])}
    measures |= {f"consistency/{kind}": float(line["consistency"]), f"form/{kind}": float(line["form"])}
    measures |= {f"length/{line['domain']}": float(line["tokens"])}
    measures |= {f"criteria/{name}": float(value) for name, value in (line["marks"] or {}).items() if name != "type"}
    measures |= {} if line["safe"] is None else {"safe": float(line["safe"])}
    common = {name: line[name] for name in ("problem", "sample", "text", "tokens")}
    finished = "length" if line["truncated"] else "stop"
    return {**common, "grade": float(line["value"]), "finished": finished, "category": line["domain"], "measures": measures}


# --- results of evaluations -----------------------------------------------------------------------------------------------


def new_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result in the present form. 0.1 wrote those of the tiny world by domain, with an interval beside some numbers."""
    if not isinstance(result.get("pass@1"), Mapping) or not isinstance(result.get("reasoning"), Mapping):
        return dict(result)
    plain, intervals = dict[str, Any](), dict[str, Any]()
    for name, value in result.items():
        for path, number, interval in _numbers({"pass@1": "categories", "kinds": "categories"}.get(name, name), value):
            plain[path] = number
            if interval is not None:
                intervals[path] = interval
    categories = {path.removeprefix("categories/"): plain.pop(path) for path in list(plain) if path.startswith("categories/")}
    ranges = {path.removeprefix("categories/"): intervals.pop(path) for path in list(intervals) if path.startswith("categories/")}
    intervals["pass@1"] = intervals["reasoning"]
    scores = {"pass@1": plain["reasoning"], "ci95": intervals["reasoning"]}
    return plain | scores | {"categories": categories, "intervals": intervals | {"categories": ranges}}


def _numbers(name: str, value: Any) -> list[tuple[str, Any, list[float] | None]]:
    match value:
        case {"value": number, "low": low, "high": high}:
            return [(name, number, [low, high])]
        case Mapping():
            return [line for inner, part in value.items() for line in _numbers(f"{name}/{inner}", part)]
    return [(name, value, None)]


# --- judges of evaluations ------------------------------------------------------------------------------------------------

TRANSCRIPT_FIELDS = {"asked": "key", "item": "problem", "game": "question", "said": "reply"}


def new_transcript(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line of a judge's transcripts in the present form."""
    return {TRANSCRIPT_FIELDS.get(name, name): value for name, value in line.items() if name != "crc"}


def new_judging(record: Any) -> Any:
    """Return the record of the judge in the present form."""
    if not isinstance(record, Mapping) or not isinstance(settings_before := record.get("asked"), Mapping):
        return record
    settings = {{"asks": "turns"}.get(name, name): value for name, value in settings_before.items()}
    return {name: value for name, value in record.items() if name != "asked"} | {"settings": settings}
