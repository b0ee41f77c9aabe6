"""What a graph came to, so that the same words say so again in a moment: no library is loaded where no file has changed.

Nothing is decided here that the graph would decide otherwise: the memo holds for the same words, the same code of this package and the same
files, those of every input, row and checkpoint that the plan had looked at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aha.commands.stage_table import stage_table
from aha.commands.terminal import Terminal
from aha.durable import Disk, replace_file, seal, unseal

NAME = "done.json"
PACKAGE = Path(__file__).parent.parent
SILENT = ("--json", "--no-preflight")  # change nothing about what is done


def remember(root: Path, words: Sequence[str], looked_at: Iterable[Path], told: dict[str, Any]) -> None:
    """`told` is what is said when the same words come again; `looked_at`: the files that all of it rests on."""
    files = {str(path.resolve()): _status(path) for path in sorted(set(looked_at))}
    record = {"asked": _asked(words), "files": files, "told": told}
    replace_file(Disk(), root / NAME, seal(record, indent=2))


def remembered(root: Path, words: Sequence[str]) -> dict[str, Any] | None:
    """What was told, where nothing has changed since; else None."""
    try:
        record = unseal((root / NAME).read_bytes(), indent=2)
        if record is None or record["asked"] != _asked(words):
            return None
        same = all(_status(Path(path)) == status for path, status in record["files"].items())
    except (OSError, KeyError):
        return None
    return record["told"] if same else None


def again(out: Path | None, words: Sequence[str], terminal: Terminal) -> bool:
    """Whether the same words were said before and nothing has changed since; then what they came to is said, and nothing else is done."""
    if "--dry-run" in words or "--from" in words:
        return False
    for root in [out] if out else sorted(path.parent for path in Path("runs").glob(f"*/{NAME}")):
        if (told := remembered(root, words)) is not None:
            terminal.note(f"nothing to do: {counted(len(told['stages']))} done, in {root}")
            tell(told, terminal)
            return True
    return False


def tell(told: Mapping[str, Any], terminal: Terminal) -> None:
    """Each stage's result, for a person and for a program."""
    terminal.tell("finished", **told)
    wide = max(len(each["stage"]) for each in told["stages"])
    for each in told["stages"]:
        terminal.say(f"{each['stage']:{wide}}  {span(float(each['seconds'])):>12}  {each['folder']}")
    for line in stage_table(told["results"]):
        terminal.say(line)
    if "report" in told:
        terminal.say(f"report: {told['report']}")


def counted(stages: int) -> str:
    """How many are done, as the beginning of a sentence."""
    return f"all {stages} stages are" if stages > 1 else "the stage is"


def span(value: float) -> str:
    """Seconds, for a person."""
    minutes, left = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s" if minutes else f"{left} s"


def _asked(words: Sequence[str]) -> str:
    """The words, where they were said, and the code that read them."""
    seen = hashlib.sha256(json.dumps([str(Path.cwd()), *(word for word in words if word not in SILENT)]).encode())
    for path in sorted(PACKAGE.rglob("*.py")):
        seen.update(str(path.relative_to(PACKAGE)).encode() + b"\n" + path.read_bytes())
    for word in words:
        if word.endswith((".py", ".json")) and (file := Path(word)).is_file():
            seen.update(file.read_bytes())
    return seen.hexdigest()


def _status(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]
