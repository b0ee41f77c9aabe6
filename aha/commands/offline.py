"""Benchmarks that `aha eval` scores from files, without a model.
For Codeforces, the rating that fits the problems a model solved, and the number of tries each took."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aha.commands.terminal import NumberFlag, Terminal
from aha.errors import LARGEST, BadInput, Between
from aha.evals.comparison import by_problem
from aha.evals.files import data_folder, find_file, read_rows
from aha.evals.outside import HISTOGRAM, READERS, Contest, percentile, place_in, read_contest, read_histogram
from aha.evals.reading import read_sample_set
from aha.evals.samples import GradedSample

if TYPE_CHECKING:
    from aha.evals.arena import Battle, Version


@dataclass(frozen=True)
class Rater:
    """The standings of contests, and the number of users with each rating."""

    contests: tuple[Contest, ...]
    histogram: Mapping[str, int]

    def problems(self) -> set[str]:
        """Return the problems of all contests, as contest and letter."""
        return {problem for contest in self.contests for problem in contest.problems}

    def rate(self, tries: Mapping[str, Sequence[bool]], terminal: Terminal) -> dict[str, int | float]:
        """Return the mean rating over the contests, and the share of users below it, in per cent."""
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
        terminal.note(f"{name}: {len(tries) - len(rated_tries)} problems are not from these contests and count for pass@1 only")
    rating = rater.rate(rated_tries, terminal)
    return {"rating": rating["rating"], "percentile": rating["percentile"], "contests": rating["n"]}


def rater(arguments: Namespace, need: str) -> Rater:
    """Return the rater from the files of `--standings`, `--changes` and the data. BadInput if they do not fit; `need` says what to give."""
    if not arguments.standings or len(arguments.standings) != len(arguments.changes or ()):
        raise BadInput(f"codeforces: give {need}")
    contests = tuple(read_contest(*files) for files in zip(arguments.standings, arguments.changes, strict=True))
    return Rater(contests, histogram_in(arguments.data))


def histogram_in(data: Path | None) -> dict[str, int]:
    """Return the number of users by rating, from a file beside the problems or in the folder of data."""
    beside = data.expanduser().parent if data is not None and data.expanduser().is_file() else None
    path = find_file(beside, HISTOGRAM) or find_file(data_folder(None if beside or _is_name(data) else data), HISTOGRAM)
    if path is None:
        raise BadInput(f"codeforces: {HISTOGRAM}, users by rating, is not in the data; name its folder with --data DIR or AHA_DATA")
    return read_histogram(path)


def _is_name(data: Path | None) -> bool:
    """Return True if the data is a data set of a hub, not a path here."""
    return data is not None and not data.is_absolute() and len(data.parts) == 2 and not data.exists()


def flags(parser: ArgumentParser) -> None:
    """Add the flags of every benchmark here; each says which benchmark it is for."""
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="alpaca_eval: the published annotations of one model")
    parser.add_argument("--judgments", type=Path, nargs="+", metavar="FILE", help="arena_hard: the published judgments or battles")
    parser.add_argument("--answers", type=Path, nargs="+", metavar="FILE", help="arena_hard: the answers of all models, for style control")
    parser.add_argument(
        "--protocol",
        choices=("v0.1", "v2.0"),
        help="arena_hard: the protocol version (default: that of the questions in the data, else v0.1)",
    )
    parser.add_argument("--baseline", metavar="NAME", help="arena_hard: the model that all others are compared with")
    parser.add_argument(
        "--rating", type=NumberFlag(Between(0, LARGEST)), metavar="N", help="codeforces: a rating whose percentile to print"
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help="codeforces: judged samples in order of attempt (ids as 1971A); swe_bench_verified, aider_polyglot: the output of their tools",
    )
    parser.add_argument(
        "--standings", type=Path, nargs="+", metavar="FILE", help="codeforces: the API's contest.standings, one file for each contest"
    )
    parser.add_argument(
        "--changes", type=Path, nargs="+", metavar="FILE", help="codeforces: the API's contest.ratingChanges, in the same order"
    )
    parser.add_argument(
        "--data", type=Path, metavar="PATH", help="the benchmark's rows: a file, a folder (default: AHA_DATA) or a hub name"
    )


SOURCE_FLAGS = ("annotations", "judgments", "rating", "results")  # with --model, contests rate its replies instead


def is_meant(name: str, arguments: Namespace) -> bool:
    """Return True if a benchmark is to be scored from files: no model is named, or files are."""
    return name in OFFLINE and (arguments.model is None or any(getattr(arguments, flag) is not None for flag in SOURCE_FLAGS))


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print one line of JSON, or a few lines for a person; what was read is noted on stderr."""
    if arguments.model is not None:
        raise BadInput(f"{arguments.benchmark}: it is scored from files, and --model names none of them; see aha eval --help")
    if rest:
        raise BadInput(f"{rest[0]}: {arguments.benchmark} takes no such setting")
    return OFFLINE[arguments.benchmark](arguments, terminal)


def _tell(terminal: Terminal, result: dict[str, object]) -> None:
    if terminal.json:
        print(json.dumps(result, ensure_ascii=False))
        return
    for name, value in result.items():
        numbers = [
            f"{number:.2f}" if isinstance(number, float) else str(number) for number in (value if isinstance(value, list) else [value])
        ]
        terminal.say(f"{name:24}{' to '.join(numbers)}")


