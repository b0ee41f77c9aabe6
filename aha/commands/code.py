"""`aha code`: programming problems and their tests. Rows are HumanEval's, MBPP's, LiveCodeBench's, or pairs of input and output.

aha code check FILE            is each problem fit to be trained on: its own solution passes, programs that solve nothing fail
aha code agree FILE RESULTS    grade stored answers again, and compare with the verdicts stored beside them, row by row
aha code score FILE            the mutation score of each problem's tests: wrong submissions and mutants of a right one that they fail
aha code write FILE --out NEW  tests by the programs in a row's `generators`, proved by its right (`solutions`) and wrong (`incorrect`) ones
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from aha.commands.command import Command
from aha.commands.terminal import Terminal
from aha.errors import BadInput

if TYPE_CHECKING:
    from aha.grading.code.mutation import Killed
    from aha.grading.sandbox import Sandbox
    from aha.tasks.code import Coded

TIERS = ("auto", "bwrap", "wasm", "remote", "unsafe")


def flags(parser: ArgumentParser) -> None:
    """What to do, with which rows, in which sandbox."""
    parser.add_argument("what", choices=tuple(DO), metavar="WHAT", help="check, agree, score or write")
    parser.add_argument("file", metavar="FILE", help="problems: a .jsonl or .json file, or a Hugging Face data set")
    parser.add_argument("results", nargs="?", type=Path, metavar="RESULTS", help="agree: JSON lines with id, answer and is_correct")
    parser.add_argument("--split", default="test", metavar="NAME", help="of a data set")
    parser.add_argument("--sandbox", choices=TIERS, default="auto", help="where programs run (the strongest tier that works here)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="problems at once")
    parser.add_argument("--mutants", type=int, default=20, metavar="N", help="score: of each right solution, at most")
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="write: runs of each generator")
    parser.add_argument("--most", type=int, default=20, metavar="N", help="write: tests a problem, at most")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write: where the new rows go")
    parser.add_argument("--id-field", default="id", metavar="NAME", help="agree: the field of RESULTS that holds it")
    parser.add_argument("--answer-field", default="answer", metavar="NAME", help="agree: the same")
    parser.add_argument("--label-field", default="is_correct", metavar="NAME", help="agree: the same; true or false")


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Exit code 1 where a problem is unfit, a verdict differs, or a test set fails a right solution."""
    from aha.grading.sandbox import open_sandbox

    if rest:
        raise BadInput(f"{rest[0]}: this command takes no more than that")
    if (arguments.what == "agree") is (arguments.results is None) or (arguments.what == "write") is (arguments.out is None):
        raise BadInput(f"aha code {arguments.what}: agree takes RESULTS, a second file; write takes --out; the others take neither")
    if min(arguments.workers, arguments.seeds, arguments.most) < 1 or arguments.mutants < 0:
        raise BadInput("--workers, --seeds and --most count from 1, --mutants from 0")
    problems = _problems(arguments.file, arguments.split)
    sandbox = open_sandbox(arguments.sandbox, arguments.workers)
    terminal.note(f"{len(problems)} problems, sandbox {sandbox.tier}")
    try:
        return DO[arguments.what](problems, sandbox, arguments, terminal)
    finally:
        sandbox.close()


def _problems(source: str, split: str) -> list[Coded]:
    from aha.tasks.code import Coded, coded_of
    from aha.tasks.reading import Row, rows_of

    read = [coded_of(row) if isinstance(row, Row) else row for row in rows_of(source, split, None)]
    if refused := [each for each in read if not isinstance(each, Coded)]:
        raise BadInput(f"{len(refused)} of {len(read)} rows are no problems; the first: {refused[0]}")
    if not read:
        raise BadInput(f"{source} is empty: one JSON object a line is needed")
    return [each for each in read if isinstance(each, Coded)]


def _check(problems: Sequence[Coded], sandbox: Sandbox, arguments: Namespace, terminal: Terminal) -> int:
    from aha.grading.code import unfit

    bad = 0
    with ThreadPoolExecutor(arguments.workers) as pool:
        found = pool.map(lambda each: unfit(each.reference, each.right, sandbox), problems)
        for coded, complaints in zip(problems, found, strict=True):
            bad += bool(complaints)
            terminal.tell("checked", id=coded.problem.id, fit=not complaints, complaints=complaints)
            for complaint in complaints:
                terminal.say(f"{coded.problem.id}: {complaint}")
    without = sum(not coded.right for coded in problems)
    terminal.tell("summary", problems=len(problems), fit=len(problems) - bad, without_solution=without)
    terminal.say(
        f"{len(problems) - bad} of {len(problems)} problems are fit{f'; {without} come without a solution to prove it' * bool(without)}"
    )
    return 1 if bad else 0


