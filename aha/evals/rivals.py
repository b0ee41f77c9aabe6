"""Another model on the same problems: what it was worth on each, out of its saved samples, and whether chance explains the difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from aha.errors import BadInput
from aha.evals.attempts import read_attempts
from aha.evals.files import read_rows
from aha.evals.paired import NOISE, compare_paired
from aha.evals.saved import GRADES

RIGHT = "pass@1"


@dataclass(frozen=True)
class Rival:
    """The measure that is compared, of each problem's samples; `name` as the person gave it."""

    name: str
    samples: Mapping[str, Sequence[float]]

    def check(self, problems: Iterable[str]) -> None:
        """BadInput, before anything is asked, unless it has a sample of each problem."""
        wanted = list(problems)
        if missing := [problem for problem in wanted if problem not in self.samples]:
            raise BadInput(
                f"{self.name}: it lacks {len(missing)} of the {len(wanted)} problems ({missing[0]} …); a paired comparison needs the same "
                "problems on both sides: the same benchmark, data and --problems"
            )


def saved_result(word: str, benchmark: str) -> Path | None:
    """The file of judged samples that `word` names, itself or as a folder that `aha eval --out` wrote; None for a model."""
    path = Path(word).expanduser()
    if path.is_file():
        return path
    return next((found for found in (path / benchmark / GRADES, path / GRADES) if found.is_file()), None)


def read_rival(word: str, path: Path, measure: str = RIGHT) -> Rival:
    """The values in a file of judged samples. BadInput where it has no such measure."""
    if measure == RIGHT:
        return Rival(word, {tried.problem: [each.right for each in tried.attempts] for tried in read_attempts(path).problems})
    found: dict[str, list[float]] = {}
    for number, row in enumerate(read_rows(path), start=1):
        measures = row.get("measures")
        if not isinstance(measures, dict) or measure not in measures or "problem_id" not in row:
            raise BadInput(f"{path}, record {number}: no {measure} among its measures; name what `aha eval --out` wrote of this benchmark")
        found.setdefault(str(row["problem_id"]), []).append(float(measures[measure]))
    return Rival(word, found)


def measured_by(headline: str, path: Path) -> str:
    """The headline where it is a measure of the file's single samples, else whether they are right."""
    return headline if headline in (read_rows(path)[0].get("measures") or {}) else RIGHT


def against(samples: Mapping[str, Sequence[float]], rival: Rival, measure: str = RIGHT, seed: int = 0) -> dict[str, object]:
    """How far `samples` are from the rival's on the same problems, under the names that programs read."""
    rival.check(samples)
    before, after = [rival.samples[problem] for problem in samples], list(samples.values())
    paired = compare_paired(before, after, seed)
    return {
        "model": rival.name,
        "measure": measure,
        "value": fmean(map(fmean, before)),
        "difference": paired.difference.value,
        "ci95": [paired.difference.low, paired.difference.high],
        "p": paired.p,
        "test": paired.test,
        "verdict": paired.verdict,
        "problems": len(before),
    }


def in_words(model: str, found: Mapping[str, Any]) -> str:
    """What `against` found, for a person."""
    low, high = (f"{100 * end:+.2f}" for end in found["ci95"])
    verdict = found["verdict"] if found["verdict"] == NOISE else f"{model} is {found['verdict']}"
    return (
        f"{found['measure']} against {found['model']} ({100 * found['value']:.2f} %) on the same {found['problems']:,} problems: "
        f"{100 * found['difference']:+.2f} points, 95 % interval {low} to {high}, p = {found['p']:.3g} ({found['test']}): {verdict}"
    )
