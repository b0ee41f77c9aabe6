"""Measures of a test set: the share of wrong programs that it fails.

Mutants are right programs with one small mistake each, which good tests have to notice.

A problem is fit for training if its own solution passes and programs that solve nothing fail.

New tests for a problem with none or too few are made as in the paper: programs write inputs (random, large, adversarial); right submissions
give the outputs, and inputs on which they fail or differ are dropped; the tests that catch wrong submissions are kept.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from aha.errors import BadInput
from aha.grading.code.calls import CallFailure, answer_of, arguments, limits, run, run_calls
from aha.grading.code.grade_code import try_code
from aha.grading.sandbox.job import Job, Sandbox
from aha.types import Abstained, Asserts, Calls, Code, Grade, Right, Stdio, Wrong

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.USub: ast.UAdd,
}


@dataclass(frozen=True)
class Mutant:
    """A program with one mistake, and the mistake in words."""

    source: str
    change: str


def mutants(source: str, count: int, seed: int = 0) -> list[Mutant]:
    """Return up to `count` different mutants that differ from the program itself; an empty list if the source is not valid Python."""
    try:
        tree = ast.parse(source)
        sites = [(place, variant) for place, node in enumerate(ast.walk(tree)) for variant, _ in enumerate(_mistakes(node))]
        mutants_so_far, sources = list[Mutant](), {ast.unparse(tree)}
        for place, variant in Random(f"mutants {seed}").sample(sites, len(sites)):
            mutant = _mutate(source, place, variant)
            if len(mutants_so_far) < count and mutant.source not in sources:
                sources.add(mutant.source)
                mutants_so_far.append(mutant)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return mutants_so_far


def _mutate(source: str, place: int, variant: int) -> Mutant:
    tree = ast.parse(source)
    node = list(ast.walk(tree))[place]
    line, before = getattr(node, "lineno", 0), ast.unparse(node)
    list(_mistakes(node))[variant]()
    return Mutant(ast.unparse(ast.fix_missing_locations(tree)), f"line {line}: {before[:40]!r} became {ast.unparse(node)[:40]!r}")


def _mistakes(node: ast.AST) -> Iterator[Callable[[], None]]:
    """Yield the possible mistakes in a node, each as a change in place."""
    match node:
        case ast.Compare(ops=ops):
            yield from (_swap(ops, at) for at, op in enumerate(ops) if type(op) in _SWAPS)
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op) | ast.UnaryOp(op=op) if type(op) in _SWAPS:
            yield _setting(node, "op", _SWAPS[type(op)]())
        case ast.Constant(value=bool() as value):
            yield _setting(node, "value", not value)
        case ast.Constant(value=int() as value):
            yield _setting(node, "value", value + 1)
            yield _setting(node, "value", value - 1)
        case ast.If(test=test) | ast.IfExp(test=test):
            yield _setting(node, "test", ast.UnaryOp(ast.Not(), test))
        case ast.Return(value=ast.expr()):
            yield _setting(node, "value", ast.Constant(None))
        case ast.Call(args=[_, _, *_]):
            yield _setting(node, "args", [node.args[1], node.args[0], *node.args[2:]])


def _setting(node: ast.AST, name: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def _swap(ops: list[ast.cmpop], at: int) -> Callable[[], None]:
    return lambda: ops.__setitem__(at, _SWAPS[type(ops[at])]())  # type: ignore[call-overload]


@dataclass(frozen=True)
class ProgramScore:
    """The result for wrong programs: the number that the tests fail, the names of those that pass, and the number of abstentions, which
    `total` leaves out."""

    killed_count: int
    survivors: tuple[str, ...]
    abstentions: int = 0

    @property
    def total(self) -> int:
        return self.killed_count + len(self.survivors)

    @property
    def share(self) -> float | None:
        return self.killed_count / self.total if self.total else None


@dataclass(frozen=True)
class MutationScore:
    """The scores for incorrect submissions and for mutants of a right one (some mutants may still be right, so that 1 need not be
    reachable). `refusals`: the right submissions that the tests fail, which make the rest meaningless."""

    submissions: ProgramScore
    mutants: ProgramScore
    refusals: tuple[str, ...]


def mutation_score(
    reference: Code, right: Sequence[str], wrong: Sequence[str], sandbox: Sandbox, *, most_mutants: int = 20, seed: int = 0
) -> MutationScore:
    """Score the tests of the reference on right and wrong programs, and on mutants of the first right one."""
    grades = {f"right submission {number}": try_code(reference, code, sandbox).grade for number, code in enumerate(right, start=1)}
    refusals = tuple(f"{name}: {grade.reason}" for name, grade in grades.items() if not isinstance(grade, Right))
    mutant_list = mutants(right[0], most_mutants, seed) if right and not refusals else []
    return MutationScore(
        _score(reference, [(f"submission {number}", code) for number, code in enumerate(wrong, start=1)], sandbox),
        _score(reference, [(mutant.change, mutant.source) for mutant in mutant_list], sandbox),
        refusals,
    )


def _score(reference: Code, programs: Sequence[tuple[str, str]], sandbox: Sandbox) -> ProgramScore:
    grades: list[tuple[str, Grade]] = [(name, try_code(reference, code, sandbox).grade) for name, code in programs]
    killed_count = sum(isinstance(grade, Wrong) for _, grade in grades)
    survivors = tuple(name for name, grade in grades if isinstance(grade, Right))
    return ProgramScore(killed_count, survivors, len(grades) - killed_count - len(survivors))


CONSTANTS = ("0", "1", "-1", "True", "False", "''", "[]")
WORDS = ("0", "1", "-1", "YES", "NO", "Yes", "No")


def unfit(reference: Code, golds: Sequence[str], sandbox: Sandbox) -> list[str]:
    """Return the problem's faults in words; empty if it is fit. Without a known solution only the idle programs are tried."""
    complaints = list[str]()
    for gold in golds[:1]:
        grade = try_code(reference, gold, sandbox).grade
        if not isinstance(grade, Right):
            complaints.append(f"its own solution does not pass: {_words(grade)}")
    for name, program in idle_programs(reference):
        grade = try_code(reference, program, sandbox).grade
        if isinstance(grade, Right):
            complaints.append(f"{name} passes")
        elif isinstance(grade, Abstained):
            complaints.append(f"it cannot be tested: {grade.reason}")
            break
    return complaints


