"""`aha export RUN`: a checkpoint as a model for others, with a card of what it was made of; on demand, it is uploaded to a hub."""

from __future__ import annotations

import json
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aha.commands.terminal import COUNT, Command, Terminal, new_folder, refuse_rest
from aha.durable import check_folder, disk_errors, read_document
from aha.durable.files import aside
from aha.errors import BadInput, DiskTrouble
from aha.pipeline.graph import LINEAGE
from aha.plain import one_line
from aha.redact import mask
from aha.rundir import Checkpoint, Manifest, Record
from aha.tasks.reading import HUB_NAME, is_hub_name

RUN_FILES = ("optimizer*.safetensors", "reference.safetensors", "learner.json", "progress.json", "metrics.jsonl", "sha256.json")
SCORES = ("pass@1", "cons@k", "lenient", "format", "length")
CHANGED_SOURCES = ("user", "[derived: memory]")


def flags(parser: ArgumentParser) -> None:
    """Add the flags for the checkpoint, the target folder and the card."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the directory of a run, or of one stage of a graph")
    parser.add_argument("--to", type=new_folder, metavar="DIR", help="the new folder to write (default: RUN/export)")
    parser.add_argument("--checkpoint", type=COUNT, metavar="N", help="export the checkpoint after rollout or step N (default: the newest)")
    parser.add_argument(
        "--scores",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a result of `aha eval` for the model card; can be repeated",
    )
    parser.add_argument(
        "--licence", metavar="NAME", help="the licence as the hub names it, for example apache-2.0 (default: the base model's, if known)"
    )
    parser.add_argument(
        "--upload", metavar="OWNER/NAME", help="upload the model to the hub, in a repository that is private until you make it public"
    )


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Copy the files of the model, and write its card."""
    refuse_rest(rest)
    if arguments.upload is not None and not HUB_NAME.fullmatch(arguments.upload):
        raise BadInput(f"--upload {arguments.upload or repr('')}: a repository of the hub has a name of the form OWNER/NAME")
    record = Record(arguments.run)
    manifest, checkpoint = read_run(record, arguments.checkpoint)
    target = arguments.to or arguments.run / "export"
    if target.exists():
        raise BadInput(f"{target}: it is there already; name a new folder with --to")
    scores = [read_scores(path) for path in arguments.scores]
    if problem := check_folder(checkpoint.folder):
        raise DiskTrouble(problem)
    card = model_card(record, manifest, checkpoint, arguments.licence, scores)
    beside = aside(target)
    try:
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(checkpoint.folder, beside, ignore=shutil.ignore_patterns(*RUN_FILES))
            (beside / "README.md").write_text(card, encoding="utf-8")
            beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    terminal.tell("exported", folder=str(target), checkpoint=str(checkpoint.folder))
    terminal.say(f"{target}: the model after {checkpoint.rollout}, its tokenizer and its card; read README.md before you publish it")
    if arguments.upload is not None:
        terminal.say(f"uploaded: {upload(target, arguments.upload)}")
    return 0


def read_run(record: Record, number: int | None) -> tuple[Manifest, Checkpoint]:
    """Return the manifest of a run and one of its checkpoints. BadInput if the folder is not a run or has no such checkpoint."""
    if not (record.root / "manifest.json").is_file():
        raise BadInput(f"{record.root}: no manifest.json in it, so it is not a run directory; name the folder that `aha run` wrote")
    checkpoints = record.checkpoints()
    if not checkpoints:
        raise BadInput(
            f"{record.root}: it has no checkpoint: none is written yet, or they were deleted; of a graph, name a stage's directory"
        )
    matches = [checkpoint for checkpoint in checkpoints if number in (None, checkpoint.rollout)]
    if not matches:
        raise BadInput(
            f"--checkpoint {number}: there is none; there are {', '.join(str(checkpoint.rollout) for checkpoint in checkpoints)}"
        )
    return record.manifest(), matches[-1]


def read_scores(path: Path) -> dict[str, Any]:
    """Return a result written by `aha eval`. BadInput if the file is not one."""
    place = path / "result.json" if path.is_dir() else path
    if not place.is_file():
        raise BadInput(f"--scores {path}: there is no such file; name a result.json that `aha eval` wrote")
    value = read_document(place)
    if not isinstance(value, dict):
        raise BadInput(f"--scores {place}: holds no result but {type(value).__name__}")
    return value


def model_card(record: Record, manifest: Manifest, checkpoint: Checkpoint, licence: str | None, scores: Sequence[Mapping[str, Any]]) -> str:
    """Return the card: what the model is, data, lineage, scores, licence; unknown facts are named as unknown."""
    models = (str(s.value) for path, s in manifest.settings.items() if path.endswith(".model") and s.value)
    bases = sorted({model for model in models if not model.startswith("@")})
    licence_name = licence or _licence_of(bases)
    front = [f"license: {json.dumps(licence_name)}"] if licence_name else []
    hub_bases = [base for base in bases if is_hub_name(base)]  # a local folder means nothing to others, and the hub refuses it
    front += ["library_name: transformers", "pipeline_tag: text-generation", *(["base_model:"] if hub_bases else [])]
    front += [f"- {json.dumps(base)}" for base in hub_bases]
    parts = [
        ["---", *front, "---", "", f"# {_safe(_title(record, manifest))}", "", _about(manifest, checkpoint, record)],
        ["## Data", "", *_data(record, manifest)],
        ["## Lineage", "", *_lineage(record, manifest)],
        ["## Scores", "", *_scores(record, scores)],
        [
            "## Licence",
            "",
            f"{_safe(licence_name)}, {'as its owner says' if licence else 'that of the base'}." if licence_name else NO_LICENCE,
        ],
        ["## Settings", "", "| setting | value | source |", "|---|---|---|", *_settings(manifest)],
    ]
    return mask("\n\n".join("\n".join(part) for part in parts) + "\n")


