"""`aha code`: programming problems and their tests. Rows are HumanEval's, MBPP's, LiveCodeBench's, or pairs of input and output.

aha code check FILE            check that each problem can be trained on: its own solution passes, programs that solve nothing fail
aha code agree FILE RESULTS    grade stored answers again, and compare with the verdicts stored beside them, row by row
aha code score FILE            the mutation score of each problem's tests: the wrong submissions and mutants that they fail
aha code write FILE --out NEW  tests by the programs in a row's `generators`, proved by its right (`solutions`) and wrong (`incorrect`) ones
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from aha.commands.terminal import COUNT, FROM_ONE, Command, Terminal, new_file, refuse_rest
from aha.durable import Disk, replace_file
from aha.errors import BadInput
from aha.grading.code import grade_code, mutation_score, unfit, write_tests
from aha.grading.code.quality import ProgramScore
from aha.grading.sandbox import Sandbox, open_sandbox
from aha.tasks.code import CodeProblem, coded_of
from aha.tasks.reading import DataRow, rows_of
from aha.types import Abstained, Asserts, Right

TIERS = ("auto", "bwrap", "wasm", "remote", "unsafe")


def flags(parser: ArgumentParser) -> None:
    """Add the flags for the action, its rows and the sandbox."""
    parser.add_argument("what", choices=tuple(DO), metavar="WHAT", help="what to do: check, agree, score or write")
    parser.add_argument("file", metavar="FILE", help="the problems: a .jsonl or .json file, or the name of a Hugging Face data set")
    parser.add_argument(
        "results",
        nargs="?",
        type=Path,
        metavar="RESULTS",
        help="agree: JSON lines with id, answer and is_correct, whose verdicts are compared",
    )
    parser.add_argument("--split", default="test", metavar="NAME", help="the split of a data set (default: test)")
    parser.add_argument(
        "--sandbox",
        choices=TIERS,
        default="auto",
        help="the sandbox tier in which programs run (default: auto, the strongest that works here)",
    )
    parser.add_argument("--workers", type=FROM_ONE, default=2, metavar="N", help="how many problems to work on at once (default: 2)")
    parser.add_argument(
        "--mutants", type=COUNT, default=20, metavar="N", help="score: the most mutants of each right solution (default: 20)"
    )
    parser.add_argument(
        "--seeds", type=FROM_ONE, default=10, metavar="N", help="write: how many seeds each generator runs with (default: 10)"
    )
    parser.add_argument("--most", type=FROM_ONE, default=20, metavar="N", help="write: the most tests per problem (default: 20)")
    parser.add_argument("--out", type=new_file, metavar="FILE", help="write: the file for the new rows")
    parser.add_argument("--id-field", default="id", metavar="NAME", help="agree: the field of RESULTS with the problem's id")
    parser.add_argument("--answer-field", default="answer", metavar="NAME", help="agree: the field of RESULTS with the answer")
    parser.add_argument(
        "--label-field", default="is_correct", metavar="NAME", help="agree: the field of RESULTS with the stored verdict, true or false"
    )


def run(arguments: Namespace, rest: Sequence[str], terminal: Terminal) -> int:
    """Return 1 if a problem is unfit, a verdict differs, or a test set fails a right solution, else 0."""
    refuse_rest(rest)
    if (arguments.what == "agree") is (arguments.results is None) or (arguments.what == "write") is (arguments.out is None):
        raise BadInput(f"aha code {arguments.what}: agree takes RESULTS, a second file; write takes --out; the others take neither")
    problems = _problems(arguments.file, arguments.split)
    with closing(open_sandbox(arguments.sandbox, arguments.workers)) as sandbox:
        terminal.note(f"{len(problems)} problems, sandbox {sandbox.tier}")
        return DO[arguments.what](problems, sandbox, arguments, terminal)


def _problems(source: str, split: str) -> list[CodeProblem]:
    read = [coded_of(row) if isinstance(row, DataRow) else row for row in rows_of(source, split, None)]
    if refusals := [problem for problem in read if not isinstance(problem, CodeProblem)]:
        raise BadInput(f"{len(refusals)} of {len(read)} rows are not problems; the first: {refusals[0]}")
    if not read:
        raise BadInput(f"{source} is empty: one JSON object a line is needed")
    return [problem for problem in read if isinstance(problem, CodeProblem)]


def _check(problems: Sequence[CodeProblem], sandbox: Sandbox, arguments: Namespace, terminal: Terminal) -> int:
    bad = 0
    with ThreadPoolExecutor(arguments.workers) as pool:
        for problem, complaints in zip(problems, pool.map(lambda p: unfit(p.reference, p.right, sandbox), problems), strict=True):
            bad += bool(complaints)
            terminal.tell("checked", id=problem.problem.id, fit=not complaints, complaints=complaints)
            for complaint in complaints:
                terminal.say(f"{problem.problem.id}: {complaint}")
    without = sum(not problem.right for problem in problems)
    terminal.tell("summary", problems=len(problems), fit=len(problems) - bad, without_solution=without)
    advice = f"; {without} have no solution to check them with" if without else ""
    terminal.say(f"{len(problems) - bad} of {len(problems)} problems are usable{advice}")
    return 1 if bad else 0


def _agree(problems: Sequence[CodeProblem], sandbox: Sandbox, arguments: Namespace, terminal: Terminal) -> int:
    references = {problem.problem.id: problem.reference for problem in problems}
    rows = _results(arguments, references)
    right = agreements = abstentions = 0
    with ThreadPoolExecutor(arguments.workers) as pool:
        for (name, _, label), grade in zip(
            rows, pool.map(lambda row: grade_code(references[row[0]], row[1], sandbox, by_protocol=True), rows), strict=True
        ):
            is_right = isinstance(grade, Right)
            right, agreements, abstentions = right + is_right, agreements + (is_right is label), abstentions + isinstance(grade, Abstained)
            terminal.tell("graded", id=name, right=is_right, stored=label, reason=getattr(grade, "reason", ""))
            if is_right is not label:
                terminal.say(f"{name}: {type(grade).__name__}, stored {label}: {getattr(grade, 'reason', 'every test passes')}")
    labels = sum(label for *_, label in rows)
    terminal.tell(
        "summary", answers=len(rows), right=right, stored_right=labels, agree=agreements, abstained=abstentions, sandbox=sandbox.tier
    )
    terminal.say(
        f"{right} of {len(rows)} right (stored: {labels}), the same verdict on {agreements} of {len(rows)}, {abstentions} abstained"
    )
    return 0 if agreements == len(rows) else 1


def _results(arguments: Namespace, ids: Container[str]) -> list[tuple[str, str, bool]]:
    """Return the problem's id, the answer and the verdict of each stored answer."""
    names, rows = (arguments.id_field, arguments.answer_field, arguments.label_field), list[tuple[str, str, bool]]()
    for row in rows_of(str(arguments.results), "test", None):
        values = [row.fields.get(name) for name in names] if isinstance(row, DataRow) else []
        match values:
            case [str() | int() as name, str() as answer, bool() as label] if str(name) in ids:
                rows.append((str(name), answer, label))
            case _:
                complaint = f"{row.place}: its {', '.join(names)} are {str(values)[:80]}" if isinstance(row, DataRow) else str(row)
                raise BadInput(f"{complaint}: an id among the problems, a text, and true or false are needed")
    return rows