def _words(grade: Grade) -> str:
    return "" if isinstance(grade, Right) else grade.reason


def idle_programs(reference: Code) -> Iterator[tuple[str, str]]:
    """Yield programs that solve nothing, with their names: they do nothing, return their input, or always give the same answer."""
    match reference:
        case Stdio(language="python"):
            yield "a program that prints nothing", "pass"
            yield "a program that prints its input", "import sys\nprint(sys.stdin.read())"
            yield from ((f"a program that prints {word}", f"print({word!r})") for word in WORDS)
        case Stdio():
            head = "#include <iostream>\nint main() { "
            yield "a program that prints nothing", head + "return 0; }"
            yield "a program that prints its input", head + "std::cout << std::cin.rdbuf(); }"
            yield from ((f"a program that prints {word}", f'{head}std::cout << "{word}"; }}') for word in WORDS)
        case Calls() | Asserts():
            yield "a function that returns nothing", _function(reference.entry, "None")
            yield "a function that returns its argument", _function(reference.entry, "a[0] if a else None")
            yield from ((f"a function that returns {value}", _function(reference.entry, value)) for value in CONSTANTS)


def _function(entry: str, value: str) -> str:
    owner, _, name = entry.rpartition(".")
    if owner:
        return f"class {owner}:\n    def {name}(self, *a, **k):\n        return {value}\n"
    return f"def {name}(*a, **k):\n    return {value}\n"


# --- new tests --------------------------------------------------------------------------------------------------------

LONGEST_TEST = 1_000_000  # bytes of an input or an output


@dataclass(frozen=True)
class WrittenTests:
    """The problem with its new tests, starting with those that together catch every wrong submission that any test catches.

    `inputs`: the number of different inputs. `drops`: the reasons why inputs were left out, with counts. `kills`: how many of the `wrong`
    submissions are caught."""

    reference: Stdio | Calls
    inputs: int
    drops: Mapping[str, int]
    kills: int
    wrong: int


