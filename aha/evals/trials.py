"""What the scaling lab keeps: every sample with its tokens, under every budget; what is there is not asked again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.codec import decode, encode
from aha.durable import Disk, append_journal, read_document, read_journal, replace_file, trouble
from aha.errors import BadInput, DiskTrouble
from aha.evals.attempts import Attempt, Tried
from aha.redact import hide_tree
from aha.settings import differences
from aha.types import Count, Finished

SETTINGS, TRIALS = "settings.json", "trials.jsonl"
FREE = "free"  # the arm that thinks as long as it likes


@dataclass(frozen=True)
class Trial:
    """One sample, judged. `tokens`: what was said, with what was put into its mouth; `logprob`: a token's on average, where nothing was."""

    tokens: tuple[Count, ...]
    text: str
    finished: Finished
    right: bool
    vote: str | None
    logprob: float | None

    @property
    def attempt(self) -> Attempt:
        return Attempt(self.right, self.vote, truncated=self.finished == "length", tokens=len(self.tokens))


class Trials:
    """A folder of them. A problem's samples of one arm are one line, on the device when `add` returns."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder, self.found = folder, dict[tuple[str, str], tuple[Trial, ...]]()
        with trouble(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._check(folder / SETTINGS, settings)
        journal = read_journal(folder / TRIALS)
        if journal.damaged:
            raise DiskTrouble(f"{folder / TRIALS}: line {journal.damaged[0]} is damaged; delete that line and its samples are asked again")
        if journal.torn:
            with trouble(folder):
                Disk().truncate(folder / TRIALS, journal.end)
        for record in journal.records:
            self.found[record["arm"], record["problem"]] = tuple(decode(each, Trial) for each in record["trials"])

    def _check(self, path: Path, settings: Mapping[str, Any]) -> None:
        if not path.exists():
            replace_file(Disk(), path, json.dumps(settings, ensure_ascii=False, indent=2).encode())
            return
        known = read_document(path)
        if not isinstance(known, dict):
            raise BadInput(f"{path}: it names no settings; choose another --out")
        if apart := differences(known, settings):
            raise BadInput(
                f"{path.parent}: it was begun with other settings ({'; '.join(apart[:3])}); choose another --out, or the same settings"
            )

    def add(self, arm: str, problem: str, trials: Sequence[Trial]) -> None:
        """Keep a problem's samples of an arm."""
        lines = [encode(each, Trial) for each in trials]
        append_journal(Disk(), self.folder / TRIALS, hide_tree({"arm": arm, "problem": problem, "trials": lines}))
        self.found[arm, problem] = tuple(trials)

    def lacks(self, arm: str, problem: str) -> bool:
        """Whether that is still to be asked."""
        return (arm, problem) not in self.found

    def tried(self, arm: str, problems: Sequence[str]) -> tuple[Tried, ...]:
        """An arm's samples, in the order of the problems."""
        return tuple(Tried(name, tuple(each.attempt for each in self.found[arm, name])) for name in problems)
