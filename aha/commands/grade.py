"""`aha grade`: grades one answer from the command line, or a file of answers.
`aha score`: the scores of a file of judged samples, or the difference of two such files on the same problems."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from pathlib import Path

from aha.commands.corpus_judges import settings_of
from aha.commands.terminal import COUNT, Command, Terminal, refuse_rest
from aha.errors import BadInput
from aha.evals.comparison import paired_json
from aha.evals.intervals import NOISE, compare_pairs
from aha.evals.reading import FieldNames, GradeRecord, completion_grader, read_sample_set, read_sample_sets, unfinished_line
from aha.evals.result import Result, problem_lines, result_of
from aha.evals.samples import SampleSet
from aha.grading import Graders
from aha.grading.pool import processors
from aha.json_text import parse_json
from aha.tasks.corpora import PairRow, pair_of, pairs_of
from aha.tasks.golds import KINDS
from aha.tasks.reading import DataRow
from aha.types import Abstained, Grade

AT_ONCE = 256  # rows in work before the first of them is printed


def grade_flags(parser: ArgumentParser) -> None:
    """Add the flags for the answers and how they are read."""
    parser.add_argument("--reference", metavar="R", help="the right answer: a number, LaTeX, a letter or words")
    parser.add_argument("--answer", metavar="A", help="the answer to grade: a bare answer or a whole reply")
    parser.add_argument(
        "--kind",
        default="auto",
        metavar="KIND",
        help="the kind of answer: number, latex, choice, text, countdown, or auto (default), which tells it from the form",
    )
    parser.add_argument(
        "--how", metavar="HOW", help="where to find the answer in a reply: auto, box, line (after Answer:), number (the last one) or whole"
    )
    parser.add_argument(
        "--option", action="append", metavar="TEXT", help="choice: the text of an option; give the flag once for each option, in order"
    )
    parser.add_argument("--numbers", metavar="N,N,N", help="countdown: the numbers to use; the target is the reference")
    parser.add_argument(
        "--file",
        metavar="FILE.jsonl",
        help="grade a file of rows with `gold` and `pred`, and `kind`, `options` and other fields where needed",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 unless every answer is right (default: exit with 0 once all are graded)"
    )


def run_grade(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Return the exit code: 0, or with --strict 1 if an answer is not right."""
    refuse_rest(rest)
    if arguments.kind not in KINDS:
        raise BadInput(f"--kind {arguments.kind}: there are {', '.join(KINDS)}")
    alone = arguments.reference is not None or arguments.answer is not None
    if alone == (arguments.file is not None) or (alone and None in (arguments.reference, arguments.answer)):
        raise BadInput("say what to grade: --reference R --answer A, or --file PAIRS.jsonl")
    with Graders() as graders:
        counts = _grade_one_answer(arguments, graders, terminal) if alone else _file(arguments, graders, terminal)
    return 1 if arguments.strict and counts["wrong"] + counts["abstained"] else 0


def _grade_one_answer(arguments: Namespace, graders: Graders, terminal: Terminal) -> Counter[str]:
    fields: dict[str, object] = {"gold": arguments.reference, "pred": arguments.answer}
    if arguments.option:
        fields["options"] = arguments.option
    if arguments.how is not None:
        fields["how"] = arguments.how
    if arguments.numbers is not None:
        fields["numbers"] = [int(number) if number.strip().isdecimal() else number for number in arguments.numbers.split(",")]
        fields["kind"] = "countdown"
    pair = pair_of(DataRow("--reference", "--reference", fields), arguments.kind)
    if isinstance(pair.reference, Abstained):
        raise BadInput(f"--reference {arguments.reference}: {pair.reference.reason}")
    word, reason = _words(_grade(pair, graders))
    if terminal.json:
        print(_json({"grade": word, "reason": reason}), flush=True)
    terminal.say(_sound(f"{word}: {reason}" if reason else word))
    return Counter([word])


def _file(arguments: Namespace, graders: Graders, terminal: Terminal) -> Counter[str]:
    """Grade a file's rows and print each in order, as soon as those before it are graded; return the counts."""
    pairs = pairs_of(arguments.file, arguments.kind)
    ungradable = [pair for pair in pairs if isinstance(pair.reference, Abstained)]
    for pair in ungradable[:10]:
        terminal.note(f"aha: {pair.place}: {pair.reference.reason if isinstance(pair.reference, Abstained) else ''}")
    counts = Counter[str]()
    for pair, verdict in zip(pairs, _grades(pairs, graders), strict=True):
        word, reason = _words(verdict)
        counts[word] += 1
        if terminal.json:
            print(_json({**pair.fields, "grade": word, "reason": reason}))
        else:
            print(_sound(f"{pair.place.rpartition(', ')[2]}: {word}{': ' if reason else ''}{reason}"))
    sys.stdout.flush()
    terminal.note(
        f"{len(pairs)} answers: {counts['right']} right, {counts['wrong']} wrong, {counts['abstained']} abstained"
        + (f"; {len(ungradable)} references cannot be graded" if ungradable else "")
    )
    return counts


