"""`aha lineage FILE:ROW`: the prompt, sampler, grader and checkpoint that made a row."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aha.commands.terminal import Command, Terminal
from aha.errors import BadInput
from aha.pipeline.lineage import Ancestor, Trace, ancestors, made_at, trace_row
from aha.versions import grader_version

SAMPLING_SETTINGS = ("sampling.temperature", "sampling.top_p", "sampling.max_tokens")


def flags(parser: ArgumentParser) -> None:
    """Add the argument for the row."""
    parser.add_argument("row", metavar="FILE:ROW", help="a row of a JSON lines or Parquet file: its number, counted from 1, or its id")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print what is known of the row and of everything that it was made of."""
    if rest:
        raise BadInput(f"{rest[0]}: this command takes no more than FILE:ROW")
    trace = trace_row(arguments.row)
    if terminal.json:
        print(json.dumps(record_of(trace), ensure_ascii=False, indent=1))
    for line in lines_of(trace):
        terminal.say(line)
    return 0


def record_of(trace: Trace) -> dict[str, Any]:
    """Return the trace as JSON for a program."""
    row, origin = trace.row, trace.row.origin
    record: dict[str, Any] = {"file": str(row.path), "row": row.number, "id": row.id, "prompt": row.question}
    if origin is not None:
        grader = {"version": origin.grader, "installed": grader_version()}
        record |= {"problem": origin.problem, "stage": origin.stage, "sampler": _sampler(trace), "seed": origin.seed}
        record |= {"grader": grader, "template": origin.template}
    if trace.maker is not None:
        record["made_by"] = _maker(trace.maker)
        record["follows_from"] = [_maker(ancestor) for ancestor in ancestors(trace.maker)]
    return record | {"parents": [record_of(parent) for parent in trace.parents], "lost_parents": list(trace.lost)}


def lines_of(trace: Trace, indent: str = "") -> Iterator[str]:
    """Yield the trace as lines for a person: a row, and indented below it the rows that it was made of."""
    row, origin = trace.row, trace.row.origin
    yield f"{indent}row {row.number} of {row.path}"
    facts = [("id", row.id), ("prompt", f"{origin.problem}: {row.question}" if origin else row.question)]
    if row.versions:
        facts.append(("sampler", " and ".join(map(_version, row.versions)) + _sampling_line(trace)))
    elif origin is None:
        facts.append(("origin", "unknown: the row does not say"))
    else:
        seed = "" if origin.seed is None else f", seed {origin.seed}"
        facts.append(("sampler", f"{_model_line(trace)}{seed}{_sampling_line(trace)}"))
        facts += [("grader", _grader_line(origin.grader)), ("template", origin.template)]
    if trace.maker is not None:
        facts.append(("made by", f"stage {trace.maker.stage} in {trace.maker.root}; {made_at(trace.maker)}"))
        if not indent:
            facts += [("follows", f"{ancestor.stage} in {ancestor.root}{_outside(ancestor)}") for ancestor in ancestors(trace.maker)]
    facts += [("from", f"{name}, which is in no file here") for name in trace.lost]
    for name, fact in facts:
        if fact:
            yield f"{indent}  {name:9} {' '.join(fact.split())}"
    for parent in trace.parents:
        yield f"{indent}  made of"
        yield from lines_of(parent, f"{indent}    ")


def _sampler(trace: Trace) -> dict[str, Any]:
    """Return the sampler of a row: a checkpoint of a stage, with its folder, or the name in the row."""
    origin = trace.row.origin
    record: dict[str, Any] = {"said": origin.sampler if origin else ""}
    reference, place = (trace.maker.inputs if trace.maker is not None else {}).get("model", (None, Path()))
    if reference is not None and origin is not None and origin.sampler.startswith(f"{place.name}@"):
        record |= {
            "stage": reference.stage,
            "checkpoint": str(place),
            "digest": reference.digest,
            "there": place.exists(),
            **_settings(trace),
        }
    return record


def _version(version: int) -> str:
    return f"the stage's own weights after rollout {version - 1}" if version else "the stage's initial weights"


def _model_line(trace: Trace) -> str:
    sampler = _sampler(trace)
    if sampler.get("stage") is None:
        return str(sampler["said"]) or "none: the row was written by hand"
    suffix = "" if sampler["there"] else ", which no longer exists"
    return f"{sampler['said']}: checkpoint of stage {sampler['stage']} ({sampler['checkpoint']}{suffix})"


def _sampling_line(trace: Trace) -> str:
    settings = _settings(trace) if trace.row.versions or "checkpoint" in _sampler(trace) else {}
    return "".join(f", {name.partition('.')[2]} {value}" for name, value in settings.items())


def _settings(trace: Trace) -> dict[str, Any]:
    settings = trace.maker.fingerprint.settings if trace.maker is not None else {}
    return {name: settings[name] for name in SAMPLING_SETTINGS if name in settings}


def _grader_line(version: str) -> str:
    if not version:
        return "none: it was not graded"
    now = grader_version()
    return f"{version}, as it is installed" if version.startswith(now) else f"{version}; the one installed now is {now}"


def _outside(ancestor: Ancestor) -> str:
    outside = [f"{source.given} ({source.digest})" for source in ancestor.fingerprint.inputs.values() if source.stage is None]
    return f", from {', '.join(outside)}" if outside else ""


def _maker(ancestor: Ancestor) -> dict[str, Any]:
    inputs = {
        path: {"given": source.given, "stage": source.stage, "digest": source.digest}
        for path, source in ancestor.fingerprint.inputs.items()
    }
    return {
        "stage": ancestor.stage,
        "run": str(ancestor.root),
        "key": ancestor.fingerprint.key,
        "versions": dict(ancestor.fingerprint.versions),
        "inputs": inputs,
    }


COMMAND = Command("show which prompt, sampler, grader and checkpoint a row comes from", "inspect", flags, run)