def _agree(problems: Sequence[Coded], sandbox: Sandbox, arguments: Namespace, terminal: Terminal) -> int:
    from aha.grading.code import grade_code
    from aha.types import Abstained, Right

    references = {coded.problem.id: coded.reference for coded in problems}
    rows = _results(arguments, references)
    right = same = abstained = 0
    with ThreadPoolExecutor(arguments.workers) as pool:
        for (name, _, label), grade in zip(
            rows, pool.map(lambda row: grade_code(references[row[0]], row[1], sandbox, published=True), rows), strict=True
        ):
            ours = isinstance(grade, Right)
            right, same, abstained = right + ours, same + (ours is label), abstained + isinstance(grade, Abstained)
            terminal.tell("graded", id=name, right=ours, stored=label, reason=getattr(grade, "reason", ""))
            if ours is not label:
                terminal.say(f"{name}: {type(grade).__name__}, stored {label}: {getattr(grade, 'reason', 'every test passes')}")
    stored = sum(label for *_, label in rows)
    terminal.tell("summary", answers=len(rows), right=right, stored_right=stored, agree=same, abstained=abstained, sandbox=sandbox.tier)
    terminal.say(f"{right} of {len(rows)} right (stored: {stored}), the same verdict on {same} of {len(rows)}, {abstained} abstained")
    return 0 if same == len(rows) else 1


def _results(arguments: Namespace, known: Container[str]) -> list[tuple[str, str, bool]]:
    """Each stored answer: the problem's id, the answer, the verdict."""
    from aha.tasks.reading import Row, rows_of

    names, found = (arguments.id_field, arguments.answer_field, arguments.label_field), list[tuple[str, str, bool]]()
    for row in rows_of(str(arguments.results), "test", None):
        values = [row.fields.get(name) for name in names] if isinstance(row, Row) else []
        match values:
            case [str() | int() as name, str() as answer, bool() as label] if str(name) in known:
                found.append((str(name), answer, label))
            case _:
                shown = f"{row.place}: its {', '.join(names)} are {str(values)[:80]}" if isinstance(row, Row) else str(row)
                raise BadInput(f"{shown}: an id among the problems, a text, and true or false are needed")
    return found


def _score(problems: Sequence[Coded], sandbox: Sandbox, arguments: Namespace, terminal: Terminal) -> int:
    from aha.grading.code import mutation_score

    totals, refused = {"submissions": [0, 0], "mutants": [0, 0]}, 0
    with ThreadPoolExecutor(arguments.workers) as pool:
        scores = pool.map(
            lambda each: mutation_score(each.reference, each.right, each.wrong, sandbox, most_mutants=arguments.mutants), problems
        )
        for coded, score in zip(problems, scores, strict=True):
            refused += bool(score.refused)
            kinds = {"submissions": score.submissions, "mutants": score.mutants}
            for kind, killed in kinds.items():
                totals[kind] = [totals[kind][0] + killed.killed, totals[kind][1] + killed.tried]
            terminal.tell("scored", id=coded.problem.id, refused=score.refused, **{kind: _told(killed) for kind, killed in kinds.items()})
            terminal.say(f"{coded.problem.id}: {', '.join(f'{_share(k.killed, k.tried)} {kind} killed' for kind, k in kinds.items())}")
            for line in (*score.refused, *(f"passes: {name}" for each in kinds.values() for name in each.survivors)):
                terminal.say(f"    {line}")
    shares = {kind: killed / tried if tried else None for kind, (killed, tried) in totals.items()}
    terminal.tell("summary", problems=len(problems), refused=refused, **shares)
    terminal.say("; ".join(f"{_share(*of)} {kind} killed" for kind, of in totals.items()) + f"; {refused} problems refuse a right solution")
    return 1 if refused else 0


def _told(killed: Killed) -> dict[str, object]:
    return {
        "killed": killed.killed,
        "tried": killed.tried,
        "share": killed.share,
        "survivors": killed.survivors,
        "abstained": killed.abstained,
    }


def _share(killed: int, tried: int) -> str:
    return f"{killed} of {tried} ({killed / tried:.1%})" if tried else "no"


def _write(problems: Sequence[Coded], sandbox: Sandbox, arguments: Namespace, terminal: Terminal) -> int:
    from aha.durable import Disk, replace_file
    from aha.grading.code import write_tests
    from aha.types import Asserts

    lines = list[str]()
    for coded in problems:
        reference = coded.reference
        if isinstance(reference, Asserts) or not coded.generators:
            wanted = "`generators`, Python programs that read a seed and print an input"
            raise BadInput(f"{coded.problem.id}: a program, or a function called with JSON, is needed, and {wanted}")
        made = write_tests(
            reference,
            coded.generators,
            coded.right,
            coded.wrong,
            sandbox,
            seeds=arguments.seeds,
            most=arguments.most,
        )
        tests = [{"input": given, "output": wanted} for given, wanted in made.reference.tests]
        lines.append(json.dumps({**coded.fields, "tests": tests}, ensure_ascii=False, default=float))
        told = {"inputs": made.inputs, "tests": len(tests), "caught": made.caught, "wrong": made.wrong}
        terminal.tell("written", id=coded.problem.id, dropped=made.dropped, **told)
        terminal.say(
            f"{coded.problem.id}: {len(tests)} tests of {made.inputs} inputs, {made.caught} of {made.wrong} wrong submissions caught"
            + "".join(f"; {count} x {why}" for why, count in made.dropped.items())
        )
    replace_file(Disk(), arguments.out, ("\n".join(lines) + "\n").encode())
    return 0


DO: dict[str, Callable[[Sequence[Coded], Sandbox, Namespace, Terminal], int]] = {
    "check": _check,
    "agree": _agree,
    "score": _score,
    "write": _write,
}
COMMAND = Command("problems with tests: check them, score them, write them", "data", flags, run, settings=True)