def write_tests(
    problem: Stdio | Calls,
    generators: Sequence[str],
    right: Sequence[str],
    wrong: Sequence[str],
    sandbox: Sandbox,
    *,
    seeds: int = 10,
    most: int = 20,
) -> WrittenTests:
    """Run each generator once per seed: it reads the seed, an integer, and prints one input (for calls: a JSON list of arguments).

    The problem's own tests are kept and count as inputs. At most `most` tests come out. BadInput if there is no right submission."""
    if not right:
        raise BadInput("no right submission: the outputs of new tests are those of right submissions, so one is needed")
    drops, inputs = Counter[str](), dict.fromkeys(stdin for stdin, _ in problem.tests)
    bounds = replace(limits(problem.seconds, problem.memory_mb), output_bytes=LONGEST_TEST)
    for job in (Job(generator, f"{seed}\n".encode(), "python", bounds) for generator in generators for seed in range(seeds)):
        if (stdin := _stdout_of(job, sandbox)) is None or not stdin.strip():
            drops["a generator failed"] += 1
        else:
            inputs[stdin] = None
    candidates = [_agree(problem, right, stdin, sandbox) for stdin in inputs]
    drops.update(candidate.why for candidate in candidates if isinstance(candidate, _Drop))
    tests = [candidate for candidate in candidates if not isinstance(candidate, _Drop)]
    catches = _catches(problem, tests, wrong, sandbox)
    places = _cover(catches, most)
    kills = set[int]().union(*(catches[place] for place in places))
    return WrittenTests(replace(problem, tests=tuple(tests[place] for place in places)), len(inputs), dict(drops), len(kills), len(wrong))


@dataclass(frozen=True)
class _Drop:
    """The reason why an input makes no test."""

    why: str


def _stdout_of(program: Job, sandbox: Sandbox) -> str | None:
    """Return what a program prints, or `None` if it fails or prints bytes that are not UTF-8."""
    outcome = run(sandbox, program)
    try:
        return outcome.stdout.decode("utf-8") if outcome.verdict == "OK" else None
    except UnicodeDecodeError:
        return None


def _output(problem: Stdio | Calls, code: str, stdin: str, sandbox: Sandbox) -> str | None:
    """Return a submission's output for an input; `None` if it fails or returns a value that JSON cannot hold."""
    bounds = limits(problem.seconds, problem.memory_mb)
    if isinstance(problem, Stdio):
        return _stdout_of(Job(code, stdin.encode(), problem.language, bounds), sandbox)
    try:
        results = run_calls(answer_of(problem, code), [arguments(stdin)], sandbox, bounds, lambda _: False)
        return None if isinstance(results[0], CallFailure) else json.dumps(results[0].value)
    except (ValueError, TypeError):
        return None


def _agree(problem: Stdio | Calls, right: Sequence[str], stdin: str, sandbox: Sandbox) -> tuple[str, str] | _Drop:
    """Return the test whose output is that of the first right submission, or the reason to drop it if not all right ones pass it."""
    expected = _output(problem, right[0], stdin, sandbox)
    if expected is None:
        return _Drop("a right submission fails")
    if not expected.strip():
        return _Drop("the right output is empty")
    test = replace(problem, tests=((stdin, expected),))
    if not all(isinstance(try_code(test, code, sandbox).grade, Right) for code in right):
        return _Drop("the right submissions differ")
    return stdin, expected


def _catches(problem: Stdio | Calls, tests: Sequence[tuple[str, str]], wrong: Sequence[str], sandbox: Sandbox) -> list[set[int]]:
    """Return, for each test, the numbers of the wrong submissions that fail it."""
    catches = [set[int]() for _ in tests]
    for number, code in enumerate(wrong):
        for place, test in enumerate(tests):
            if isinstance(try_code(replace(problem, tests=(test,)), code, sandbox).grade, Wrong):
                catches[place].add(number)
    return catches


def _cover(catches: Sequence[set[int]], most: int) -> list[int]:
    """Return the places of at most `most` tests: first those chosen greedily to catch every wrong submission, then those that catch
    most."""
    chosen, free = list[int](), set[int]().union(*catches)
    places = sorted(range(len(catches)), key=lambda place: -len(catches[place]))
    while free and len(chosen) < most:
        best = max(places, key=lambda place: len(catches[place] & free))
        chosen.append(best)
        free -= catches[best]
    return [*chosen, *(place for place in places if place not in chosen)][:most]
