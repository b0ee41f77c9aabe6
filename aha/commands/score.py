"""`aha score`: what a file of judged samples is worth, or how two such files differ on the same problems."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aha.commands.command import Command
from aha.commands.terminal import Terminal
from aha.errors import BadInput

if TYPE_CHECKING:
    from aha.evals.attempts import Sheet
    from aha.evals.scored import Scored

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
    for role, what in ROLES.items():
        parser.add_argument(f"--{role}", metavar="FIELD", help=f"the field that says {what}; a dot for each level down")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Prints shares (JSON) or per cent (for a person)."""
    from aha.evals.attempts import Fields, read_attempts, read_results
    from aha.evals.completions import completion_judge

    if rest:
        raise BadInput(f"{rest[0]}: this command takes no more than that")
    judge = completion_judge(arguments.problems) if arguments.problems else None
    named = Fields(**{role: getattr(arguments, role) for role in ROLES})
    if arguments.other is not None:
        sheets = [read_attempts(path, named, judge, arguments.filter) for path in (arguments.file, arguments.other)]
        return _difference(sheets, arguments, terminal)
    if arguments.filter is not None:
        results = {arguments.filter: read_attempts(arguments.file, named, judge, arguments.filter)}
    else:
        results = read_results(arguments.file, named, judge)
    for name, sheet in results.items():
        _tell(name, sheet, arguments, terminal)
    return 0


def _tell(name: str, sheet: Sheet, arguments: Namespace, terminal: Terminal) -> None:
    """One result; `name`: of the filter that it is of, where there are filters."""
    from aha.evals.scored import each_problem, score

    scored = score(sheet, arguments.seed)
    asked = _asked(arguments.k, scored)
    each = each_problem(sheet) if arguments.each else None
    if terminal.json:
        print(json.dumps(({"filter": name} if name else {}) | to_json(scored) | ({"each": each} if each else {}), ensure_ascii=False))
        return
    if name:
        terminal.say(f"filter {name}")
    _say(scored, asked, terminal)
    for line in each or []:
        terminal.say(json.dumps(line, ensure_ascii=False))


def to_json(scored: Scored) -> dict[str, object]:
    """Every score at every k, as shares; the whole vote also under the name `maj@k`."""
    by_k = {f"{curve.name}@{k}": value for curve in scored.curves for k, value in enumerate(curve.values, start=1)}
    if (whole := f"cons@{scored.k}") in by_k:
        by_k[f"maj@{scored.k}"] = by_k[whole]
    if scored.weighted is not None:
        by_k |= {f"weighted@{scored.k}": scored.weighted}
    return {
        "problems": scored.problems,
        "samples": scored.samples,
        "k": scored.k,
        **by_k,
        "ci95": [scored.pass_at_1.low, scored.pass_at_1.high],
        **({"weighted_by": scored.weighted_by} if scored.weighted_by else {}),
        **scored.shares,
        "sample_se": scored.sample_se,
        "problem_se": scored.problem_se,
        "recommended_k": scored.recommended_k,
    }


def _asked(given: str | None, scored: Scored) -> list[int]:
    """The values of k that were asked for, else the powers of two and the largest. BadInput where a problem has fewer samples."""
    if given is None:
        return sorted({1 << power for power in range(scored.k.bit_length()) if 1 << power <= scored.k} | {scored.k})
    words = [word.strip() for word in given.split(",")]
    if not all(word.isdecimal() for word in words):
        raise BadInput(f"--k {given}: numbers with commas between them, as in --k 1,8,64")
    for k in map(int, words):
        scored.at("pass", k)
    return [int(word) for word in words]


def _say(scored: Scored, asked: Sequence[int], terminal: Terminal) -> None:
    low, high = 100 * scored.pass_at_1.low, 100 * scored.pass_at_1.high
    terminal.say(f"{scored.problems:,} problems, {scored.samples:,} samples")
    for curve in scored.curves:
        for k in asked:
            beside = f"   95 % interval over problems {low:.1f} to {high:.1f}" if (curve.name, k) == ("pass", 1) else ""
            terminal.say(f"{curve.name + '@' + str(k):16}{100 * curve.values[k - 1]:7.3f} %{beside}")
    if scored.weighted is not None:
        terminal.say(f"{'weighted@' + str(scored.k):16}{100 * scored.weighted:7.3f} %   each vote weighs its {scored.weighted_by}")
    for name, share in scored.shares.items():
        terminal.say(f"{name:16}{100 * share:7.3f} %")
    terminal.say(
        f"noise: {100 * scored.sample_se:.2f} points from sampling, {100 * scored.problem_se:.2f} from the choice of problems; "
        f"for a set of this size take k = {scored.recommended_k}"
    )


def _difference(sheets: Sequence[Sheet], arguments: Namespace, terminal: Terminal) -> int:
    from aha.evals.paired import compare_paired

    before, after = ({tried.problem: tried.verdicts for tried in sheet.problems} for sheet in sheets)
    if before.keys() != after.keys():
        apart = len(before.keys() ^ after.keys())
        raise BadInput(f"{arguments.file} and {arguments.other}: {apart} problems are in one and not in the other; pairs need the same")
    paired = compare_paired(list(before.values()), [after[problem] for problem in before], arguments.seed)
    low, value, high = paired.difference.low, paired.difference.value, paired.difference.high
    if terminal.json:
        said = {"difference": value, "ci95": [low, high], "p": paired.p, "test": paired.test, "verdict": paired.verdict}
        print(json.dumps(said | {"problems": len(before)}, ensure_ascii=False))
        return 0
    words = paired.verdict if paired.verdict == "difference is noise" else f"{arguments.other} is {paired.verdict}"
    terminal.say(
        f"pass@1 {100 * value:+.2f} points, 95 % interval {100 * low:+.2f} to {100 * high:+.2f}, p = {paired.p:.3g} ({paired.test})"
    )
    terminal.say(words)
    return 0


COMMAND = Command("what a file of judged samples is worth: pass@k, majority votes, best of k, intervals, rates", "evaluate", flags, run)
