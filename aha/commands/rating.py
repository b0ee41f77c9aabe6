"""Codeforces: from which problems a model solved, and at which try, to the rating that fits."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aha.commands.terminal import Terminal
from aha.errors import BadInput
from aha.evals.codeforces import HISTOGRAM, Contest, percentile, place_in, read_contest, read_histogram
from aha.evals.comparison import by_problem
from aha.evals.files import data_folder, find_file
from aha.evals.samples import GradedSample


@dataclass(frozen=True)
class Rater:
    """Contests as they went, and how many users have which rating."""

    contests: tuple[Contest, ...]
    histogram: Mapping[str, int]

    def problems(self) -> set[str]:
        """Those of all contests, as contest and letter."""
        return {problem for contest in self.contests for problem in contest.problems}

    def rate(self, tries: Mapping[str, Sequence[bool]], terminal: Terminal) -> dict[str, int | float]:
        """The mean over the contests, and who is below it, in per cent."""
        places = [place_in(contest, tries) for contest in self.contests]
        for place in places:
            terminal.note(
                f"contest {place.contest}: {place.points:g} points, place {place.rank} of {place.contestants}, rating {place.rating:.0f}"
            )
        rating = sum(place.rating for place in places) / len(places)
        return {"rating": round(rating), "percentile": round(percentile(rating, self.histogram), 1), "n": len(places)}


def rate_samples(name: str, samples: Sequence[GradedSample], rater: Rater | None, terminal: Terminal) -> dict[str, Any]:
    """Return a Codeforces rating: a problem's samples, in order, are the tries at it."""
    if rater is None or name != "codeforces":
        return {}
    tries = {problem: [sample.right for sample in samples_of] for problem, samples_of in by_problem(samples).items()}
    rated_tries = {problem: verdicts for problem, verdicts in tries.items() if problem in rater.problems()}
    if not rated_tries:
        terminal.note(f"{name}: no rating: {next(iter(tries))} and the others are no problems of these contests; names are as 1971A")
        return {}
    if len(rated_tries) < len(tries):
        terminal.note(f"{name}: {len(tries) - len(rated_tries)} problems are of none of these contests and count for pass@1 alone")
    rating = rater.rate(rated_tries, terminal)
    return {"rating": rating["rating"], "percentile": rating["percentile"], "contests": rating["n"]}


def rater(arguments: Namespace, need: str) -> Rater:
    """From what `--standings`, `--changes` and the data name. BadInput, with what is `needed`, where they do not fit together."""
    if not arguments.standings or len(arguments.standings) != len(arguments.changes or ()):
        raise BadInput(f"codeforces: give {need}")
    contests = tuple(read_contest(*files) for files in zip(arguments.standings, arguments.changes, strict=True))
    return Rater(contests, histogram_in(arguments.data))


def histogram_in(data: Path | None) -> dict[str, int]:
    """Users by rating, beside the problems or in the folder of data."""
    beside = data.expanduser().parent if data is not None and data.expanduser().is_file() else None
    path = find_file(beside, HISTOGRAM) or find_file(data_folder(None if beside or _is_name(data) else data), HISTOGRAM)
    if path is None:
        raise BadInput(f"codeforces: {HISTOGRAM}, users by rating, is not in the data; name its folder with --data DIR or AHA_DATA")
    return read_histogram(path)


def _is_name(data: Path | None) -> bool:
    """A data set of a hub, not a place here."""
    return data is not None and not data.is_absolute() and len(data.parts) == 2 and not data.exists()
