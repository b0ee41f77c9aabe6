"""`aha grade`: is this answer right? One pair from the command line, or a file of them."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING

from aha.commands.command import Command
from aha.commands.terminal import Terminal
from aha.errors import BadInput
from aha.json_text import parse_json

if TYPE_CHECKING:
    from aha.tasks.corpora import PairRow
    from aha.types import Grade

AT_ONCE = 256  # rows that are in work before the first of them is printed


def flags(parser: ArgumentParser) -> None:
    """What to grade, and how it is read."""
    parser.add_argument("--reference", metavar="R", help="the right answer: a number, LaTeX, a letter, words")
    parser.add_argument("--answer", metavar="A", help="what was said: a bare answer or a whole reply")
    parser.add_argument("--kind", default="auto", metavar="KIND", help="number, latex, choice, text or countdown; auto: as it looks")
    parser.add_argument("--how", metavar="HOW", help="where a formula is claimed: auto, box, line (Answer:), number (the last), whole")
    parser.add_argument("--option", action="append", metavar="TEXT", help="the text of an option, once each in order, for a choice")
    parser.add_argument("--numbers", metavar="N,N,N", help="the numbers of a countdown, whose target is the reference")
    parser.add_argument("--file", metavar="FILE.jsonl", help="rows with `gold` and `pred`; `kind`, `options` and other fields where needed")
    parser.add_argument("--strict", action="store_true", help="exit with 1 unless every answer is right; without it, 0 once all is graded")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """The exit code: 0, or with --strict 1 where an answer is not right."""
    from aha.tasks.golds import KINDS

    if rest:
        raise BadInput(f"{rest[0]}: this command takes no more than that")
    if arguments.kind not in KINDS:
        raise BadInput(f"--kind {arguments.kind}: there are {', '.join(KINDS)}")
    alone = arguments.reference is not None or arguments.answer is not None
    if alone == (arguments.file is not None) or (alone and None in (arguments.reference, arguments.answer)):
        raise BadInput("say what to grade: --reference R --answer A, or --file PAIRS.jsonl")
    counts = _grade_one_answer(arguments, terminal) if alone else _file(arguments, terminal)
    return 1 if arguments.strict and counts["wrong"] + counts["abstained"] else 0


def _grade_one_answer(arguments: Namespace, terminal: Terminal) -> Counter[str]:
    from aha.tasks.corpora import pair_of
    from aha.tasks.reading import DataRow
    from aha.types import Abstained

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
    word, reason = _words(_grade(pair))
    if terminal.json:
        print(_json({"grade": word, "reason": reason}), flush=True)
    terminal.say(_sound(f"{word}: {reason}" if reason else word))
    return Counter([word])


def _file(arguments: Namespace, terminal: Terminal) -> Counter[str]:
    """Every row in its order, as soon as those before it are graded."""
    from aha.tasks.corpora import pairs_of
    from aha.types import Abstained

    pairs = pairs_of(arguments.file, arguments.kind)
    ungradable = [pair for pair in pairs if isinstance(pair.reference, Abstained)]
    for pair in ungradable[:10]:
        terminal.note(f"aha: {pair.place}: {pair.reference.reason if isinstance(pair.reference, Abstained) else ''}")
    counts = Counter[str]()
    for pair, grade in zip(pairs, _grades(pairs), strict=True):
        word, reason = _words(grade)
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


def _grades(pairs: Sequence[PairRow]) -> Iterator[Grade]:
    """The grades in order, several answers at a time; each is bounded by its grader's own deadline."""
    with ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as threads:
        for start in range(0, len(pairs), AT_ONCE):
            yield from threads.map(_grade, pairs[start : start + AT_ONCE])


def _grade(pair: PairRow) -> Grade:
    from aha.commands.judges import settings_of
    from aha.grading import grade
    from aha.types import Abstained

    return pair.reference if isinstance(pair.reference, Abstained) else grade(pair.reference, pair.answer, settings_of(pair.flags))


def _words(grade: Grade) -> tuple[str, str]:
    return type(grade).__name__.lower(), getattr(grade, "reason", "")


def _json(fields: Mapping[str, object]) -> str:
    """One line; decimals of a row as JSON writes numbers, half a surrogate pair as the escape that it was."""
    line = json.dumps(fields, ensure_ascii=False, default=lambda value: float(value) if isinstance(value, Decimal) else str(value))
    return line if _sound(line) == line else json.dumps(parse_json(line))


def _sound(text: str) -> str:
    """The text with a question mark for what no UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


COMMAND = Command("grade answers: one, or a file of pairs", "data", flags, run, dash_options=("--reference", "--answer", "--option"))
