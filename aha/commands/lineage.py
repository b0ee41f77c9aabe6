"""`aha lineage FILE:ROW`: which prompt, sampler, grader and checkpoint made this row."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aha.commands.command import Command
from aha.commands.terminal import Terminal
from aha.errors import BadInput
from aha.pipeline.lineage import Ancestor, Trace, ancestors, made_at, trace
from aha.versions import grader_version

SAMPLING = ("sampling.temperature", "sampling.top_p", "sampling.max_tokens")


def flags(parser: ArgumentParser) -> None:
    """One row."""
    parser.add_argument("row", metavar="FILE:ROW", help="a row of JSON lines or Parquet: its number, from 1, or its id")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """What is known of the row and of all that it was made of."""
    if rest:
        raise BadInput(f"{rest[0]}: this command takes no more than FILE:ROW")
    found = trace(arguments.row)
    if terminal.json:
        print(json.dumps(told(found), ensure_ascii=False, indent=1))
    for line in said(found):
        terminal.say(line)
    return 0


def told(found: Trace) -> dict[str, Any]:
    """For a program."""
    row, origin = found.row, found.row.origin
    record: dict[str, Any] = {"file": str(row.path), "row": row.number, "id": row.id, "prompt": row.question}
    if origin is not None:
        grader = {"version": origin.grader, "installed": grader_version()}
        record |= {"problem": origin.problem, "stage": origin.stage, "sampler": _sampler(found), "seed": origin.seed}
        record |= {"grader": grader, "template": origin.template}
    if found.maker is not None:
        record["made_by"] = _maker(found.maker)
        record["follows_from"] = [_maker(each) for each in ancestors(found.maker)]
    return record | {"parents": [told(each) for each in found.parents], "lost_parents": list(found.lost)}


def said(found: Trace, indent: str = "") -> Iterator[str]:
    """For a person: a row, and indented below it the rows that it was made of."""
    row, origin = found.row, found.row.origin
    yield f"{indent}row {row.number} of {row.path}"
    facts = [("id", row.id), ("prompt", f"{origin.problem}: {row.question}" if origin else row.question)]
    if row.versions:
        facts.append(("sampler", " and ".join(map(_version, row.versions)) + _drawn(found)))
    elif origin is None:
        facts.append(("origin", "the row does not say"))
    else:
        seed = "" if origin.seed is None else f", seed {origin.seed}"
        facts.append(("sampler", f"{_asked(found)}{seed}{_drawn(found)}"))
        facts += [("grader", _graded(origin.grader)), ("template", origin.template)]
    if found.maker is not None:
        facts.append(("made by", f"stage {found.maker.stage} in {found.maker.root}; {made_at(found.maker)}"))
        if not indent:
            facts += [("follows", f"{each.stage} in {each.root}{_outside(each)}") for each in ancestors(found.maker)]
    facts += [("from", f"{name}, which is in no file here") for name in found.lost]
    for name, fact in facts:
        if fact:
            yield f"{indent}  {name:9} {' '.join(fact.split())}"
    for each in found.parents:
        yield f"{indent}  made of"
        yield from said(each, f"{indent}    ")


def _sampler(found: Trace) -> dict[str, Any]:
    """Who was asked: a checkpoint of a stage, with its folder, or what the row says."""
    origin = found.row.origin
    record: dict[str, Any] = {"said": origin.sampler if origin else ""}
    asked, place = (found.maker.inputs if found.maker is not None else {}).get("model", (None, Path()))
    if asked is not None and origin is not None and origin.sampler.startswith(f"{place.name}@"):
        record |= {"stage": asked.stage, "checkpoint": str(place), "digest": asked.digest, "there": place.exists(), **_settings(found)}
    return record


def _version(version: int) -> str:
    return f"the stage's own weights after rollout {version - 1}" if version else "the weights that the stage began with"


def _asked(found: Trace) -> str:
    sampler = _sampler(found)
    if sampler.get("stage") is None:
        return str(sampler["said"]) or "nobody: it was written"
    gone = "" if sampler["there"] else ", which is gone"
    return f"{sampler['said']}: checkpoint of stage {sampler['stage']} ({sampler['checkpoint']}{gone})"


def _drawn(found: Trace) -> str:
    settings = _settings(found) if found.row.versions or "checkpoint" in _sampler(found) else {}
    return "".join(f", {name.partition('.')[2]} {value}" for name, value in settings.items())


def _settings(found: Trace) -> dict[str, Any]:
    settings = found.maker.makings.settings if found.maker is not None else {}
    return {name: settings[name] for name in SAMPLING if name in settings}


def _graded(version: str) -> str:
    if not version:
        return "none: nobody graded it"
    now = grader_version()
    return f"{version}, as it is installed" if version.startswith(now) else f"{version}; the one installed now is {now}"


def _outside(each: Ancestor) -> str:
    given = [f"{found.given} ({found.digest})" for found in each.makings.inputs.values() if found.stage is None]
    return f", from {', '.join(given)}" if given else ""


def _maker(each: Ancestor) -> dict[str, Any]:
    inputs = {path: {"given": found.given, "stage": found.stage, "digest": found.digest} for path, found in each.makings.inputs.items()}
    return {"stage": each.stage, "run": str(each.root), "key": each.makings.key, "versions": dict(each.makings.versions), "inputs": inputs}


COMMAND = Command("which prompt, sampler, grader and checkpoint made a row", "inspect", flags, run)