def _alpaca(arguments: Namespace, terminal: Terminal) -> int:
    from aha.evals.alpaca import calibration_in, read_annotations, weighted_preferences, win_rates

    if arguments.annotations is None:
        raise BadInput("alpaca_eval: give one model's annotations with --annotations FILE")
    annotations = read_annotations(arguments.annotations)
    calibration = calibration_in(data_folder(arguments.data))
    rates = win_rates(annotations, calibration)
    rows, apart = weighted_preferences(annotations)
    row_order = "rows matched by instruction" if calibration.positions else "rows taken in order"
    terminal.note(f"alpaca_eval: {', '.join(calibration.files)}; {row_order}; fit without penalty, within 0.1 points of the published one")
    terminal.note(f"alpaca_eval: {rows} preferences recomputed from the judge's log-probabilities, at most {apart:.1g} apart")
    _tell(terminal, vars(rates))
    return 0


def _arena(arguments: Namespace, terminal: Terminal) -> int:
    from aha.evals.arena import read_battle_set, read_styles, scores_of
    from aha.evals.arena.battles import WRITERS

    if arguments.judgments is None:
        raise BadInput("arena_hard: give judgments or battles with --judgments FILE…")
    folder = data_folder(arguments.data)
    version = arguments.protocol or _version(arguments.judgments, folder)
    battle_set = read_battle_set(arguments.judgments, version, arguments.baseline)
    parts = _parts(battle_set.battles, version, folder)
    styles = read_styles(arguments.answers) if arguments.answers else None
    if styles and not all(style.counted for style in styles.values()):
        terminal.note(
            "arena_hard: protocol: unverified: the answers have no token counts, so their length is counted in words and punctuation"
        )
    terminal.note(
        f"arena_hard: {version}; ci95 resamples battles, as published; ci95_questions resamples questions (their battles are related)"
    )
    if battle_set.incomplete or battle_set.silent:
        terminal.note(
            f"arena_hard: left out: {battle_set.incomplete:,} records that do not have two games, "
            f"{battle_set.silent:,} games that have no verdict" + (" or whose question has one without" if version == "v2.0" else "")
        )

    def heartbeat(done: int, of: int) -> None:
        if done % 20 == 0:
            terminal.note(f"arena_hard: style control: {done} of {of} resamples fitted")

    results = []
    for part, battles in parts.items():
        baseline = battle_set.baseline if arguments.baseline else WRITERS.get(part, battle_set.baseline)
        results += [(part, row) for row in scores_of(battles, version, styles, baseline, heartbeat)]
    several = len({row["model"] for _, row in results}) > 1
    for part, row in results:
        model = {"model": row.pop("model")}
        _tell(terminal, (model if several else {}) | ({"category": part} if len(parts) > 1 else {}) | row)
    return 0


def _version(judgments: Sequence[Path], folder: Path | None) -> Version:
    """Return v2.0 if the first question of the file is one of v2.0's, else v0.1, the paper's."""
    path = find_file(folder, "question.jsonl", within="v2.0")
    first = read_rows(judgments[0])[0]
    uids = {row.get("uid") for row in read_rows(path)} if path is not None and "v2.0" in path.parts else set()
    return "v2.0" if first.get("question_id", first.get("uid")) in uids else "v0.1"


def _parts(battles: Sequence[Battle], version: Version, folder: Path | None) -> dict[str, list[Battle]]:
    """Return the battles by category: v2.0 scores hard prompts and creative writing separately, if the data tells which is which."""
    path = find_file(folder, "question.jsonl", within="v2.0") if version == "v2.0" else None
    of = {str(row.get("uid")): str(row.get("category")) for row in read_rows(path)} if path is not None else {}
    parts: dict[str, list[Battle]] = {}
    for battle in battles:
        parts.setdefault(of.get(battle.question, "all"), []).append(battle)
    return parts


def _codeforces(arguments: Namespace, terminal: Terminal) -> int:
    histogram = histogram_in(arguments.data)
    if arguments.rating is not None:
        rank = percentile(arguments.rating, histogram)
        _tell(terminal, {"rating": arguments.rating, "percentile": round(rank, 1)})
        return 0
    need = "--rating N, or --results FILE with --standings FILE… and as many --changes FILE…"
    if arguments.results is None:
        raise BadInput(f"codeforces: give {need}")
    contests = rater(arguments, need)
    tries = {part.problem: part.verdicts for part in read_sample_set(arguments.results).problems}
    if strangers := sorted(tries.keys() - contests.problems()):
        raise BadInput(
            f"{arguments.results}: {strangers[0]} is a problem of none of the contests; a name is contest and letter, as in 1971A"
        )
    _tell(terminal, {**contests.rate(tries, terminal)})
    return 0


def _outside(arguments: Namespace, terminal: Terminal) -> int:
    if arguments.results is None:
        raise BadInput(f"{arguments.benchmark}: it runs elsewhere; give what it wrote with --results PATH")
    _tell(terminal, {"benchmark": arguments.benchmark, **READERS[arguments.benchmark](arguments.results)})
    return 0


OFFLINE: dict[str, Callable[[Namespace, Terminal], int]] = {
    "alpaca_eval": _alpaca,
    "arena_hard": _arena,
    "codeforces": _codeforces,
    "swe_bench_verified": _outside,
    "aider_polyglot": _outside,
}