def _score(problems: Sequence[CodeProblem], sandbox: Sandbox, arguments: Namespace, terminal: Terminal) -> int:
    totals, refusals = {"submissions": [0, 0], "mutants": [0, 0]}, 0
    with ThreadPoolExecutor(arguments.workers) as pool:
        scores = pool.map(
            lambda problem: mutation_score(problem.reference, problem.right, problem.wrong, sandbox, most_mutants=arguments.mutants),
            problems,
        )
        for problem, score in zip(problems, scores, strict=True):
            refusals += bool(score.refusals)
            kinds = {"submissions": score.submissions, "mutants": score.mutants}
            for kind, part in kinds.items():
                totals[kind] = [totals[kind][0] + part.killed_count, totals[kind][1] + part.total]
            terminal.tell(
                "scored", id=problem.problem.id, refused=score.refusals, **{kind: _part_fields(part) for kind, part in kinds.items()}
            )
            terminal.say(
                f"{problem.problem.id}: {', '.join(f'{_share(k.killed_count, k.total)} {kind} killed' for kind, k in kinds.items())}"
            )
            for line in (*score.refusals, *(f"passes: {name}" for part in kinds.values() for name in part.survivors)):
                terminal.say(f"    {line}")
    shares = {kind: kills / total if total else None for kind, (kills, total) in totals.items()}
    terminal.tell("summary", problems=len(problems), refused=refusals, **shares)
    terminal.say(
        "; ".join(f"{_share(*of)} {kind} killed" for kind, of in totals.items()) + f"; {refusals} problems reject a right solution"
    )
    return 1 if refusals else 0


def _part_fields(part: ProgramScore) -> dict[str, object]:
    return {
        "killed": part.killed_count,
        "tried": part.total,
        "share": part.share,
        "survivors": part.survivors,
        "abstained": part.abstentions,
    }


def _share(kills: int, total: int) -> str:
    return f"{kills} of {total} ({kills / total:.1%})" if total else "no"


def _write(problems: Sequence[CodeProblem], sandbox: Sandbox, arguments: Namespace, terminal: Terminal) -> int:
    lines = list[str]()
    for problem in problems:
        reference = problem.reference
        if isinstance(reference, Asserts) or not problem.generators:
            requirement = "`generators`, Python programs that read a seed and print an input"
            raise BadInput(f"{problem.problem.id}: a program, or a function called with JSON, is needed, and {requirement}")
        row_count = write_tests(
            reference,
            problem.generators,
            problem.right,
            problem.wrong,
            sandbox,
            seeds=arguments.seeds,
            most=arguments.most,
        )
        tests = [{"input": stdin, "output": stdout} for stdin, stdout in row_count.reference.tests]
        lines.append(json.dumps({**problem.fields, "tests": tests}, ensure_ascii=False, default=float))
        facts = {"inputs": row_count.inputs, "tests": len(tests), "caught": row_count.kills, "wrong": row_count.wrong}
        terminal.tell("written", id=problem.problem.id, dropped=row_count.drops, **facts)
        terminal.say(
            f"{problem.problem.id}: {len(tests)} tests of {row_count.inputs} inputs, "
            f"{row_count.kills} of {row_count.wrong} wrong submissions caught"
            + "".join(f"; {count} x {why}" for why, count in row_count.drops.items())
        )
    replace_file(Disk(), arguments.out, ("\n".join(lines) + "\n").encode())
    return 0


DO: dict[str, Callable[[Sequence[CodeProblem], Sandbox, Namespace, Terminal], int]] = {
    "check": _check,
    "agree": _agree,
    "score": _score,
    "write": _write,
}
COMMAND = Command(
    "check problems that have tests, compare stored verdicts, score the tests or write new ones", "data", flags, run, settings=True
)
