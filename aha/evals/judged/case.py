"""A benchmark before its judge: from what is saved to its result, so that it can be scored again without asking anybody."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aha.codec import decode, encode
from aha.durable import Disk, read_document, replace_file
from aha.errors import BadInput, BarFailed
from aha.evals.examined import Generation, Graded
from aha.evals.exams.exam import Exam, Item
from aha.evals.judged.jury import About, Asked, Jury, found_of
from aha.evals.judged.preferences import Orders
from aha.evals.judged.seats import Seated, seated
from aha.evals.judged.transcripts import Transcripts

JUDGING = "judging.json"
Generations = Mapping[tuple[str, int], Generation]


@dataclass(frozen=True)
class How:
    """All that is to be known, beside the data, to read saved verdicts again. `name`: the judge's, without its address. `prompt`: the
    digest of its question."""

    name: str
    asked: Asked
    orders: Orders
    baseline: tuple[str, ...]
    unread: float
    prompt: str


@dataclass(frozen=True)
class Case:
    """A benchmark, its jury with the items that it can judge, and how the judge is asked."""

    exam: Exam
    seated: Seated
    how: How
    k: int

    @property
    def items(self) -> list[Item]:
        return self.seated.items

    @property
    def jury(self) -> Jury:
        return self.seated.jury

    @property
    def asked(self) -> Asked:
        return self.how.asked

    @property
    def told(self) -> Exam:
        """The benchmark as it is told of: verified where prompt, baseline and judge are those of the published scores."""
        usual = self.seated.published and self.how.name in self.jury.judges
        return replace(self.exam, verified=self.exam.verified and usual, needs_judge=False)


def scored(
    case: Case, generations: Generations, saved: Transcripts, folder: Path, model: str, seed: int
) -> tuple[list[Graded], dict[str, Any]]:
    """Every sample graded, and the result. BarFailed where too many games have no verdict."""
    found = found_of(case.jury, case.exam, case.items, generations, case.k, case.asked, saved.known)
    verdicts = [verdict for each in found for verdict in each.verdicts]
    if (silent := sum(verdict is None for verdict in verdicts)) > case.how.unread * len(verdicts):
        raise BarFailed(
            f"{case.exam.name}: {case.how.name} gave no verdict in {silent:,} of {len(verdicts):,} games, more than {case.how.unread:.0%}: "
            f"no score. What it said is in {saved.path}"
        )
    result = case.jury.result(case.exam, found, folder, About(model, case.how.name, seed))
    prompt = "published" if case.jury.prompt.published else "ours"
    return [each.graded for each in found], {"model": model, **result, "judge": case.how.name, "judge_prompt": prompt}


def write_case(folder: Path, case: Case) -> None:
    """Who judges, and how: the last one counts when it is scored again."""
    replace_file(Disk(), folder / JUDGING, (json.dumps(encode(case.how, How), ensure_ascii=False, indent=2) + "\n").encode())


def read_case(folder: Path, exam: Exam, items: Sequence[Item], data: str | None, k: int) -> Case | None:
    """None where nobody has judged."""
    path = folder / JUDGING
    if not path.is_file():
        return None
    try:
        how: How = decode(read_document(path), How)
    except BadInput as error:
        raise BadInput(f"{path}: it does not say who judged: {error}") from None
    found = seated(exam, items, data, [Path(each) for each in how.baseline], how.orders)
    if found.jury.prompt.digest != how.prompt:
        raise BadInput(
            f"{folder}: it was judged by another question than {found.jury.prompt.source}; name the data as it was by --data or AHA_DATA, "
            "or let the judge be asked again by aha eval"
        )
    return Case(exam, found, how, k)