def _grades(pairs: Sequence[PairRow], graders: Graders) -> Iterator[Grade]:
    """Yield the grades in order, several answers at a time; each is bounded by its grader's own deadline."""
    with ThreadPoolExecutor(max(2, processors())) as threads:
        for start in range(0, len(pairs), AT_ONCE):
            yield from threads.map(partial(_grade, graders=graders), pairs[start : start + AT_ONCE])


def _grade(pair: PairRow, graders: Graders) -> Grade:
    return pair.reference if isinstance(pair.reference, Abstained) else graders.grade(pair.reference, pair.answer, settings_of(pair.flags))


def _words(grade: Grade) -> tuple[str, str]:
    return type(grade).__name__.lower(), getattr(grade, "reason", "")


def _json(fields: Mapping[str, object]) -> str:
    """Return one JSON line; decimals of a row are numbers, and half a surrogate pair is the escape that it was."""
    line = json.dumps(fields, ensure_ascii=False, default=lambda value: float(value) if isinstance(value, Decimal) else str(value))
    return line if _sound(line) == line else json.dumps(parse_json(line))


def _sound(text: str) -> str:
    """Return the text with a question mark for every character that UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


GRADE = Command(
    "grade one answer, or a file of answers", "data", grade_flags, run_grade, dash_options=("--reference", "--answer", "--option")
)


ROLES = {
    "problem": "the id of a sample's problem",
    "right": "the verdict on the sample, right or wrong",
    "answer": "the answer that a sample votes for",
    "reward": "the reward model's score",
    "text": "the whole reply, which is searched for refusals",
    "finished": "the reason why the reply ended, `stop` or `length`",
}


def score_flags(parser: ArgumentParser) -> None:
    """Add the flags for the files, and for the names of their fields."""
    parser.add_argument("file", type=Path, metavar="FILE", help="JSON or JSON lines with one record for each sample or each problem")
    parser.add_argument(
        "other", type=Path, nargs="?", metavar="AFTER", help="a second file on the same problems, to compare with the first"
    )
    parser.add_argument("--k", metavar="N,N…", help="the values of k to print (--json prints all)")
    parser.add_argument("--problems", type=Path, metavar="FILE", help="HumanEval's problems, to run completions that have no verdict yet")
    parser.add_argument("--filter", metavar="NAME", help="the filter whose result to read, if a file has results for several filters")
    parser.add_argument("--each", action="store_true", help="also print a line for each problem")
    parser.add_argument("--seed", type=COUNT, default=0, metavar="N", help="the random seed of the confidence intervals (default: 0)")
    for role, text in ROLES.items():
        parser.add_argument(f"--{role}", metavar="FIELD", help=f"the field with {text}; a dot separates nested fields")


def run_score(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Print scores as shares (JSON) or per cent (for a person)."""
    refuse_rest(rest)
    for path in filter(None, (arguments.file, arguments.other)):
        if line := unfinished_line(path):
            terminal.note(line)
    with Graders() as graders:
        return _score(arguments, completion_grader(arguments.problems, graders) if arguments.problems else None, terminal)


def _score(arguments: Namespace, grader: GradeRecord | None, terminal: Terminal) -> int:
    """Print the scores of the file, its difference from the other file, or the result of one filter."""
    names = FieldNames(**{role: getattr(arguments, role) for role in ROLES})
    if arguments.other is not None:
        sets = [read_sample_set(path, names, grader, arguments.filter) for path in (arguments.file, arguments.other)]
        return _print_difference(sets, arguments, terminal)
    if arguments.filter is not None:
        _print_result(arguments.filter, read_sample_set(arguments.file, names, grader, arguments.filter), arguments, terminal)
        return 0
    for name, samples in read_sample_sets(arguments.file, names, grader).items():
        _print_result(name, samples, arguments, terminal)
    return 0


def _print_result(name: str, samples: SampleSet, arguments: Namespace, terminal: Terminal) -> None:
    """Print one result; `name`: the filter that it belongs to, if there are filters."""
    result = result_of(samples, seed=arguments.seed)
    ks = _chosen_k(arguments.k, result)
    lines = problem_lines(samples) if arguments.each else None
    if terminal.json:
        fields = ({"filter": name} if name else {}) | result.to_json(every_k=True) | ({"each": lines} if lines else {})
        print(json.dumps(fields, ensure_ascii=False))
    if name:
        terminal.say(f"filter {name}")
    _print_words(result, ks, terminal)
    for line in lines or []:
        terminal.say(json.dumps(line, ensure_ascii=False))


def _chosen_k(text: str | None, result: Result) -> list[int]:
    """Return the values of k that a person names, else the powers of two and the largest. BadInput if a problem has fewer samples."""
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
        terminal.say(f"{f'weighted@{result.k}':16}{100 * result.weighted_vote_score:7.3f} %   each vote weighs its {result.weighted_by}")
    for name, share in result.shares.items():
        terminal.say(f"{name:16}{100 * share:7.3f} %")
    terminal.say(
        f"noise: {100 * result.sample_se:.2f} points from sampling, {100 * result.problem_se:.2f} from the choice of problems; "
        f"for a set of this size take k = {result.recommended_k}"
    )


def _print_difference(sets: Sequence[SampleSet], arguments: Namespace, terminal: Terminal) -> int:
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


SCORE = Command(
    "compute pass@k, majority votes, best of k, intervals and rates from a file of judged samples", "evaluate", score_flags, run_score
)
