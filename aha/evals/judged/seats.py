"""Which jury a benchmark has, with all that it needs found in the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aha.errors import BadInput
from aha.evals.exams.exam import Exam, Item
from aha.evals.files import data_folder
from aha.evals.judged.facts import Facts
from aha.evals.judged.games import games
from aha.evals.judged.jury import Jury
from aha.evals.judged.preferences import Orders, preferences
from aha.evals.judged.prompts import FACTS, Prompt, facts_prompt, game_prompts, preference_prompt

ARENAS = ("arena_hard", "arena_hard_v2")


@dataclass(frozen=True)
class Seated:
    """A jury, the items that it can judge, whether its questions and its baseline are the published ones, and what is to be said of it."""

    jury: Jury
    items: list[Item]
    published: bool
    notes: tuple[str, ...]


def seated(exam: Exam, items: Sequence[Item], data: str | None, baseline: Sequence[Path] = (), orders: Orders = "published") -> Seated:
    """The jury of a benchmark, with all that it will need found in the data. BadInput for what is missing."""
    folder = _folder(data)
    notes: list[str] = []
    used, usual = list(items), True
    jury: Jury
    if exam.name in ARENAS:
        prompts = game_prompts(folder)
        chosen, used, why = games(items, baseline, folder, "v0.1" if exam.name == "arena_hard" else "v2.0", prompts)
        jury, usual = chosen, chosen.usual
        notes += [why] if why else []
        notes.append("style is controlled by words and signs, since nobody counts tokens here: unverified")
    elif exam.name == "alpaca_eval":
        against = preferences(items, baseline, folder, preference_prompt(folder), orders)
        jury, usual = against, against.usual
    else:
        jury = Facts(facts_prompt(folder) if exam.name == "simpleqa" else Prompt(FACTS))
    if baseline and isinstance(jury, Facts):
        raise BadInput(f"--baseline-answers: {exam.name} compares with a reference, not with another model's answers")
    notes.append(f"the judge's question is {'the published one, ' if jury.prompt.published else ''}{jury.prompt.source}")
    return Seated(jury, used, usual and jury.prompt.published, tuple(notes))


def _folder(data: str | None) -> Path | None:
    """Where prompts, baselines and calibrations are looked for: the folder that was named, else $AHA_DATA, else beside the named file."""
    path = Path(data).expanduser() if data is not None else None
    if path is None or not path.exists():
        return data_folder(None)
    if path.is_dir():
        return path
    return data_folder(None) or path.parent