NO_LICENCE = "Unknown: neither the base's folder nor the person who exported this says. Nobody may use it until somebody does."


def upload(folder: Path, name: str) -> str:
    """Upload the folder to the hub, with the key of the hub's own library, and return its address. BadInput if the hub refuses."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        hub = HfApi()
        hub.create_repo(name, private=True, exist_ok=True)
        return str(hub.upload_folder(repo_id=name, folder_path=str(folder)))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        first = (str(error).splitlines() or ["refused"])[0]
        raise BadInput(
            f"--upload {name}: the hub refused ({mask(first)}); log in with `hf auth login`; the model lies in {folder}"
        ) from None


def _title(record: Record, manifest: Manifest) -> str:
    """Return the name of the run's folder, or of the stage if the run belongs to a graph, whose folders are keys."""
    root = record.root.resolve()
    return root.parent.name if manifest.recipe == f"stage {root.parent.name}" else root.name


def _about(manifest: Manifest, checkpoint: Checkpoint, record: Record) -> str:
    state = "a finished run" if record.finished else "a run that was not finished"
    version = manifest.versions.get("aha", "?")
    return f"Trained with `aha run {_safe(manifest.recipe)}` (aha {version}): checkpoint {checkpoint.rollout} of {state}."


def _data(record: Record, manifest: Manifest) -> list[str]:
    """Return lines about the data that the model was trained on, with the counts of its audit."""
    sources = {
        path: s.value for path, s in manifest.settings.items() if path.rpartition(".")[2] in ("data", "source", "problems") and s.value
    }
    lines = [f"- `{_safe(path)}`: {_safe(value)}" for path, value in sources.items()]
    if (record.root / "audit.json").is_file():
        audit = read_document(record.root / "audit.json")
        if isinstance(audit, dict):
            lines += [f"- {_safe(name)}: {_safe(value)}" for name, value in audit.items() if isinstance(value, int | float) and value]
    return lines or ["The manifest names none."]


def _lineage(record: Record, manifest: Manifest) -> list[str]:
    """Return lines about code, versions, seeds, and the inputs of the stage."""
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    seeds = ", ".join(f"{path} {seed}" for path, seed in manifest.seeds.items())
    lines = [f"- begun {manifest.created}, commit {manifest.git_commit or 'unknown'}", f"- {versions}", f"- seeds: {seeds or 'none'}"]
    if (record.root / LINEAGE).is_file():
        lineage = read_document(record.root / LINEAGE)
        inputs = lineage.get("inputs", {}) if isinstance(lineage, dict) else {}
        for path, entry in inputs.items() if isinstance(inputs, dict) else ():
            if isinstance(entry, dict):
                lines.append(
                    f"- `{_safe(path)}` from {_safe(entry.get('stage') or entry.get('given'))}, digest {_safe(entry.get('digest'))}"
                )
    return [*lines, "", "Everything else that the numbers follow from is in the run's `manifest.json`."]


def _scores(record: Record, more: Sequence[Mapping[str, Any]]) -> list[str]:
    results = [
        *([("in the run", record.result)] if record.finished else []),
        *((str(result.get("benchmark", "given")), result) for result in more),
    ]
    rows = [row for name, result in results for row in _score_rows(name, result)]
    return ["| measured | score | value |", "|---|---|---|", *rows] if rows else ["None was measured."]


def _score_rows(name: str, result: Mapping[str, Any]) -> list[str]:
    rows = [f"| {_safe(name)} | {key} | {result[key]:.4g} |" for key in SCORES if isinstance(result.get(key), int | float)]
    if rows and isinstance(result.get("ci95"), list):
        low, high = result["ci95"]
        rows.append(f"| {_safe(name)} | pass@1, 95 % interval | {low:.4g} to {high:.4g} |")
    inner = (row for key, value in result.items() if isinstance(value, dict) for row in _score_rows(f"{name}, {key}", value))
    return [*rows, *inner]


def _settings(manifest: Manifest) -> list[str]:
    chosen = {path: s for path, s in manifest.settings.items() if s.source in CHANGED_SOURCES}
    return [f"| `{_safe(path)}` | {_safe(setting.value)} | {_safe(setting.source)} |" for path, setting in chosen.items()]


def _licence_of(bases: Sequence[str]) -> str:
    """Return the licence in the card of the only base; empty if it has none, or if there are several bases."""
    card = Path(bases[0]).expanduser() / "README.md" if len(bases) == 1 else Path()
    if not card.is_file():
        return ""
    with card.open(encoding="utf-8", errors="replace") as file:
        head = file.read(1 << 16).split("\n---", 1)[0].splitlines()
    return next((line.partition(":")[2].strip().strip("\"'")[:100] for line in head if line.startswith("license:")), "")


def _safe(value: object) -> str:
    """Return a stranger's text for one cell: one line, without column marks or markup."""
    return one_line(str(value))[:300].replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


COMMAND = Command("export a checkpoint as a model folder with a model card", "inspect", flags, run)
