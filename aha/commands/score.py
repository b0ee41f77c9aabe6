"""`aha score`: what a file of judged samples is worth, or how two such files differ on the same problems."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aha.commands.command import Command, refuse_rest
from aha.commands.terminal import Terminal
from aha.errors import BadInput

if TYPE_CHECKING:
    from aha.evals.result import Result
    from aha.evals.samples import SampleSet

ROLES = {
    "problem": "which problem a sample belongs to",
    "right": "whether it is right",
    "answer": "its answer, as it votes",
    "reward": "what a reward model gave it",
    "text": "the whole reply, where refusals are looked for",
    "finished": "`stop` or `length`",
}


def flags(parser: ArgumentParser) -> None:
    """The files, and the fields of their records where they go by other names."""
    parser.add_argument("file", type=Path, metavar="FILE", help="JSON or JSON lines, a record a sample or a problem")
    parser.add_argument(
        "other", type=Path, nargs="?", metavar="AFTER", help="a second file: how it differs from the first on the same problems"
    )
    parser.add_argument("--k", metavar="N,N…", help="the values of k to say; --json says all")
    parser.add_argument("--problems", type=Path, metavar="FILE", help="HumanEval's problems, to run completions that nobody has judged")
    parser.add_argument("--filter", metavar="NAME", help="of a file with a result for each of several filters: the one to read")
    parser.add_argument("--each", action="store_true", help="every problem's own line too")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the intervals")
    for role, text in ROLES.items():
        parser.add_argument(f"--{role}", metavar="FIELD", help=f"the field that says {text}; a dot for each level down")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print shares (JSON) or per cent (for a person)."""
    from aha.evals.reading import FieldNames, completion_grader, read_sample_set, read_sample_sets

    refuse_rest(rest)
    grader = completion_grader(arguments.problems) if arguments.problems else None
    names = FieldNames(**{role: getattr(arguments, role) for role in ROLES})
    if arguments.other is not None:
        sets = [read_sample_set(path, names, grader, arguments.filter) for path in (arguments.file, arguments.other)]
        return _print_difference(sets, arguments, terminal)
    if arguments.filter is not None:
        results = {arguments.filter: read_sample_set(arguments.file, names, grader, arguments.filter)}
    else:
        results = read_sample_sets(arguments.file, names, grader)
    for name, samples in results.items():
        _print_result(name, samples, arguments, terminal)
    return 0


def _print_result(name: str, samples: SampleSet, arguments: Namespace, terminal: Terminal) -> None:
    """Print one result; `name`: of the filter that it is of, where there are filters."""
    from aha.evals.result import problem_lines, result_of

    result = result_of(samples, seed=arguments.seed)
    ks = _chosen_k(arguments.k, result)
    lines = problem_lines(samples) if arguments.each else None
    if terminal.json:
        fields = ({"filter": name} if name else {}) | result.to_json(every_k=True) | ({"each": lines} if lines else {})
        print(json.dumps(fields, ensure_ascii=False))
        return
    if name:
        terminal.say(f"filter {name}")
    _print_words(result, ks, terminal)
    for line in lines or []:
        terminal.say(json.dumps(line, ensure_ascii=False))


def _chosen_k(text: str | None, result: Result) -> list[int]:
    """Return the values of k that a person names, else the powers of two and the largest. BadInput where a problem has fewer samples."""
    if text is None:
        return result.shown_k
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words):
        raise BadInput(f"--k {text}: numbers with commas between them, as in --k 1,8,64")
    for k in map(int, words):
        result.at("pass", k)
    return [int(word) for word in words]


def _print_words(result: Result, ks: Sequence[int], terminal: Terminal) -> None:
    low, high = 100 * result.pass_at_1.low, 100 * result.pass_at_1.high
    terminal.say(f"{result.problems:,} problems, {result.samples:,} samples")
    for curve in result.curves:
        for k in ks:
            beside = f"   95 % interval over problems {low:.1f} to {high:.1f}" if (curve.name, k) == ("pass", 1) else ""
            terminal.say(f"{curve.name + '@' + str(k):16}{100 * curve.values[k - 1]:7.3f} %{beside}")
    if result.weighted_vote_score is not None:
        terminal.say(
            f"{'weighted@' + str(result.k):16}{100 * result.weighted_vote_score:7.3f} %   each vote weighs its {result.weighted_by}"
        )
    for name, share in result.shares.items():
        terminal.say(f"{name:16}{100 * share:7.3f} %")
    terminal.say(
        f"noise: {100 * result.sample_se:.2f} points from sampling, {100 * result.problem_se:.2f} from the choice of problems; "
        f"for a set of this size take k = {result.recommended_k}"
    )


def _print_difference(sets: Sequence[SampleSet], arguments: Namespace, terminal: Terminal) -> int:
    from aha.evals.comparison import paired_json
    from aha.evals.intervals import NOISE, compare_pairs

    before, after = ({part.problem: part.verdicts for part in samples.problems} for samples in sets)
    if before.keys() != after.keys():
        differences = len(before.keys() ^ after.keys())
        raise BadInput(
            f"{arguments.file} and {arguments.other}: {differences} problems are in one and not in the other; pairs need the same"
        )
    comparison = compare_pairs(list(before.values()), [after[problem] for problem in before], arguments.seed)
    low, value, high = comparison.difference.low, comparison.difference.value, comparison.difference.high
    if terminal.json:
        print(json.dumps(paired_json(comparison) | {"problems": len(before)}, ensure_ascii=False))
        return 0
    terminal.say(
        f"pass@1 {100 * value:+.2f} points, 95 % interval {100 * low:+.2f} to {100 * high:+.2f}, p = {comparison.p:.3g} ({comparison.test})"
    )
    terminal.say(comparison.verdict if comparison.verdict == NOISE else f"{arguments.other} is {comparison.verdict}")
    return 0


COMMAND = Command("what a file of judged samples is worth: pass@k, majority votes, best of k, intervals, rates", "evaluate", flags, run)
